"""Stand-ins for the shell's tests: a worker core and a driver that only note what is called."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any


@dataclass
class FakeLink:
    """The sending end of a link: the bytes it wants sent."""

    outbox: deque[bytes] = field(default_factory=deque)
    silent_s: float = 0.0
    deaf: bool = False
    reconnections: int = 0

    def down_since(self, now: float) -> float:
        return self.silent_s

    def reconnected(self, now: float) -> None:
        self.reconnections += 1


@dataclass
class FakeReceiver:
    """The receiving end: the answers it wants sent."""

    outbox: deque[tuple[bytes, bytes]] = field(default_factory=deque)


class FakeCore:
    """Notes what the shell hands to it, stops when told to."""

    def __init__(self) -> None:
        self.control_outbox: deque[dict[str, Any]] = deque()
        self.snapshot_jobs: deque[Any] = deque()
        self.links: dict[int, FakeLink] = {}
        self.peers: dict[int, dict[str, Any]] = {}
        self.receiver: FakeReceiver | None = None
        self.stopped = False
        self.verbs = SimpleNamespace(place={})
        self.net = SimpleNamespace(is_peer=None)
        self.controls: list[Mapping[str, Any]] = []
        self.data: list[tuple[bytes, bytes]] = []
        self.from_peers: list[tuple[int, bytes]] = []
        self.parts: list[tuple[str, Any]] = []
        #: Turns after which it stops by itself.
        self.turns_left = 1000
        #: What it reports; None: nothing happened.
        self.next_report: dict[str, Any] | None = None

    def on_control(self, message: Mapping[str, Any], now: float) -> None:
        self.controls.append(message)
        self.peers = dict(message.get("peers", self.peers))
        self.links = {peer: self.links.get(peer, FakeLink()) for peer in self.peers}
        self.stopped = self.stopped or message.get("kind") == "stop"

    def end(self) -> None:
        self.stopped = True

    def on_parts(self, parts: Any, now: float) -> None:
        self.data.append(tuple(parts))

    def on_peer(self, peer: int, data: bytes, now: float) -> None:
        self.from_peers.append((peer, data))

    def on_part_written(self, job: Any, written: Any, now: float) -> None:
        self.parts.append(("written", written))

    def on_part_failed(self, job: Any, text: str, now: float) -> None:
        self.parts.append(("failed", text))

    def turn(self, now: float) -> bool:
        self.turns_left -= 1
        self.stopped = self.stopped or self.turns_left <= 0
        return False

    def wakeup(self, now: float) -> float:
        return 0.001

    def report(self, now: float) -> dict[str, Any]:
        if self.next_report is not None:
            return dict(self.next_report)
        return {"kind": "report", "epoch": 0, "tasks": [], "errors": []}


class FakeDriver:
    """Answers what the status server asks of a run."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def status(self, now: float) -> dict[str, Any]:
        return {"topology": "fake", "uptime_s": now}

    def request_drain(self) -> None:
        self.asked.append("drain")

    def request_stop(self) -> None:
        self.asked.append("stop")

    def mark_replay(self, ids: Iterable[int] | None) -> int:
        self.asked.append(f"replay {ids}")
        return 2

    def drop_dead_letters(self, ids: Iterable[int] | None) -> int:
        self.asked.append(f"drop {ids}")
        return 3
