"""Between the workers of a host and the coordinator: passes envelopes on, and holds two kinds back.

    snapshotted   until its parts are stored at the coordinator: a lost host loses no state
    assign        until the parts that it names are in the folder of the topology, or gone for good

What is numbered and comes after a held message of the same worker waits behind it, as the other
end takes numbers in order only (control_session.py); what is not numbered goes past. Workers and
coordinator know nothing of it. Nothing is kept that the sender would not send again, so a
supervisor that is killed loses nothing.

Plain reports are thinned (report_thinning).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from waterspout.topology.plan import Plan
from waterspout.topology.wire_fields import OtherVersion

from ..control_wire import pack, peek, unpack
from ..snapshot_store import is_part_name
from .field_checks import cut
from .host_worker import Key
from .report_thinning import ReportThinning

#: Parts of one topology that are known to be at the coordinator; beyond, they are asked for again.
STORED_MAX = 100_000
_SESSION = ("boot", "n", "ack", "low", "peer_boot")


@dataclass(frozen=True, slots=True)
class ToCoordinator:
    """Pass an envelope on. ``slot`` is equal for envelopes of which the newest replaces others."""

    key: Key
    data: bytes
    slot: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ToWorker:
    """Pass an envelope on."""

    key: Key
    data: bytes


@dataclass(frozen=True, slots=True)
class Upload:
    """Store a snapshot part at the coordinator; answered by ``stored`` or ``not_stored``."""

    id: str
    file: str


@dataclass(frozen=True, slots=True)
class Fetch:
    """Have a snapshot part in the folder; answered by ``fetched`` or ``not_fetched``.

    ``sha256``: of the part; what lies there under its name may be of another run.
    """

    id: str
    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A worker registered or reported; for host_core, the message goes on anyway."""

    key: Key
    message: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Planned:
    """A worker is about to be given this plan, which is needed again after its death."""

    key: Key
    wire: Mapping[str, Any]
    plan: Plan


@dataclass(frozen=True, slots=True)
class Refuse:
    """A worker cannot do its work on this host."""

    key: Key
    why: str


Out = ToCoordinator | ToWorker | Upload | Fetch | Seen | Planned | Refuse


@dataclass(slots=True)
class _Message:
    """A message that waits, until its files are there and all before it are gone."""

    number: int
    data: bytes
    files: set[str] = field(default_factory=set)
    #: Why it cannot go on as it is.
    failed: str = ""


@dataclass(slots=True)
class _Line:
    """What waits in one direction of one worker."""

    boot: int = 0
    waiting: deque[_Message] = field(default_factory=deque)


