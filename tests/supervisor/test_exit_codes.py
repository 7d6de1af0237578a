"""Exit codes: one number, one meaning; every outcome and every health has one."""

from __future__ import annotations

import re
from pathlib import Path

from waterspout.supervisor import effects
from waterspout.supervisor.exit_codes import HEALTHS, OUTCOMES, ExitCode, worst

ROOT = Path(__file__).resolve().parents[2]


def test_the_numbers_scripts_rely_on_do_not_change() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0, "REFUSED": 1, "USAGE": 2, "UNREACHABLE": 3, "STALLED": 4, "DEGRADED": 5,
        "BOOT_FAILED": 6, "RUN_FAILED": 7, "INTERNAL": 70, "UNWRITTEN": 74, "STOPPED": 130,
    }  # fmt: skip


def test_every_outcome_of_a_run_has_a_code() -> None:
    listed = re.search(r"outcome: ([\w |]+)\.", effects.TopologyDone.__doc__ or "")
    assert listed is not None
    assert set(OUTCOMES) == set(listed[1].split(" | "))


def test_a_run_that_could_not_boot_differs_from_one_that_failed() -> None:
    assert len({OUTCOMES["boot_failed"], OUTCOMES["failed"], OUTCOMES["stopped"]}) == 3


def test_every_health_has_a_code_and_only_healthy_is_zero() -> None:
    assert set(HEALTHS) == {"healthy", "degraded", "stalled"}
    assert [name for name, code in HEALTHS.items() if code == 0] == ["healthy"]


def test_of_several_topologies_the_worst_counts() -> None:
    assert worst([]) is ExitCode.OK
    assert worst([ExitCode.OK, ExitCode.STALLED, ExitCode.DEGRADED]) is ExitCode.STALLED
    assert worst([ExitCode.STALLED, ExitCode.UNREACHABLE]) is ExitCode.UNREACHABLE
