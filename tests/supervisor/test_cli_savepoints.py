"""The command line of savepoints: what is asked for is what is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from waterspout.supervisor import run_command, savepoint_command
from waterspout.supervisor.cli import main
from waterspout.supervisor.exit_codes import ExitCode
from waterspout.supervisor.store_sqlite import SqliteStore


def test_savepoint_takes_a_folder_and_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    called: dict[str, Any] = {}

    def take(name: str, send: Any, fetch: Any, **more: Any) -> ExitCode:
        called.update(more, name=name)
        return ExitCode.OK

    def of_run(*given: Any) -> tuple[None, None]:
        called["of_run"] = given
        return None, None

    monkeypatch.setattr(savepoint_command, "of_run", of_run)
    monkeypatch.setattr(savepoint_command, "take_savepoint", take)
    options = ["--out", "sp", "--wait", "5s", "--state-dir", "st"]
    result = CliRunner().invoke(main, ["savepoint", "words", *options])
    assert result.exit_code == 0, result.output
    assert called.pop("of_run") == ("words", Path("st"))
    assert called == {"name": "words", "out": Path("sp"), "wait_s": 5.0, "as_json": False}


def test_a_state_folder_is_of_a_run_on_this_machine() -> None:
    options = ["--state-dir", "st", "--coordinator", "a:7461", "--insecure"]
    result = CliRunner().invoke(main, ["savepoint", "words", *options])
    assert result.exit_code == int(ExitCode.USAGE), result.output
    assert "--state-dir is for runs on this machine" in result.output


def test_a_run_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(savepoint_command, "find_runs", lambda: [])
    result = CliRunner().invoke(main, ["savepoint", "words"])
    assert result.exit_code == int(ExitCode.REFUSED)
    assert "no topology 'words' is running on this machine" in result.output


def test_run_may_begin_from_a_savepoint(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(run_command, "run_file", lambda options: seen.append(options))
    CliRunner().invoke(main, ["run", "t.yaml", "--from", "sp", "--allow-dropped-state"])
    (options,) = seen
    assert (options.savepoint, options.allow_dropped) == (Path("sp"), True)


def test_a_folder_that_is_no_savepoint_is_one_line(tmp_path: Path) -> None:
    topology = tmp_path / "t.yaml"
    topology.write_text(
        "name: t\nspouts:\n  s: {class: Files, args: {paths: x}}\n"
        "bolts:\n  c: {class: Count, args: {field: line}, inputs: [s]}\n"
    )
    options = ["run", str(topology), "--from", str(tmp_path), "--state-dir", str(tmp_path / "st")]
    result = CliRunner().invoke(main, options)
    assert result.exit_code == int(ExitCode.REFUSED)
    assert "is no savepoint" in result.output


def test_a_run_that_could_be_gone_on_with_is_not_dropped_by_the_way(tmp_path: Path) -> None:
    topology, state = tmp_path / "t.yaml", tmp_path / "st"
    topology.write_text(
        "name: t\nspouts:\n  s: {class: Files, args: {paths: x}}\n"
        "bolts:\n  c: {class: Count, args: {field: line}, inputs: [s]}\n"
    )
    store = SqliteStore(state / "store.sqlite")
    store.commit_round(1, store.next_epoch(), {1: {"x": [5, []]}}, [])
    store.close()
    options = ["run", str(topology), "--from", str(tmp_path / "sp"), "--state-dir", str(state)]
    result = CliRunner().invoke(main, options)
    assert result.exit_code == int(ExitCode.REFUSED)
    assert "--fresh drops it" in result.output
