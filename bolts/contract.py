"""The Bolt contract: what a user writes, and who calls it when.

Every method is called on the worker's data thread, one call at a time, unless the YAML
says ``blocking: true`` (a thread per task) or ``process`` is ``async def`` (an event loop
in a thread of its own). A tuple is tracked until the bolt is done with it: a method that
returns acks it, one that raises fails it, and a failed tuple's message is replayed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

from waterspout.topology.channels import Rows
from waterspout.topology.columns import Columns
from waterspout.topology.component import Component, Context
from waterspout.topology.errors import UnknownField
from waterspout.topology.tuples import Tuple

from .timers import Timer

#: What ``Bolt.sink_kind`` may be.
SINK_KINDS = ("none", "append", "upsert", "transactional")


class Batch(Sequence[Tuple]):
    """What ``process_batch`` gets: the tuples of one slice, by tuple, by row or by column."""

    __slots__ = ("_cls", "_given", "_rows")

    def __init__(self, cls: type[Tuple], rows: Rows) -> None:
        self._cls = cls
        self._given = rows
        self._rows: list[Any] | None = None

    @property
    def rows(self) -> list[Any]:
        """The values of each tuple, in order; not to be changed."""
        if self._rows is None:
            given = self._given
            self._rows = given.tuples() if isinstance(given, Columns) else given
        return self._rows

    def column(self, field: str | int) -> list[Any]:
        """Return the values of one field, by name or place, in order: a list of the caller's.

        Raises:
            UnknownField: the stream has no field of this name.
        """
        try:
            position = field if isinstance(field, int) else self._cls._index[field]
        except KeyError:
            raise UnknownField(self._cls._no_field(str(field))) from None
        if isinstance(self._given, Columns):
            return self._given.values[position][:]
        return list(map(itemgetter(position), self._given))

    @property
    def component(self) -> str:
        """Id of the component that emitted these tuples."""
        return self._cls.component

    @property
    def stream(self) -> str:
        """Stream that these tuples came on."""
        return self._cls.stream

    def __len__(self) -> int:
        return len(self._given)

    def __getitem__(self, position: Any) -> Any:
        if isinstance(position, slice):
            return [self._cls(row) for row in self.rows[position]]
        return self._cls(self.rows[position])

    def __iter__(self) -> Iterator[Tuple]:
        return map(self._cls, self.rows)


class Bolt(Component):
    """A step of a topology: gets tuples, emits tuples.

    Override ``process`` (a plain, generator or ``async def`` method), or ``process_batch``
    for work on many tuples at once. A generator may ``yield`` rows instead of calling
    ``emit``; it is paused between yields while its outbox is full.
    """

    #: False: the bolt calls ``ack``/``fail`` itself and may hold tuples.
    auto_ack: bool = True
    #: False: what is emitted without ``anchors=`` is not tracked.
    auto_anchor: bool = True
    #: True: what ``process`` emits, and in which order, depends on nothing but the tuple: not on
    #: state, time, chance or other tuples. ``effectively_once`` asks it of the bolts above.
    deterministic: bool = False
    #: True when ``finish`` emits or ``context.state`` is used; False saves the snapshot.
    stateful: bool = False
    #: True when the bolt buffers output that ``flush`` makes durable (files, transactions).
    sink: bool = False
    #: False: ``process_batch`` emits nothing (``after_batch`` and ``finish`` may). With
    #: ``effectively_once`` it gets whole batches then; else one tuple at a time, where it is read.
    batch_emits: bool = True
    #: Set to True in ``process_batch`` to have ``after_batch`` called, once; and there, once more.
    due: bool = False
    #: What it writes outside of the topology, and whether that can be done again: ``none``,
    #: ``append`` (a row written again is there twice), ``upsert`` (it replaces itself, by key) or
    #: ``transactional`` (it shows only what is durable). Exactly-once needs one of the last two.
    sink_kind: str = "none"
    #: True: its keyed state has keys of its own making, each in one task only, so it may be dealt
    #: out to other tasks although tuples do not come by key. Ready-made sinks say so.
    rescalable: bool = False
    #: What lint tells who reads from it while it declares no outputs: which arguments change that.
    outputs_hint: str = ""

    def prepare(self, context: Context) -> None:
        """Get ready. Called once before any tuple, after ``context.state`` was restored.

        A streamparse bolt's ``initialize(conf, context)`` is called from here.
        """
        initialize = getattr(self, "initialize", None)
        if initialize is not None:
            initialize(dict(context.settings), context)

    def process(self, tup: Tuple) -> Any:
        """Work on one tuple. Emits are anchored to it; returning acks it, raising fails it."""
        raise NotImplementedError(f"{type(self).__name__} has neither process nor process_batch")

    def process_tick(self, tup: Tuple) -> None:
        """Called every ``tick_interval``. What it emits has a root of its own.

        When it raises, what it emitted is taken back and it is called again after a back-off, up
        to ``attempts_max`` times, then there is a dead letter; under exactly-once all tasks go back
        to the last checkpoint. So it is with ``on_timer``, ``on_watermark`` and ``finish``.
        """

    def after_batch(self) -> None:
        """Called after a ``process_batch`` that set ``due``; what it emits has roots of its own.

        For what tuples set off rather than become: their messages are not replayed when it fails
        further down, it is emitted again by itself.
        """

    def on_timer(self, timer: Timer) -> Any:
        """Called when a timer of ``context.timers`` is due; ``context.state.key`` is its key.

        What it emits has a root of its own. A class that overrides this keeps state: its timers.
        When it raises it is called again, as ``process_tick``; others are called meanwhile.
        """

    def on_watermark(self, watermark: int) -> Any:
        """Called when the task's event time has come as far as ``watermark``.

        All event timers up to it have been called. What it emits has a root of its own, and goes
        out before the watermark does. A bolt above which no spout has ``event_time`` is never
        called.

        Args:
            watermark: milliseconds since 1970: no row of that time or before is expected any more;
                ``topology.marks.MAX_WATERMARK`` at the end of the input. ``context.watermark``
                is the same.
        """

    def reset(self, old_tuples: list[Tuple]) -> None:
        """Forget these held tuples: their messages are replayed in a new epoch.

        Called only for bolts with ``auto_ack = False``, after another worker was lost.
        """

    def flush(self) -> None:
        """Make all output so far durable (fsync). Called in each round when ``sink`` is True."""

    def before_snapshot(self, number: int) -> None:
        """Get ready for snapshot ``number``: ``context.state`` is copied when this returns.

        Called in each round or checkpoint of a topology that makes them, between two tuples;
        under exactly-once the state then holds the effects of all tuples before the barrier, and
        of no other. A sink closes its transaction here, puts what it takes to commit it into its
        state, and begins another. What it emits is in the snapshot. Raising fails the snapshot.
        """

    def on_durable(self, number: int) -> None:
        """Do what may be done once snapshot ``number`` is durable: a sink commits.

        Commit everything of snapshots up to ``number``. It is called again until it succeeds,
        and again after a restore: committing twice must be the same as once. A number may be left
        out: a later one stands for it. Never called beside another call of the bolt.
        """

    def finish(self) -> Any:
        """Called once when all input has ended and is worked through; may emit.

        A generator may ``yield`` rows and is paused while its outbox is full. All event timers were
        called before; timers of the clock that are not due are not waited for.
        """

    def summary(self) -> dict[str, Any]:
        """Return a small dict of names and plain values, which the end of a run shows.

        Numbers are summed over the tasks, others listed; ``"top": [[key, count], ...]`` is merged.
        """
        return {}

    def cleanup(self) -> None:
        """Release what ``prepare`` took. Called on a clean stop; not when a worker is killed."""

    # Bound by the executor when the task starts; these bodies only document them.

    def emit(
        self,
        tup: Sequence[Any],
        stream: str | None = None,
        anchors: Sequence[Tuple] | None = None,
        direct_task: int | None = None,
        need_task_ids: bool = False,
    ) -> list[int] | None:
        """Emit one tuple: a list of values, one per declared field.

        Args:
            tup: the values; not to be changed afterwards.
            stream: a declared stream; the default stream when None.
            anchors: tuples it descends from; the tuple at work when None, untracked when empty.
            direct_task: the target task, on a stream declared direct.
            need_task_ids: give back the ids of the target tasks.

        Raises:
            EmitError: wrong type, wrong number of values, undeclared stream.
        """
        raise RuntimeError("emit: this bolt is not running in a topology")

    def emit_many(
        self, rows: list[list[Any]] | Columns, stream: str | None = None
    ) -> None:
        """Emit many tuples at once, anchored to the tuple or batch at work.

        Args:
            rows: a list of rows; or ``Columns``, a list of values for each declared field, which
                saves a list per tuple. Not to be changed afterwards.
            stream: a declared stream; the default stream when None.
        """
        raise RuntimeError("emit_many: this bolt is not running in a topology")

    def emit_whole(self, rows: list[list[Any]] | Columns) -> None:
        """Emit all of these tuples or, when one is refused, none. For ready-made bolts, in calls
        that no tuple causes."""
        self.emit_many(rows)

    def ack(self, tup: Tuple) -> None:
        """Say that the bolt is done with ``tup`` (only with ``auto_ack = False``)."""
        raise RuntimeError("ack: this bolt is not running in a topology")

    def fail(self, tup: Tuple, reason: str = "failed by the bolt") -> None:
        """Fail ``tup``: its messages are replayed."""
        raise RuntimeError("fail: this bolt is not running in a topology")

    def extend_timeout(self, tup: Tuple) -> None:
        """Vouch for a held tuple for another ``hold_max``."""
        raise RuntimeError("extend_timeout: this bolt is not running in a topology")


#: Output rows, and how many of them belong to each run of the input.
Made = tuple[Columns, list[int]]


class ColumnBolt(Bolt):
    """A stateless step over whole frames; the base of ``Map``, ``FlatMap``, ``Filter``."""

    def columns(self, cls: type[Tuple], columns: Columns, runs: list[int]) -> Made:
        """Return the output rows for the rows of ``columns``, in their order.

        Called with the rows of many messages; when it raises, once more for each run alone, so
        that only the one at fault fails.

        Args:
            cls: of the input stream; it has the names of the fields.
            runs: how many rows belong to each run, that is to the same messages.
        """
        raise NotImplementedError
