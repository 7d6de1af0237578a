"""A simulated cluster whose workers live on hosts: leases, places, wishes and beats, and cuts.

The real Leases and Places decide; hosts do what supervisors do. Each beat a host is told its
whole wish and acts on the difference; each beat it tells what ended, again and again until that
is not wished any more. Between a host and the coordinator either direction may be cut.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from waterspout.supervisor.cluster.cluster_rows import WorkerRow
from waterspout.supervisor.cluster.leases import Leases
from waterspout.supervisor.cluster.places import Places
from waterspout.supervisor.cluster.slots import HostFacts, WorkerNeed
from waterspout.supervisor.effects import KillWorker

from .cluster import Cluster
from .faults import FAULTS_END_S
from .process import Process

if TYPE_CHECKING:
    from .shapes import Shape

BEAT_S = 0.1
LEASE_S = 1.0
#: The topology has no other name here.
ID = "simulated"
Key = tuple[int, int]


class Host:
    """One host and its supervisor."""

    def __init__(self, cluster: HostedCluster, name: str, slots: int) -> None:
        self.cluster, self.facts = cluster, HostFacts(name, slots)
        self.alive = True
        #: What the coordinator says arrives; what is said to it arrives there.
        self.hears = self.heard = True
        #: Newest beat that it heard.
        self.beat = 0
        #: (worker, incarnation) -> its process; None: it boots. None ever comes again.
        self.ran: dict[Key, Process | None] = {}
        #: What ended and is still wished.
        self.exits: dict[Key, str] = {}

    def on_wish(self, beat: int, wish: dict[Key, str]) -> None:
        """Start what is missing, kill what is not wanted."""
        if not self.alive or beat <= self.beat:
            return
        self.beat = beat
        for key, kill in wish.items():
            if kill and self.ran.get(key) is None:
                self.ran[key] = None
                self.exits[key] = kill
            elif kill:
                self._kill(key)
            elif key not in self.ran:
                self.ran[key] = None
                delay_s = 0.01 + self.cluster.rng.random() * 0.1
                self.cluster.clock.after(delay_s, lambda key=key: self._boot(key))  # type: ignore[misc]
        for key in [key for key in self.ran if key not in wish]:
            self._kill(key)
            self.exits.pop(key, None)

    def _boot(self, key: Key) -> None:
        if self.alive and self.ran.get(key, self) is None and key not in self.exits:
            self.ran[key] = self.cluster.processes[key] = Process(self.cluster, *key)

    def _kill(self, key: Key) -> None:
        process = self.ran.get(key)
        if process is not None and process.alive:
            self.cluster.faults += 1
            self.cluster.kill(process, "killed by signal 9")

    def die(self) -> None:
        """Everything on it is gone at once, and nobody tells."""
        self.alive = self.heard = self.hears = False
        for process in self.ran.values():
            if process is not None and process.alive:
                self.cluster.oracle.on_death(process)
                process.die()


class HostedCluster(Cluster):
    """A Cluster over hosts."""

    rescales = False

    def __init__(self, seed: int, shape: Shape, *, tracing: bool = False) -> None:
        rng = random.Random(f"hosts {seed}")
        count = rng.randint(2, 4)
        slots = -(-shape.workers // (count - 1))
        self.hosts = [Host(self, f"h{n}", slots) for n in range(count)]
        #: What the cluster's store has: worker -> (incarnation, host).
        self.rows: dict[int, tuple[int, str]] = {}
        self.beat = 0
        self.lost: list[str] = []
        super().__init__(seed, shape, tracing=tracing)
        self.clock.after(BEAT_S, self._beat)

    def _rise(self) -> None:
        now = self.clock.now
        self.leases, self.places = Leases(LEASE_S), Places()
        self.up = {host.facts.name for host in self.hosts}
        for name in self.up:
            self.leases.add(name, now)
        self._set_hosts()
        self.places.restore(WorkerRow(ID, w, drawn, host) for w, (drawn, host) in self.rows.items())
        #: Workers without a place -> incarnation.
        self.waiting: dict[int, int] = {}
        self.placed = {worker: drawn for worker, (drawn, _) in self.rows.items()}
        super()._rise()

    def _set_hosts(self) -> None:
        self.places.set_hosts([host.facts for host in self.hosts if host.facts.name in self.up])

    def host_of(self, process: Process) -> Host:
        """Return the host that a process runs on."""
        key = process.worker, process.incarnation
        return next(host for host in self.hosts if key in host.ran)

    # Beats.

    def _beat(self) -> None:
        if self.done is not None:
            return
        self.clock.after(BEAT_S, self._beat)
        if self.down:
            return
        self.beat += 1
        now = self.clock.now
        self.leases.sent(self.beat, now)
        for host in self.hosts:
            name = host.facts.name
            if name not in self.up and host.hears and host.heard:
                # Its hello.
                self.leases.add(name, now)
                self.up.add(name)
                self._set_hosts()
            if name in self.up and host.hears:
                rows = self.places.wish_of(name)[1]
                wish = {(row.worker, row.incarnation): row.kill for row in rows}
                beat = self.beat
                self.clock.after(
                    self.delays.draw(), lambda h=host, w=wish, b=beat: h.on_wish(b, w)  # type: ignore[misc]
                )
            if host.alive:
                # Its own beat, with the echo of the newest that it heard: an old one, perhaps.
                self.clock.after(self.delays.draw(), lambda h=host: self.on_beat(h))  # type: ignore[misc]
        for name in self.leases.tick(now):
            self._lose(name)
        for worker, incarnation in list(self.waiting.items()):
            self._start(worker, incarnation)

    def _lose(self, name: str) -> None:
        self.faults += 1
        self.lost.append(name)
        self.trace(None, "host lost", {"kind": name})
        self.up.discard(name)
        self._set_hosts()
        for _, worker, incarnation in self.places.host_lost(name):
            if not self.down:
                self.coordinator.handover.workers.excuse(worker, incarnation)
                self._exited(worker, incarnation, f"host {name} lost")

    def on_beat(self, host: Host) -> None:
        """What a host says of itself arrived."""
        if self.done is not None or self.down or not host.heard:
            return
        self.leases.echoed(host.facts.name, host.beat)
        for (worker, incarnation), reason in list(host.exits.items()):
            if self.rows.get(worker) == (incarnation, host.facts.name) and not self.down:
                self._exited(worker, incarnation, reason)

    # What the coordinator wants.

    def _start(self, worker: int, incarnation: int) -> None:
        host = self.places.want(ID, WorkerNeed(worker), incarnation, self.clock.now)
        if host is None:
            self.waiting[worker] = incarnation
            self.coordinator.on_worker_preparing(worker, incarnation, self.clock.now)
        else:
            self.waiting.pop(worker, None)
            self.rows[worker] = incarnation, host

    def _kill_wanted(self, effect: KillWorker) -> None:
        self.trace(None, "is to be killed", {"kind": effect.why, "worker": effect.worker})
        self.places.kill(ID, effect.worker, effect.incarnation, effect.why)
        if self.waiting.get(effect.worker) == effect.incarnation:
            del self.waiting[effect.worker]
            self.clock.after(
                0.01, lambda: self._exited(effect.worker, effect.incarnation, effect.why)
            )

    # What comes and goes.

    def exits(self, process: Process, reason: str) -> None:
        """A process ended: its host tells, as often as it takes."""
        self.host_of(process).exits[process.worker, process.incarnation] = reason

    def _exited(self, worker: int, incarnation: int, reason: str) -> None:
        if self.done is not None or self.down:
            return
        process = self.processes.get((worker, incarnation))
        gone = process is None or reason.startswith("host ")
        roots, positions, drawn = ([], {}, {}) if gone else process.remains()  # type: ignore[union-attr]
        told = self._do(
            lambda: self.coordinator.on_worker_exit(
                worker, incarnation, reason, roots, positions, self.clock.now, drawn
            )
        )
        if told and self.placed.get(worker) == incarnation:
            del self.placed[worker]
            self.rows.pop(worker, None)
            self.places.drop(ID, worker)

    def on_control(self, process: Process, data: bytes) -> None:
        """An envelope of a worker, which its host relays."""
        if self.host_of(process).heard:
            super().on_control(process, data)

    def _carry(self, worker: int, incarnation: int, data: bytes) -> None:
        process = self.processes.get((worker, incarnation))
        if process is not None and self.host_of(process).hears:
            super()._carry(worker, incarnation, data)

    # Faults.

    def cut(self, host: Host, seconds: float, *, hears: bool, heard: bool) -> None:
        """Cut a host off from the coordinator in a direction; in both, from its peers, too."""
        if not host.alive:
            return
        self.faults += 1
        host.hears, host.heard = hears, heard
        self.trace(None, "host cut", {"kind": host.facts.name, "hears": hears, "heard": heard})
        if not (hears or heard):
            for process in self.living():
                here = self.host_of(process) is host
                for (endpoint, _), wire in list(process._wires.values()):
                    peer = self.at(endpoint)
                    if peer is not None and (self.host_of(peer) is host) != here:
                        process.cut(wire, seconds, lose=True)

        def heal() -> None:
            host.hears = host.heard = host.alive

        self.clock.after(seconds, heal)

    def plan_faults(self) -> None:
        """Draw what happens to hosts."""
        rng = random.Random(f"host faults {self.seed}")
        for _ in range(rng.choice((1, 1, 2, 3))):
            at = 0.05 + rng.random() ** 2 * (FAULTS_END_S - 0.5)
            host, seconds = rng.choice(self.hosts), rng.choice((0.3, 0.9, 1.4, 2.0))
            both = (False, False)
            hears, heard = rng.choice((both, both, (True, False), (False, True)))
            cut: dict[str, Any] = {"hears": hears, "heard": heard}
            self.clock.at(at, lambda h=host, s=seconds, c=cut: self.cut(h, s, **c))  # type: ignore[misc]
        if rng.random() < 0.3:
            doomed = rng.choice(self.hosts)

            def die() -> None:
                self.faults += 1
                doomed.die()

            self.clock.at(0.05 + rng.random() * 1.5, die)
