"""Two-phase sinks: what is shown is what durable checkpoints cover, whatever dies when."""

from __future__ import annotations

import random
from typing import Any

import pytest
from waterspout.bolts.contract import Batch
from waterspout.bolts.sinks.transactional import STATE_MAP, TransactionalSink
from waterspout.bolts.snapshots import decode_part, encode_part
from waterspout.bolts.state import TaskState


class World:
    """What is outside: what was pre-committed, and what is shown. Survives tasks."""

    def __init__(self) -> None:
        self.ready: dict[str, list[Any]] = {}
        self.shown: dict[str, list[Any]] = {}
        self.away = False
        self.made = 0


class Sink(TransactionalSink):
    def __init__(self, world: World) -> None:
        self.world, self.rows = world, list[Any]()
        self.discarded: list[int | None] = []

    def write(self, batch: Batch) -> None:
        self.rows += batch.column(0)

    def pre_commit(self, number: int) -> list[Any]:
        rows, self.rows = self.rows, []
        if not rows:
            return []
        self.world.made += 1
        name = f"{number}.{self.world.made}"
        self.world.ready[name] = rows
        return [name]

    def commit(self, id: str, handle: Any) -> None:
        if self.world.away:
            raise ConnectionError("away")
        if handle in self.world.ready:
            self.world.shown[handle] = self.world.ready.pop(handle)
        assert handle in self.world.shown, "neither ready nor shown: lost"

    def discard(self, restored: int | None) -> None:
        self.discarded.append(restored)
        for name in list(self.world.ready):
            if restored is None or int(name.partition(".")[0]) > restored:
                del self.world.ready[name]


def write(bench, sink: Sink, *values: Any) -> None:
    sink.process_batch(bench.batch(["n"], [[value] for value in values]))


def snapshot(sink: Sink, number: int) -> bytes:
    """Cut: what a worker does when all barriers are there."""
    sink.before_snapshot(number)
    return b"".join(encode_part(sink.context.state.snapshot_begin()))


def restored(bench, world: World, part: bytes | None, number: int | None) -> Sink:
    state = TaskState("step")
    if part is not None:
        state.restore([decode_part(part)])
    # Another process, another generator.
    draws = random.getrandbits(32)
    return bench.start(Sink(world), state=state, restored=number, fresh=False, draws=draws)


def test_nothing_is_shown_before_its_checkpoint_is_durable(bench) -> None:
    world = World()
    sink = bench.start(Sink(world))
    write(bench, sink, 1, 2)
    assert not world.shown
    snapshot(sink, 1)
    write(bench, sink, 3)
    assert not world.shown
    sink.on_durable(1)
    assert list(world.shown.values()) == [[1, 2]]
    assert not sink.context.state.records(STATE_MAP)


def test_a_later_checkpoint_commits_what_an_earlier_one_left(bench) -> None:
    """Step 8: notifications may be lost, and checkpoints given up; commit all <= n."""
    world = World()
    sink = bench.start(Sink(world))
    for number in (1, 2, 3):
        write(bench, sink, number)
        snapshot(sink, number)
    sink.on_durable(2)
    assert list(world.shown.values()) == [[1], [2]]
    sink.on_durable(3)
    assert list(world.shown.values()) == [[1], [2], [3]]


def test_a_restored_task_commits_what_its_checkpoint_holds_and_discards_the_rest(bench) -> None:
    world = World()
    sink = bench.start(Sink(world))
    write(bench, sink, 1)
    part = snapshot(sink, 1)
    write(bench, sink, 2)
    snapshot(sink, 2)
    write(bench, sink, 3)
    again = restored(bench, world, part, 1)
    assert list(world.shown.values()) == [[1]] and not world.ready
    assert again.discarded == [1]
    write(bench, again, 2, 3)
    snapshot(again, 3)
    again.on_durable(3)
    assert list(world.shown.values()) == [[1], [2, 3]]


def test_a_commit_that_was_done_is_done_again_without_harm(bench) -> None:
    world = World()
    sink = bench.start(Sink(world))
    write(bench, sink, 1)
    part = snapshot(sink, 1)
    sink.on_durable(1)
    restored(bench, world, part, 1)
    assert list(world.shown.values()) == [[1]]


def test_a_commit_that_fails_is_tried_again_and_nothing_is_forgotten(bench) -> None:
    world = World()
    sink = bench.start(Sink(world))
    write(bench, sink, 1)
    snapshot(sink, 1)
    world.away = True
    with pytest.raises(ConnectionError):
        sink.on_durable(1)
    write(bench, sink, 2)
    part = snapshot(sink, 2)
    again = restored(bench, world, part, 2)
    assert not world.shown, "a world that is away does not keep a task from starting"
    world.away = False
    again.on_durable(2)
    assert sorted(world.shown.values()) == [[1], [2]]


def test_an_empty_checkpoint_makes_no_handle(bench) -> None:
    world = World()
    sink = bench.start(Sink(world))
    snapshot(sink, 1)
    sink.on_durable(1)
    assert not world.shown and not sink.context.state.records(STATE_MAP)


def test_handles_go_to_tasks_that_exist_when_the_parallelism_changes(bench) -> None:
    world = World()
    parts = []
    sinks = [
        bench.start(Sink(world), index=index, parallelism=3, draws=index) for index in range(3)
    ]
    for index, sink in enumerate(sinks):
        write(bench, sink, index)
        part = snapshot(sink, 1)
        parts.append(decode_part(part))
    for index in range(2):
        state = TaskState("step", index)
        state.restore(parts, set(range(index, 128, 2)), lambda key: hash(key) % 128)
        bench.start(Sink(world), state=state, index=index, parallelism=2, restored=1)
    assert sorted(world.shown.values()) == [[0], [1], [2]]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_dies_when_what_is_shown_is_a_prefix_without_gaps_or_repeats(
    bench, seed: int
) -> None:
    """Rows 0, 1, 2 ... with kills between any two steps, as exactly-once replays them."""
    rng = random.Random(seed)
    world, sink = World(), bench.start(Sink(World()))
    sink = bench.start(Sink(world))
    durable: tuple[int | None, bytes | None, int] = (None, None, 0)
    position = number = 0
    for _ in range(60):
        action = rng.choice(["write", "write", "cut", "cut and durable", "lost durable", "kill"])
        if action == "write":
            write(bench, sink, position)
            position += 1
        elif action == "kill":
            position = durable[2]
            sink = restored(bench, world, durable[1], durable[0])
        else:
            number += 1
            part = snapshot(sink, number)
            if action != "cut":
                durable = (number, part, position)
            if action == "cut and durable":
                sink.on_durable(number)
        shown = [row for rows in world.shown.values() for row in rows]
        assert shown == sorted(set(shown)), "twice, or out of order"
        assert shown == list(range(len(shown))), "a gap"
    number += 1
    snapshot(sink, number)
    sink.on_durable(number)
    assert [row for rows in world.shown.values() for row in rows] == list(range(position))
