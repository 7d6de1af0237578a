"""What the coordinator of a cluster must not forget, as an interface and as one SQLite file.

Hosts, topologies and the newest incarnation of each worker with its host, a term that rises
with every coordinator, and a bounded history of events. What belongs to one topology (epochs,
rounds, positions, dead letters) is in a store of its own (store.py).

A worker's incarnation is durable here before any host hears of it: a coordinator that comes
back knows every process that it may have had started.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, fields
from pathlib import Path
from typing import IO, Any

import msgpack

from ..store import StateInUse, StoreError
from .cluster_rows import EventRow, HostRow, TopologyRow, WorkerRow

#: Raised when the tables change; a store of another format is refused, never converted silently.
FORMAT = 1
#: Events kept; older ones are forgotten.
EVENTS_MAX = 10_000
#: Events above this are cut back at once, so that not every event has to.
EVENTS_SLACK = 100
#: How long a writer waits for another process's transaction.
BUSY_TIMEOUT_MS = 5000


class ClusterStore(ABC):
    """The memory of a cluster's coordinator. Used from one thread.

    What changes something returns only when the change is durable.

    Raises:
        StoreError: from any method, when it could not be done.
    """

    @abstractmethod
    def next_term(self) -> int:
        """Raise the term by one and return it; it was never returned before, by any process."""

    @abstractmethod
    def hosts(self) -> list[HostRow]:
        """Return all hosts, by name."""

    @abstractmethod
    def put_host(self, row: HostRow) -> None:
        """Keep a host; one of that name is replaced."""

    @abstractmethod
    def drop_host(self, name: str) -> None:
        """Forget a host."""

    @abstractmethod
    def topologies(self) -> list[TopologyRow]:
        """Return all topologies, in the order in which they were submitted first."""

    @abstractmethod
    def put_topology(self, row: TopologyRow) -> None:
        """Keep a topology; one of that id is replaced."""

    @abstractmethod
    def drop_topology(self, id: str) -> None:
        """Forget a topology and its workers."""

    @abstractmethod
    def workers(self) -> list[WorkerRow]:
        """Return the placed workers of all topologies."""

    @abstractmethod
    def set_worker(self, id: str, worker: int, incarnation: int, host: str) -> None:
        """Keep where a new incarnation is placed; called before any host hears of it."""

    @abstractmethod
    def drop_worker(self, id: str, worker: int | None = None) -> None:
        """Forget a worker whose exit was seen; None: all of a topology."""

    @abstractmethod
    def add_event(self, topology: str, host: str, name: str, fields: Mapping[str, Any]) -> None:
        """Add to the history; the oldest beyond EVENTS_MAX go."""

    @abstractmethod
    def events(
        self, *, after: int = 0, limit: int = 100, topology: str | None = None
    ) -> list[EventRow]:
        """Return events with ids above ``after``, oldest first; without it the newest ones."""

    @abstractmethod
    def close(self) -> None:
        """Release the store."""


_TABLES = (
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS hosts (name TEXT PRIMARY KEY, machine TEXT, address TEXT,"
    " slots INTEGER, labels BLOB, draining INTEGER, seen_wall REAL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS topologies (number INTEGER PRIMARY KEY, id TEXT UNIQUE,"
    " name TEXT, state TEXT, wire BLOB, code TEXT, sub TEXT, requirements TEXT,"
    " generation INTEGER, previous BLOB, submitted_at REAL, outcome TEXT, reason TEXT,"
    " paused INTEGER, totals BLOB)",
    # The incarnation is text: SQLite has no unsigned 64 bits.
    "CREATE TABLE IF NOT EXISTS workers (id TEXT, worker INTEGER, incarnation TEXT, host TEXT,"
    " PRIMARY KEY (id, worker)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL,"
    " topology TEXT, host TEXT, name TEXT, fields BLOB)",
    "CREATE INDEX IF NOT EXISTS event_topology ON events (topology, id)",
)
_TOPOLOGY = [field.name for field in fields(TopologyRow)]

__all__ = [
    "ClusterStore", "EventRow", "HostRow", "SqliteClusterStore", "TopologyRow", "WorkerRow",
]  # fmt: skip


class SqliteClusterStore(ClusterStore):
    """A store in the file ``path``, made when it is not there; readable by its owner only.

    Args:
        path: the database file.
        owner: this process coordinates the cluster; refused when another one does.
        wall: wall clock for the time stamps of events.

    Raises:
        StateInUse: ``owner`` and another process owns the store.
        StoreError: the file cannot be opened, is no store, or is of another format.
    """

    def __init__(
        self, path: Path | str, *, owner: bool = False, wall: Callable[[], float] = time.time
    ) -> None:
        self._path, self._wall = Path(path), wall
        with self._errors():
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _own(self._path) if owner else None
        try:
            with self._errors():
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
                self._db = self._connect()
                self._db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = FULL")
            self._prepare()
        except BaseException:
            self._unlock()
            raise

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, isolation_level=None)

    def _prepare(self) -> None:
        with self._change():
            for statement in _TABLES:
                self._db.execute(statement)
            found = self._meta("format", FORMAT)
            if found != FORMAT:
                raise StoreError(f"{self._path}: format {found}, this version reads {FORMAT}")
            self._set("format", FORMAT)

    # Plumbing.

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"cluster store {self._path}: {error}") from error

    @contextmanager
    def _change(self) -> Iterator[None]:
        """One transaction: all of it is durable when the block is left, or none of it is."""
        with self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _rows(self, statement: str, *values: Any) -> list[Any]:
        with self._errors():
            return self._db.execute(statement, values).fetchall()

    def _do(self, statement: str, *values: Any) -> None:
        with self._change():
            self._db.execute(statement, values)

    def _meta(self, name: str, default: Any) -> Any:
        rows = self._rows("SELECT value FROM meta WHERE name = ?", name)
        return rows[0][0] if rows else default

    def _set(self, name: str, value: Any) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    # The contract.

    def next_term(self) -> int:
        with self._change():
            term = int(self._meta("term", 0)) + 1
            self._set("term", term)
        return term

    def hosts(self) -> list[HostRow]:
        rows = self._rows("SELECT * FROM hosts ORDER BY name")
        return [
            HostRow(name, machine, address, slots, msgpack.unpackb(labels), bool(draining), seen)
            for name, machine, address, slots, labels, draining, seen in rows
        ]

    def put_host(self, row: HostRow) -> None:
        labels = msgpack.packb(dict(row.labels))
        values = (row.name, row.machine, row.address, row.slots, labels, row.draining)
        marks = "?, ?, ?, ?, ?, ?, ?"
        self._do(f"INSERT OR REPLACE INTO hosts VALUES ({marks})", *values, row.seen_wall)

    def drop_host(self, name: str) -> None:
        self._do("DELETE FROM hosts WHERE name = ?", name)

    def topologies(self) -> list[TopologyRow]:
        rows = self._rows(f"SELECT {', '.join(_TOPOLOGY)} FROM topologies ORDER BY number")
        return [_topology(dict(zip(_TOPOLOGY, row, strict=True))) for row in rows]

    def put_topology(self, row: TopologyRow) -> None:
        marks = ", ".join("?" * len(_TOPOLOGY))
        update = ", ".join(f"{name} = excluded.{name}" for name in _TOPOLOGY)
        self._do(
            f"INSERT INTO topologies ({', '.join(_TOPOLOGY)}) VALUES ({marks})"
            f" ON CONFLICT (id) DO UPDATE SET {update}",
            *astuple(row),
        )

    def drop_topology(self, id: str) -> None:
        with self._change():
            self._db.execute("DELETE FROM workers WHERE id = ?", (id,))
            self._db.execute("DELETE FROM topologies WHERE id = ?", (id,))

    def workers(self) -> list[WorkerRow]:
        rows = self._rows("SELECT id, worker, incarnation, host FROM workers ORDER BY id, worker")
        return [WorkerRow(id, worker, int(drawn), host) for id, worker, drawn, host in rows]

    def set_worker(self, id: str, worker: int, incarnation: int, host: str) -> None:
        self._do(
            "INSERT OR REPLACE INTO workers VALUES (?, ?, ?, ?)", id, worker, str(incarnation), host
        )

    def drop_worker(self, id: str, worker: int | None = None) -> None:
        if worker is None:
            self._do("DELETE FROM workers WHERE id = ?", id)
        else:
            self._do("DELETE FROM workers WHERE id = ? AND worker = ?", id, worker)

    def add_event(self, topology: str, host: str, name: str, fields: Mapping[str, Any]) -> None:
        with self._change():
            added = self._db.execute(
                "INSERT INTO events (at, topology, host, name, fields) VALUES (?, ?, ?, ?, ?)",
                (self._wall(), topology, host, name, msgpack.packb(dict(fields))),
            )
            newest = added.lastrowid or 0
            if newest % EVENTS_SLACK == 0:
                self._db.execute("DELETE FROM events WHERE id <= ?", (newest - EVENTS_MAX,))

    def events(
        self, *, after: int = 0, limit: int = 100, topology: str | None = None
    ) -> list[EventRow]:
        where = "id > ?"
        values: list[Any] = [after]
        if topology is not None:
            where += " AND topology = ?"
            values.append(topology)
        order = "ASC" if after else "DESC"
        rows = self._rows(
            f"SELECT id, at, topology, host, name, fields FROM events WHERE {where}"
            f" ORDER BY id {order} LIMIT ?",
            *values,
            limit,
        )
        found = [
            EventRow(id, at, topology, host, name, msgpack.unpackb(packed))
            for id, at, topology, host, name, packed in rows
        ]
        return found if after else found[::-1]

    def close(self) -> None:
        self._db.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()


def _topology(values: dict[str, Any]) -> TopologyRow:
    return TopologyRow(**{**values, "paused": bool(values["paused"])})


def _own(path: Path) -> IO[str]:
    """Lock ``path`` for this process; the lock ends with the process, however it ends."""
    try:
        lock = open(path.with_name(path.name + ".lock"), "a+")  # noqa: SIM115
    except OSError as error:
        raise StoreError(f"cluster store {path}: {error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        pid = lock.read().strip() or "unknown"
        lock.close()
        raise StateInUse(f"another coordinator (pid {pid}) uses {path.parent}") from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock
