"""``waterspout run``: what is said before and after, what signals do, what is kept secret."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor import run_command
from waterspout.supervisor.exit_codes import ExitCode
from waterspout.supervisor.run_command import EndSignals, RunOptions, run_file
from waterspout.supervisor.run_result import RunResult
from waterspout.supervisor.store_sqlite import SqliteStore
from waterspout.topology.errors import UserError

from .shown import summary

TOPOLOGY = """\
name: numbers
spouts:
  n: {class: Sequence, args: {count: 1}}
bolts:
  keep: {class: WriteLines, args: {path: "${OUT}"}, inputs: [n]}
  work: {class: "user:Work", args: {password: "${PW}"}, inputs: [n]}
"""
USER = """\
from waterspout.bolts import Bolt
class Work(Bolt):
    def __init__(self, password): pass
    def process(self, tup): pass
"""


class Run:
    """Stands in for a run."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def request_drain(self) -> None:
        """Note it."""
        self.asked.append("drain")

    def request_stop(self) -> None:
        """Note it."""
        self.asked.append("stop")


def test_the_first_signal_drains_and_the_second_stops() -> None:
    said: list[str] = []
    run = Run()
    signals = EndSignals(said.append, 30.0)
    signals.talk_to(run)
    signals.on_signal(signal.SIGINT, None)
    assert run.asked == ["drain"]
    assert said == ["draining (at most 30 s); press Ctrl-C again to stop at once"]
    signals.on_signal(signal.SIGINT, None)
    signals.on_signal(signal.SIGINT, None)
    assert run.asked == ["drain", "stop", "stop"]
    assert len(said) == 2


def test_a_signal_that_came_before_the_run_counts() -> None:
    run = Run()
    signals = EndSignals(lambda _: None, 30.0)
    signals.on_signal(signal.SIGTERM, None)
    signals.talk_to(run)
    assert run.asked == ["drain"]


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in run_command.END_SIGNALS]
    signals = EndSignals(lambda _: None, 30.0)
    with signals.handled():
        assert signal.getsignal(signal.SIGINT) == signals.on_signal
    assert [signal.getsignal(number) for number in run_command.END_SIGNALS] == before


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder, with a topology in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUT", "out.txt")
    monkeypatch.setenv("PW", "hunter2secret")
    Path("numbers.yaml").write_text(TOPOLOGY)
    Path("user.py").write_text(USER)
    return tmp_path


def run_with(result: RunResult, monkeypatch: pytest.MonkeyPatch, **options: Any) -> ExitCode:
    """Run the topology with an engine that ends like this at once."""
    monkeypatch.setattr(run_command, "run_in_process", lambda *_, **__: result)
    options = {"in_process": True, "state_dir": Path("st"), **options}
    return run_file(RunOptions("numbers.yaml", **options))


def test_a_run_says_how_it_begins_on_stderr_and_what_came_of_it_on_stdout(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out.txt").write_text("1\n")
    result = RunResult("finished", True, "", "", summary())
    assert run_with(result, monkeypatch) is ExitCode.OK
    said = capsys.readouterr()
    assert said.err.splitlines()[-4:] == [
        "numbers begins",
        f"1 worker, at-least-once, state in {folder / 'st'}",
        f"what components log is in {folder / 'st/logs'}; prints are shown here",
        "keep: out.txt is not empty; rows are added at its end",
    ]
    assert said.out.startswith("wordcount  finished")
    assert "keep: out.txt" in said.out


def test_a_file_that_is_started_over_is_named_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out.txt").write_text("1\n")
    topology = Path("numbers.yaml")
    topology.write_text(topology.read_text().replace('"${OUT}"', '"${OUT}", begin: new'))
    run_with(RunResult("finished", True, "", "", summary()), monkeypatch)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "keep: out.txt is not empty; it is started over"


def test_a_run_with_another_parallelism_says_what_changes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    result = RunResult("stopped", False, "stopped", "", summary(ok=False, outcome="stopped"))
    run_with(result, monkeypatch)
    topology = Path("numbers.yaml")
    topology.write_text(topology.read_text().replace("{count: 1}", "{count: 1}, parallelism: 2"))
    run_with(result, monkeypatch)
    assert "what changes" not in capsys.readouterr().err, "nothing was there yet"
    store = SqliteStore(Path("st/store.sqlite"))
    store.commit_round(1, store.next_epoch(), {1: {"0-of-1": [1, []]}}, [])
    store.close()
    topology.write_text(topology.read_text().replace("parallelism: 2", "parallelism: 3"))
    run_with(result, monkeypatch)
    said = capsys.readouterr().err.splitlines()
    assert said[-5:] == [
        "numbers goes on where the last run stopped (--fresh starts over)",
        "what changes:",
        "  ~ spout n: parallelism: 2 -> 3",
        f"1 worker, at-least-once, state in {folder / 'st'}",
        f"what components log is in {folder / 'st/logs'}; prints are shown here",
    ]


def test_a_state_folder_that_cannot_be_made_is_refused_before_anything_begins(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "file"))
    with pytest.raises(UserError) as refused:
        run_file(RunOptions("numbers.yaml", in_process=True))
    at = folder / "file" / "waterspout" / "numbers"
    why = f"state folder {at}: Not a directory"
    assert str(refused.value) == f"{why}; --state-dir chooses another one"


def test_json_holds_the_summary_the_files_and_nothing_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out.txt").write_text("1\n")
    result = RunResult("drained", True, "", "", summary(outcome="drained"))
    assert run_with(result, monkeypatch, as_json=True) is ExitCode.OK
    found = json.loads(capsys.readouterr().out)
    assert found["outcome"] == "drained"
    assert found["files"] == [{"component": "keep", "path": "out.txt"}]
    assert found["state_dir"] == str(folder / "st")


@pytest.mark.parametrize("as_json", [False, True])
def test_what_could_not_boot_shows_the_users_traceback_without_the_secret(
    as_json: bool, folder: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    reason = "component 'work' cannot be built: ValueError: hunter2secret"
    result = RunResult(
        "boot_failed", False, reason, "Traceback\n  x hunter2secret", summary(reason=reason)
    )
    assert run_with(result, monkeypatch, as_json=as_json) is ExitCode.BOOT_FAILED
    said = capsys.readouterr()
    assert "waterspout: component 'work' cannot be built: ValueError: ***" in said.err
    assert "    Traceback\n      x ***" in said.err
    assert "hunter2secret" not in said.out + said.err


@pytest.mark.parametrize("as_json", [False, True])
def test_errors_at_the_end_are_without_the_secret_too(
    as_json: bool, folder: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    row = {"component": "keep", "task": 1, "text": "no hunter2secret", "count": 1}
    errors = [{**row, "traceback": "Traceback hunter2secret"}]
    result = RunResult("finished", True, "", "", summary(dead_letters=1, errors=errors))
    run_with(result, monkeypatch, as_json=as_json)
    said = capsys.readouterr()
    assert "no ***" in said.out
    assert "hunter2secret" not in said.out + said.err


def test_stopping_at_once_has_a_code_of_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = RunResult("stopped", False, "stopped", "", summary(ok=False, outcome="stopped"))
    assert run_with(result, monkeypatch) is ExitCode.STOPPED
