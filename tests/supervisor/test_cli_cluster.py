"""The words of the cluster's verbs: slips are answered with usage and exit 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from waterspout.supervisor import cli
from waterspout.supervisor.cluster import client
from waterspout.supervisor.exit_codes import ExitCode

from ..each_case import each_case


def call(*words: str) -> Result:
    """Run the program with these words."""
    return CliRunner().invoke(cli.main, words, prog_name="waterspout")


@each_case(
    "words, said",
    [
        (["submt", "x"], "did you mean 'submit'?"),
        (["submit"], "FILE"),
        (["kill"], "NAME"),
        (["kill", "x", "--wait", "-1"], "'-1' is no time; say for example 500ms, 30s or 5m"),
        (["kill", "x", "--wait", "nan"], "is no time"),
        (["kill", "x", "--wait", "9000h"], "more than a year"),
        (["rebalance", "x", "--parallelism", "split"], "'split' is not COMPONENT=N"),
        (["rebalance", "x", "--parallelism", "split=0"], "N from 1 to 32767"),
        (["rebalance", "x", "--workers", "1e3"], "'1e3' is not a valid integer"),
        (["events", "--limit", "0"], "0 is not in the range"),
        (["supervisor", "--slots", "1000"], "1000 is not in the range"),
        (["log-level", "x", "root", "LOUD"], "LOUD"),
        (["tap", "x", "--rate", "0"], "0 is not in the range"),
    ],
)
def test_a_slip_is_answered_with_usage_and_exit_2(words: list[str], said: str) -> None:
    result = call(*words)
    assert result.exit_code == ExitCode.USAGE
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_settings_with_errors_have_a_line_for_each(tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text("coordinator: {lease: 1}\nsupervisor: {slots: many, labelz: 3}\n")
    result = call("coordinator", "--config", str(file))
    assert result.exit_code == ExitCode.REFUSED
    lines = result.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"waterspout: {file}:") for line in lines)


def test_an_address_that_is_none_is_one_line() -> None:
    result = call("list", "--coordinator", "host:70000")
    assert result.exit_code == ExitCode.REFUSED
    assert result.stderr.startswith("waterspout: 'tcp://host:70000' is not an endpoint")


def test_a_coordinator_that_is_not_there_is_exit_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CONNECT_S", 0.01)
    for words in (["list"], ["status"], ["kill", "x"], ["events"]):
        result = call(*words, "--insecure", "--coordinator", "127.0.0.1:9")
        assert result.exit_code == ExitCode.UNREACHABLE
        assert "E_CONNECT: tcp://127.0.0.1:9: nobody listens there" in result.stderr


def test_a_file_that_lint_refuses_is_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("name: bad\nblots: {}\n")
    result = call("submit", str(tmp_path / "bad.yaml"), "--coordinator", "127.0.0.1:9")
    assert result.exit_code == ExitCode.REFUSED
    assert "did you mean 'bolts'" in result.stderr


def test_a_coordinator_refuses_to_listen_without_keys(tmp_path: Path) -> None:
    result = call("coordinator", "--bind", "tcp://0.0.0.0:7461", "--data", str(tmp_path))
    assert result.exit_code == ExitCode.REFUSED
    assert "which other machines can reach" in result.stderr
    assert "--insecure" in result.stderr


def test_a_settings_file_with_errors_is_refused_with_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("coordinator: {lease: 1}\nsupervisor: {slots: 0}\n")
    for verb in ("coordinator", "supervisor"):
        result = call(verb, "--config", str(tmp_path / "c.yaml"))
        assert result.exit_code == ExitCode.REFUSED
        assert "E_DURATION" in result.stderr and "E_RANGE" in result.stderr
