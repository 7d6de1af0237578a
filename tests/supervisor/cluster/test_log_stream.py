"""Lines of logs as answers of bounded size, of which the last one says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor.cluster import log_stream
from waterspout.supervisor.cluster.log_follow import LogFollow
from waterspout.supervisor.cluster.log_read import log_files, read_log
from waterspout.supervisor.cluster.log_stream import LogStream

Take = Callable[[Mapping[str, Any] | None], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a log of 25 lines."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "worker-0.log").write_text("x\n" * 25)
    return tmp_path


def answers(folder: Path | None, tail_lines: int = 100) -> list[dict[str, Any]]:
    """Return the answers to a request, from a host with this folder, or one that is silent."""

    def ask(host: str, what: str, fields: Mapping[str, Any], take: Take, now: float) -> None:
        if folder is None:
            take(None)
        elif what == "log_files":
            take({"ok": True, "files": log_files(folder)})
        else:
            piece = read_log(folder, fields["file"], fields["offset"], fields["bytes"])
            take({"ok": True, **piece})

    stream = LogStream(LogFollow("t-1", ["a"], tail_lines=tail_lines), ask)
    found: list[dict[str, Any]] = []
    for turn in range(20):
        said, done = stream.turn(turn / 10)
        found += said
        if done:
            return found
    raise AssertionError("it does not end")


def test_lines_come_with_host_and_file(folder: Path):
    found = [line for answer in answers(folder, tail_lines=2) for line in answer["lines"]]
    assert found == [["a", "worker-0.log", "x"]] * 2


def test_an_answer_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(log_stream, "LINES_MAX", 10)
    assert [len(answer["lines"]) for answer in answers(folder) if answer["lines"]] == [10, 10, 5]


def test_a_host_that_does_not_answer_is_named(folder: Path):
    ((host, _file, line),) = [line for answer in answers(None) for line in answer["lines"]]
    assert host == "a"
    assert "does not answer" in line


def test_hosts_that_workers_are_on_now_are_followed_and_marks_come_with_the_last_lines():
    asked: list[str] = []

    def ask(host: str, what: str, fields: Mapping[str, Any], take: Take, now: float) -> None:
        asked.append(host)
        row = {"worker": 0, "file": "worker-0.log", "inode": 5, "bytes": 4}
        if what == "log_files":
            take({"ok": True, "files": [row]})
        else:
            data = b"x\ny\n"[fields["offset"] :]
            take({"ok": True, **row, "offset": fields["offset"], "data": data})

    hosts = ["a"]
    stream = LogStream(LogFollow("t-1", ["a"], follow=True), ask, lambda: hosts)
    turns = iter(range(100))
    found = [answer for _ in range(10) for answer in stream.turn(float(next(turns)))[0]]
    assert [answer.get("marks") for answer in found] == [[["a", 0, 5, 4, True]]]
    hosts.append("b")
    found = [answer for _ in range(10) for answer in stream.turn(float(next(turns)))[0]]
    assert [line[0] for answer in found for line in answer["lines"]] == ["b", "b"]
    assert "b" in asked
