"""What only the file store can do: survive a kill at any write, and keep others out."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor import store_sqlite
from waterspout.supervisor.sqlite_file import SqliteFile
from waterspout.supervisor.store import Part, StateInUse, StoreError
from waterspout.supervisor.store_sqlite import SqliteStore


class Watched:
    """A database connection that copies the files, as a kill would leave them, at every step."""

    def __init__(self, db: sqlite3.Connection, copy: Any) -> None:
        self._db, self._copy = db, copy

    def execute(self, *args: Any) -> Any:
        self._copy()
        try:
            return self._db.execute(*args)
        finally:
            self._copy()

    def executemany(self, *args: Any) -> Any:
        self._copy()
        return self._db.executemany(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


def watch(
    store: SqliteStore, folder: Path, copies: list[tuple[Path, int]], seen: list[int]
) -> None:
    """Copy the store at every step, with the newest number that was given out by then."""

    def copy() -> None:
        target = folder / f"copy{len(copies)}"
        target.mkdir()
        for path in folder.glob("store.sqlite*"):
            shutil.copy(path, target)
        copies.append((target, seen[-1]))

    store._file.db = Watched(store._file.db, copy)  # type: ignore[assignment]


def test_an_epoch_that_was_given_out_is_never_given_out_again(tmp_path: Path):
    store = SqliteStore(tmp_path / "store.sqlite")
    copies: list[tuple[Path, int]] = []
    given = [0]
    watch(store, tmp_path, copies, given)
    for _ in range(4):
        given.append(store.next_epoch())
    assert len(copies) > 20
    for folder, newest in copies:
        assert SqliteStore(folder / "store.sqlite").next_epoch() > newest


def test_a_number_of_a_round_that_was_given_out_is_never_given_out_again(tmp_path: Path):
    store = SqliteStore(tmp_path / "store.sqlite")
    copies: list[tuple[Path, int]] = []
    given = [0]
    watch(store, tmp_path, copies, given)
    for _ in range(3):
        given.append(store.next_rounds(10) + 9)
    for folder, newest in copies:
        assert SqliteStore(folder / "store.sqlite").next_rounds(1) > newest


def test_a_round_is_there_in_whole_or_not_at_all(tmp_path: Path):
    store = SqliteStore(tmp_path / "store.sqlite")
    epoch = store.next_epoch()
    copies: list[tuple[Path, int]] = []
    committed = [0]
    watch(store, tmp_path, copies, committed)
    for round in (1, 2):
        positions = {1: {"a": [round * 10, []], "b": [round * 10, []]}}
        store.commit_round(round, epoch, positions, [Part(2, f"{round}", 1, "")])
        committed.append(round)
    for folder, newest in copies:
        copy = SqliteStore(folder / "store.sqlite")
        round = copy.last_round()
        assert round >= newest
        assert [p.file for p in copy.parts()] == ([str(round)] if round else [])
        expected = {1: {"a": [round * 10, []], "b": [round * 10, []]}} if round else {}
        assert copy.positions() == expected


def test_letters_and_older_rounds_change_with_the_round_or_not_at_all(tmp_path: Path):
    store = SqliteStore(tmp_path / "store.sqlite")
    epoch = store.next_epoch()
    store.add_dead_letters([{"task": 1, "values": [n]} for n in range(3)])
    copies: list[tuple[Path, int]] = []
    watch(store, tmp_path, copies, [0])
    for round in (1, 2, 3):
        parts = [Part(2, f"{round}", 1, "")]
        store.commit_round(round, epoch, {1: {"a": [round, []]}}, parts, [round], round == 3, 2)
    for folder, _ in copies:
        copy = SqliteStore(folder / "store.sqlite")
        round = copy.last_round()
        assert copy.dead_letter_count() == 3 - round
        assert copy.final() is (round == 3)
        assert copy.files() == {str(n) for n in (round - 1, round) if n > 0}
        if round > 1:
            assert copy.fall_back() == round - 1
            assert copy.positions() == {1: {"a": [round - 1, []]}}


def test_a_fall_back_is_whole_or_not_done_at_all(tmp_path: Path):
    store = SqliteStore(tmp_path / "store.sqlite")
    epoch = store.next_epoch()
    for round in (1, 2):
        parts = [Part(2, f"{round}", 1, "")]
        store.commit_round(round, epoch, {1: {"a": [round, []]}}, parts, (), False, 2)
    copies: list[tuple[Path, int]] = []
    watch(store, tmp_path, copies, [0])
    assert store.fall_back() == 1
    for folder, _ in copies:
        copy = SqliteStore(folder / "store.sqlite")
        round = copy.restore_round() or 0
        assert copy.positions() == {1: {"a": [round, []]}}
        assert [each.file for each in copy.parts()] == [str(round)]


def test_parts_of_a_store_of_the_first_format_are_taken_over(tmp_path: Path):
    path = tmp_path / "store.sqlite"
    old = SqliteFile(path, what="state store", formats=store_sqlite._FORMATS[:1])
    old.do("INSERT INTO parts VALUES (?, ?, ?, ?)", 3, "f", 7, "ab")
    old.close()
    assert SqliteStore(path).parts() == [Part(3, "f", 7, "ab")]


def test_everything_is_there_after_a_restart(tmp_path: Path):
    path = tmp_path / "state" / "store.sqlite"
    store = SqliteStore(path)
    store.commit_round(1, store.next_epoch(), {1: {"a": [5, [[7, 9]]]}}, [Part(2, "f", 3, "ab")])
    store.close()
    again = SqliteStore(path)
    assert again.positions() == {1: {"a": [5, [[7, 9]]]}}
    assert again.parts() == [Part(2, "f", 3, "ab")]


def test_a_second_owner_is_refused_and_told_who_has_it(tmp_path: Path):
    path = tmp_path / "store.sqlite"
    first = SqliteStore(path, owner=True)
    with pytest.raises(StateInUse, match=f"pid {os.getpid()}"):
        SqliteStore(path, owner=True)
    SqliteStore(path).close()
    first.close()
    SqliteStore(path, owner=True).close()


def test_a_reader_sees_and_marks_letters_while_a_run_goes_on(tmp_path: Path):
    run = SqliteStore(tmp_path / "store.sqlite", owner=True)
    run.add_dead_letters([{"task": 1, "values": ["x"]}])
    visitor = SqliteStore(tmp_path / "store.sqlite")
    assert visitor.mark_replay() == 1
    assert len(run.replays()) == 1


def test_only_the_owner_can_read_payloads(tmp_path: Path):
    store = SqliteStore(tmp_path / "store.sqlite")
    store.next_epoch()
    for path in tmp_path.glob("store.sqlite*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_file_that_is_no_store_is_refused(tmp_path: Path):
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match=r"store\.sqlite"):
        SqliteStore(path)


def test_a_full_disk_is_an_error_and_changes_nothing(tmp_path: Path):
    store = SqliteStore(tmp_path / "store.sqlite")
    (pages,) = store._file.db.execute("PRAGMA page_count").fetchone()
    store._file.db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="full"):
        store.add_dead_letters([{"task": 1, "values": ["x" * 100_000]}])
    assert store.dead_letter_count() == 0
    assert store.next_epoch() == 1
