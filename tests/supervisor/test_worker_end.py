"""When a worker of a cluster ends by itself, and how long that may take."""

from __future__ import annotations

import signal

from waterspout.supervisor.worker_end import (
    END_MAX_S,
    ORPHAN_EXIT,
    TERMINATED_EXIT,
    WorkerEnd,
)


def test_a_sigterm_ends_it_and_nothing_else_does() -> None:
    end = WorkerEnd(0.0, 0.0)
    end.on_signals(bytes([signal.SIGHUP, signal.SIGINT]), 1.0)
    assert (end.code, end.reason) == (0, "")
    end.on_signals(bytes([signal.SIGHUP, signal.SIGTERM]), 2.0)
    assert (end.code, end.at) == (TERMINATED_EXIT, 2.0 + END_MAX_S)
    assert end.reason == "ended by a SIGTERM"


def test_asking_again_does_not_move_the_end() -> None:
    end = WorkerEnd(10.0, 0.0)
    for now in (1.0, 3.0):
        end.on_signals(bytes([signal.SIGTERM]), now)
    end.look(False, 100.0)
    assert (end.code, end.at) == (TERMINATED_EXIT, 1.0 + END_MAX_S)


def test_a_supervisor_may_be_away_for_a_while_and_come_back() -> None:
    end = WorkerEnd(60.0, 0.0)
    for now, there in ((1.0, True), (60.0, False), (61.0, True), (121.0, False)):
        end.look(there, now)
    assert end.code == 0
    end.look(False, 121.1)
    assert (end.code, end.reason) == (ORPHAN_EXIT, "its supervisor was gone for too long")


def test_without_a_limit_it_goes_on_alone() -> None:
    end = WorkerEnd(0.0, 0.0)
    end.look(False, 1e9)
    assert end.code == 0
