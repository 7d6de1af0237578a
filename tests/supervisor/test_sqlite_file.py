"""A store's file: one owner, formats that grow, damage that is told, nothing half done."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest
from waterspout.supervisor import sqlite_file
from waterspout.supervisor.sqlite_file import SqliteFile
from waterspout.supervisor.store import StateInUse, StoreError

FIRST = ("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)",)
SECOND = ("ALTER TABLE things ADD COLUMN age INTEGER DEFAULT 7", "CREATE TABLE more (x)")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "x.sqlite"


def opened(path: Path, *formats: tuple[str, ...], owner: str = "") -> SqliteFile:
    return SqliteFile(path, what="test store", formats=formats or (FIRST,), owner=owner)


def test_a_change_is_there_in_whole_or_not_at_all(path: Path):
    file = opened(path)
    file.do("INSERT INTO things VALUES (1, 'a')")
    with pytest.raises(ZeroDivisionError), file.change():
        file.db.execute("INSERT INTO things VALUES (2, 'b')")
        raise ZeroDivisionError
    file.close()
    again = opened(path)
    assert again.rows("SELECT * FROM things WHERE id < ?", 9) == [(1, "a")]
    again.close()


def test_a_file_of_an_older_format_is_brought_up_and_keeps_its_rows(path: Path):
    file = opened(path, FIRST)
    file.do("INSERT INTO things VALUES (1, 'a')")
    file.close()
    for _ in range(2):
        newer = opened(path, FIRST, SECOND)
        assert newer.rows("SELECT * FROM things") == [(1, "a", 7)]
        assert newer.meta("format", 0) == 2
        newer.close()


def test_a_step_to_another_format_that_fails_leaves_the_old_one(path: Path):
    opened(path, FIRST).close()
    with pytest.raises(StoreError, match="syntax error"):
        opened(path, FIRST, (*SECOND, "NONSENSE"))
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT value FROM meta").fetchall() == [(1,)]
        assert db.execute("SELECT name FROM sqlite_master WHERE name = 'more'").fetchall() == []
    db.close()


def test_a_file_of_a_later_format_is_refused_and_not_changed(path: Path):
    opened(path, FIRST, SECOND).close()
    with pytest.raises(StoreError, match=r"test store .*: format 2, this version reads 1$"):
        opened(path, FIRST)
    opened(path, FIRST, SECOND).close()


def test_a_file_of_the_right_format_is_opened_without_a_write(path: Path):
    opened(path).close()
    writer = opened(path)
    with writer.change():
        reader = opened(path)
        assert reader.rows("SELECT * FROM things") == []
        reader.close()
    writer.close()


def test_a_second_owner_is_refused_and_told_who_has_it(path: Path):
    first = opened(path, owner="coordinator")
    pid = os.getpid()
    for owner, option in (("coordinator", "--data"), ("run", "--state-dir")):
        with pytest.raises(StateInUse) as refused:
            opened(path, owner=owner)
        assert str(refused.value) == (
            f"another {owner} (pid {pid}) uses {path.parent}: wait for its end or stop it "
            f"(kill {pid}), or give this one a folder of its own: {option} DIR"
        )
    opened(path).close()
    first.close()
    opened(path, owner="coordinator").close()


def test_an_owner_that_could_not_open_it_owns_nothing(path: Path):
    opened(path, FIRST, SECOND).close()
    for _ in range(2):
        with pytest.raises(StoreError, match="format 2"):
            opened(path, FIRST, owner="run")
    opened(path, FIRST, SECOND, owner="run").close()


def test_a_damaged_file_is_told_to_its_owner_at_the_start(path: Path):
    file = opened(path)
    with file.change():
        rows = [(n, "x" * 500) for n in range(200)]
        file.db.executemany("INSERT INTO things VALUES (?, ?)", rows)
    file.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.close()
    whole = bytearray(path.read_bytes())
    whole[5 * 4096 : 6 * 4096] = b"\x55" * 4096
    path.write_bytes(whole)
    with pytest.raises(StoreError, match=r"^test store .*x\.sqlite is damaged: ") as caught:
        opened(path, owner="run")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_something_else_is_refused(path: Path):
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match=r"test store .*x\.sqlite: file is not a database"):
        opened(path)


def test_file_and_folder_are_readable_by_their_owner_only(path: Path):
    file = opened(path)
    file.do("INSERT INTO things VALUES (1, 'a')")
    assert path.parent.stat().st_mode & 0o77 == 0
    for found in path.parent.iterdir():
        assert stat.S_IMODE(found.stat().st_mode) == 0o600, found
    file.close()


def test_a_file_system_without_wal_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sqlite_file, "connect", lambda path: sqlite3.connect(":memory:"))
    with pytest.raises(StoreError, match="its file system allows no WAL"):
        opened(path)
