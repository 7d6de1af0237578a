"""When a Source task reads on and when it waits."""

from __future__ import annotations

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
    assert executor.ledger.pending + executor.ledger.waiting == 3
