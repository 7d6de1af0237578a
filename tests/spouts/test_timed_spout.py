"""Watermarks out of the executors of spouts: what is read, replayed, given up, held and ended."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from waterspout.spouts.contract import EndOfInput, Spout
from waterspout.spouts.once_executor import OnceExecutor
from waterspout.spouts.partitions import Partition
from waterspout.spouts.spout_time import SpoutTime
from waterspout.spouts.storm_executor import PARTITION, StormExecutor
from waterspout.spouts.timed_spout import bring_forward
from waterspout.spouts.watermarks import Watermarks
from waterspout.topology.component import StreamDecl
from waterspout.topology.control_frames import Failure
from waterspout.topology.event_time import RowTimes
from waterspout.topology.marks import MAX_WATERMARK, MIN_WATERMARK

from .rig import Numbers, Rig, executor_of


class Timed:
    """A rig whose executor reads event time from the rows, and the marks that it sent."""

    def __init__(self, executor: Any, *, held: bool = True) -> None:
        self.executor = executor
        self.sent: list[int] = []
        times = RowTimes("lines", {"default": StreamDecl(("n",))}, field="n", unit="ms")
        time = SpoutTime(times, Watermarks(0), 0.2, lambda mark: self.sent.append(mark.value))
        executor.use_time(time, held=held)

    def turn(self, now: float, messages: int = 4) -> list[int]:
        """Run a turn; return the watermarks it sent."""
        self.executor.turn(now, messages)
        sent, self.sent[:] = list(self.sent), []
        return sent


def test_watermarks_wait_for_messages_in_flight_and_follow_when_they_are_durable() -> None:
    #   groups   0 1 2 3 | 4 5        before of the second: what 0..3 made of it
    rig = Rig()
    executor = executor_of(rig, Numbers(), rig.ledger())
    timed = Timed(executor)
    assert timed.turn(100.0) == []
    (first, _), = rig.taken()
    assert timed.turn(100.3) == []
    (second, _), = rig.taken()
    executor.completed(second, 100.3)
    assert timed.turn(100.6) == []
    executor.completed(first, 100.6)
    # Both partitions of the day have ended, and nothing may come again.
    assert timed.turn(100.9) == [MAX_WATERMARK]


def test_a_failed_message_holds_until_it_is_through() -> None:
    rig = Rig()
    executor = executor_of(rig, Numbers(size=8, ends=False), rig.ledger())
    timed = Timed(executor)
    timed.turn(100.0)
    (first, _), = rig.taken()
    timed.turn(100.3)
    (second, _), = rig.taken()
    executor.completed(first, 100.3)
    assert timed.turn(100.6) == [3 - 1]
    executor.failed(Failure(second, "b", 2, "no", ""), 100.6)
    assert timed.turn(200.0) == []
    replayed = [root for root, _ in rig.taken()]
    for root in replayed[:-1]:
        executor.completed(root, 200.0)
    assert timed.turn(200.3) == []
    executor.completed(replayed[-1], 200.3)
    assert timed.turn(200.6) == [7 - 1]


def test_a_range_that_is_tried_again_one_by_one_holds_until_its_last_message() -> None:
    rig = Rig(max_pending=4)
    executor = executor_of(rig, Numbers(size=8, ends=False), rig.ledger())
    timed = Timed(executor)
    timed.turn(100.0)
    ((first, _),) = rig.taken()
    executor.failed(Failure(first, "b", 2, "no", ""), 100.0)
    executor.ledger.settings = rig.env.settings
    executor.turn(200.0, 1)
    # One of four is out; the others are with the executor, not with the ledger.
    ((root, rows),) = rig.taken()
    executor.completed(root, 200.0)
    assert rows == [0] and executor.ledger.held_back() is None
    assert executor.ledger.held_back(executor.retries_at_work()) == MIN_WATERMARK
    assert executor.time is not None and executor.time.held_back() == MIN_WATERMARK


def test_without_holding_they_go_at_once() -> None:
    rig = Rig()
    timed = Timed(executor_of(rig, Numbers(ends=False), rig.ledger()), held=False)
    assert timed.turn(100.0) == [3 - 1]


def test_a_task_that_could_not_look_for_its_partitions_is_not_idle() -> None:
    """It may have some that are far behind: others would have made their rows late."""
    rig, source = Rig(), Numbers(ends=False)
    executor = executor_of(rig, source, rig.ledger())
    timed = Timed(executor, held=False)
    source.errors.append(OSError("the broker is away"))
    assert timed.turn(100.0) == []
    assert timed.turn(110.0) == [3 - 1]


def test_what_a_round_froze_still_holds() -> None:
    rig = Rig()
    ledger = rig.ledger(at_once=False)
    executor = executor_of(rig, Numbers(size=8, ends=False), ledger)
    timed = Timed(executor)
    timed.turn(100.0)
    timed.turn(100.3)
    for root, _ in rig.taken():
        executor.completed(root, 100.3)
    assert timed.turn(100.6) == []
    ledger.freeze(1)
    assert timed.turn(100.9) == []
    ledger.durable(1)
    assert timed.turn(101.2) == [7 - 1]


def test_in_a_new_epoch_what_is_read_again_comes_before_its_watermark() -> None:
    rig = Rig()
    executor = executor_of(rig, Numbers(size=8, ends=False), rig.ledger(at_once=False))
    timed = Timed(executor, held=False)
    timed.turn(100.0, 8)
    assert executor.before == 7 - 1
    executor.new_epoch(None, [], 101.0)
    assert executor.before == MIN_WATERMARK
    executor.going = True
    assert timed.turn(101.3) == [3 - 1]


def test_a_row_without_a_time_fails_its_message_by_name_and_not_the_spout() -> None:
    class Holes(Numbers):
        def reader(self, partition: str, position: int | None) -> Any:
            reader = super().reader(partition, position)
            read = reader.read

            def holes(limit: int) -> Any:
                got = read(limit)
                return got and ([[None if n == 2 else n] for (n,) in got[0]], got[1])

            reader.read = holes  # type: ignore[method-assign]
            return reader

    rig = Rig(attempts_max=2)
    executor = executor_of(rig, Holes(ends=False), rig.ledger())
    timed = Timed(executor)
    for now in range(100, 110):
        timed.turn(float(now))
        for fail in rig.env.fails:
            assert "EventTimeError: event time: field 'n' is missing" in fail.reason
            executor.failed(fail, float(now))
        failed = {fail.root for fail in rig.env.fails}
        rig.env.fails.clear()
        for root, _ in rig.taken():
            assert root not in failed
            executor.completed(root, float(now))
        for group, _ in rig.buried:
            executor.ledger.buried(group)
    assert [(group.start, group.end) for group, _ in rig.buried][:1] == [(2, 3)]
    assert executor.ledger.acked == 5
    assert executor.time is not None and executor.time.sent == 5 - 1


def test_the_partition_that_is_furthest_behind_is_read_next() -> None:
    rig = Rig()
    source = Numbers(("a", "b", "c"), size=40)
    executor = executor_of(rig, source, rig.ledger())
    Timed(executor)
    drawn = []
    for turn in range(9):
        executor.turn(100.0 + turn, 4)
        drawn += [rows[0] for _, rows in rig.taken()]
    assert drawn == [0, 0, 0, 4, 4, 4, 8, 8, 8]


def test_of_many_partitions_only_the_first_are_read_by_turns() -> None:
    time = SpoutTime(RowTimes("s", {}, field="n"), Watermarks(0), 0.2, lambda mark: None)
    partitions = deque(Partition(str(n), None, 0.0) for n in range(200))
    for each in partitions:
        time.watermarks.opened(each.name)
    for turn in range(500):
        time.watermarks.seen(partitions[0].name, turn)
        bring_forward(time, partitions, 0.0)
    assert sum(time.watermarks.came(str(n)) != MIN_WATERMARK for n in range(200)) == 64


class Queue(Spout):
    """Emits what it was given, each with an id."""

    outputs = ("n",)

    def __init__(self, *values: Any) -> None:
        self.values, self.failed = list(values), []  # type: ignore[var-annotated]

    def next_tuple(self) -> None:
        if not self.values:
            raise EndOfInput
        value = self.values.pop(0)
        self.emit([value], tup_id=value)

    def fail(self, tup_id: Any) -> None:
        self.failed.append(tup_id)


def storm(rig: Rig, spout: Spout) -> StormExecutor:
    """Return the executor of a Storm spout."""
    executor = StormExecutor(
        rig.plan, spout, rig.emitter, rig.env, rig.ledger(seeks=False), reemits=True,
        blocked=rig.blocked, bury=rig.bury,
    )  # fmt: skip
    executor.going = True
    return executor


def test_a_spout_of_storm_sends_watermarks_that_wait_for_its_messages() -> None:
    rig = Rig()
    executor = storm(rig, Queue(5, 9))
    timed = Timed(executor)
    executor.partition_found(PARTITION)
    assert timed.turn(100.0, 2) == []
    (five, _), (nine, _) = rig.taken()
    executor.completed(nine, 100.0)
    assert timed.turn(100.3) == []
    executor.completed(five, 100.3)
    assert timed.turn(100.6) == [MAX_WATERMARK]


def test_a_message_of_a_storm_spout_without_a_time_fails_by_its_id() -> None:
    rig = Rig()
    spout = Queue("soon", 9)
    executor = storm(rig, spout)
    timed = Timed(executor)
    timed.turn(100.0, 2)
    (fail,) = rig.env.fails
    assert "field 'n' holds 'soon'" in fail.reason
    assert [rows for _, rows in rig.taken()] == [[9]]
    executor.failed(fail, 100.0)
    timed.turn(200.0)
    assert spout.failed == ["soon"]


@pytest.mark.parametrize("reserves", [False, True])
def test_at_most_once_a_partition_ends_when_its_last_message_went_out(reserves: bool) -> None:
    rig = Rig(tracked=False)
    source = Numbers(("a", "b"), size=6)
    executor = OnceExecutor(
        rig.plan, source, rig.emitter, rig.env, rig.ledger(), parallelism=1,
        blocked=rig.blocked, bury=rig.bury,
    )  # fmt: skip
    executor.going = True
    timed = Timed(executor, held=False)
    asked: list[int] = []
    if reserves:
        executor.reserve_with(lambda number, ends, messages: asked.append(number))
    out: list[int] = []
    for turn in range(20):
        # No row is late to what was sent before it went out.
        sent = timed.turn(100.0 + turn, 4)
        for _, rows in rig.taken():
            out += rows
        if asked:
            assert executor.reservations is not None
            executor.reservations.granted(asked.pop())
        if sent:
            assert all(out.count(n) == 2 for n in range(6) if n <= sent[-1])
    assert sorted(out) == sorted([*range(6), *range(6)])
    assert executor.time is not None and executor.time.sent == MAX_WATERMARK
