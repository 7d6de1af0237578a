"""One SQLite file as the stores use it: owned by one process, durable, with a format that grows.

WAL with ``synchronous=FULL`` makes each COMMIT durable before it returns, and lets another
process read and mark rows meanwhile. An owner checks the file as a whole when it opens it: a
torn page is told at the start and not by a wrong answer later.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from waterspout.bolts.disk import fsync_folder

from .store import StateInUse, StoreError

#: How long a writer waits for another process's transaction.
BUSY_TIMEOUT_MS = 5000
#: Which option chooses another folder for a file, by what owns it.
_FOLDER_OPTIONS = {"run": "--state-dir", "coordinator": "--data"}
_META = "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID"


class SqliteFile:
    """A database in the file ``path``, made when it is not there; its owner alone can read it.

    Used from one thread at a time.

    Args:
        path: the database file; its folder is made, too (0700).
        what: what the file is, for errors: ``state store``.
        formats: the statements that lead from each format to the next; the first make an empty
            file format 1, and a file of format n gets those behind the n-th in one transaction.
            A list only ever grows at its end.
        owner: who this process is ("run", "coordinator") when no other may be it; "": anybody.

    Attributes:
        db: the connection, in autocommit mode; changes go through ``change``.

    Raises:
        StateInUse: another owner has the file.
        StoreError: it cannot be opened, is damaged, is no store, or is of a later format.
    """

    def __init__(
        self, path: Path, *, what: str, formats: Sequence[Sequence[str]], owner: str = ""
    ) -> None:
        self._path, self._what, self._formats = path, what, formats
        with self._errors():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _own(path, owner) if owner else None
        try:
            self.db = self._open()
            try:
                self._check(whole=bool(owner))
                self._convert()
            except BaseException:
                self.db.close()
                raise
        except BaseException:
            self._unlock()
            raise

    def _open(self) -> sqlite3.Connection:
        with self._errors():
            if not self._path.exists():
                _make(self._path)
            db = connect(self._path)
            db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            return db

    def _check(self, *, whole: bool) -> None:
        with self._errors():
            (mode,) = self.db.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                raise StoreError(f"{self._what} {self._path}: its file system allows no WAL")
            self.db.execute("PRAGMA synchronous = FULL")
            if whole:
                (found,) = self.db.execute("PRAGMA quick_check(1)").fetchone()
                if found != "ok":
                    found = " ".join(found.split())
                    raise StoreError(f"{self._what} {self._path} is damaged: {found}")

    def _convert(self) -> None:
        if self._format() == len(self._formats):
            return
        with self.change():
            self.db.execute(_META)
            found = self.meta("format", 0)
            if not 0 <= found <= len(self._formats):
                reads = f"format {found}, this version reads {len(self._formats)}"
                raise StoreError(f"{self._what} {self._path}: {reads}")
            for statement in (s for step in self._formats[found:] for s in step):
                self.db.execute(statement)
            self.set_meta("format", len(self._formats))

    def _format(self) -> int:
        tables = self.rows("SELECT name FROM sqlite_master WHERE name = 'meta'")
        return int(self.meta("format", 0)) if tables else 0

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{self._what} {self._path}: {error}") from error

    @contextmanager
    def change(self) -> Iterator[None]:
        """One transaction: all of it is durable when the block is left, or none of it is."""
        with self._errors():
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """Return what a query finds."""
        with self._errors():
            return self.db.execute(statement, values).fetchall()

    def do(self, statement: str, *values: Any) -> None:
        """Make one change, as a transaction of its own."""
        with self.change():
            self.db.execute(statement, values)

    def meta(self, name: str, default: Any) -> Any:
        """Return a value of the table ``meta``."""
        rows = self.rows("SELECT value FROM meta WHERE name = ?", name)
        return rows[0][0] if rows else default

    def set_meta(self, name: str, value: Any) -> None:
        """Set a value of the table ``meta``; called within a change."""
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def close(self) -> None:
        """Close the file, and let another process own it."""
        self.db.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection in autocommit mode, for any thread."""
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False)


def _make(path: Path) -> None:
    """Make the file, its name durable: a power cut may not take it after the first commit."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    fsync_folder(path.parent)


def _own(path: Path, owner: str) -> IO[str]:
    """Lock ``path`` for this process; the lock ends with the process, however it ends."""
    lock = open(path.with_name(path.name + ".lock"), "a+")  # noqa: SIM115
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        pid = lock.read().strip() or "unknown"
        lock.close()
        raise StateInUse(
            f"another {owner} (pid {pid}) uses {path.parent}: wait for its end or stop it "
            f"(kill {pid}), or give this one a folder of its own: {_FOLDER_OPTIONS[owner]} DIR"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock
