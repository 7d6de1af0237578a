"""Tracking: what a turn did to roots gets to the worker that drew them; what waits is vouched."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.bolts import Bolt
from waterspout.supervisor.log_lines import RUNNING
from waterspout.topology.errors import FailTuple

from .cores import Cores, Numbers, plan_of


class Refuses(Bolt):
    outputs = ("n",)

    def process(self, tup: Any) -> None:
        raise FailTuple("not today")


def across() -> Any:
    """A plan whose spout and bolt are on different workers."""
    plan = plan_of({"source": 1, "work": 1}, workers=2, message_timeout_s=30.0)
    assert [task.worker for task in plan.tasks] == [0, 1]
    return plan


def test_a_message_worked_through_elsewhere_is_acked_at_home() -> None:
    cores = Cores(across())
    cores.go()
    cores.turns()
    assert sorted(cores.made[2].got) == list(range(6))
    assert cores.spout().ledger.acked == 6
    assert cores.spout().ledger.pending == 0


def test_a_message_that_failed_elsewhere_fails_at_home() -> None:
    cores = Cores(across(), {"work": Refuses})
    cores.go()
    cores.turns(4)
    ledger = cores.spout().ledger
    assert ledger.failed >= 6
    assert ledger.acked == 0


class RefusesThird(Bolt):
    outputs = ("n",)

    def __init__(self) -> None:
        self.got: list[int] = []

    def process(self, tup: Any) -> None:
        self.got.append(tup[0])
        if tup[0] == 3 and self.got.count(3) == 1:
            raise FailTuple("not today")


@pytest.mark.parametrize("workers", [1, 2])
def test_of_a_group_only_the_message_that_failed_is_tried_again(workers: int) -> None:
    plan = plan_of({"source": 1, "work": 1}, workers=workers, backoff_min_s=0.01)
    cores = Cores(plan, {"work": RefusesThird})
    cores.go()
    cores.turns(60)
    ledger = cores.spout().ledger
    assert (ledger.failed, ledger.acked, ledger.replayed) == (1, 6, 1)
    assert sorted(cores.made[2].got) == [0, 1, 2, 3, 3, 4, 5]


def test_reading_a_message_again_is_a_call_of_the_spout_that_may_hang() -> None:
    seen = []

    class Watched(Numbers):
        def reader(self, partition: str, position: int | None) -> Any:
            seen.append((cores.spout().running, RUNNING.get()))
            return super().reader(partition, position)

    cores = Cores(plan_of({"source": 1, "work": 1}), {"work": RefusesThird, "source": Watched})
    cores.go()
    cores.turns(1)
    assert seen == 2 * [(True, cores.spout())]  # to draw it, and to find what failed
    assert not cores.spout().running and RUNNING.get() is None


def test_in_one_worker_nothing_has_to_leave_it() -> None:
    cores = Cores(plan_of({"source": 1, "work": 1}))
    cores.go()
    cores.turns(2)
    assert cores.spout().ledger.acked == 6


def test_what_is_queued_elsewhere_is_vouched_for_and_never_times_out() -> None:
    cores = Cores(across())
    cores.go()
    cores.bolt("work").run = lambda: False  # it has no time for them
    # |-- 4 x message_timeout --> queued all the time
    cores.turns(60, seconds=2.0)
    ledger = cores.spout().ledger
    assert (ledger.failed, ledger.pending) == (0, 6)


def test_what_nobody_vouches_for_fails_after_message_timeout() -> None:
    cores = Cores(across())
    cores.go()
    cores.cut = {(0, 1), (1, 0)}
    # The frame left the worker, and got lost for good: nobody holds it.
    cores.cores[0].turn(cores.now)
    cores.turns(20, seconds=2.0)
    assert cores.spout().ledger.failed == 6


def test_p5_under_exactly_once_nothing_times_out_however_slow_it_is() -> None:
    plan = plan_of(
        {"source": 1, "work": 1}, workers=2, message_timeout_s=30.0, guarantee="exactly-once"
    )
    cores = Cores(plan)
    cores.go()
    cores.cut = {(0, 1), (1, 0)}
    cores.cores[0].turn(cores.now)
    cores.turns(60, seconds=2.0)
    ledger = cores.spout().ledger
    assert (ledger.failed, ledger.pending) == (0, 6)
