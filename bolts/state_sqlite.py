"""The backend for keyed state larger than memory: a SQLite file behind a cache, written late.

The file is a place to put state, not what survives: that are the snapshots. So it is never
synced, is made anew when a task starts, and is filled from its snapshot then.

    put -> unwritten (oldest first, at most UNWRITTEN_MAX) -> file + cache (FIFO) -> file
    get <- unwritten, else cache, else file

A row knows in which generation it was last written; a cut raises the generation and opens a
second connection, whose read transaction sees the file as it is at that moment for as long as
the snapshot is being written (SQLite's write-ahead log). What is not in the file yet at the cut
is in a copy of that, which is small. Nothing is flushed for a cut.

    CREATE TABLE state (map INTEGER, key BLOB, value BLOB, generation INTEGER,
                        PRIMARY KEY (map, key)) WITHOUT ROWID      value NULL: it was dropped
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path

from waterspout.topology.errors import StateError

from .state_map import StateMap
from .state_sqlite_map import SqliteMap

#: Memory for what was read or written of one task's state, unless ``cache`` says otherwise.
CACHE_BYTES = 64 * 1024 * 1024
#: Sizes of pages, and that for rows that fit in none of them.
PAGES, PAGE_OF_LARGE = (2048, 4096, 8192, 16384), 8192
#: The log of writes goes into the file when it has grown so big.
LOG_BYTES = 16 * 1024 * 1024

_TABLE = (
    "CREATE TABLE state (map INTEGER, key BLOB, value BLOB, generation INTEGER,"
    " PRIMARY KEY (map, key)) WITHOUT ROWID"
)


class SqliteBackend:
    """Makes maps in one file, that of a task.

    Args:
        path: the file, which is made anew; None: one in a folder of its own.
        cache_bytes: memory for entries and pages, shared by the maps.
    """

    def __init__(self, path: Path | None = None, cache_bytes: int = CACHE_BYTES) -> None:
        self._cache_bytes = cache_bytes
        self._maps: list[SqliteMap] = []
        #: Writes go to a log first: from the first reader on. What is restored does not.
        self._logs = False
        self._fitted = False
        try:
            with ExitStack() as made:
                if path is None:
                    folder = tempfile.mkdtemp(prefix="waterspout-state-")
                    made.callback(shutil.rmtree, folder, ignore_errors=True)
                    path = Path(folder, "state.sqlite")
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _remove(path)
                made.callback(_remove, path)
                self._path = path
                self.file = self._connect()
                made.callback(self.file.close)
                path.chmod(0o600)
                self._set_up(cache_bytes // 4)
                #: Undoes all that; where some of it fails, the rest was undone.
                self._made = made.pop_all()
        except (OSError, sqlite3.Error) as error:
            raise StateError(f"state in {path or 'a temporary folder'}: {error}") from error

    def _set_up(self, cached_bytes: int) -> None:
        for pragma in (
            f"page_size = {PAGES[0]}", "journal_mode = MEMORY", "synchronous = OFF",
            "temp_store = MEMORY", f"cache_size = -{max(cached_bytes // 1024, 1000)}",
            f"wal_autocheckpoint = {LOG_BYTES // PAGES[0]}",
        ):  # fmt: skip
            self.file.execute(f"PRAGMA {pragma}")
        self.file.execute(_TABLE)

    def fit(self, row_bytes: int) -> None:
        """Choose the size of pages by that of rows; called with the first ones that are written.

        What is written of a page in which one row changed is the whole page, but a row that does
        not fit takes a page more: updates and reads of 1,000 bytes took twice as long then.
        """
        if self._fitted or self._logs:
            return
        self._fitted = True
        page = page_bytes(row_bytes)
        if page != PAGES[0]:
            for text in (
                f"PRAGMA page_size = {page}", "VACUUM",
                f"PRAGMA wal_autocheckpoint = {LOG_BYTES // page}",
            ):  # fmt: skip
                self.file.execute(text)

    def reader(self) -> sqlite3.Connection:
        """Return a connection that sees the file as it is now, whatever is written later."""
        if not self._logs:
            self._logs = True
            self.file.execute("PRAGMA journal_mode = WAL")
        reader = self._connect()
        # A transaction begins with its first look at the file.
        reader.execute("BEGIN")
        reader.execute("SELECT 1 FROM state LIMIT 1").fetchone()
        return reader

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)

    def map(self, component: str, name: str) -> StateMap:
        """Return a new, empty map."""
        made = SqliteMap(self, len(self._maps), component, name)
        self._maps.append(made)
        return made

    @property
    def cache_bytes(self) -> int:
        """Memory for the entries of one map."""
        return self._cache_bytes * 3 // 4 // max(len(self._maps), 1)

    def close(self) -> None:
        """Close and remove the file. Called when the task ends."""
        self._made.close()


def page_bytes(row_bytes: int) -> int:
    """Return the smallest page in which rows of about so many bytes fit."""
    for page in PAGES:
        # What SQLite keeps of a row of such a table in its page (file format, 1.6).
        if row_bytes * 5 // 4 <= (page - 12) * 64 // 255 - 23:
            return page
    return PAGE_OF_LARGE


def _remove(path: Path) -> None:
    for end in ("", "-wal", "-shm"):
        with suppress(OSError):
            Path(f"{path}{end}").unlink()
