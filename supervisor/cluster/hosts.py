"""The hosts as the coordinator sees them: who said hello, and what their last beat says.

Fed with messages that passed host_protocol.py; says what changed as events. It does not decide
when a host is lost (leases.py does) and not what it is to run (places.py does).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .host_link import old_copy, other_copy
from .host_protocol import PROTO_MAX, PROTO_MIN
from .slots import HostFacts

#: Refusals that are remembered.
REFUSALS_MAX = 50


@dataclass(slots=True)
class HostRecord:
    """One host: what it said of itself, and its last beat.

    Attributes:
        name: unique; from its key, or with ``--insecure`` its own word.
        route: where its connection is now.
        up: its lease runs.
        draining: it gets no new workers.
        leaving: nor does it while its supervisor is about to end.
        machine: boot id and data folder.
        wall_offset_s: its clock minus ours, at its hello.
        version: of the wish that it acts on.
        rows: workers of its last beat.
    """

    name: str
    route: bytes = b""
    up: bool = False
    draining: bool = False
    leaving: bool = False
    session: int = 0
    machine: str = ""
    data_dir: str = ""
    address: str = ""
    slots: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    cpus: float = 0.0
    memory_bytes: int = 0
    python: str = ""
    software: str = ""
    wall_offset_s: float = 0.0
    version: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    load1: float = 0.0
    free_disk: int = 0
    log_bytes: int = 0

    def facts(self) -> HostFacts:
        """Return what placing needs to know."""
        return HostFacts(
            name=self.name,
            slots=self.slots,
            labels=dict(self.labels),
            cpus=self.cpus,
            memory_bytes=self.memory_bytes,
            draining=self.draining or self.leaving,
        )


@dataclass(frozen=True, slots=True)
class HostRefused:
    """A hello that is not taken: the code and the text of ``refused``."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """A beat says this of a worker."""

    host: str
    id: str
    worker: int
    incarnation: int
    state: str
    pid: int | None
    created: float
    memory: int
    cpu: float
    why: str


@dataclass(frozen=True, slots=True)
class WorkerExit:
    """A beat says that this incarnation has ended; said again until it is wished no more."""

    host: str
    id: str
    worker: int
    incarnation: int
    reason: str
    roots: tuple[int, ...]
    positions: Mapping[int, list[list[Any]]]
    drawn: Mapping[int, int]


BeatEvent = WorkerSeen | WorkerExit


class Hosts:
    """All hosts that ever said hello, by name, until they are forgotten."""

    def __init__(
        self,
        term: int = 1 << 64,
        tokens: Mapping[int, int] | None = None,
        version: str = "",
    ) -> None:
        #: Of this software; "": not known, and not compared.
        self._version = version
        #: Of this coordinator; hosts whose workers follow a later one do not come back to it.
        self.term = term
        #: Of the terms that this coordinator goes on from, as far as they are kept.
        self._tokens = tokens or {}
        self._hosts: dict[str, HostRecord] = {}
        self._by_route: dict[bytes, HostRecord] = {}
        #: The last refusals, newest last, for ``doctor``.
        self.refusals: dict[str, str] = {}

    def __iter__(self) -> Iterator[HostRecord]:
        return iter(self._hosts.values())

    def __contains__(self, name: str) -> bool:
        return name in self._hosts

    def __getitem__(self, name: str) -> HostRecord:
        return self._hosts[name]

    def up(self) -> list[HostRecord]:
        """Return the hosts whose lease runs, by name."""
        return sorted((host for host in self if host.up), key=lambda host: host.name)

    def restore(self, record: HostRecord) -> None:
        """Know a host of an earlier run of the coordinator; it counts as up until it is lost."""
        record.up = True
        self._hosts[record.name] = record

    def of_route(self, route: bytes) -> HostRecord | None:
        """Return the host that speaks on this connection, once it said hello."""
        return self._by_route.get(route)

    def on_hello(
        self, name: str, route: bytes, hello: Mapping[str, Any], wall: float
    ) -> HostRecord | HostRefused:
        """Take a hello: a new host, a restarted supervisor, or the same one reconnected.

        Args:
            name: whose key it came with, or what it calls itself without keys.
            route: of the connection.
            hello: as it came.
            wall: our clock.
        """
        low, high = hello["proto"]
        if low > PROTO_MAX or high < PROTO_MIN:
            mine = f"{PROTO_MIN} to {PROTO_MAX}"
            return self._refuse(
                name, "version", f"host {name} speaks {low} to {high}, the coordinator {mine}"
            )
        theirs, ours = release(hello["version"]), release(self._version)
        if theirs and ours and theirs != ours:
            text = f"host {name} runs waterspout {hello['version']}"
            text += f", the coordinator {self._version}: have all machines run the same"
            return self._refuse(name, "version", text)
        seen = hello.get("term") or 0
        if seen > self.term:
            return self._refuse(name, "term", old_copy(f"host {name}", self.term, seen))
        token = hello.get("token") or 0
        if seen and token and self._tokens.get(seen, token) != token:
            return self._refuse(name, "term", other_copy(name, self.term, seen))
        known = self._hosts.get(name)
        if known is not None and known.up and known.machine not in ("", hello["machine"]):
            return self._refuse(
                name,
                "duplicate",
                f"two hosts call themselves {name}: one at {_place(known.address, known.data_dir)}"
                f" is there, one at {_place(hello['address'], hello['data_dir'])} is refused",
            )
        record = known or HostRecord(name)
        self._fill(record, hello, wall)
        self._by_route.pop(record.route, None)
        record.route = route
        self._hosts[name] = self._by_route[route] = record
        self.refusals.pop(name, None)
        return record

    def _refuse(self, name: str, code: str, text: str) -> HostRefused:
        self.refusals.pop(name, None)
        self.refusals[name] = text
        if len(self.refusals) > REFUSALS_MAX:
            del self.refusals[next(iter(self.refusals))]
        return HostRefused(code, text)

    @staticmethod
    def _fill(record: HostRecord, hello: Mapping[str, Any], wall: float) -> None:
        for field_name in ("session", "machine", "data_dir", "address", "slots", "cpus"):
            setattr(record, field_name, hello[field_name])
        record.memory_bytes, record.python = hello["memory_bytes"], hello["python"]
        record.labels, record.software = dict(hello["labels"]), hello["version"]
        record.wall_offset_s = hello["wall"] - wall
        record.up, record.version = True, 0

    def on_beat(self, route: bytes, beat: Mapping[str, Any]) -> list[BeatEvent] | None:
        """Take a beat; None: whoever speaks there has to say hello first."""
        record = self._by_route.get(route)
        if record is None or record.session != beat["session"] or not record.up:
            return None
        record.version, record.rows = beat["version"], list(beat["workers"])
        record.load1, record.free_disk = beat["load1"], beat["free_disk"]
        record.log_bytes = beat["log_bytes"]
        return [_event(record.name, row) for row in record.rows]

    def on_lost(self, name: str) -> None:
        """Its lease is over; it is up again when it says hello."""
        record = self._hosts[name]
        record.up, record.rows, record.version = False, [], 0
        self._by_route.pop(record.route, None)

    def forget(self, name: str) -> None:
        """Forget a host that is not up."""
        record = self._hosts.pop(name)
        self._by_route.pop(record.route, None)


def release(version: str) -> str:
    """Return what versions that go together have in common: ``0.1`` of 0.1.3; "" of none."""
    parts = version.split(".")
    return ".".join(parts[:2]) if len(parts) > 1 and parts[0].isdigit() else ""


def _place(address: str, data_dir: str) -> str:
    """Return where a host is; of one that an earlier coordinator knew, its folder is not known."""
    return f"{address} ({data_dir})" if data_dir else address


def _event(host: str, row: Mapping[str, Any]) -> BeatEvent:
    id, worker, incarnation = row["id"], row["worker"], row["incarnation"]
    left = row["exit"]
    if left is not None:
        return WorkerExit(
            host,
            id,
            worker,
            incarnation,
            left["reason"],
            tuple(left["roots"]),
            left["positions"],
            left["drawn"],
        )
    known = (row["state"], row["pid"], row["created"], row["memory"], row["cpu"], row["why"])
    return WorkerSeen(host, id, worker, incarnation, *known)
