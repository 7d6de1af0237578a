"""A coordinator that could be reached by everybody does not start unless it is told so."""

from __future__ import annotations

from pathlib import Path

import pytest
from waterspout.supervisor.cluster.coordinator_command import run_coordinator, say
from waterspout.supervisor.cluster.coordinator_config import CoordinatorConfig
from waterspout.supervisor.exit_codes import ExitCode


@pytest.mark.parametrize(
    ("bind", "what"),
    [
        ("tcp://0.0.0.0:7461", "which other machines can reach: waterspout keygen"),
        ("ipc:///tmp/x", "not an endpoint such as tcp://HOST:7461"),
    ],
)
def test_what_must_not_be_run_is_refused_in_one_line(
    bind: str, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    config = CoordinatorConfig(bind=bind, data=tmp_path / "data")
    assert run_coordinator(config) is ExitCode.REFUSED
    said = capsys.readouterr().err
    assert what in said
    assert said.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_an_event_is_a_line_of_the_log(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    say("host up", {"host": "a", "why": "100 %s"})
    assert caplog.messages == ["host up host=a why='100 %s'"]
