"""Where a topology's workers live in the cluster: places, sessions over a relay, exits."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.supervisor.cluster.cluster_host import PLACE_S, ClusterHost, Services
from waterspout.supervisor.cluster.slots import WorkerNeed
from waterspout.supervisor.control_session import Session
from waterspout.supervisor.control_wire import unpack
from waterspout.supervisor.store import StoreError


class FakePlaces:
    """Places that a test gives away."""

    def __init__(self) -> None:
        self.free: list[str] = []
        self.asked = 0
        self.killed: list[tuple[Any, ...]] = []
        self.dropped: list[tuple[str, int | None]] = []

    def want(self, id: str, need: WorkerNeed, incarnation: int, now: float) -> str | None:
        self.asked += 1
        return self.free.pop(0) if self.free else None

    def kill(self, *key: Any) -> None:
        self.killed.append(key)

    def drop(self, id: str, worker: int | None = None) -> None:
        self.dropped.append((id, worker))


class FakeStore:
    """A store of workers that can fail."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[int, str]] = {}
        self.full = False

    def set_worker(self, id: str, worker: int, incarnation: int, host: str) -> None:
        if self.full:
            raise StoreError("disk full")
        self.rows[worker] = incarnation, host

    def drop_worker(self, id: str, worker: int | None = None) -> None:
        if self.full:
            raise StoreError("disk full")
        if worker is None:
            self.rows.clear()
        else:
            self.rows.pop(worker, None)


class Rig:
    """A host of two workers, and what it does."""

    def __init__(self, term: int = 3) -> None:
        self.places, self.store = FakePlaces(), FakeStore()
        self.relayed: list[tuple[int, int, bytes]] = []
        services = Services(
            self.store,  # type: ignore[arg-type]
            self.places,  # type: ignore[arg-type]
            term,
            lambda id, worker, incarnation, data: self.relayed.append((worker, incarnation, data)),
        )
        self.host = ClusterHost("t-1", {0: WorkerNeed(0), 1: WorkerNeed(1)}, services)

    def started(self, worker: int = 0, incarnation: int = 11) -> Rig:
        self.places.free.append("a")
        self.host.start(worker, incarnation)
        return self


@pytest.fixture
def rig() -> Rig:
    """Return a host without workers."""
    return Rig()


def test_a_worker_is_stored_with_its_host_before_any_wish_can_have_it(rig: Rig):
    rig.started()
    assert rig.store.rows == {0: (11, "a")}
    assert rig.host.waiting == set()
    assert rig.host.current == {0: 11}


def test_without_a_place_a_worker_waits_and_is_tried_again_now_and_then(rig: Rig):
    rig.host.start(0, 11)
    assert rig.host.waiting == {0}
    for tick in range(20):
        rig.host.now = tick * PLACE_S / 10
        rig.host.turn()
    assert rig.places.asked == 3
    rig.places.free.append("b")
    rig.host.now = 100.0
    rig.host.turn()
    assert rig.store.rows == {0: (11, "b")}
    assert not rig.host.waiting


def test_what_cannot_be_stored_is_not_wished(rig: Rig):
    rig.store.full = True
    rig.started()
    assert rig.places.dropped == [("t-1", 0)]
    assert rig.host.waiting == {0}


def test_a_worker_that_waits_ends_where_it_is(rig: Rig):
    rig.host.start(0, 11)
    rig.host.kill(0, 11, "stopped")
    assert rig.host.exits == [(0, 11, "stopped")]
    assert rig.places.killed == []


def test_a_kill_goes_to_the_place_of_the_current_incarnation_only(rig: Rig):
    rig.started()
    rig.host.kill(0, 10, "old")
    rig.host.kill(0, 11, "hung")
    assert rig.places.killed == [("t-1", 0, 11, "hung")]
    assert rig.host.exits == []


