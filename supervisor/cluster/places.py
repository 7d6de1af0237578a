"""Where every worker of every topology is, or why it waits; and so what each host is to run.

What a host is to run, its wish, is never changed by a message to the host: it is read from here
whenever it is said. ``version_of`` tells cheaply whether it is another one than before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from .cluster_rows import WorkerRow
from .host_protocol import WishWorker
from .slots import HostFacts, NoSlots, Use, WorkerNeed, fits, place

#: Pairs of hosts that cannot reach each other; the oldest is forgotten.
CUTS_MAX = 1000

_NOWHERE: Mapping[int, str] = {}


@dataclass(slots=True)
class _Place:
    """One worker that has a host."""

    host: str
    incarnation: int
    need: WorkerNeed
    kill: str = ""


class _Topology:
    """What is known of one topology."""

    __slots__ = ("expected", "hosts", "last", "placed", "places", "waiting")

    def __init__(self) -> None:
        self.places: dict[int, _Place] = {}
        #: worker -> host, of ``places``: what is asked for most.
        self.hosts: dict[int, str] = {}
        #: worker -> host where it is to come, as it was planned for all together.
        self.expected: dict[int, str] = {}
        #: worker -> host where it was last; code and snapshots are there already.
        self.last: dict[int, str] = {}
        #: Workers that ever had a place.
        self.placed: set[int] = set()
        #: worker -> why it has no place.
        self.waiting: dict[int, str] = {}


class Places:
    """The places of all workers. Called on the coordinator's main thread."""

    def __init__(self) -> None:
        self._facts: dict[str, HostFacts] = {}
        self._draining: set[str] = set()
        self._topologies: dict[str, _Topology] = {}
        #: host -> (topology, worker) there.
        self._on: dict[str, set[tuple[str, int]]] = {}
        #: host -> what the hints of the workers there add up to.
        self._used: dict[str, Use] = {}
        self._versions: Counter[str] = Counter()
        #: Hosts that cannot reach each other -> until when that is believed.
        self._cuts: dict[frozenset[str], float] = {}

    # Hosts.

    def set_hosts(self, hosts: Iterable[HostFacts]) -> None:
        """Take the hosts that are up. Workers on others stay placed until ``host_lost``."""
        self._facts = {host.name: host for host in hosts}

    def host_lost(self, host: str) -> list[tuple[str, int, int]]:
        """Give up a host; return (topology, worker, incarnation) of those that were there."""
        gone = sorted(self._on.get(host, ()))
        lost = [(id, worker, self._topologies[id].places[worker].incarnation)
                for id, worker in gone]  # fmt: skip
        for id, worker in gone:
            self._remove(id, worker)
            self._topologies[id].last.pop(worker, None)
        return lost

    def drain(self, host: str, on: bool) -> list[tuple[str, int]]:
        """Let a host take no new workers, or again; return those that are to leave it."""
        if not on:
            self._draining.discard(host)
            return []
        self._draining.add(host)
        return sorted(self._on.get(host, ()))

    def crowding(self, host: str) -> str:
        """Return why the workers of a host would not all find a free slot elsewhere; "": they do.

        They would share slots with others, or where their labels fit nobody, wait.
        """
        there = [self._topologies[id].places[worker].need for id, worker in self._on.get(host, ())]
        # Workers of several topologies have the same numbers.
        needs = [replace(need, worker=number) for number, need in enumerate(there)]
        others = [each for each in self._hosts() if each.name != host]
        try:
            place(others, needs, self._taken(), used=self._used)
        except NoSlots as none:
            return str(none)
        return ""

    def cut(self, id: str, a: int, b: int, until: float) -> None:
        """Two workers cannot reach each other: keep workers of any topology off such pairs."""
        hosts = frozenset(self.hosts_of(id).get(worker, "") for worker in (a, b))
        if len(hosts) == 2 and "" not in hosts:
            self._cuts.pop(hosts, None)
            self._cuts[hosts] = until
            if len(self._cuts) > CUTS_MAX:
                del self._cuts[next(iter(self._cuts))]

    def restore(self, rows: Iterable[WorkerRow]) -> None:
        """Know the workers that an earlier coordinator placed."""
        for row in rows:
            self._put(row.id, WorkerNeed(row.worker), row.incarnation, row.host)

    # Placing.

    def preview(self, needs: Sequence[WorkerNeed], but: str = "") -> dict[int, str]:
        """Return where the workers of a new topology would come; keeps nothing.

        Args:
            needs: of the workers.
            but: a topology whose places are given back before.

        Raises:
            NoSlots: there are not enough.
        """
        taken, used = self._without(but)
        return place(self._hosts(), needs, taken, used=used)

    def _without(self, id: str) -> tuple[Counter[str], dict[str, Use]]:
        """Return what is taken, and what its hints add up to, but for one topology."""
        taken, used = self._taken(), dict(self._used)
        known = self._topologies.get(id)
        for here in known.places.values() if known is not None else ():
            taken[here.host] -= 1
            used[here.host] = _less(used[here.host], here.need)
        return taken, used

    def expect(self, id: str, needs: Sequence[WorkerNeed]) -> None:
        """Plan all workers of a topology together; each ``want`` follows, if it still can.

        Called before the workers are started one by one, so that neighbours share hosts.
        Workers that have a place stay; where there are not enough slots nothing is planned.
        """
        known = self._topologies.setdefault(id, _Topology())
        for need in needs:
            if need.worker in known.places:
                here = known.places[need.worker]
                self._used[here.host] = _more(_less(self._used[here.host], here.need), need)
                here.need = need
        taken, used = self._without(id)
        try:
            known.expected = place(self._hosts(), needs, taken, keep=known.hosts, used=used)
        except NoSlots:
            known.expected = {}

    def want(self, id: str, need: WorkerNeed, incarnation: int, now: float) -> str | None:
        """Return the host for a new incarnation of a worker; None: it waits, see ``waiting``.

        A worker that had a place before gets one although all slots are taken: slow is better
        than standing still. A new one waits. Its earlier incarnation is dropped from the wish.
        """
        known = self._topologies.setdefault(id, _Topology())
        worker = need.worker
        here = known.places.get(worker)
        if here is not None and here.incarnation == incarnation:
            return here.host
        if here is not None:
            self._remove(id, worker)
        avoid = self._avoid(known, worker, now)
        host = known.expected.pop(worker, known.last.get(worker))
        if host is None or (worker, host) in avoid or not self._takes(host, need):
            try:
                host = place(
                    self._hosts(), [need], self._taken(), avoid=avoid, used=self._used,
                    overcommit=worker in known.placed,
                )[worker]  # fmt: skip
            except NoSlots as none:
                known.waiting[worker] = str(none)
                return None
        known.waiting.pop(worker, None)
        self._put(id, need, incarnation, host)
        return host

    def _takes(self, host: str, need: WorkerNeed) -> bool:
        facts = self._facts.get(host)
        return (
            facts is not None
            and not (facts.draining or host in self._draining)
            and len(self._on.get(host, ())) < facts.slots
            and fits(facts, need.labels)
        )

    def _avoid(self, known: _Topology, worker: int, now: float) -> set[tuple[int, str]]:
        """Return all hosts but those that reach most of the topology's other workers."""
        self._cuts = {pair: until for pair, until in self._cuts.items() if until > now}
        if not self._cuts:
            return set()
        peers = Counter(host for other, host in known.hosts.items() if other != worker)
        out_of_reach: Counter[str] = Counter()
        for one, other in map(tuple, self._cuts):
            out_of_reach[one] += peers[other]
            out_of_reach[other] += peers[one]
        least = min((out_of_reach[name] for name in self._facts), default=0)
        return {(worker, name) for name, count in out_of_reach.items() if count > least}

    def _hosts(self) -> list[HostFacts]:
        return [host for host in self._facts.values() if host.name not in self._draining]

    def _taken(self) -> Counter[str]:
        return Counter({host: len(there) for host, there in self._on.items()})

    def _put(self, id: str, need: WorkerNeed, incarnation: int, host: str) -> None:
        known = self._topologies.setdefault(id, _Topology())
        known.places[need.worker] = _Place(host, incarnation, need)
        known.hosts[need.worker] = known.last[need.worker] = host
        known.placed.add(need.worker)
        self._on.setdefault(host, set()).add((id, need.worker))
        self._used[host] = _more(self._used.get(host, Use()), need)
        self._versions[host] += 1

    def _remove(self, id: str, worker: int) -> None:
        known = self._topologies[id]
        here = known.places.pop(worker)
        host = here.host
        del known.hosts[worker]
        self._on[host].discard((id, worker))
        self._used[host] = _less(self._used[host], here.need)
        self._versions[host] += 1

    # What becomes of workers.

    def kill(self, id: str, worker: int, incarnation: int, why: str) -> None:
        """Have a worker killed by its host; it keeps its place until its exit was seen."""
        known = self._topologies.get(id)
        here = known.places.get(worker) if known is not None else None
        if here is not None and here.incarnation == incarnation and not here.kill:
            here.kill = why
            self._versions[here.host] += 1

    def drop(self, id: str, worker: int | None = None) -> None:
        """Give the place of a worker back: it is gone; or (None) all of a topology that ended."""
        known = self._topologies.get(id)
        if known is None:
            return
        for each in [worker] if worker is not None else list(known.places):
            known.waiting.pop(each, None)
            if each in known.places:
                self._remove(id, each)
        if worker is None:
            del self._topologies[id]

    # What is asked.

    def hosts_of(self, id: str) -> Mapping[int, str]:
        """Return worker -> host of a topology, as it is now; not to be changed."""
        known = self._topologies.get(id)
        return _NOWHERE if known is None else known.hosts

    def version_of(self, host: str) -> int:
        """Return the version of a host's wish; never 0."""
        return 1 + self._versions[host]

    def wish_of(self, host: str) -> tuple[int, list[WishWorker]]:
        """Return what a host is to run, and its version."""
        rows = []
        for id, worker in sorted(self._on.get(host, ())):
            here = self._topologies[id].places[worker]
            rows.append(WishWorker(id, worker, here.incarnation, kill=here.kill))
        return self.version_of(host), rows

    def waiting(self) -> list[tuple[str, int, str]]:
        """Return (topology, worker, why) of all that have no place."""
        return [
            (id, worker, why)
            for id, known in sorted(self._topologies.items())
            for worker, why in sorted(known.waiting.items())
        ]


def _more(use: Use, need: WorkerNeed) -> Use:
    return Use(use.cpu + need.cpu, use.memory + need.memory)


def _less(use: Use, need: WorkerNeed) -> Use:
    return Use(use.cpu - need.cpu, use.memory - need.memory)
