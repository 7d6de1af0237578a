"""The end of a run: who is told, who is killed, and when it is over."""

from __future__ import annotations

import pytest
from waterspout.supervisor.effects import KillWorker, TopologyDone

from .scripted import SETTINGS, Run

STOP_S = SETTINGS.stop_timeout_s


@pytest.fixture
def run() -> Run:
    made = Run()
    made.bring_up()
    return made


def stop(run: Run) -> None:
    run.coordinator.stop(run.now)
    run.drain()


def test_the_first_reason_stands(run: Run):
    stop(run)
    run.coordinator.drain(run.now)
    run.exit(0)
    run.exit(1)
    (done,) = run.take(TopologyDone)
    assert done.outcome == "stopped"


def test_workers_that_never_registered_are_killed_at_once():
    run = Run()
    run.register(0)
    run.effects.clear()
    stop(run)
    assert [(e.worker, e.why) for e in run.take(KillWorker)] == [(1, "stopped")]


def test_who_does_not_stop_in_time_is_killed_once_and_not_waited_for_for_ever(run: Run):
    stop(run)
    run.exit(0, "exit code 0")
    run.tick(STOP_S - 0.1)
    assert run.take(KillWorker) == []
    run.tick(0.2)
    run.tick(0.2)
    assert [e.worker for e in run.take(KillWorker)] == [1]
    assert not run.coordinator.done
    run.tick(STOP_S)
    assert run.coordinator.done
    assert [e.outcome for e in run.take(TopologyDone)] == ["stopped"]
