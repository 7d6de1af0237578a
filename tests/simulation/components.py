"""Spouts and bolts of simulated topologies. What they emit is decided by ``shapes.outcomes``.

Their constructor gets the ``World``, the part of reality that outlives a worker: brokers,
output on disk, and who is told what to fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from waterspout.bolts.contract import Batch, Bolt, ColumnBolt, Made
from waterspout.bolts.timers import Timer
from waterspout.spouts.contract import EndOfInput, Messages, Reader, Source, Spout
from waterspout.topology.columns import Columns
from waterspout.topology.component import Context
from waterspout.topology.tuples import Tuple

from .shapes import (
    FIELDS,
    BoltShape,
    SpoutShape,
    Values,
    chance,
    first_values,
    ident,
    joined,
    outcomes,
)
from .world import World


class Numbers(Source):
    """A source with positions; message n of a partition is due at n x pause_s."""

    def __init__(self, world: World, shape: SpoutShape) -> None:
        self.world, self.shape = world, shape

    def partitions(self) -> Sequence[str]:
        return [str(p) for p in range(self.shape.partitions)]

    def reader(self, partition: str, position: int | None) -> Reader:
        return NumberReader(self.world, self.shape, int(partition), position or 0)

    def end_position(self, partition: str) -> int | None:
        return self.shape.stride * len(range(int(partition), self.shape.messages, self.shape.lanes))


class NumberReader(Reader):
    """Message n has the positions n x stride to (n + 1) x stride."""

    def __init__(self, world: World, shape: SpoutShape, lane: int, position: int) -> None:
        assert position % shape.stride == 0, f"position {position} was never given out"
        self._world, self._shape, self._lane = world, shape, lane
        self._next = position // shape.stride
        self._count = len(range(lane, shape.messages, shape.lanes))

    def read(self, limit: int) -> tuple[Messages, int] | None:
        shape = self._shape
        if self._next >= self._count:
            return None
        due = self._world.due(shape, self._count)
        end = max(self._next, min(self._next + limit, due))
        rows = [first_values(f"{shape.id}/{self._lane}/{n}") for n in range(self._next, end)]
        self._next = end
        as_columns = Columns.of_rows(rows, len(FIELDS)) if shape.stride > 1 else rows
        return as_columns, end * shape.stride


class Queue(Spout):
    """Takes messages from a broker, which keeps them until they are acked."""

    def __init__(self, world: World, shape: SpoutShape) -> None:
        self.world, self.shape = world, shape
        self.todo: Iterator[str] = iter(())
        self.given = 0

    def open(self, context: Context) -> None:
        self.lane = context.index
        waiting = self.world.unacked(self.shape, self.lane)
        self.count, self.todo = len(waiting), iter(waiting)
        self.skipped = len(range(self.lane, self.shape.messages, self.shape.lanes)) - self.count

    def next_tuple(self) -> None:
        due = self.world.due(self.shape, self.count + self.skipped) - self.skipped
        if self.given >= self.count:
            raise EndOfInput
        if self.given < due:
            self.given += 1
            mid = next(self.todo)
            self.emit(first_values(mid), tup_id=mid)

    def ack(self, tup_id: Any) -> None:
        self.world.on_spout_ack(tup_id)


class Step(Bolt):
    """What all bolts here have in common; subclasses differ in how they emit."""

    def __init__(self, world: World, shape: BoltShape, targets: dict[str, list[int]]) -> None:
        self.world, self.shape, self.targets = world, shape, targets
        self.buffer: list[str] = []

    def prepare(self, context: Context) -> None:
        self.index = context.index
        if self.stateful:
            make = context.state.keyed if self.shape.keyed else context.state.task
            self.seen: dict[Any, Any] = make("seen")
            if self.shape.role == "tick":
                self.waiting: dict[str, Any] = context.state.task("waiting")

    def work(
        self, component: str, stream: str, values: Any, *, may_fail: bool = True
    ) -> list[tuple[str, Values]]:
        """Take note of one tuple; return what is to be emitted for it."""
        copy = self.index if f"{component}/{stream}" in self.shape.copied else None
        name = ident(values, copy)
        if may_fail:
            self.world.before(self.shape.id, values[0])
        if self.stateful:
            self.note(name, values)
        if self.sink:
            self.buffer.append(name)
        self.world.done(self.shape.id, name)
        return outcomes(self.shape.id, self.shape.role, self.shape.streams, values, copy)

    def note(self, name: str, values: Any) -> None:
        if self.shape.keyed:
            of_key = self.seen.setdefault(values[2], {})
            of_key[name] = of_key.get(name, 0) + 1
        else:
            self.seen[name] = self.seen.get(name, 0) + 1

    def send(self, outs: list[tuple[str, Values]], **more: Any) -> None:
        for stream, values in outs:
            if not self.shape.direct:
                self.emit(values, stream=stream, **more)
            elif tasks := self.targets.get(stream):
                self.emit(
                    values, stream=stream, direct_task=tasks[chance(values[1]) % len(tasks)], **more
                )

    def flush(self) -> None:
        self.world.write(self.shape.id, self.buffer)
        self.buffer = []


class EmitStep(Step):
    """Emits with ``emit``."""

    def process(self, tup: Tuple) -> None:
        self.send(self.work(tup.component, tup.stream, tup))
        self.world.after(self.shape.id, tup[0])


class YieldStep(Step):
    """A generator: yields rows of the default stream, emits the others."""

    def process(self, tup: Tuple) -> Iterator[Values]:
        for stream, values in self.work(tup.component, tup.stream, tup):
            if stream == "default" and stream not in self.targets:
                yield values
            else:
                self.send([(stream, values)])
        self.world.after(self.shape.id, tup[0])


class ManyStep(Step):
    """Emits with ``emit_many``."""

    def process(self, tup: Tuple) -> None:
        outs = self.work(tup.component, tup.stream, tup)
        for name in self.shape.streams:
            self.emit_many([values for stream, values in outs if stream == name], stream=name)
        self.world.after(self.shape.id, tup[0])


class BatchStep(Step):
    """Works on whole batches; all are looked at before one is noted."""

    def process_batch(self, batch: Batch) -> None:
        for row in batch.rows:
            self.world.before(self.shape.id, row[0])
        for row in batch.rows:
            self.send(self.work(batch.component, batch.stream, row, may_fail=False))


class ColumnStep(Step, ColumnBolt):
    """Works on whole frames by column."""

    def columns(self, cls: type[Tuple], columns: Columns, runs: list[int]) -> Made:
        for row in columns:
            self.world.before(self.shape.id, row[0])
        made, counts, rows = [], [], iter(columns)
        for count in runs:
            before = len(made)
            for row in islice(rows, count):
                made += self.work(cls.component, cls.stream, row, may_fail=False)
            counts.append(len(made) - before)
        return Columns.of_rows([values for _, values in made], len(FIELDS)), counts


class AsyncStep(Step):
    """An ``async def process``; where it waits is up to the simulation."""

    async def process(self, tup: Tuple) -> None:
        outs = self.work(tup.component, tup.stream, tup)
        await self.world.pause()
        self.send(outs)
        self.world.after(self.shape.id, tup[0])


class HandStep(Step):
    """Acks by hand: holds some tuples for a while, and gives up all at a tick."""

    auto_ack = False
    HELD_MAX = 3

    def prepare(self, context: Context) -> None:
        super().prepare(context)
        self.held: list[Tuple] = []

    def process(self, tup: Tuple) -> None:
        self.held.append(tup)
        while len(self.held) > self.HELD_MAX:
            self.release(self.held.pop(0))

    def process_tick(self, tup: Tuple) -> None:
        while self.held:
            self.release(self.held.pop())

    def finish(self) -> None:
        while self.held:
            self.release(self.held.pop())

    def release(self, tup: Tuple) -> None:
        if self.world.refuses(self.shape.id, tup[0]):
            self.fail(tup)
            return
        outs = self.work(tup.component, tup.stream, tup, may_fail=False)
        self.send(outs, anchors=[tup])
        self.ack(tup)

    def reset(self, old_tuples: list[Tuple]) -> None:
        gone = {id(tup) for tup in old_tuples}
        self.held = [tup for tup in self.held if id(tup) not in gone]


class JoinStep(Step):
    """Holds a tuple until that of the other branch comes; emits one for both, acks both.

    A half may meet one of an earlier try of its message; the half that then comes late must
    not wait for another, so that pairs which were joined once are remembered.
    """

    auto_ack = False

    def prepare(self, context: Context) -> None:
        super().prepare(context)
        self.halves: dict[str, list[Tuple]] = {}
        self.joined: set[str] = set()

    def process(self, tup: Tuple) -> None:
        if self.world.refuses(self.shape.id, tup[0]):
            self.fail(tup)
            return
        self.work(tup.component, tup.stream, tup, may_fail=False)
        held = self.halves.setdefault(tup[3], [])
        held.append(tup)
        if tup[3] in self.joined or len({one.component for one in held}) == 2:
            self.joined.add(tup[3])
            del self.halves[tup[3]]
            self.send([("default", joined(self.shape.id, tup[0], tup[3]))], anchors=held)
            for one in held:
                self.ack(one)

    def reset(self, old_tuples: list[Tuple]) -> None:
        gone = {id(tup) for tup in old_tuples}
        for jid, held in list(self.halves.items()):
            self.halves[jid] = [tup for tup in held if id(tup) not in gone]


class MeetStep(Step):
    """Keeps a tuple in its state until that of the other branch comes; emits one for both."""

    def prepare(self, context: Context) -> None:
        super().prepare(context)
        self.seen = context.state.keyed("seen")
        self.halves: dict[str, str] = context.state.keyed("halves")

    def note(self, name: str, values: Any) -> None:
        of_key = self.seen.setdefault(values[3], {})
        of_key[name] = of_key.get(name, 0) + 1

    def process(self, tup: Tuple) -> None:
        self.work(tup.component, tup.stream, tup)
        if self.halves.pop(tup[3], None) is None:
            self.halves[tup[3]] = tup.component
        else:
            self.send([("default", joined(self.shape.id, tup[0], tup[3]))])
        self.world.after(self.shape.id, tup[0])


class Commits(Step):
    """Writes what it worked on in transactions: mixed into bolts whose shape says so."""

    def prepare(self, context: Context) -> None:
        super().prepare(context)
        #: Transaction -> [number of its checkpoint, index of its task, what it has written].
        self.pending: dict[str, list[Any]] = context.state.task("pending")
        self.transaction: list[str] = []

    def note(self, name: str, values: Any) -> None:
        super().note(name, values)
        self.transaction.append(name)

    def before_snapshot(self, number: int) -> None:
        # After a rescaling a task has transactions of others, too.
        self.pending[f"{self.index}/{number}"] = [number, self.index, self.transaction]
        self.transaction = []

    def on_durable(self, number: int) -> None:
        for name in [name for name, each in self.pending.items() if each[0] <= number]:
            of_number, index, idents = self.pending.pop(name)
            self.world.commit(self.shape.id, index, of_number, idents)


class TickStep(Step):
    """Keeps what comes in its state and emits it from ticks; the rest when input has ended."""

    def process(self, tup: Tuple) -> None:
        for stream, values in self.work(tup.component, tup.stream, tup):
            self.waiting[values[1]] = [stream, *values]
        self.world.after(self.shape.id, tup[0])

    def process_tick(self, tup: Tuple) -> None:
        self.relay()

    def finish(self) -> None:
        self.relay()

    def relay(self) -> None:
        while self.waiting:
            _, (stream, *values) = self.waiting.popitem()
            self.send([(stream, values)])


class TimerStep(Step):
    """Keeps what comes by key, and emits it when a timer of its own is due."""

    #: How long a tuple waits, in ms.
    WAITS_MS = 60

    def prepare(self, context: Context) -> None:
        super().prepare(context)
        self.kept = context.state.map("kept")

    def process(self, tup: Tuple) -> None:
        for stream, values in self.work(tup.component, tup.stream, tup):
            at = self.context.timers.now_ms() + chance(values[1]) % self.WAITS_MS
            self.kept[values[1]] = [at, stream, *values]
            self.context.timers.processing(at, values[1])
        self.world.after(self.shape.id, tup[0])

    def on_timer(self, timer: Timer) -> None:
        if timer.name in self.kept:
            _, stream, *values = self.kept[timer.name]
            del self.kept[timer.name]
            self.send([(stream, values)])

    def finish(self) -> None:
        # Timers that are not due when all input has ended are not waited for: they are taken back.
        # What has none any more was to have been emitted by it.
        for key, rows in list(self.kept.all()):
            self.context.state.key = key
            self.kept.clear()
            for name, (at, stream, *values) in rows.items():
                if self.context.timers.delete(at, name, "processing"):
                    self.send([(stream, values)])


#: The class of each style of a bolt.
STYLES: dict[str, type[Step]] = {
    "emit": EmitStep,
    "yield": YieldStep,
    "many": ManyStep,
    "batch": BatchStep,
    "columns": ColumnStep,
    "async": AsyncStep,
    "blocking": EmitStep,
    "hand": HandStep,
    "join": JoinStep,
    "tick": TickStep,
    "meet": MeetStep,
    "timer": TimerStep,
}
