"""What the coordinator says to hosts: beats with wishes, envelopes for workers, questions.

A wish is said in full when it changed and until the host acts on it; an envelope that finds no way
is dropped, since its session says it again; a question that gets no answer in time is answered
with None.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from .host_protocol import RELAY_BYTES_MAX, RELAY_ITEMS_MAX, WishWorker
from .hosts import HostRecord, Hosts
from .leases import Leases
from .places import Places

#: A wish that a host does not act on is said in full again after this.
WISH_AGAIN_S = 2.0
#: A host that said nothing for so many beats is out of contact; its lease still runs.
SILENT_BEATS = 3
#: How long a question waits for its answer.
ANSWER_S = 5.0
#: Questions that wait for their answers; more are answered with None at once.
ASKED_MAX = 10_000

#: Takes the answer of a host, None when there is none.
OnAnswer = Callable[[Mapping[str, Any] | None], None]


class _Asked(NamedTuple):
    """A question that waits for its answer."""

    host: str
    until: float
    on_answer: OnAnswer


class _Contact:
    """How it stands with the connection of one host."""

    __slots__ = ("full_at", "heard_at", "relay", "told")

    def __init__(self, now: float) -> None:
        self.heard_at = now
        #: Version of the wish that was told on this connection, and when.
        self.told, self.full_at = 0, 0.0
        #: Envelopes that wait for the end of the turn.
        self.relay: deque[tuple[str, int, int, bytes]] = deque()


class HostTalk:
    """Puts messages for hosts into ``outbox``.

    Args:
        hosts, leases, places: of the cluster.
        term: of this coordinator.
        beat_s: between two beats.
        wished: completes a line of a wish.
    """

    def __init__(
        self,
        hosts: Hosts,
        leases: Leases,
        places: Places,
        *,
        term: int,
        beat_s: float,
        wished: Callable[[WishWorker], WishWorker],
    ) -> None:
        #: (route, message), in order; emptied by the loop.
        self.outbox: deque[tuple[bytes, dict[str, Any]]] = deque()
        self._hosts, self._leases, self._places = hosts, leases, places
        self._term, self._beat_s, self._wished = term, beat_s, wished
        self._contacts: dict[str, _Contact] = {}
        self._beat, self._beat_at = 0, 0.0
        self._asked: dict[int, _Asked] = {}
        self._asks = 0

    # Contact.

    def say(self, route: bytes, kind: str, **fields: Any) -> None:
        """Say something on a connection."""
        self.outbox.append((route, {"kind": kind, **fields}))

    def begin(self, host: str, now: float) -> None:
        """A host has a new connection, or is known from the store: nothing was told on it.

        What it was asked on the one before is given up: whoever asks can ask again at once.
        """
        self._contacts[host] = _Contact(now)
        for id in [id for id, asked in self._asked.items() if asked.host == host]:
            self._asked.pop(id).on_answer(None)

    def heard(self, host: str, now: float) -> None:
        """A host said something."""
        self._contacts[host].heard_at = now

    def silent(self, host: str, now: float) -> bool:
        """Say whether a host is out of contact."""
        return now - self._contacts[host].heard_at > SILENT_BEATS * self._beat_s

    # Beats and wishes.

    def turn(self, now: float) -> bool:
        """Say what is due; whether a beat was. Called at the end of every turn."""
        due = now >= self._beat_at
        if due:
            self._beat_at = now + self._beat_s
        up = [host for host in self._hosts.up() if host.route]
        told = up if due else [host for host in up if self._changed(host)]
        if told:
            self._beat += 1
            self._leases.sent(self._beat, now)
        for host in told:
            self.wish(host, now)
        self._flush_relays()
        self._give_up(now)
        return due

    def _changed(self, host: HostRecord) -> bool:
        return self._places.version_of(host.name) != self._contacts[host.name].told

    def wish(self, host: HostRecord, now: float) -> None:
        """Say a host's wish."""
        contact = self._contacts[host.name]
        version, workers = self._places.version_of(host.name), None
        stale = host.version != version and now - contact.full_at >= WISH_AGAIN_S
        if contact.told != version or stale:
            version, lines = self._places.wish_of(host.name)
            workers = [self._wished(line).to_wire() for line in lines]
            contact.told, contact.full_at = version, now
        known = {"term": self._term, "version": version, "beat": self._beat}
        self.say(host.route, "wish", **known, workers=workers)

    # Envelopes.

    def relay(self, id: str, worker: int, incarnation: int, data: bytes) -> None:
        """Put an envelope on its way to the host of a worker."""
        host = self._places.hosts_of(id).get(worker)
        contact = self._contacts.get(host) if host is not None else None
        if contact is not None and len(contact.relay) < RELAY_ITEMS_MAX:
            contact.relay.append((id, worker, incarnation, data))

    def _flush_relays(self) -> None:
        for name, contact in self._contacts.items():
            route = self._hosts[name].route if name in self._hosts else b""
            if not route:
                contact.relay.clear()
            while contact.relay:
                self.say(route, "relay", items=_batch(contact.relay))

    def prune(self, hosts: Iterable[str], id: str, round: int, keep: frozenset[str]) -> None:
        """Tell hosts which parts of snapshots are still needed."""
        for name in sorted(set(hosts)):
            if name in self._hosts and (route := self._hosts[name].route):
                self.say(route, "prune", topology=id, round=round, keep=sorted(keep))

    # Questions.

    def ask(
        self, host: str, what: str, fields: Mapping[str, Any], on_answer: OnAnswer, now: float
    ) -> None:
        """Ask a host; ``on_answer`` is called once, within ANSWER_S, perhaps at once."""
        known = host in self._hosts and self._hosts[host].up and self._hosts[host].route
        if not known or len(self._asked) >= ASKED_MAX:
            on_answer(None)
            return
        self._asks += 1
        self._asked[self._asks] = _Asked(host, now + ANSWER_S, on_answer)
        self.say(self._hosts[host].route, "ask", id=self._asks, what=what, **fields)

    def on_answer(self, host: str, answer: Mapping[str, Any]) -> None:
        """Take an answer; one that comes too late, or of another host, says nothing."""
        asked = self._asked.get(answer["id"])
        if asked is not None and asked.host == host:
            del self._asked[answer["id"]]
            asked.on_answer(answer)

    def _give_up(self, now: float) -> None:
        # Asked in order, with the same patience: the first ones are the oldest.
        while self._asked:
            id, asked = next(iter(self._asked.items()))
            if asked.until > now:
                return
            del self._asked[id]
            asked.on_answer(None)


def _batch(waiting: deque[tuple[str, int, int, bytes]]) -> list[list[Any]]:
    """Take out what goes into one relay message."""
    items: list[list[Any]] = []
    size = 0
    while waiting and (not items or size + len(waiting[0][3]) <= RELAY_BYTES_MAX):
        size += len(waiting[0][3])
        items.append(list(waiting.popleft()))
    return items
