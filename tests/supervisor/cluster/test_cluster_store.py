"""The cluster's store: what was returned from is there after a kill at any write (F05)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor import sqlite_file
from waterspout.supervisor.cluster import cluster_store
from waterspout.supervisor.cluster.cluster_store import (
    HostRow,
    SqliteClusterStore,
    TopologyRow,
    WorkerRow,
)
from waterspout.supervisor.store import StateInUse

HOST = HostRow("a", "boot:1:2", "10.0.0.1", 4, {"zone": "x"}, True, 12.5)
TOPOLOGY = TopologyRow(
    "wc-0a1b2c", "wc", "active", b"\x80", "ab" * 32, "sub", "cd" * 32, 3, b"old", 9.5,
    "finished", "all input was worked through", True, b"totals",
)  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "cluster.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteClusterStore]:
    made = SqliteClusterStore(path, wall=lambda: 7.0)
    yield made
    made.close()


# --- rows ---------------------------------------------------------------------------------------


def test_rows_come_back_as_they_were_put(path: Path, store: SqliteClusterStore):
    store.put_host(HOST)
    store.put_topology(TOPOLOGY)
    store.set_worker("wc-0a1b2c", 1, 2**64 - 1, "a")
    again = SqliteClusterStore(path)
    assert again.hosts() == [HOST]
    assert again.topologies() == [TOPOLOGY]
    assert again.workers() == [WorkerRow("wc-0a1b2c", 1, 2**64 - 1, "a")]
    again.close()


def test_a_newer_row_replaces_the_older_and_keeps_its_place(store: SqliteClusterStore):
    for id in ("b", "a"):
        store.put_topology(TopologyRow(id, id, "active"))
    store.put_topology(TopologyRow("b", "b", "ended", outcome="killed"))
    assert [(t.id, t.state) for t in store.topologies()] == [("b", "ended"), ("a", "active")]
    store.put_host(HOST)
    store.put_host(HostRow("a", slots=8))
    assert store.hosts() == [HostRow("a", slots=8)]
    store.set_worker("b", 0, 1, "x")
    store.set_worker("b", 0, 2, "y")
    assert store.workers() == [WorkerRow("b", 0, 2, "y")]


def test_workers_are_forgotten_one_by_one_or_with_their_topology(store: SqliteClusterStore):
    for id in ("a", "b"):
        store.put_topology(TopologyRow(id, id, "active"))
        for worker in range(3):
            store.set_worker(id, worker, 1, "h")
    store.drop_worker("a", 1)
    store.drop_worker("a", 9)
    store.drop_worker("b")
    assert [(w.id, w.worker) for w in store.workers()] == [("a", 0), ("a", 2)]
    store.drop_topology("a")
    assert store.workers() == []
    assert [t.id for t in store.topologies()] == ["b"]


def test_a_host_can_be_forgotten(store: SqliteClusterStore):
    store.put_host(HOST)
    store.drop_host("a")
    store.drop_host("a")
    assert store.hosts() == []


def test_events_are_told_in_order_newest_first_cut(store: SqliteClusterStore):
    for number in range(5):
        store.add_event("t" if number % 2 else "", "a", f"e{number}", {"n": number})
    assert [e.name for e in store.events(limit=2)] == ["e3", "e4"]
    assert [e.name for e in store.events(after=2, limit=2)] == ["e2", "e3"]
    (first, second) = store.events(topology="t")
    assert tuple(first) == (2, 7.0, "t", "a", "e1", {"n": 1})
    assert second.id == 4


def test_the_oldest_events_go(store: SqliteClusterStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cluster_store, "EVENTS_MAX", 20)
    monkeypatch.setattr(cluster_store, "EVENTS_SLACK", 5)
    for number in range(1, 51):
        store.add_event("", "", f"e{number}", {})
    assert [e.id for e in store.events(limit=1000)] == list(range(31, 51))


# --- whose store it is --------------------------------------------------------------------------


def test_terms_rise_over_restarts(path: Path):
    terms = []
    for _ in range(3):
        store = SqliteClusterStore(path)
        terms += [store.next_term(7), store.next_term(7)]
        store.close()
    assert terms == [1, 2, 3, 4, 5, 6]


def test_the_tokens_of_the_newest_terms_are_kept(
    store: SqliteClusterStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cluster_store, "TERMS_MAX", 3)
    tokens = [(1 << 63) - 1, 0, 5, 6, 7]
    for token in tokens:
        store.next_term(token)
    assert store.tokens() == {3: 5, 4: 6, 5: 7}


def test_two_coordinators_do_not_share_a_store(path: Path):
    first = SqliteClusterStore(path, owner=True)
    with pytest.raises(StateInUse, match=r"another coordinator \(pid \d+\)"):
        SqliteClusterStore(path, owner=True)
    first.close()
    SqliteClusterStore(path, owner=True).close()


def test_the_store_is_readable_by_its_owner_only(path: Path, store: SqliteClusterStore):
    assert path.stat().st_mode & 0o77 == 0
    assert path.parent.stat().st_mode & 0o77 == 0


# --- killed at every write ----------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


class DyingDatabase:
    """A connection that ends the process at its ``left``-th statement, before or after it."""

    def __init__(self, db: sqlite3.Connection, left: int, *, after: bool) -> None:
        self.db, self.left, self.after = db, left, after

    def close(self) -> None:
        self.db.close()

    def execute(self, statement: str, *values: Any) -> Any:
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Killed
        found = self.db.execute(statement, *values)
        if self.left == 0:
            raise Killed
        return found

    @property
    def in_transaction(self) -> bool:
        return False  # a process that was killed rolls nothing back


def dying(
    connect: Callable[[Path], sqlite3.Connection],
    reals: list[sqlite3.Connection],
    at: int,
    *,
    after: bool,
) -> Callable[[Path], Any]:
    """Return what connects like ``connect``, to be killed at some statement; notes it in reals."""

    def dying_connect(path: Path) -> Any:
        reals.append(connect(path))
        return DyingDatabase(reals[-1], at, after=after)

    return dying_connect


#: What the process does until it is killed: (which rows, what they are then, the call).
Step = tuple[str, Any, Callable[[SqliteClusterStore], object]]
STEPS: list[Step] = [
    ("hosts", [HOST], lambda store: store.put_host(HOST)),
    *(
        ("topologies", [row], lambda store, row=row: store.put_topology(row))
        for row in (TopologyRow("t", "t", "active"), TopologyRow("t", "t", "killing"))
    ),
    *(
        ("workers", [row], lambda store, row=row: store.set_worker(*row))
        for row in (WorkerRow("t", 0, 5, "a"), WorkerRow("t", 0, 6, "b"))
    ),
    ("events", None, lambda store: store.add_event("t", "a", "placed", {})),
    ("workers", [], lambda store: store.drop_worker("t", 0)),
    ("topologies", [], lambda store: store.drop_topology("t")),
    ("hosts", [], lambda store: store.drop_host("a")),
]


@pytest.mark.parametrize("after", [False, True])
def test_what_was_returned_from_survives_a_kill_at_every_statement(
    path: Path, after: bool, monkeypatch: pytest.MonkeyPatch
):
    """And of what was not, all is there or nothing."""
    terms, kills, connect = [0], 0, sqlite_file.connect
    for at in range(1, 100):
        reals: list[sqlite3.Connection] = []
        monkeypatch.setattr(sqlite_file, "connect", dying(connect, reals, at, after=after))
        returned: dict[str, Any] = {"hosts": [], "topologies": [], "workers": []}
        trying: tuple[str, Any] = ("", None)
        try:
            store = SqliteClusterStore(path, wall=lambda: 7.0)
            terms.append(store.next_term(7))
            for name, rows, do in STEPS:
                trying = name, rows
                do(store)
                returned[name] = rows
        except Killed:
            kills += 1
        monkeypatch.setattr(sqlite_file, "connect", connect)
        reals[0].close()  # its locks end with it; what was not committed is gone
        store = SqliteClusterStore(path)
        terms.append(store.next_term(7))
        for name in ("hosts", "topologies", "workers"):
            may = [returned[name], *([trying[1]] if trying[0] == name else [])]
            assert getattr(store, name)() in may, (at, name)
        store.drop_topology("t")
        store.drop_host("a")
        store.close()
        if kills < at:
            break
    assert kills > 30
    assert terms == sorted(set(terms))
