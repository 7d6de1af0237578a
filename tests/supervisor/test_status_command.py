"""``waterspout status``: who is asked, what is shown, and with which code it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from waterspout.supervisor import status_command
from waterspout.supervisor.exit_codes import ExitCode
from waterspout.supervisor.run_folder import RunInfo
from waterspout.supervisor.status_client import NoAnswer
from waterspout.supervisor.status_command import Asker, show_status, watch_status

from .shown import drawn, status

WORDS = RunInfo("wordcount", 4242, "ipc://a", 0.0)
LOGS = RunInfo("logs", 4343, "ipc://b", 1.0)


def answer(run: RunInfo, request: dict[str, Any]) -> dict[str, Any]:
    """Answer as a healthy run does."""
    assert request == {"kind": "status"}
    return {"ok": True, "status": status(topology=run.name, pid=run.pid)}


def silence(run: RunInfo, request: dict[str, Any]) -> dict[str, Any]:
    """Do not answer."""
    raise NoAnswer(run, 2.0)


def test_without_a_name_every_run_is_shown() -> None:
    asker = Asker(None, lambda: [WORDS, LOGS], answer)
    assert asker.look() is ExitCode.OK
    text = drawn(asker.view())
    assert "wordcount  running" in text
    assert "\n\nlogs  running" in text


def test_a_name_chooses() -> None:
    asker = Asker("logs", lambda: [WORDS, LOGS], answer)
    asker.look()
    assert [found["topology"] for found in asker.statuses] == ["logs"]


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    asker = Asker("wordcuont", lambda: [WORDS], answer)
    assert asker.look() is ExitCode.UNREACHABLE
    assert "did you mean 'wordcount'?" in asker.failures[0]


def test_nobody_there_and_no_answer_are_unreachable() -> None:
    asker = Asker(None, lambda: [], answer)
    assert asker.look() is ExitCode.UNREACHABLE
    assert asker.failures == ["no topology is running (waterspout run FILE starts one)"]
    asker = Asker(None, lambda: [WORDS], silence)
    assert asker.look() is ExitCode.UNREACHABLE
    assert asker.failures == ["wordcount (pid 4242) did not answer within 2 s"]
    asker = Asker(None, lambda: [WORDS], lambda *_: {"ok": False, "error": "unknown request"})
    assert asker.look() is ExitCode.UNREACHABLE


@pytest.mark.parametrize(
    ("health", "code"), [("degraded", ExitCode.DEGRADED), ("stalled", ExitCode.STALLED)]
)
def test_health_decides_the_code(health: str, code: ExitCode) -> None:
    def unwell(*_: object) -> dict[str, Any]:
        return {"ok": True, "status": status(health=health)}

    assert Asker(None, lambda: [WORDS], unwell).look() is code


@pytest.fixture
def one_run(monkeypatch: pytest.MonkeyPatch) -> list[RunInfo]:
    """Return the list of runs that the commands find; tests may change it."""
    runs = [WORDS, LOGS]

    def asker(name: str | None) -> Asker:
        return Asker(name, lambda: list(runs), answer)

    monkeypatch.setattr(status_command, "Asker", asker)
    return runs


def test_json_is_one_line_per_topology(
    one_run: list[RunInfo], capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_status(None, as_json=True) is ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["topology"] for line in lines] == ["wordcount", "logs"]


def test_watching_ends_with_the_run(
    one_run: list[RunInfo], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(status_command.time, "sleep", lambda _: one_run.clear())
    assert watch_status("logs", as_json=True) is ExitCode.OK
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 1
    assert said.err == "the run has ended\n"
    assert watch_status("logs", as_json=True) is ExitCode.UNREACHABLE
