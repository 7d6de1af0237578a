"""``waterspout dead-letters``: whose letters, what is shown, what is changed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from waterspout.supervisor import dead_letter_commands as commands
from waterspout.supervisor.dead_letter_commands import NoLetters, open_store
from waterspout.supervisor.run_folder import RunInfo
from waterspout.supervisor.state_folder import STORE_FILE, state_folder
from waterspout.supervisor.store_sqlite import SqliteStore
from waterspout.topology.errors import UserError

RECORD = {
    "task": 1, "component": "lines", "partition": "/a/long/path/of/a/file/of/somebody.log",
    "start": 7, "end": 8, "stream": "default", "attempts": 5, "values": ["\x1b[31mred"],
    "reason": "ValueError: \x1b bad", "traceback": "Traceback\n  line 1\x1b\nValueError",
}  # fmt: skip


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[RunInfo]:
    """Give each test a state home; return the runs that go on."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    running: list[RunInfo] = []
    monkeypatch.setattr(commands, "find_runs", lambda: running)
    return running


def store_with(letters: int, name: str = "words") -> SqliteStore:
    """Return the store of a topology that gave up on some messages."""
    store = SqliteStore(state_folder(name) / STORE_FILE)
    store.add_dead_letters({**RECORD, "start": start} for start in range(letters))
    return store


def test_the_only_topology_needs_no_name() -> None:
    store_with(2)
    assert open_store(None, None).dead_letter_count() == 2


def test_ids_are_shown_on_a_narrow_terminal_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    commands.list_letters(store_with(12), 0, 100, as_json=False)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == [
        str(id) for id in range(1, 13)
    ]


def test_of_several_the_only_one_with_letters_is_meant() -> None:
    store_with(0, "logs")
    store_with(0, "tides")
    with pytest.raises(NoLetters, match=r"no dead letters of any topology \(logs, tides\)"):
        open_store(None, None)
    store_with(1, "words")
    assert open_store(None, None).dead_letter_count() == 1
    store_with(3, "more")
    with pytest.raises(UserError, match=r"say which with --topology \(more, words\)"):
        open_store(None, None)
    assert open_store("more", None).dead_letter_count() == 3


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match="no topology has run yet"):
        open_store(None, None)
    store_with(1)
    with pytest.raises(UserError, match="did you mean 'words'"):
        open_store("wrods", None)
    with pytest.raises(UserError, match="there is no state of a topology in /nowhere"):
        open_store(None, Path("/nowhere"))
    assert not Path("/nowhere").exists()


def test_a_run_that_goes_on_is_found_by_its_state_folder(
    tmp_path: Path, own_home: list[RunInfo]
) -> None:
    store = SqliteStore(tmp_path / "elsewhere" / STORE_FILE)
    store.add_dead_letters([RECORD])
    own_home.append(RunInfo("far", 1, "ipc://x", 0.0, str(tmp_path / "elsewhere")))
    assert open_store("far", None).dead_letter_count() == 1


def test_the_list_shows_position_and_reason(capsys: pytest.CaptureFixture[str]) -> None:
    commands.list_letters(store_with(2), 0, 100, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["id", "time", "component"]
    assert "somebody.log:0" in lines[1]
    assert "ValueError: \\x1b bad" in lines[1]


def test_a_long_list_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    commands.list_letters(store_with(3), 0, 2, as_json=False)
    assert "--after 2" in capsys.readouterr().err
    commands.list_letters(store_with(0, "none"), 0, 2, as_json=False)
    assert capsys.readouterr().err == "no dead letters\n"


def test_json_lists_one_letter_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    commands.list_letters(store_with(2), 0, 100, as_json=True)
    letters = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(letter["id"], letter["status"], letter["start"]) for letter in letters] == [
        (1, "kept", 0),
        (2, "kept", 1),
    ]


def test_show_prints_values_and_traceback_and_nothing_that_harms_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    commands.show_letter(store_with(1), 1, as_json=False)
    said = capsys.readouterr().out
    assert "\\x1b[31mred" in said
    assert said.endswith("Traceback\n  line 1\\x1b\nValueError\n")
    assert "\x1b" not in said
    with pytest.raises(UserError, match="there is no dead letter 9"):
        commands.show_letter(store_with(1), 9, as_json=False)


def test_replay_and_drop_do_what_they_say(capsys: pytest.CaptureFixture[str]) -> None:
    store = store_with(3)
    commands.replay_letters(store, [1])
    assert [letter.id for letter in store.replays()] == [1]
    commands.drop_letters(store, [1, 2])
    assert store.dead_letter_count() == 1
    commands.drop_letters(store, None)
    assert store.dead_letter_count() == 0
    assert "1 dead letter to be tried again" in capsys.readouterr().out


def test_a_slip_in_one_id_changes_nothing() -> None:
    store = store_with(2)
    for change in (commands.replay_letters, commands.drop_letters):
        with pytest.raises(UserError, match="no dead letter 7; nothing was done"):
            change(store, [1, 7])
    assert store.dead_letter_count() == 2
    assert store.replays() == []


def test_of_two_runs_with_one_name_it_is_said_which(
    own_home: list[RunInfo], tmp_path: Path
) -> None:
    for folder in ("a", "b"):
        store = SqliteStore(tmp_path / folder / STORE_FILE)
        store.add_dead_letters([RECORD])
        own_home.append(RunInfo("words", 1, "ipc://x", 0.0, str(tmp_path / folder)))
    text = f"2 runs are named 'words': say which with --state-dir ({tmp_path}/a, {tmp_path}/b)"
    with pytest.raises(UserError, match=re.escape(text)):
        open_store("words", None)
    assert open_store(None, tmp_path / "b").dead_letter_count() == 1
