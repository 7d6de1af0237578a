"""SqliteBackend: what it makes for itself is gone when it ends, or when it could not begin."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import pytest
from waterspout.bolts import state_sqlite
from waterspout.bolts.state_sqlite import PAGE_OF_LARGE, PAGES, SqliteBackend, page_bytes
from waterspout.topology.errors import StateError


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that temporary ones are made in."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """The connections that were made."""
    made: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def noted(*args: Any, **more: Any) -> sqlite3.Connection:
        made.append(connect(*args, **more))
        return made[-1]

    monkeypatch.setattr(sqlite3, "connect", noted)
    return made


def is_closed(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return True
    return False


def test_its_own_folder_goes_when_it_is_closed(temporary: Path) -> None:
    backend = SqliteBackend()
    backend.map("count", "m")["k"] = 1
    (folder,) = temporary.iterdir()
    assert [file.name for file in folder.iterdir()] == ["state.sqlite"]
    backend.close()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("own_folder", [True, False])
def test_nothing_stays_of_one_that_could_not_be_set_up(
    temporary: Path,
    opened: list[sqlite3.Connection],
    monkeypatch: pytest.MonkeyPatch,
    own_folder: bool,
) -> None:
    monkeypatch.setattr(state_sqlite, "_TABLE", "CREATE TABLE")
    path = None if own_folder else temporary / "task-1.sqlite"
    with pytest.raises(StateError, match=r"state in .*\.sqlite: incomplete input"):
        SqliteBackend(path)
    assert list(temporary.iterdir()) == []
    assert list(map(is_closed, opened)) == [True]


def test_nothing_stays_of_one_whose_file_cannot_be_opened(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **more: Any) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(sqlite3, "connect", refuse)
    with pytest.raises(StateError, match="unable to open"):
        SqliteBackend()
    assert list(temporary.iterdir()) == []


def test_a_temporary_folder_that_cannot_be_made_is_an_error_of_state(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "gone"))
    with pytest.raises(StateError, match=r"state in a temporary folder: .*No such file"):
        SqliteBackend()


def test_a_file_of_before_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "below" / "task-1.sqlite"
    path.parent.mkdir()
    path.write_bytes(b"no database")
    backend = SqliteBackend(path)
    assert len(backend.map("count", "m")) == 0
    assert path.stat().st_mode & 0o777 == 0o600
    backend.close()
    assert list(path.parent.iterdir()) == []


def test_pages_are_as_small_as_a_row_fits_into() -> None:
    assert page_bytes(10) == PAGES[0]
    assert page_bytes(1000) > page_bytes(100)
    assert page_bytes(1 << 20) == PAGE_OF_LARGE
