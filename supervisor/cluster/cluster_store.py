"""What the coordinator of a cluster must not forget, as an interface and as one SQLite file.

Hosts, topologies and the newest incarnation of each worker with its host, a term that rises
with every coordinator, and a bounded history of events. What belongs to one topology (epochs,
rounds, positions, dead letters) is in a store of its own (store.py).

A worker's incarnation is durable here before any host hears of it: a coordinator that comes
back knows every process that it may have had started.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

import msgpack

from ..sqlite_file import SqliteFile
from .cluster_rows import EventRow, HostRow, TopologyRow, WorkerRow

#: Events kept; older ones are forgotten.
EVENTS_MAX = 10_000
#: Terms whose tokens are kept.
TERMS_MAX = 1000
#: Events above this are cut back at once, so that not every event has to.
EVENTS_SLACK = 100


class ClusterStore(ABC):
    """The memory of a cluster's coordinator. Used from one thread.

    What changes something returns only when the change is durable.

    Raises:
        StoreError: from any method, when it could not be done.
    """

    @abstractmethod
    def next_term(self, token: int) -> int:
        """Raise the term by one and return it; no process was returned it before from this store.

        Args:
            token: random, up to 63 bits: tells this term from that of the same number of another
                copy of the store.
        """

    @abstractmethod
    def tokens(self) -> dict[int, int]:
        """Return the tokens of the newest TERMS_MAX terms."""

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
    def set_totals(self, id: str, totals: bytes) -> None:
        """Keep the figures of a topology that is kept."""

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
#: What leads from each format of the file to the next; tables and columns are added at its end.
_FORMATS = (
    _TABLES,
    ("CREATE TABLE IF NOT EXISTS terms (term INTEGER PRIMARY KEY, token INTEGER)",),
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
        StoreError: the file cannot be opened, is damaged, is no store, or is of a later format.
    """

    def __init__(
        self, path: Path | str, *, owner: bool = False, wall: Callable[[], float] = time.time
    ) -> None:
        self._wall = wall
        who = "coordinator" if owner else ""
        self._file = SqliteFile(Path(path), what="cluster store", formats=_FORMATS, owner=who)

    # The contract.

    def next_term(self, token: int) -> int:
        with self._file.change():
            term = int(self._file.meta("term", 0)) + 1
            self._file.set_meta("term", term)
            self._file.db.execute("INSERT OR REPLACE INTO terms VALUES (?, ?)", (term, token))
            self._file.db.execute("DELETE FROM terms WHERE term <= ?", (term - TERMS_MAX,))
        return term

    def tokens(self) -> dict[int, int]:
        return dict(self._file.rows("SELECT term, token FROM terms"))

    def hosts(self) -> list[HostRow]:
        rows = self._file.rows("SELECT * FROM hosts ORDER BY name")
        return [
            HostRow(name, machine, address, slots, msgpack.unpackb(labels), bool(draining), seen)
            for name, machine, address, slots, labels, draining, seen in rows
        ]

    def put_host(self, row: HostRow) -> None:
        labels = msgpack.packb(dict(row.labels))
        values = (row.name, row.machine, row.address, row.slots, labels, row.draining)
        marks = "?, ?, ?, ?, ?, ?, ?"
        self._file.do(f"INSERT OR REPLACE INTO hosts VALUES ({marks})", *values, row.seen_wall)

    def drop_host(self, name: str) -> None:
        self._file.do("DELETE FROM hosts WHERE name = ?", name)

    def topologies(self) -> list[TopologyRow]:
        rows = self._file.rows(f"SELECT {', '.join(_TOPOLOGY)} FROM topologies ORDER BY number")
        return [_topology(dict(zip(_TOPOLOGY, row, strict=True))) for row in rows]

    def put_topology(self, row: TopologyRow) -> None:
        marks = ", ".join("?" * len(_TOPOLOGY))
        update = ", ".join(f"{name} = excluded.{name}" for name in _TOPOLOGY)
        self._file.do(
            f"INSERT INTO topologies ({', '.join(_TOPOLOGY)}) VALUES ({marks})"
            f" ON CONFLICT (id) DO UPDATE SET {update}",
            *astuple(row),
        )

    def set_totals(self, id: str, totals: bytes) -> None:
        self._file.do("UPDATE topologies SET totals = ? WHERE id = ?", totals, id)

    def drop_topology(self, id: str) -> None:
        with self._file.change():
            self._file.db.execute("DELETE FROM workers WHERE id = ?", (id,))
            self._file.db.execute("DELETE FROM topologies WHERE id = ?", (id,))

    def workers(self) -> list[WorkerRow]:
        rows = self._file.rows(
            "SELECT id, worker, incarnation, host FROM workers ORDER BY id, worker"
        )
        return [WorkerRow(id, worker, int(drawn), host) for id, worker, drawn, host in rows]

    def set_worker(self, id: str, worker: int, incarnation: int, host: str) -> None:
        self._file.do(
            "INSERT OR REPLACE INTO workers VALUES (?, ?, ?, ?)", id, worker, str(incarnation), host
        )

    def drop_worker(self, id: str, worker: int | None = None) -> None:
        if worker is None:
            self._file.do("DELETE FROM workers WHERE id = ?", id)
        else:
            self._file.do("DELETE FROM workers WHERE id = ? AND worker = ?", id, worker)

    def add_event(self, topology: str, host: str, name: str, fields: Mapping[str, Any]) -> None:
        with self._file.change():
            added = self._file.db.execute(
                "INSERT INTO events (at, topology, host, name, fields) VALUES (?, ?, ?, ?, ?)",
                (self._wall(), topology, host, name, msgpack.packb(dict(fields))),
            )
            newest = added.lastrowid or 0
            if newest % EVENTS_SLACK == 0:
                self._file.db.execute("DELETE FROM events WHERE id <= ?", (newest - EVENTS_MAX,))

    def events(
        self, *, after: int = 0, limit: int = 100, topology: str | None = None
    ) -> list[EventRow]:
        where = "id > ?"
        values: list[Any] = [after]
        if topology is not None:
            where += " AND topology = ?"
            values.append(topology)
        order = "ASC" if after else "DESC"
        rows = self._file.rows(
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
        self._file.close()


def _topology(values: dict[str, Any]) -> TopologyRow:
    return TopologyRow(**{**values, "paused": bool(values["paused"])})