class Relay:
    """Passes envelopes on for all workers of a host.

    Args:
        denied: returns why classes of a plan may not be imported by a worker here, or "".
    """

    def __init__(self, denied: Callable[[Key, Iterable[str]], str]) -> None:
        self._denied = denied
        self._up: dict[Key, _Line] = {}
        self._down: dict[Key, _Line] = {}
        self._reports = ReportThinning()
        self._stored: dict[str, set[str]] = {}
        self._uploading: dict[tuple[str, str], set[Key]] = {}
        self._fetching: dict[tuple[str, str], set[Key]] = {}
        #: Messages that were none.
        self.refused = 0

    # From a worker.

    def from_worker(self, key: Key, data: bytes, now: float) -> list[Out]:
        """Take an envelope of a worker."""
        try:
            head = peek(data, ("boot", "n", "kind"))
            boot, number, kind = int(head["boot"]), int(head["n"]), head["kind"]
            message = unpack(data) if kind in ("register", "here", "report", "snapshotted") else {}
            files = _parts_of(message) if kind == "snapshotted" else set()
        except (ValueError, KeyError, TypeError, AttributeError):
            self.refused += 1
            return []
        out: list[Out] = []
        # A numbered report has errors only, and may come again when others have overtaken it.
        if message and kind != "snapshotted" and not (kind == "report" and number):
            out.append(Seen(key, message))
        if not number:
            if kind != "report" or self._reports.due(key, message, data, now):
                out.append(ToCoordinator(key, data, (key, kind)))
            return out
        line = self._up.setdefault(key, _Line())
        missing = {file for file in files if file not in self._stored.get(key[0], ())}
        if self._queue(line, boot, _Message(number, data, missing)):
            for file in missing:
                waiting = self._uploading.setdefault((key[0], file), set())
                if not waiting:
                    out.append(Upload(key[0], file))
                waiting.add(key)
        elif not line.waiting or number < line.waiting[0].number:
            # Not behind what waits: it goes on, once more perhaps.
            out.append(ToCoordinator(key, data, (key, number)))
        return out

    def _queue(self, line: _Line, boot: int, message: _Message) -> bool:
        """Let a message wait if it has to; False: it does not wait now, or it did already."""
        if boot != line.boot:
            line.boot = boot
            line.waiting.clear()
        if line.waiting and message.number <= line.waiting[-1].number:
            return False
        if not line.waiting and not message.files:
            return False
        line.waiting.append(message)
        return True

    def tick(self, now: float) -> list[Out]:
        """Return the reports whose time has come. Called in every turn of the loop."""
        late = self._reports.late(now)
        return [ToCoordinator(key, data, (key, "report")) for key, data in late]

    def stored(self, id: str, file: str) -> list[Out]:
        """A part is at the coordinator."""
        known = self._stored.setdefault(id, set())
        if len(known) >= STORED_MAX:
            known.clear()
        known.add(file)
        return self._arrived(self._uploading, self._up, id, file)

    def not_stored(self, id: str, file: str, why: str) -> list[Out]:
        """A part cannot be stored, and trying again would not help: its round fails."""
        return self._arrived(self._uploading, self._up, id, file, why)

    # From the coordinator.

    def from_coordinator(self, key: Key, data: bytes) -> list[Out]:
        """Take an envelope for a worker."""
        try:
            head = peek(data, ("boot", "n", "kind"))
            boot, number, kind = int(head["boot"]), int(head["n"]), head["kind"]
        except (ValueError, KeyError, TypeError):
            self.refused += 1
            return []
        line = self._down.setdefault(key, _Line())
        if boot < line.boot:
            return []
        if not number:
            return [ToWorker(key, data)]
        files: dict[str, str] = {}
        out: list[Out] = []
        again = boot == line.boot and bool(line.waiting)
        if kind == "assign" and not (again and number <= line.waiting[-1].number):
            found = self._assign(key, data)
            if isinstance(found, Refuse):
                return [found]
            planned, files = found
            out.append(planned)
        if self._queue(line, boot, _Message(number, data, set(files))):
            for file, sha256 in files.items():
                waiting = self._fetching.setdefault((key[0], file), set())
                if not waiting:
                    out.append(Fetch(key[0], file, sha256))
                waiting.add(key)
        elif not line.waiting or number < line.waiting[0].number:
            out.append(ToWorker(key, data))
        return out

    def _assign(self, key: Key, data: bytes) -> Refuse | tuple[Planned, dict[str, str]]:
        """Look into an ``assign``: may it be run here, and which parts (file -> sha256) does it
        need?"""
        try:
            message = unpack(data)
            plan = Plan.from_wire(message["plan"])
            parts = (message.get("parts") or {}).values()
            files = {str(file): str(sha256) for of_task in parts for file, sha256 in of_task}
        except OtherVersion as error:
            return Refuse(key, cut(f"cannot read the plan: {error}, see `waterspout doctor`"))
        except Exception as error:
            # Whatever a plan of another version makes of our readers: it cannot be run.
            return Refuse(key, cut(f"cannot read the plan: {type(error).__name__}: {error}"))
        strange = next((file for file in files if not is_part_name(file)), None)
        if strange is not None:
            return Refuse(key, f"{strange!r:.80} is not the name of a snapshot part")
        why = self._denied(key, classes_of(plan))
        return Refuse(key, why) if why else (Planned(key, message["plan"], plan), files)

    def waits_for_parts(self, key: Key) -> bool:
        """Say whether an ``assign`` of this worker is held back."""
        line = self._down.get(key)
        return line is not None and bool(line.waiting)

    def fetchers(self, id: str, file: str) -> list[Key]:
        """Return the workers that wait for this part."""
        return sorted(self._fetching.get((id, file), ()))

    def fetched(self, id: str, file: str) -> list[Out]:
        """A part is in the folder, or gone at the coordinator: its worker will say so."""
        return self._arrived(self._fetching, self._down, id, file)

    def not_fetched(self, id: str, file: str, why: str) -> list[Out]:
        """A part may be at the coordinator, but not for this host: nobody starts without it."""
        text = f"snapshot part {file} cannot be had from the coordinator: {why}"
        return [Refuse(key, text) for key in sorted(self._fetching.pop((id, file), ()))]

    # Both directions.

    def _arrived(
        self,
        asked: dict[tuple[str, str], set[Key]],
        lines: Mapping[Key, _Line],
        id: str,
        file: str,
        why: str = "",
    ) -> list[Out]:
        out: list[Out] = []
        for key in sorted(asked.pop((id, file), ())):
            line = lines.get(key)
            if line is not None:
                for message in line.waiting:
                    if file in message.files:
                        message.files.discard(file)
                        message.failed = message.failed or why
                out += self._released(key, line, up=lines is self._up)
        return out

    def _released(self, key: Key, line: _Line, up: bool) -> Iterator[Out]:
        while line.waiting and not line.waiting[0].files:
            message = line.waiting.popleft()
            if not up:
                yield ToWorker(key, message.data)
            else:
                data = _failed(message) if message.failed else message.data
                yield ToCoordinator(key, data, (key, message.number))

    def on_exited(self, key: Key) -> list[Out]:
        """A worker's process is gone: return its last report, if that did not go on yet.

        What was held back goes on as it is: what is numbered before it may be of use.
        """
        out: list[Out] = []
        last = self._reports.forget(key)
        if last is not None:
            out.append(ToCoordinator(key, last, (key, "report")))
        self.forget(key)
        return out

    def forget(self, key: Key) -> None:
        """Nothing of this worker goes on any more."""
        self._up.pop(key, None)
        self._down.pop(key, None)
        self._reports.forget(key)
        for asked in (self._uploading, self._fetching):
            for file, keys in list(asked.items()):
                keys.discard(key)
                if not keys:
                    del asked[file]

    def new_coordinator(self) -> None:
        """Another coordinator is there; what it has is not known: it may be a restored copy."""
        self._stored.clear()

    def pruned(self, id: str, keep: Iterable[str]) -> None:
        """Only these parts of a topology matter any more."""
        if id in self._stored:
            self._stored[id] &= set(keep)


def classes_of(plan: Plan) -> list[str]:
    """Return every class path that the workers of a plan import."""
    found: dict[str, None] = {}
    for component in plan.spec.components():
        found[component.class_path] = None
        for each in component.inputs:
            if each.custom:
                found[each.custom] = None
    return list(found)


def _parts_of(message: Mapping[str, Any]) -> set[str]:
    """Return the files of a ``snapshotted``.

    Raises:
        ValueError: one is no part.
    """
    files = {str(part["file"]) for part in message.get("parts") or ()}
    if not all(map(is_part_name, files)):
        raise ValueError("not the names of snapshot parts")
    return files


def _failed(message: _Message) -> bytes:
    """Return the ``snapshotted`` as a ``snapshot_failed`` of the same number."""
    old = unpack(message.data)
    kept = {name: old[name] for name in ("worker", "incarnation", *_SESSION) if name in old}
    text = f"a part cannot be stored at the coordinator: {message.failed}"
    new = {"kind": "snapshot_failed", "epoch": old.get("epoch"), "round": old.get("round")}
    return pack({**kept, **new, "text": cut(text)})
