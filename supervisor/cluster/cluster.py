"""The cluster as its coordinator has it: hosts, leases, places and topologies, joined.

Fed with messages of hosts that passed their table, and with the time; what hosts are to be told
waits in ``outbox`` until the loop takes it. Level-triggered: a host is told its whole wish with
every beat until it acts on it, and says in every beat all that it has, so nothing is lost with a
message, a connection or a process.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..store import StaleEpoch, StoreError
from .cluster_host import Services
from .cluster_rows import HostRow, TopologyRow
from .cluster_store import ClusterStore
from .coordinator_config import CoordinatorConfig
from .host_protocol import RELAY_BYTES_MAX, RELAY_ITEMS_MAX
from .hosts import HostRecord, HostRefused, Hosts, WorkerExit, WorkerSeen
from .leases import Leases
from .lifecycle import LifeState
from .places import Places
from .topology_run import TopologyRun

_log = logging.getLogger(__name__)

#: A wish that a host does not act on is said in full again after this.
WISH_AGAIN_S = 2.0
#: A host that said nothing for so many beats is out of contact; its lease still runs.
SILENT_BEATS = 3


class Contact:
    """How it stands with the connection of one host."""

    __slots__ = ("full_at", "heard_at", "relay", "told")

    def __init__(self, now: float) -> None:
        self.heard_at = now
        #: Version of the wish that was told on this connection, and when.
        self.told, self.full_at = 0, 0.0
        #: Envelopes that wait for the end of the turn.
        self.relay: deque[tuple[str, int, int, bytes]] = deque()


class Cluster:
    """All that a coordinator knows.

    Args:
        config: of the coordinator.
        store: of the cluster; its term has been raised.
        term: of this coordinator.
        wall: wall clock, for what people are shown.
        say: called with one line for every event: name and fields.
    """

    def __init__(
        self,
        config: CoordinatorConfig,
        store: ClusterStore,
        term: int,
        wall: Callable[[], float],
        say: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        self.config, self.store, self.term, self.wall = config, store, term, wall
        self.hosts = Hosts()
        self.leases = Leases(config.lease_s)
        self.places = Places()
        self.topologies: dict[str, TopologyRun] = {}
        #: (route, message) for hosts, in order.
        self.outbox: deque[tuple[bytes, dict[str, Any]]] = deque()
        #: Messages of hosts that were refused.
        self.refused = 0
        self._say = say
        self._contacts: dict[str, Contact] = {}
        self._services = Services(store, self.places, term, self._relay)
        self._beat, self._beat_at = 0, 0.0
        self.blob_endpoint = config.blob_bind

    # Beginning.

    def restore(self, now: float) -> None:
        """Go on with what an earlier coordinator knew; every host gets a fresh lease.

        Raises:
            StoreError: the store cannot be read.
        """
        for host in self.store.hosts():
            record = HostRecord(
                host.name, machine=host.machine, address=host.address, slots=host.slots,
                labels=host.labels, draining=host.draining,
            )  # fmt: skip
            self.hosts.restore(record)
            self._contacts[host.name] = Contact(now)
            self.leases.add(host.name, now)
        rows = self.store.workers()
        living = [row for row in self.store.topologies() if row.state != LifeState.ENDED]
        ids = {row.id for row in living}
        self._place_hosts()
        self.places.restore(row for row in rows if row.id in ids)
        for row in self.store.topologies():
            run = self._run_of(row)
            self.topologies[row.id] = run
            known = {each.worker: each.incarnation for each in rows if each.id == row.id}
            with self._guarded(run):
                run.resume(known, now)

    def _run_of(self, row: TopologyRow) -> TopologyRun:
        return TopologyRun(row, self._services, self.folder(row.id), self.tell, self._prune)

    def folder(self, id: str) -> Path:
        """Return the folder of a topology: its store and its snapshots."""
        return self.config.data / "topologies" / id

    def add(self, row: TopologyRow, now: float, *, fresh: bool) -> TopologyRun:
        """Begin a topology that was submitted.

        Raises:
            TopologyChanged: the kept state is of another topology.
            StoreError: it could not be stored.
        """
        run = self._run_of(row)
        self.store.put_topology(row)
        try:
            run.begin(now, fresh=fresh)
        except BaseException:
            self.store.put_topology(_never_began(row))
            raise
        self.topologies[row.id] = run
        return run

    def named(self, name: str) -> TopologyRun | None:
        """Return the topology of a name (or id); of several that ended, the last one."""
        found = [run for run in self.topologies.values() if name in (run.row.name, run.id)]
        return max(found, key=lambda run: run.state is not LifeState.ENDED, default=None)

    # Hosts.

    def on_hello(self, name: str, route: bytes, hello: Mapping[str, Any], now: float) -> None:
        """A supervisor says who it is."""
        was_up = name in self.hosts and self.hosts[name].up
        taken = self.hosts.on_hello(name, route, hello, self.wall())
        if isinstance(taken, HostRefused):
            self.outbox.append((route, {"kind": "refused", "code": taken.code, "text": taken.text}))
            self.tell("", name, "host refused", {"code": taken.code, "reason": taken.text})
            return
        try:
            self.store.put_host(_row_of(taken, self.wall()))
        except StoreError as error:
            # Not kept, not taken: it says hello again.
            _log.error("host not stored host=%s reason=%s", name, error)
            self.hosts.on_lost(name)
            return
        self._contacts[name] = Contact(now)
        self.leases.add(name, now)
        self._place_hosts()
        welcome = {
            "kind": "welcome",
            "term": self.term,
            "lease_s": self.config.lease_s,
            "beat_s": self.config.beat_s,
            "blob_endpoint": self.blob_endpoint,
            "wall": self.wall(),
        }
        self.outbox.append((route, welcome))
        if not was_up:
            self.tell("", name, "host up", {"address": taken.address, "slots": taken.slots})
        for id, workers in self._workers_on(name).items():
            self.topologies[id].host.on_reconnect(workers)
        self._wish(taken, now)

    def on_beat(self, route: bytes, beat: Mapping[str, Any], now: float) -> None:
        """A supervisor says what it has."""
        events = self.hosts.on_beat(route, beat)
        record = self.hosts.of_route(route)
        if events is None or record is None:
            self.outbox.append((route, {"kind": "unknown"}))
            return
        self._contacts[record.name].heard_at = now
        self.leases.echoed(record.name, beat["echo"])
        for event in events:
            run = self.topologies.get(event.id)
            if run is not None and self._is_at(event, record.name):
                with self._guarded(run):
                    _take(run, event, now)

    def _is_at(self, event: WorkerSeen | WorkerExit, host: str) -> bool:
        """Say whether a worker was placed on this host: others may not speak for it."""
        return self.places.hosts_of(event.id).get(event.worker) == host

    def on_relay(self, route: bytes, items: Iterable[Any], now: float) -> None:
        """Envelopes of workers."""
        record = self.hosts.of_route(route)
        if record is None or not record.up:
            self.outbox.append((route, {"kind": "unknown"}))
            return
        self._contacts[record.name].heard_at = now
        for id, worker, incarnation, data in items:
            run = self.topologies.get(id)
            if run is None:
                continue
            if run.host.current.get(worker) == incarnation and (
                self.places.hosts_of(id).get(worker) != record.name
            ):
                self.refused += 1
                continue
            with self._guarded(run):
                run.on_data(worker, incarnation, data, now)

    def _place_hosts(self) -> None:
        """Tell placing which hosts there are."""
        self.places.set_hosts([host.facts() for host in self.hosts.up()])

    def _workers_on(self, host: str) -> dict[str, dict[int, int]]:
        """Return topology -> worker -> incarnation of those placed on a host."""
        found: dict[str, dict[int, int]] = {}
        for wish in self.places.wish_of(host)[1]:
            if wish.id in self.topologies:
                found.setdefault(wish.id, {})[wish.worker] = wish.incarnation
        return found

    def drain_host(self, name: str, on: bool, now: float) -> list[tuple[str, int]]:
        """Have the workers of a host move away, and no new ones come; or undo that.

        Raises:
            KeyError: no such host.
            StoreError: it could not be stored.
        """
        record = self.hosts[name]
        self.store.put_host(_row_of(record, self.wall(), draining=on))
        record.draining = on
        self._place_hosts()
        moves = self.places.drain(name, on)
        self.tell("", name, "host drained" if on else "host takes workers again", {})
        for id in dict.fromkeys(id for id, _ in moves):
            run = self.topologies.get(id)
            if run is not None and run.driver is not None:
                workers = [worker for each, worker in moves if each == id]
                run.driver.coordinator.replace(workers, f"host {name} is drained", now)
        return moves

    # Time.

    def turn(self, now: float) -> None:
        """Look at the time; called at least every 50 ms."""
        self._lose_hosts(now)
        for run in self.topologies.values():
            with self._guarded(run):
                run.turn(now)
        self._beat_hosts(now)
        self._flush_relays()

    def _lose_hosts(self, now: float) -> None:
        for name in self.leases.tick(now):
            if name not in self.hosts or not self.hosts[name].up:
                continue
            why = f"host {name} lost: no contact for {self.config.lease_s:g} s"
            self.hosts.on_lost(name)
            self._place_hosts()
            self.tell("", name, "host lost", {"lease_s": self.config.lease_s})
            for id, worker, incarnation in self.places.host_lost(name):
                run = self.topologies.get(id)
                if run is not None:
                    with self._guarded(run):
                        run.on_host_lost(worker, incarnation, why, now)

    def _beat_hosts(self, now: float) -> None:
        """Tell all hosts their wish each beat; one whose wish changed at once."""
        due = now >= self._beat_at
        if due:
            self._beat_at = now + self.config.beat_s
        changed = [h for h in self.hosts.up() if self._version(h) != self._contacts[h.name].told]
        if due or changed:
            self._beat += 1
            self.leases.sent(self._beat, now)
        for host in self.hosts.up() if due else changed:
            self._wish(host, now)
            self._look_after(host, now)

    def _version(self, host: HostRecord) -> int:
        return self.places.version_of(host.name)

    def _wish(self, host: HostRecord, now: float) -> None:
        """Say a host's wish; in full when it changed, or when the host does not act on it."""
        contact = self._contacts[host.name]
        if not host.route:
            return
        version = self._version(host)
        full = contact.told != version or (
            host.version != version and now - contact.full_at >= WISH_AGAIN_S
        )
        workers = None
        if full:
            version, wishes = self.places.wish_of(host.name)
            workers = [
                (self.topologies[each.id].wished(each) if each.id in self.topologies else each)
                .to_wire()
                for each in wishes
            ]  # fmt: skip
            contact.told, contact.full_at = version, now
        wish = {"kind": "wish", "term": self.term, "version": version, "beat": self._beat}
        self.outbox.append((host.route, {**wish, "workers": workers}))

    def _look_after(self, host: HostRecord, now: float) -> None:
        """Workers of a host that says nothing are not to be blamed for their silence."""
        silent_s = now - self._contacts[host.name].heard_at
        if silent_s > SILENT_BEATS * self.config.beat_s:
            for id, workers in self._workers_on(host.name).items():
                self.topologies[id].out_of_contact(workers, now)

    # Relays.

    def _relay(self, id: str, worker: int, incarnation: int, data: bytes) -> None:
        """Put an envelope on its way; what finds no way is sent again by its session."""
        host = self.places.hosts_of(id).get(worker)
        contact = self._contacts.get(host) if host is not None else None
        if contact is not None and len(contact.relay) < RELAY_ITEMS_MAX:
            contact.relay.append((id, worker, incarnation, data))

    def _flush_relays(self) -> None:
        for name, contact in self._contacts.items():
            route = self.hosts[name].route if name in self.hosts else b""
            if not route:
                contact.relay.clear()
            while contact.relay:
                items: list[list[Any]] = []
                size = 0
                while contact.relay and (
                    not items or size + len(contact.relay[0][3]) <= RELAY_BYTES_MAX
                ):
                    size += len(contact.relay[0][3])
                    items.append(list(contact.relay.popleft()))
                self.outbox.append((route, {"kind": "relay", "items": items}))

    def _prune(self, id: str, round: int, keep: frozenset[str]) -> None:
        message = {"kind": "prune", "topology": id, "round": round, "keep": sorted(keep)}
        for host in self.hosts.up():
            if host.route and any(host.name == each for each in self.places.hosts_of(id).values()):
                self.outbox.append((host.route, message))

    # Events and faults.

    def tell(self, topology: str, host: str, name: str, fields: Mapping[str, Any]) -> None:
        """Keep an event, and say it."""
        with suppress(StoreError):
            self.store.add_event(topology, host, name, fields)
        where = {"topology": topology, "host": host}
        self._say(name, {key: value for key, value in where.items() if value} | dict(fields))

    @contextmanager
    def _guarded(self, run: TopologyRun) -> Iterator[None]:
        """Do something for one topology; what fails there must not end the others."""
        try:
            yield
        except StaleEpoch:
            # Another coordinator uses the store: this one must end.
            raise
        except StoreError as error:
            _log.error("store failed topology=%s reason=%s", run.id, error)

    def close(self) -> None:
        """The coordinator ends; hosts and workers go on."""
        for run in self.topologies.values():
            run.close()


def _take(run: TopologyRun, event: WorkerSeen | WorkerExit, now: float) -> None:
    if isinstance(event, WorkerExit):
        run.on_exit(event, now)
    else:
        run.on_seen(event, now)


def _row_of(record: HostRecord, wall: float, draining: bool | None = None) -> HostRow:
    return HostRow(
        name=record.name,
        machine=record.machine,
        address=record.address,
        slots=record.slots,
        labels=dict(record.labels),
        draining=record.draining if draining is None else draining,
        seen_wall=wall,
    )


def _never_began(row: TopologyRow) -> TopologyRow:
    return replace(row, state=str(LifeState.ENDED), outcome="refused", reason="it did not begin")