def test_what_is_said_reaches_the_worker_and_is_said_again_until_it_is_confirmed(rig: Rig):
    rig.started()
    worker = Session(1)
    rig.host.send(0, 11, {"kind": "go", "epoch": 1})
    assert len(rig.relayed) == 1
    rig.host.now = 2.0
    rig.host.turn()
    assert len(rig.relayed) == 2
    for _, _, data in rig.relayed:
        message = worker.receive(unpack(data), 2.0)
        worker.handled()
    assert message is None, "the second one is not news"
    answer = worker.send({"kind": "ready", "epoch": 1}, 2.0)
    assert rig.host.receive(0, 11, answer) == {"kind": "ready", "epoch": 1}
    rig.host.handled(0, 11)
    rig.relayed.clear()
    rig.host.now = 30.0
    rig.host.turn()
    assert [unpack(data)["kind"] for _, _, data in rig.relayed] == ["ack"]


def test_after_a_reconnect_of_its_host_all_is_said_again_at_once(rig: Rig):
    rig.started()
    rig.host.send(0, 11, {"kind": "go"})
    rig.host.on_reconnect({0: 11, 1: 99})
    rig.host.turn()
    assert len(rig.relayed) == 2


def test_a_later_coordinator_is_taken_for_the_same_conversation_partner():
    worker = Session(1)
    first, second = Rig(term=3).started(), Rig(term=4)
    first.host.send(0, 11, {"kind": "go"})
    assert worker.receive(unpack(first.relayed[0][2]), 0.0) == {"kind": "go"}
    second.host.adopt({0: 11})
    second.host.send(0, 11, {"kind": "who"})
    assert worker.receive(unpack(second.relayed[0][2]), 0.0) == {"kind": "who"}
    assert worker.receive(unpack(first.relayed[0][2]), 0.0) is None


def test_an_unknown_incarnation_is_told_to_stop_and_nothing_is_kept_of_it(rig: Rig):
    rig.started()
    rig.host.send(0, 99, {"kind": "stop"})
    envelope = unpack(rig.relayed[0][2])
    assert (envelope["kind"], envelope["n"]) == ("stop", 0)
    assert rig.host.receive(0, 99, Session(1).send({"kind": "ready"}, 0.0)) == {"kind": "ready"}
    rig.host.now = 100.0
    rig.host.turn()
    assert len(rig.relayed) == 1


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x80", b"\x81\xa4boot\xc0"])
def test_what_is_no_envelope_is_counted(rig: Rig, data: bytes):
    rig.started()
    assert rig.host.receive(0, 11, data) is None
    assert rig.host.refused == 1


def test_a_worker_that_confirms_nothing_is_killed(rig: Rig):
    rig.started()
    while not rig.places.killed and len(rig.relayed) < 20_000:
        rig.host.send(0, 11, {"kind": "durable"})
    assert rig.places.killed == [("t-1", 0, 11, "takes no control messages")]


def test_an_exit_is_forgotten_in_the_store_before_the_place_is_given_back(rig: Rig):
    rig.started()
    rig.store.full = True
    with pytest.raises(StoreError):
        rig.host.ended(0, 11)
    assert rig.places.dropped == []
    assert rig.host.current == {0: 11}, "the exit is told again, and taken then"
    rig.store.full = False
    assert rig.host.ended(0, 11)
    assert rig.places.dropped == [("t-1", 0)]
    assert rig.store.rows == {}


def test_what_is_told_only_once_is_taken_even_when_it_cannot_be_stored(rig: Rig):
    rig.started()
    rig.store.full = True
    assert rig.host.lost(0, 11)
    assert rig.host.current == {}
    assert not rig.host.lost(0, 11)


def test_the_exit_of_an_older_incarnation_changes_nothing(rig: Rig):
    rig.started()
    rig.started(incarnation=12)
    assert not rig.host.ended(0, 11)
    assert rig.store.rows == {0: (12, "a")}


def test_a_topology_that_has_ended_leaves_nothing(rig: Rig):
    rig.started().started(worker=1, incarnation=21)
    rig.host.close()
    assert rig.places.dropped == [("t-1", None)]
    assert (rig.store.rows, rig.host.current) == ({}, {})
