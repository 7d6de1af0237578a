"""Waiting for a move: what is said on the way, and what each end is as an exit code."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.supervisor.cluster.client import Unreachable
from waterspout.supervisor.cluster.move_wait import WAIT_S, wait_for_move
from waterspout.supervisor.exit_codes import ExitCode

from .scripted import Scripted, cluster_status, topology_row

Capture = pytest.CaptureFixture[str]


def waited(*answers: Any) -> tuple[ExitCode, float]:
    """Return the exit code, and how long it took."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    found = [
        each if isinstance(each, Exception) else cluster_status(topologies=[each])
        for each in answers
    ]
    code = wait_for_move(Scripted(status=found), "wc", clock=lambda: now[0], sleep=sleep)
    return code, now[0]


def row(life: str, **more: Any) -> dict[str, Any]:
    return topology_row(life=life, **{"state": "running", **more})


def test_each_step_is_said_once(capsys: Capture) -> None:
    going = [row("quiescing")] * 3 + [row("switching")] * 3
    assert waited(*going, row("active", state="starting"), row("active"))[0] == ExitCode.OK
    assert capsys.readouterr().err.splitlines() == [
        "quiescing: wc: spouts stop, what is under way is worked off",
        "switching: wc: the new version starts",
        "done: wc runs",
    ]


def test_a_paused_topology_is_done_when_it_stands_as_before() -> None:
    assert waited(row("quiescing"), row("paused"))[0] == ExitCode.OK


def test_one_that_was_rolled_back_says_why_and_shows_the_traceback(capsys: Capture) -> None:
    reason = "rolled back: worker 0: no such module\nTraceback\n  x"
    found = waited(row("switching"), row("rolling back"), row("active", reason=reason))
    assert found[0] == ExitCode.BOOT_FAILED
    said = capsys.readouterr().err
    assert "rolled back, it runs as before: worker 0: no such module\n    Traceback\n" in said


@pytest.mark.parametrize(
    ("outcome", "code"),
    [("finished", ExitCode.OK), ("failed", ExitCode.RUN_FAILED), ("stopped", ExitCode.RUN_FAILED)],
)
def test_one_that_has_ended_meanwhile_says_how(outcome: str, code: ExitCode) -> None:
    assert waited(row("quiescing"), row("ended", outcome=outcome))[0] == code


def test_it_does_not_wait_for_ever_and_says_what_is_in_the_way(capsys: Capture) -> None:
    workers = [{"worker": 2, "why": "no free slot"}]
    code, took = waited(row("switching", state="starting", workers=workers))
    assert code == ExitCode.RUN_FAILED
    assert WAIT_S <= took < WAIT_S + 1
    said = capsys.readouterr().err
    assert "wc is still switching after 300 s\n    worker 2: no free slot\n" in said


def test_a_coordinator_that_is_away_goes_on_with_the_move_when_it_is_back(capsys: Capture) -> None:
    away = [Unreachable("nobody")] * 3
    assert waited(row("quiescing"), *away, row("active"))[0] == ExitCode.OK
    assert capsys.readouterr().err.count("what was begun goes on when it is back") == 1


def test_one_that_stays_away_is_unreachable() -> None:
    assert waited(Unreachable("nobody"))[0] == ExitCode.UNREACHABLE
