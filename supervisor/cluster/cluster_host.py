"""Where the workers of one topology live, as its driver sees it: on the hosts of the cluster.

The driver says start, kill, send. Start becomes a place and a row in the store, then a line in a
host's wish; kill a remark on that line; what is sent goes in envelopes of a session over the relay
of the worker's host. Nothing here waits: what cannot be done now is done in a later turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..control_session import Session
from ..control_wire import unpack
from ..store import StoreError
from .cluster_store import ClusterStore
from .places import Places
from .slots import WorkerNeed

#: Puts an envelope on its way to a worker: topology id, worker, incarnation, bytes.
RelayOut = Callable[[str, int, int, bytes], None]
#: How often a worker that has no host is tried to be placed.
PLACE_S = 0.5


@dataclass(frozen=True, slots=True)
class Services:
    """What all topologies of a coordinator share.

    Attributes:
        store: of the cluster.
        places: who runs where.
        term: of this coordinator; the boot number of its sessions.
        relay: see RelayOut.
    """

    store: ClusterStore
    places: Places
    term: int
    relay: RelayOut


class LocalExit(NamedTuple):
    """A worker that ended without ever having had a process."""

    worker: int
    incarnation: int
    reason: str


class ClusterHost:
    """The ``Host`` of a topology's RunDriver.

    Args:
        id: of the topology.
        needs: worker -> what it needs of a host.
        services: shared with the other topologies.
    """

    def __init__(self, id: str, needs: Mapping[int, WorkerNeed], services: Services) -> None:
        self._id, self._needs, self._services = id, needs, services
        #: Monotonic seconds of the turn; set by whoever calls the driver.
        self.now = 0.0
        #: worker -> incarnation that the driver wants, or knows of.
        self.current: dict[int, int] = {}
        #: Workers that have no host yet.
        self.waiting: set[int] = set()
        #: Exits that no host will tell.
        self.exits: list[LocalExit] = []
        #: Messages of workers that were refused.
        self.refused = 0
        self._sessions: dict[tuple[int, int], Session] = {}
        self._place_at = 0.0

    def adopt(self, known: Mapping[int, int]) -> None:
        """Know the workers that an earlier coordinator started."""
        self.current.update(known)

    # What the driver wants.

    def start(self, worker: int, incarnation: int) -> None:
        """Find a place for a worker; without one it waits."""
        before = self.current.get(worker)
        if before is not None:
            self._sessions.pop((worker, before), None)
        self.current[worker] = incarnation
        self._place(worker)

    def _place(self, worker: int) -> None:
        """Find a place and keep it in the store, before any host hears of it."""
        self.waiting.add(worker)
        incarnation, services = self.current[worker], self._services
        host = services.places.want(self._id, self._needs[worker], incarnation, self.now)
        if host is None:
            return
        try:
            services.store.set_worker(self._id, worker, incarnation, host)
        except StoreError:
            services.places.drop(self._id, worker)
            return
        self.waiting.discard(worker)

    def _place_waiting(self) -> None:
        if not self.waiting or self.now < self._place_at:
            return
        self._place_at = self.now + PLACE_S
        for worker in sorted(self.waiting):
            self._place(worker)

    def kill(self, worker: int, incarnation: int, why: str) -> None:
        """Have a worker killed; its exit is told by its host, or when that is lost."""
        if self.current.get(worker) != incarnation:
            return
        if worker in self.waiting:
            self.waiting.discard(worker)
            self._services.places.drop(self._id, worker)
            self.exits.append(LocalExit(worker, incarnation, why))
        else:
            self._services.places.kill(self._id, worker, incarnation, why)

    def send(self, worker: int, incarnation: int, message: Mapping[str, Any]) -> None:
        """Send a message to a worker; to one that is not known only a ``stop`` that may be lost."""
        known = self.current.get(worker) == incarnation
        session = self._session(worker, incarnation)
        data = session.send(message, self.now, numbered=known)
        if not known:
            self._sessions.pop((worker, incarnation), None)
        self._services.relay(self._id, worker, incarnation, data)
        if session.full:
            self.kill(worker, incarnation, "takes no control messages")

    # What comes from the worker.

    def receive(self, worker: int, incarnation: int, data: bytes) -> dict[str, Any] | None:
        """Return the message in an envelope; None: nothing new, or not a message at all."""
        try:
            envelope = unpack(data)
            envelope.pop("worker", None)
            envelope.pop("incarnation", None)
            return self._session(worker, incarnation).receive(envelope, self.now)
        except (ValueError, TypeError):
            self.refused += 1
            return None
        finally:
            if self.current.get(worker) != incarnation:
                self._sessions.pop((worker, incarnation), None)

    def handled(self, worker: int, incarnation: int) -> None:
        """What was received has been dealt with; its sender may forget it."""
        session = self._sessions.get((worker, incarnation))
        if session is not None:
            session.handled()

    def _session(self, worker: int, incarnation: int) -> Session:
        key = worker, incarnation
        if key not in self._sessions:
            self._sessions[key] = Session(self._services.term)
        return self._sessions[key]

    def on_reconnect(self, workers: Mapping[int, int]) -> None:
        """The host of these (worker -> incarnation) has a new connection: send all once more."""
        for key in workers.items():
            if key in self._sessions:
                self._sessions[key].on_reconnect()

    def turn(self) -> None:
        """Place who waits, and send what was not confirmed once more."""
        self._place_waiting()
        for (worker, incarnation), session in self._sessions.items():
            if session.next_at <= self.now:
                for data in session.due(self.now):
                    self._services.relay(self._id, worker, incarnation, data)

    def ended(self, worker: int, incarnation: int) -> bool:
        """An exit was seen: forget the place, the store first. False: it is an older one's."""
        if self.current.get(worker) != incarnation:
            return False
        # A coordinator that comes back must not wish for a process that has ended.
        self._services.store.drop_worker(self._id, worker)
        self._forget(worker, incarnation)
        return True

    def lost(self, worker: int, incarnation: int) -> bool:
        """As ``ended``, for what is told only once: nobody runs it, or nobody can tell.

        If its row stays in the store, a coordinator that comes back loses it once more.
        """
        if self.current.get(worker) != incarnation:
            return False
        with suppress(StoreError):
            self._services.store.drop_worker(self._id, worker)
        self._forget(worker, incarnation)
        return True

    def _forget(self, worker: int, incarnation: int) -> None:
        self._services.places.drop(self._id, worker)
        self._sessions.pop((worker, incarnation), None)
        del self.current[worker]

    def close(self) -> None:
        """The topology has ended: give all places back."""
        # Rows of a topology that has ended say nothing.
        with suppress(StoreError):
            self._services.store.drop_worker(self._id)
        self._services.places.drop(self._id)
        self._sessions.clear()
        self.current.clear()
        self.waiting.clear()
