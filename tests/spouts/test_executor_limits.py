"""When a Source task reads on and when it waits."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.topology.control_frames import Failure

from .rig import Numbers, Rig, executor_of
from .test_executor import complete_all


def test_max_pending_stops_reading_until_something_completes() -> None:
    rig = Rig(max_pending=3)
    executor = executor_of(rig, Numbers(size=6), rig.ledger())
    assert executor.turn(rig.now, 100) == 3
    assert executor.turn(rig.now, 100) == 0
    assert executor.wakeup(rig.now) == 3600.0
    complete_all(rig, executor)
    assert executor.turn(rig.now, 100) == 3


def test_while_everything_fails_reading_waits_for_replays_and_replays_do_not_wait() -> None:
    rig = Rig(max_pending=3, backoff_min_s=0.5, backoff_max_s=0.5)
    executor = executor_of(rig, Numbers(size=60), rig.ledger())
    assert executor.turn(rig.now, 100) == 3
    for _ in range(3):
        for root, _values in rig.taken():
            executor.failed(Failure(root, "b", 2, "no", ""), rig.now)
        assert executor.turn(rig.now, 100) == 0
        assert 0.2 < executor.wakeup(rig.now) <= 0.5
        rig.now += 0.5
        assert executor.turn(rig.now, 100) == 3
    assert executor.ledger.pending + executor.ledger.retries.messages == 3


def test_a_silent_reader_is_asked_again_when_it_says_and_else_ever_more_seldom() -> None:
    class Silent(Numbers):
        sure_s: float | None = None
        asked = 0

        def reader(self, partition: str, position: int | None) -> Any:
            reader = super().reader(partition, position)
            reader.wait_s = self.wait_s  # type: ignore[method-assign]
            return reader

        def wait_s(self) -> float | None:
            self.asked += 1
            return self.sure_s

    rig, source = Rig(), Silent(size=1, ends=False)
    executor = executor_of(rig, source, rig.ledger())
    assert executor.turn(rig.now, 100) == 1
    waits = []
    for _ in range(3):
        assert executor.turn(rig.now, 100) == 0
        waits.append(executor.wakeup(rig.now))
        rig.now += 0.5
    source.sure_s = 7.0
    executor.turn(rig.now, 100)
    waits.append(executor.wakeup(rig.now))
    assert waits == pytest.approx([0.001, 0.025, 0.05, 7.0])
    rig.now += 6.9
    executor.turn(rig.now, 100)
    assert source.asked == 4
    source.size, source.sure_s = 2, None
    rig.now += 0.1
    assert [executor.turn(rig.now, 100) for _ in range(2)] == [1, 0]
    assert executor.wakeup(rig.now) == pytest.approx(0.001)


def test_silent_partitions_are_asked_together_so_that_one_wake_up_serves_all() -> None:
    rig = Rig()
    names = [f"p{n}" for n in range(20)]
    executor = executor_of(rig, Numbers(names, size=0, ends=False), rig.ledger())
    rig.now += 10.0
    executor.turn(rig.now, 100)
    for partition in executor._waiting:
        partition.heard_at = 0.0
        rig.now += 0.0004  # taken up one after the other
        partition.rest(rig.now, None, 20)
    wakes = 0
    end = rig.now + 1.0
    while rig.now < end:
        rig.now += executor.wakeup(rig.now)
        executor.turn(rig.now, 100)
        wakes += 1
    assert wakes < 30
