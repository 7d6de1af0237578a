"""The cluster as its coordinator has it: hosts, leases, places and topologies, joined.

Fed with messages of hosts that passed their table, and with the time; what hosts are to be told
waits in ``talk.outbox`` until the loop takes it. Level-triggered: a host is told its whole wish
until it acts on it, and says in every beat all that it has, so nothing is lost with a
message, a connection or a process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..store import StaleEpoch, StoreError
from .cluster_host import Services
from .cluster_rows import HostRow, TopologyRow
from .cluster_store import ClusterStore
from .coordinator_config import CoordinatorConfig
from .host_facts import own_version
from .host_protocol import WishWorker
from .host_talk import HostTalk
from .hosts import HostRecord, HostRefused, Hosts, WorkerExit, WorkerSeen
from .kept_blobs import blobs_of, prune_blobs
from .kept_topologies import has_dead_letters, kept_until, put_away, put_away_folders
from .leases import Leases
from .lifecycle import LifeState
from .places import Places
from .pruning import Pruner
from .topology_run import TopologyRun

#: How often it is looked at which leases are over.
LEASES_S = 0.2
#: How often it is looked at which code packs and ended topologies nobody needs.
PRUNE_S = 3600.0

_log = logging.getLogger(__name__)


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
        tokens = store.tokens()
        self.token = tokens.get(term, 0)
        self.hosts = Hosts(term, tokens, own_version())
        self.leases = Leases(config.lease_s)
        self.places = Places()
        self.topologies: dict[str, TopologyRun] = {}
        self.talk = HostTalk(
            self.hosts,
            self.leases,
            self.places,
            term=term,
            beat_s=config.beat_s,
            wished=self._wished,
        )
        #: Messages of hosts that were refused.
        self.refused = 0
        self.pruner = Pruner()
        self._leases_at = self._prune_at = 0.0
        self._say = say
        self._services = Services(store, self.places, term, self.talk.relay)

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
            self.talk.begin(host.name, now)
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
            before = self.topologies.get(row.id)
            if before is not None:
                self.store.put_topology(before.row)
            else:
                self.store.drop_topology(row.id)
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
        refused_before = self.hosts.refusals.get(name)
        taken = self.hosts.on_hello(name, route, hello, self.wall())
        if isinstance(taken, HostRefused):
            self.talk.say(route, "refused", code=taken.code, text=taken.text)
            if taken.text != refused_before:
                self.tell("", name, "host refused", {"code": taken.code, "reason": taken.text})
            return
        try:
            self.store.put_host(_row_of(taken, self.wall()))
        except StoreError as error:
            # Not kept, not taken: it says hello again.
            _log.error("host not stored host=%s reason=%s", name, error)
            self.hosts.on_lost(name)
            return
        self.talk.begin(name, now)
        self.leases.add(name, now)
        self._leave(taken, False, now)
        self._place_hosts()
        self.talk.say(
            route,
            "welcome",
            term=self.term,
            token=self.token,
            host=name,
            lease_s=self.config.lease_s,
            beat_s=self.config.beat_s,
            blob_endpoint=self.config.blob_bind,
            wall=self.wall(),
        )
        if not was_up:
            self.tell("", name, "host up", {"address": taken.address, "slots": taken.slots})
        for id, workers in self._workers_on(name).items():
            self.topologies[id].host.on_reconnect(workers)
        self.talk.wish(taken, now)

    def on_beat(self, route: bytes, beat: Mapping[str, Any], now: float) -> None:
        """A supervisor says what it has."""
        events = self.hosts.on_beat(route, beat)
        record = self.hosts.of_route(route)
        if events is None or record is None:
            self.talk.say(route, "unknown")
            return
        self.talk.heard(record.name, now)
        self.leases.echoed(record.name, beat["echo"])
        self._leave(record, bool(beat.get("leaving")), now)
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
            self.talk.say(route, "unknown")
            return
        self.talk.heard(record.name, now)
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

    def on_answer(self, route: bytes, answer: Mapping[str, Any]) -> None:
        """A host answers a question."""
        record = self.hosts.of_route(route)
        if record is not None:
            self.talk.on_answer(record.name, answer)

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

        One that is lost is forgotten.

        Raises:
            KeyError: no such host.
            StoreError: it could not be stored.
        """
        record = self.hosts[name]
        if on and not record.up:
            self.store.drop_host(name)
            self.hosts.forget(name)
            self.tell("", name, "host forgotten", {})
            return []
        self.store.put_host(_row_of(record, self.wall(), draining=on))
        record.draining = on
        self.tell("", name, "host drained" if on else "host takes workers again", {})
        return self._empty(record, f"host {name} is drained", now)

    def _leave(self, record: HostRecord, leaving: bool, now: float) -> None:
        """A host is about to end; until its next hello, which undoes it, it gets no workers."""
        if record.leaving is not leaving:
            record.leaving = leaving
            self._empty(record, f"host {record.name} is about to end", now)

    def _empty(self, record: HostRecord, why: str, now: float) -> list[tuple[str, int]]:
        """Have workers placed as the host says it is: drained, or open."""
        self._place_hosts()
        moves = self.places.drain(record.name, record.draining or record.leaving)
        for id in dict.fromkeys(id for id, _ in moves):
            run = self.topologies.get(id)
            if run is not None and run.driver is not None:
                workers = [worker for each, worker in moves if each == id]
                run.driver.coordinator.replace(workers, why, now)
        return moves

    # Time.

    def turn(self, now: float) -> None:
        """Look at the time; called at least every 50 ms."""
        if now >= self._prune_at:
            self._prune_at = now + PRUNE_S
            self._forget_ended()
            rows = [run.row for run in self.topologies.values()]
            prune_blobs(self.config.data, blobs_of(rows), self.wall())
        if now >= self._leases_at:
            self._leases_at = now + LEASES_S
            self._lose_hosts(now)
        for run in self.topologies.values():
            with self._guarded(run):
                run.turn(now)
        if self.talk.turn(now):
            self._look_after_silent(now)

    def _forget_ended(self) -> None:
        """Forget topologies that ended long ago and have no dead letters."""
        for run in list(self.topologies.values()):
            until = self.kept_until(run)
            if until is not None and until < self.wall():
                with self._guarded(run):
                    self._forget(run)
        for folder in put_away_folders(self.config.data / "topologies"):
            self.pruner.delete(folder)

    def _forget(self, run: TopologyRun) -> None:
        if has_dead_letters(self.folder(run.id)):
            return
        run.close()
        put_away(self.folder(run.id))
        self.store.drop_topology(run.id)
        del self.topologies[run.id]
        self.tell(run.id, "", "forgotten", {"keep_ended_s": self.config.keep_ended_s})

    def kept_until(self, run: TopologyRun) -> float | None:
        """Return until when an ended topology is kept; None: it has not ended."""
        return kept_until(run.row, self.folder(run.id), self.config.keep_ended_s)

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

    def _look_after_silent(self, now: float) -> None:
        """Workers of a host that says nothing are not to be blamed for their silence."""
        for host in self.hosts.up():
            if self.talk.silent(host.name, now):
                for id, workers in self._workers_on(host.name).items():
                    self.topologies[id].out_of_contact(workers, now)

    # What hosts are told.

    def _wished(self, wish: WishWorker) -> WishWorker:
        run = self.topologies.get(wish.id)
        return wish if run is None else run.wished(wish)

    def _prune(self, id: str, round: int, keep: frozenset[str]) -> None:
        self.pruner.want(self.folder(id) / "snapshots", round, keep)
        self.talk.prune(self.places.hosts_of(id).values(), id, round, keep)

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
        except Exception:
            # A fault of ours, or a message that nobody thought of: it is for that topology to
            # go on without it, and for the log.
            _log.exception("fault topology=%s", run.id)
            run.faults += 1
            if run.faults == 1:
                self.tell(run.id, "", "fault", {"reason": "see the coordinator's log"})

    def close(self) -> None:
        """The coordinator ends; hosts and workers go on."""
        self.pruner.close()
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
