"""How a run begins: where the last one stopped, or anew; and that no dead letter is lost by it."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from waterspout.supervisor.state_folder import (
    STORE_FILE,
    how_to_begin,
    known_topologies,
    make_folder,
    state_folder,
    states_folder,
)
from waterspout.supervisor.store_sqlite import SqliteStore
from waterspout.topology.errors import UserError

LETTER = {"task": 1, "partition": "a", "start": 7, "end": 8, "component": "lines", "values": [1]}


def store_of_a_run(folder: Path, *, finished: bool, letters: int = 0) -> SqliteStore:
    """Return the store that a run left."""
    store = SqliteStore(folder / STORE_FILE)
    epoch = store.next_epoch()
    store.commit_round(1, epoch, {1: {"a": [9, []]}}, [])
    store.add_dead_letters({**LETTER, "start": start} for start in range(letters))
    if finished:
        store.mark_finished()
    return store


def test_the_state_home_is_honoured_when_it_is_absolute() -> None:
    assert states_folder({"XDG_STATE_HOME": "/s"}) == Path("/s/waterspout")
    assert state_folder("words", {"XDG_STATE_HOME": "/s"}) == Path("/s/waterspout/words")
    home = Path("~/.local/state/waterspout").expanduser()
    assert states_folder({"XDG_STATE_HOME": "here"}) == states_folder({}) == home


def test_topologies_with_state_are_known(tmp_path: Path) -> None:
    env = {"XDG_STATE_HOME": str(tmp_path)}
    assert known_topologies(env) == []
    for name in ("b", "a"):
        store_of_a_run(state_folder(name, env), finished=True)
    (tmp_path / "waterspout" / "empty").mkdir()
    assert known_topologies(env) == ["a", "b"]


def test_without_state_a_run_simply_begins_and_makes_nothing(tmp_path: Path) -> None:
    begins = how_to_begin(tmp_path / "new", fresh=True)
    assert (begins.fresh, begins.text, begins.resumed) == (False, "begins", False)
    assert not (tmp_path / "new").exists()


def test_an_interrupted_run_is_taken_up_again(tmp_path: Path) -> None:
    store_of_a_run(tmp_path, finished=False)
    begins = how_to_begin(tmp_path, fresh=False)
    assert not begins.fresh
    assert begins.resumed
    assert begins.text.startswith("goes on where the last run stopped")


def test_after_a_run_that_came_to_its_end_it_begins_anew(tmp_path: Path) -> None:
    store_of_a_run(tmp_path, finished=True)
    begins = how_to_begin(tmp_path, fresh=False)
    assert begins.fresh
    assert begins.text == "begins anew, as the last run came to its end"


def test_dead_letters_that_wait_for_another_try_are_taken_up(tmp_path: Path) -> None:
    store_of_a_run(tmp_path, finished=True, letters=3).mark_replay([1, 2])
    begins = how_to_begin(tmp_path, fresh=False)
    assert not begins.fresh
    assert begins.text == "goes on; dead letters are tried again: 2"


def test_beginning_anew_saves_the_dead_letters_for_their_owner_alone(tmp_path: Path) -> None:
    store_of_a_run(tmp_path, finished=False, letters=3)
    begins = how_to_begin(tmp_path, fresh=True)
    assert begins.fresh
    saved = tmp_path / "dead-letters-1.jsonl"
    assert begins.text == f"begins anew (--fresh); its dead letters (3) are in {saved}"
    letters = [json.loads(line) for line in saved.read_text().splitlines()]
    assert [letter["start"] for letter in letters] == [0, 1, 2]
    assert saved.stat().st_mode & 0o777 == 0o600


def test_a_folder_is_made_for_its_owner_alone_and_left_as_it_was_when_it_is_there(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "a" / "b"
    make_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (folder / ".kept").write_text("x")
    make_folder(folder)
    assert [each.name for each in folder.iterdir()] == [".kept"]


def test_a_folder_with_files_of_the_user_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    for name in ("plan.json", "logs", "snapshots", "d"):
        (tmp_path / name).mkdir()
    with pytest.raises(UserError) as refused:
        make_folder(tmp_path)
    assert str(refused.value) == (
        f"state folder {tmp_path}: there are other files (d, logs, plan.json and 1 more) and no "
        "state of a run; choose an empty folder with --state-dir, or one that is not there yet"
    )


def test_what_a_run_left_or_nobody_sees_is_no_file_of_the_user(tmp_path: Path) -> None:
    for name in ("snapshots", "lost+found"):
        (tmp_path / name).mkdir()
    for name in ("snapshots/remote.url", "store.sqlite.lock", ".gitkeep"):
        (tmp_path / name).write_text("")
    make_folder(tmp_path)
    (tmp_path / "notes.txt").write_text("")
    store_of_a_run(tmp_path, finished=True).close()
    make_folder(tmp_path)


def test_a_folder_that_cannot_be_written_into_is_refused(tmp_path: Path) -> None:
    # Nobody can make files there, not even root.
    with pytest.raises(UserError, match=r"^state folder /proc/self: .*; --state-dir chooses"):
        make_folder(Path("/proc/self"))
