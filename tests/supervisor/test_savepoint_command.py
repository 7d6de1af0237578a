"""``waterspout savepoint``: waits for the snapshot, copies it, and lets it go whatever happens."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor import savepoint_command
from waterspout.supervisor.exit_codes import ExitCode
from waterspout.supervisor.run_folder import RunInfo
from waterspout.supervisor.savepoint_command import SavepointFailed, of_run, take_savepoint
from waterspout.supervisor.savepoint_folder import read_savepoint

from .savepoint_rig import savepoint_at


class Coordinator:
    """Answers what is asked about one savepoint, as a test says."""

    def __init__(self, folder: Path, *states: dict[str, Any]) -> None:
        self.made = savepoint_at(folder / "at-coordinator")
        self.folder = folder / "at-coordinator" / "parts"
        self.states = [*states, {"state": "held", "manifest": self.made.to_json()}]
        self.asked: list[str] = []
        self.now = 0.0

    def send(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(request["action"])
        if request["action"] == "look":
            return self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"savepoint": 4}

    def fetch(self, file: str, to: Path) -> None:
        to.write_bytes((self.folder / file).read_bytes())

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def take(self, out: Path | None, wait_s: float = 10.0, as_json: bool = False) -> ExitCode:
        return take_savepoint(
            "words", self.send, self.fetch, out=out, wait_s=wait_s, as_json=as_json,
            clock=lambda: self.now, sleep=self.sleep,
        )  # fmt: skip


def test_a_savepoint_is_written_once_its_snapshot_is_complete(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = Coordinator(tmp_path, {"state": "waiting"}, {"state": "cutting"})
    assert there.take(tmp_path / "sp") == ExitCode.OK
    assert read_savepoint(tmp_path / "sp").parts == there.made.parts
    assert there.asked[:4] == ["ask", "look", "look", "look"] and there.asked[-1] == "done"
    said = capsys.readouterr()
    assert said.out.strip() == str(tmp_path / "sp")
    assert "savepoint of words: snapshot 7, 2 files" in said.err


def test_without_out_the_folder_is_named_by_topology_and_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Coordinator(tmp_path).take(None, as_json=True)
    facts = json.loads(capsys.readouterr().out)
    assert facts["folder"] == str(tmp_path / "words-savepoint-7")
    assert (facts["files"], facts["round"]) == (2, 7)


@pytest.mark.parametrize(
    ("state", "why"),
    [({"state": "failed", "why": "the input has ended"}, "has ended"), (None, "within 10 s")],
)
def test_one_that_is_not_made_is_an_error_with_its_reason(
    tmp_path: Path, state: dict[str, Any] | None, why: str
) -> None:
    there = Coordinator(tmp_path)
    there.states = [state or {"state": "waiting"}]
    with pytest.raises(SavepointFailed, match=why):
        there.take(tmp_path / "sp")
    assert there.asked[-1] == "done"
    assert not (tmp_path / "sp").exists()


def test_it_is_let_go_although_the_copy_failed(tmp_path: Path) -> None:
    there = Coordinator(tmp_path)
    there.fetch = lambda file, to: to.write_bytes(b"x")  # type: ignore[method-assign]
    with pytest.raises(Exception, match="bytes"):
        there.take(tmp_path / "sp")
    assert there.asked[-1] == "done"


def test_a_run_of_this_machine_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    savepoint_at(tmp_path / "x")
    info = RunInfo("words", 1, "ipc://x", 0.0, str(tmp_path))
    asked = []

    def ask(run: RunInfo, request: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        asked.append(request)
        return {"ok": request["action"] == "ask", "error": "no more"}

    monkeypatch.setattr(savepoint_command, "find_runs", lambda: [info])
    monkeypatch.setattr(savepoint_command, "ask", ask)
    send, fetch = of_run("words")
    assert send({"action": "ask"})["ok"]
    assert asked == [{"kind": "savepoint", "action": "ask"}]
    with pytest.raises(SavepointFailed, match="no more"):
        send({"action": "look", "savepoint": 1})
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "snapshots" / "f").write_bytes(b"x")
    fetch("f", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"x"
    with pytest.raises(SavepointFailed, match="no topology 'other' is running"):
        of_run("other")


def test_of_two_runs_with_one_name_it_is_said_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [str(tmp_path / name) for name in ("a", "b")]
    runs = [RunInfo("words", 1, f"ipc://{folder}", 0.0, folder) for folder in folders]
    asked = []
    monkeypatch.setattr(savepoint_command, "find_runs", lambda: runs)
    monkeypatch.setattr(
        savepoint_command, "ask", lambda run, *_, **__: asked.append(run) or {"ok": True}
    )
    text = f"2 runs are named 'words': say which with --state-dir ({', '.join(folders)})"
    with pytest.raises(SavepointFailed, match=re.escape(text)):
        of_run("words")
    of_run("words", tmp_path / "b")[0]({"action": "ask"})
    assert asked == [runs[1]]
    with pytest.raises(SavepointFailed, match=r"keeps no state in .*/c; it does in .*/a, .*/b"):
        of_run("words", tmp_path / "c")
