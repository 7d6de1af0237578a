"""The words of those verbs that run a cluster."""

from __future__ import annotations

from pathlib import Path

import yaml
from waterspout.supervisor.exit_codes import ExitCode

from ..each_case import each_case
from .test_cli_cluster import call


@each_case(
    "words, said",
    [
        (["keygen"], "DIR"),
        (["coordinator", "--lease", "soon"], "'soon' is no time"),
        (["supervisor", "--slots", "1000"], "1000 is not in the range"),
        (["export", "upstart"], "upstart"),
    ],
)
def test_a_slip_is_answered_with_usage_and_exit_2(words: list[str], said: str) -> None:
    result = call(*words)
    assert result.exit_code == ExitCode.USAGE
    assert said in result.stderr


def test_a_lease_that_cannot_be_is_refused(tmp_path: Path) -> None:
    result = call("coordinator", "--insecure", "--lease", "100ms", "--data", str(tmp_path))
    assert result.exit_code == ExitCode.REFUSED
    assert "a lease is 1 s to 600 s long" in result.stderr


def test_units_and_compose_files_are_printed() -> None:
    units = call("export", "systemd", "--config", "/c.yaml", "--lint", "/t.yaml").stdout
    assert "coordinator --config /c.yaml" in units
    assert "lint /t.yaml" in units
    compose = yaml.safe_load(call("export", "compose").stdout)
    assert set(compose["services"]) == {"coordinator", "supervisor"}
