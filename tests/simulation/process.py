"""A simulated worker process: the real core between simulated sockets, as its shell is.

It can be killed (everything in it is gone), stopped for a while (``freeze``; what it sends
arrives late), and hang in a user call (its control thread goes on to report).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from waterspout.bolts.snapshots import encode_part
from waterspout.supervisor.control_session import Session
from waterspout.supervisor.control_wire import unpack
from waterspout.supervisor.crash_slot import CrashSlot
from waterspout.supervisor.open_requests import OpenRequests
from waterspout.supervisor.snapshot_store import WrittenPart, part_name
from waterspout.supervisor.worker_core import WorkerCore
from waterspout.topology.errors import CorruptSnapshot, StateError

from .calls import start
from .network import Channel, Wire
from .world import ProcessDied

if TYPE_CHECKING:
    from .cluster import Cluster

#: Messages handed to the core before it gets its turn.
RECEIVED_MAX = 16
#: The coordinator gives up when its last round fails five times.
SNAPSHOT_FAILURES_MAX = 3


class Process:
    """One incarnation of a worker."""

    def __init__(self, cluster: Cluster, worker: int, incarnation: int) -> None:
        self.cluster, self.worker, self.incarnation = cluster, worker, incarnation
        self.clock, self.rng = cluster.clock, cluster.rng
        self.endpoint = f"sim://{worker}/{incarnation}"
        self.alive = True
        #: Stopped by a signal: nothing of it runs.
        self.frozen = False
        #: The task whose user call does not return.
        self.hung: int | None = None
        self.core = WorkerCore(
            worker, incarnation, clock=self.clock, rng=random.Random(self.rng.getrandbits(64)),
            load=cluster.loader, read_part=cluster.disk.read, make_slot=self._make_slot,
        )  # fmt: skip
        self._slot: bytearray | None = None
        self._inbox: deque[Callable[[float], Any]] = deque()
        self._wires: dict[int, tuple[tuple[str, int], Wire]] = {}
        #: routing id -> the wire of a peer into this ROUTER.
        self.callers: dict[bytes, Wire] = {}
        self._up = Channel(self.clock, cluster.delays, self._said)
        self._down = Channel(self.clock, cluster.delays, self._told)
        self._session = Session(1, head={"worker": worker, "incarnation": incarnation})
        self._requests = OpenRequests()
        #: What came for the control thread while the process was stopped.
        self._held: list[bytes] = []
        self._loop_number = 0
        self._loop_at = float("inf")
        place = {"endpoint": self.endpoint, "key": "", "pid": self.incarnation & 0xFFFF}
        self.core.verbs.place = place
        self.say({"kind": "register", **place})
        self.clock.after(self.rng.random() * 0.1, self._report)
        self.wake(0.0)

    # The control socket.

    def say(self, message: Any, *, numbered: bool = True) -> None:
        self._up.send(self._session.send(message, self.clock.now, numbered=numbered))

    def tell(self, data: bytes) -> None:
        """Send an envelope of the coordinator on its way."""
        self._down.send(data)

    def lose_control(self) -> None:
        """Its connection to the coordinator breaks: what is under way is gone."""
        self._up.lose()
        self._down.lose()

    def _said(self, data: bytes) -> None:
        self.cluster.on_control(self, data)

    def _told(self, data: bytes) -> None:
        if not self.alive:
            return
        if self.frozen:
            self._held.append(data)
            return
        message = self._session.receive(unpack(data), self.clock.now)
        if message is not None:
            self._requests.heard(message)
            self.post(lambda now: self.core.on_control(message, now))
        self._session.handled()

    def _report(self) -> None:
        if not self.alive:
            return
        if not self.frozen:
            report = self.core.report(self.clock.now)
            self.cluster.oracle.on_report(self, report)
            self._say_report(report)
            for data in self._session.due(self.clock.now):
                self._up.send(data)
        self.clock.after(self.cluster.settings.report_interval_s, self._report)

    def _say_report(self, report: dict[str, Any]) -> None:
        if report["errors"] or report.get("suspects"):
            self.say({**report, "tasks": []})
        self.say({**report, "errors": []}, numbered=False)

    # The data loop.

    def post(self, call: Callable[[float], Any]) -> None:
        """Have the data thread call this."""
        if self.alive:
            self._inbox.append(call)
            self.wake(0.0)

    def wake(self, seconds: float) -> None:
        """Have the loop turn in so many seconds, unless it does so earlier."""
        at = self.clock.now + seconds
        if at < self._loop_at:
            self._loop_at = at
            self._loop_number += 1
            number = self._loop_number
            self.clock.at(at, lambda: self._loop(number))

    def _loop(self, number: int) -> None:
        if number != self._loop_number or not self.alive:
            return
        self._loop_at = float("inf")
        if self.frozen or self.hung is not None:
            return
        try:
            busy = self._turn(self.clock.now)
        except ProcessDied:
            busy = False
        if self.cluster.world.dying:
            self.cluster.world.dying = False
            self.cluster.kill(self, "killed by signal 11")
            return
        self.cluster.oracle.on_turn(self)
        self._send()
        if self.core.stopped:
            self._say_report(self.core.report(self.clock.now))
            self.alive = False
            self.cluster.exits(self, "exit code 0")
            return
        took = self.rng.random() * 0.002
        more = busy or self._inbox
        self.wake(took if more else max(took, self.core.wakeup(self.clock.now)))

    def _turn(self, now: float) -> bool:
        for _ in range(min(len(self._inbox), RECEIVED_MAX)):
            self._inbox.popleft()(now)
        return self.core.turn(now)

    def _send(self) -> None:
        self._connect()
        core = self.core
        for peer, (_, wire) in self._wires.items():
            outbox = core.links[peer].outbox
            while outbox and wire.up:
                wire.send(outbox.popleft())
        if core.receiver is not None:
            while core.receiver.outbox:
                routing_id, data = core.receiver.outbox.popleft()
                if routing_id in self.callers:
                    self.callers[routing_id].answer(data)
        while core.control_outbox:
            message = core.control_outbox.popleft()
            self.cluster.trace(self, "says", message)
            self.say(message)
            if message["kind"] == "here":
                for request in self._requests.all():
                    self.say(request)
            self._requests.said(message)
        while core.snapshot_jobs:
            self._write(core.snapshot_jobs.popleft())
        while core.calls:
            start(self, core.calls.popleft())

    def _connect(self) -> None:
        """Have one wire to each incarnation of a peer, and none to those that are gone."""
        core = self.core
        wanted = {p: (core.peers[p]["endpoint"], core.peers[p]["incarnation"]) for p in core.links}
        for peer in [p for p, (key, _) in self._wires.items() if wanted.get(p) != key]:
            del self._wires[peer]
        for peer, key in wanted.items():
            if peer not in self._wires:
                self._wires[peer] = key, self._wire(peer, key[0])

    def _wire(self, peer: int, endpoint: str) -> Wire:
        target = self.cluster.at(endpoint)

        def forth(routing_id: bytes, data: bytes) -> None:
            if target is not None:
                target.post(lambda now: target.core.on_data(routing_id, data, now))

        def back(data: bytes) -> None:
            # A socket that was closed meanwhile receives nothing.
            if peer in self._wires and self._wires[peer][1] is wire:
                self.post(lambda now: self.core.on_peer(peer, data, now))

        wire = Wire(self.clock, self.cluster.delays, self.rng.randbytes(8), forth, back)
        if target is not None:
            target.callers[wire.routing_id] = wire
        return wire

    def _write(self, job: Any) -> None:
        """Write a snapshot part on the control thread: it takes time, and it may fail."""

        def write() -> None:
            if not self.alive:
                return
            if (
                self.cluster.snapshot_failures < SNAPSHOT_FAILURES_MAX
                and self.rng.random() < self.cluster.snapshot_fail_share
            ):
                self.cluster.snapshot_failures += 1
                self.post(lambda now: self.core.on_part_failed(job, "disk full", now))
                return
            try:
                part = self.cluster.disk.write(
                    job.epoch, job.round, job.task, encode_part(job.copy), log=job.log
                )
            except StateError as error:
                # A copy that was given up says so; of one that was not, the round fails.
                text = str(error)
                self.post(lambda now: self.core.on_part_failed(job, text, now))
                return
            self.post(lambda now: self.core.on_part_written(job, part, now))

        slow_s = self.rng.random() * self.cluster.slow_disk_s
        self.clock.after(self.cluster.delays.draw() * 3 + slow_s, write)

    # What it leaves behind.

    def _make_slot(self, size: int) -> bytearray:
        self._slot = bytearray(size)
        return self._slot

    def remains(self) -> tuple[list[int], dict[int, Any], dict[int, int]]:
        """Return suspect roots, their positions here, and what spouts have drawn."""
        if self._slot is None:
            return [], {}, {}
        slot = CrashSlot(self.cluster.plan, self.worker, self._slot)
        roots = slot.roots_at_work()
        return roots, slot.positions_of(roots), slot.drawn()

    # What is done to it.

    def die(self) -> None:
        """Everything is gone at once, also what it had not sent."""
        self.alive = False
        self._up.lose()
        self._inbox.clear()

    def freeze(self, seconds: float) -> None:
        """Stop for a while; messages wait in its sockets."""
        self.frozen = True
        self.clock.after(seconds, self._thaw)

    def _thaw(self) -> None:
        self.frozen = False
        held, self._held = self._held, []
        for data in held:
            self._told(data)
        self.wake(0.0)

    def hang(self, task: int, seconds: float) -> None:
        """Let the user call of a bolt task take so long."""
        self.hung = task
        self.core.tasks.bolts[task].running = True

        def returns() -> None:
            if self.alive and self.hung == task:
                self.core.tasks.bolts[task].running = False
                self.hung = None
                self.wake(0.0)

        self.clock.after(seconds, returns)

    def wires(self) -> list[Wire]:
        """Return the connections to peers."""
        return [wire for _, wire in self._wires.values()]

    def cut(self, wire: Wire, seconds: float, lose: bool) -> None:
        """Break one connection for a while."""
        wire.cut(seconds, lambda: self.wake(0.0), lose=lose)

    def redial(self, wire: Wire) -> None:
        """Have a new connection with a new routing id, as a link that was silent for long gets.

        What is under way on the old one arrives all the same; answers to it do not.
        """
        for peer, (key, old) in self._wires.items():
            if old is wire and self.alive and peer in self.core.links:
                self._wires[peer] = key, self._wire(peer, key[0])
                wire.up = False
                self.core.links[peer].reconnected(self.clock.now)
                self.wake(0.0)
                return


class Disk:
    """Snapshot parts, encoded and decoded for real."""

    def __init__(self, decode: Callable[[bytes], Any]) -> None:
        self._decode = decode
        self.files: dict[str, bytes] = {}
        self._decoded: dict[str, Any] = {}
        #: The round that wrote each file.
        self.round_of: dict[str, int] = {}
        #: Files that workers cannot read any more.
        self.damaged: set[str] = set()

    def write(
        self, epoch: int, round_: int, task: int, pieces: Any, *, log: bool = False
    ) -> WrittenPart:
        data = b"".join(pieces)
        name = part_name(epoch, round_, task, log=log)
        self.files[name], self.round_of[name] = data, round_
        return WrittenPart(name, len(data), data[-32:].hex())

    def read(self, name: str, sha256: str | None = None) -> Any:
        """Return a part; each reader gets one of its own."""
        if name in self.damaged:
            raise CorruptSnapshot(f"{name}: its sha256 does not match its content")
        return self._decode(self.files[name])

    def peek(self, name: str) -> Any:
        """Return a part that is only looked at."""
        if name not in self._decoded:
            self._decoded[name] = self._decode(self.files[name])
        return self._decoded[name]

    def prune(self, round_: int, keep: frozenset[str]) -> None:
        for name in [n for n, r in self.round_of.items() if r <= round_ and n not in keep]:
            del self.files[name], self.round_of[name]
            self._decoded.pop(name, None)
