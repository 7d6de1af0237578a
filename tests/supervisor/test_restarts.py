"""The state table of workers, and when a lost one is started again."""

from __future__ import annotations

import pytest
from waterspout.supervisor.restarts import (
    BOOT_LOSSES_MAX,
    REBOOT_LOSSES_MAX,
    TRANSITIONS,
    Backoff,
    Worker,
    WorkerEvent,
    Workers,
    WorkerState,
)

from ..each_case import each_case


def worker() -> Worker:
    return Worker(0, Backoff(0.1, 30.0))


def test_waits_double_up_to_the_longest():
    backoff = Backoff(0.1, 1.0)
    waits = [backoff.next(ran_s=0.5) for _ in range(6)]
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


@each_case(
    "wait_s, ran_s, expected_s",
    [
        (0.1, 1.9, 0.2),  # crashed at once: longer
        (0.1, 2.0, 0.1),  # ran for STABLE_MIN_S: anew
        (0.8, 7.9, 1.6),
        (0.8, 8.0, 0.1),  # ran for ten of its waits: anew
    ],
)
def test_a_stable_run_starts_the_waits_anew(wait_s: float, ran_s: float, expected_s: float):
    backoff = Backoff(0.1, 30.0, wait_s=wait_s)
    assert backoff.next(ran_s) == pytest.approx(expected_s)


def test_deaths_that_messages_explain_wait_no_longer_than_the_first():
    backoff = Backoff(0.1, 1.0)
    waits = [backoff.next(0.5, explained=n < 9) for n in range(11)]
    assert waits == [0.1] * 9 + [0.1, 0.2]
    assert backoff.next(0.5, explained=True) == 0.1
    assert backoff.next(0.5) == 0.4


def test_a_crashed_worker_waits_in_backoff():
    one = worker()
    one.started(77, now=10.0)
    one.endpoint = "ipc://x"
    one.built()
    one.lost("killed by signal 9", now=20.0)
    assert one.state is WorkerState.BACKOFF
    assert one.start_at == pytest.approx(20.1)
    assert (one.restarts, one.last_exit) == (1, "killed by signal 9")
    assert not one.registered


def test_nothing_of_an_incarnation_is_left_for_the_next():
    one = worker()
    one.started(77, now=0.0)
    one.endpoint, one.epoch, one.ready_epoch, one.killed_why = "x", 3, 3, "hung"
    one.lost("killed by signal 9", now=1.0)
    assert one.last_exit == "hung"
    one.started(78, now=2.0)
    assert (one.endpoint, one.epoch, one.ready_epoch, one.killed_why) == ("", 0, 0, "")


@pytest.mark.parametrize(
    ("built_once", "losses"), [(False, BOOT_LOSSES_MAX), (True, REBOOT_LOSSES_MAX)]
)
def test_dying_in_boot_again_and_again_is_not_a_crash(built_once: bool, losses: int):
    one = worker()
    if built_once:
        one.started(1, now=0.0)
        one.built()
        one.lost("crash", now=1.0)
    for _ in range(losses):
        assert not one.cannot_boot
        one.started(1, now=2.0)
        one.lost("exit code 1", now=3.0)
    assert one.cannot_boot


def test_a_boot_that_works_clears_the_count():
    one = worker()
    for losses in (BOOT_LOSSES_MAX - 1, REBOOT_LOSSES_MAX - 1, REBOOT_LOSSES_MAX - 1):
        for _ in range(losses):
            one.started(1, now=0.0)
            one.lost("exit code 1", now=1.0)
        assert not one.cannot_boot
        one.started(1, now=2.0)
        one.built()
        one.lost("crash", now=3.0)


def test_a_worker_told_to_stop_is_not_started_again():
    one = worker()
    one.started(1, now=0.0)
    one.apply(WorkerEvent.STOP)
    one.lost("exit code 0", now=1.0)
    assert one.state is WorkerState.EXITED
    assert one.restarts == 0


def test_a_pair_that_is_not_in_the_table_raises():
    with pytest.raises(KeyError):
        worker().apply(WorkerEvent.BUILT)


def test_every_state_can_be_reached_and_every_state_can_be_stopped():
    assert set(TRANSITIONS.values()) == set(WorkerState)
    assert all((state, WorkerEvent.STOP) in TRANSITIONS for state in WorkerState)


def test_only_the_current_incarnation_is_known():
    workers = Workers.make(2, 0.1, 30.0)
    assert not workers.known(0, 0)
    workers[0].started(77, now=0.0)
    known = [(n, i) for n in (-1, 0, 1, 2) for i in (0, 76, 77) if workers.known(n, i)]
    assert known == [(0, 77)]
    workers[0].lost("crash", now=1.0)
    assert not workers.known(0, 77)


def test_an_end_that_was_not_its_fault_is_no_failed_boot():
    workers = Workers.make(1, 0.1, 1.0)
    for incarnation in range(1, BOOT_LOSSES_MAX + 2):
        workers[0].started(incarnation, now=0.0)
        workers.excuse(0, incarnation - 1)
        assert not workers[0].excused
        workers.excuse(0, incarnation)
        workers[0].lost("host b lost", now=1.0)
    assert workers[0].boot_losses == 0
    workers[0].started(99, now=0.0)
    workers[0].lost("exit code 1", now=1.0)
    assert workers[0].boot_losses == 1
