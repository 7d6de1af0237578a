"""A whole topology in one process: the real coordinator and real worker cores, from a seed."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

from waterspout.bolts.snapshots import decode_part
from waterspout.supervisor.cluster.plan_move import homes, remap
from waterspout.supervisor.control_session import Session
from waterspout.supervisor.control_wire import unpack
from waterspout.supervisor.coordinator import Coordinator
from waterspout.supervisor.effects import (
    Event,
    KillWorker,
    PruneSnapshots,
    Send,
    StartWorker,
    TopologyDone,
)

from .clock import Clock
from .exact_oracle import ExactOracle
from .network import Delays
from .once_oracle import OnceOracle
from .oracle import Oracle
from .process import Disk, Process
from .shapes import Shape
from .topologies import Loader, plan_of
from .watched_store import WatchedStore
from .world import World

#: How often the coordinator looks at the time.
TICK_S = 0.1
#: Kinds of control messages that a trace leaves out.
QUIET = ("report",)


class CoordinatorDied(BaseException):
    """The coordinator's process ends here, in the middle of what it does."""


class Cluster:
    """Coordinator, processes, network, disk and world of one run.

    Args:
        seed: everything random comes from it.
        shape: what to run.
        tracing: print what happens.
    """

    #: Whether a fault may be that it goes on with another number of tasks.
    rescales = True

    def __init__(self, seed: int, shape: Shape, *, tracing: bool = False) -> None:
        self.seed, self.shape, self.tracing = seed, shape, tracing
        self.rng = random.Random(f"cluster {seed}")
        self.clock = Clock()
        self.delays = Delays(random.Random(f"delays {seed}"))
        self.world = World(random.Random(f"world {seed}"), self.clock)
        self.disk = Disk(decode_part)
        self.plan = plan_of(shape)
        self.settings = self.plan.settings
        self.store = WatchedStore()
        self.oracle = self._oracle()
        self.loader = Loader(shape, self.world)
        #: Every process that ever ran, by (worker, incarnation).
        self.processes: dict[tuple[int, int], Process] = {}
        self.snapshot_fail_share = 0.0
        #: Share of checkpoints that are given up soon after they began.
        self.abort_share = 0.0
        #: The longest that the writing of a snapshot may take on top.
        self.slow_disk_s = 0.0
        self.snapshot_failures = 0
        self.done: TopologyDone | None = None
        #: Faults so far; without any nothing is worked on twice.
        self.faults = 0
        #: Coordinators so far; the boot number of the sessions of the one there is.
        self.term = 0
        self.down = False
        #: Where a coordinator is to die: at what, and the how-manieth of it.
        self.dies_at: tuple[str, int] | None = None
        #: Points so far at which it could have died.
        self.points = 0
        self.store.point = self._point
        #: worker -> incarnation that was started last: what outlives the coordinator.
        self.placed: dict[int, int] = {}
        self._sessions: dict[tuple[int, int], Session] = {}
        self._rise()
        self.clock.after(TICK_S, self._tick)

    def _oracle(self) -> Oracle:
        if self.shape.guarantee == "exactly-once":
            return ExactOracle(self)
        return OnceOracle(self) if any(b.once for b in self.shape.bolts) else Oracle(self)

    def run(self, until_s: float) -> None:
        """Go on until the run is over, or time is."""
        while self.done is None and self.clock.now < until_s:
            self.clock.step()

    # The coordinator's shell.

    def _rise(self) -> None:
        """A coordinator begins; it goes on where the one before died."""
        self.term += 1
        self.down = False
        rng = random.Random(f"incarnations {self.seed} {self.term}")
        self.coordinator = Coordinator(self.plan, self.settings, self.store, rng)
        self.trace(None, "rises", {"kind": f"term {self.term}", "known": self.placed})
        self._do(lambda: self.coordinator.resume(dict(self.placed), self.clock.now))

    def crash(self, seconds: float) -> None:
        """The coordinator's process dies now, and another one begins so much later."""
        if not self.down and self.done is None:
            self.faults += 1
            self.trace(None, "coordinator dies", {"kind": f"{seconds:.3f} s"})
            self.down, self.dies_at = True, None
            self._sessions.clear()
            self.clock.after(seconds, self._rise)

    def crash_at(self, what: str, number: int) -> None:
        """Let the coordinator die at the ``number``-th of ``what``: a write (``store epoch``,
        before and after it), a kind of message that it says or hears, or anything at all ("")."""
        if not self.down:
            self.dies_at = what, number

    def _point(self, name: str) -> None:
        self.points += 1
        if self.dies_at is None or self.dies_at[0] not in ("", name):
            return
        what, left = self.dies_at
        self.dies_at = what, left - 1
        if left <= 1:
            raise CoordinatorDied

    def _do(self, call: Callable[[], object]) -> bool:
        """Let the coordinator do something, and do what it wants; False: it died of it."""
        try:
            call()
            self._act()
        except CoordinatorDied:
            self.crash(0.05 + self.rng.random() * 0.5)
            return False
        return True

    def _tick(self) -> None:
        if self.done is not None:
            return
        if not self.down:
            self._do(lambda: self.coordinator.on_tick(self.clock.now))
            self.oracle.on_tick()
            for key, session in list(self._sessions.items()):
                for data in session.due(self.clock.now):
                    self._carry(*key, data)
        self.clock.after(TICK_S, self._tick)

    def on_control(self, process: Process, data: bytes) -> None:
        """An envelope of a worker arrived at the coordinator, if there is one."""
        if self.done is not None or self.down:
            return
        envelope, now = unpack(data), self.clock.now
        key = envelope.pop("worker"), envelope.pop("incarnation")
        session = self._session(*key)
        message = session.receive(envelope, now)
        if message is None:
            return

        def hear() -> None:
            self._point(message["kind"])
            self.coordinator.on_message(*key, message, now)

        if self._do(hear):
            session.handled()

    def _session(self, worker: int, incarnation: int) -> Session:
        return self._sessions.setdefault((worker, incarnation), Session(self.term))

    def _carry(self, worker: int, incarnation: int, data: bytes) -> None:
        process = self.processes.get((worker, incarnation))
        if process is not None and process.alive:
            process.tell(data)

    def _act(self) -> None:
        while self.coordinator.outbox:
            effect = self.coordinator.outbox.popleft()
            assert self.done is None, f"{effect} after the end"
            self._point(effect.message["kind"] if isinstance(effect, Send) else "effect")
            if isinstance(effect, StartWorker):
                self.placed[effect.worker] = effect.incarnation
                self._start(effect.worker, effect.incarnation)
            elif isinstance(effect, KillWorker):
                self._kill_wanted(effect)
            elif isinstance(effect, Send):
                self._send(effect)
            elif isinstance(effect, PruneSnapshots):
                self.disk.prune(effect.round, effect.keep)
            elif isinstance(effect, TopologyDone):
                self.done = effect
                self.trace(None, "done", {"kind": str(effect)})
            elif isinstance(effect, Event):
                self.oracle.on_event(effect)
                self.trace(None, "event", {"kind": effect.name, **effect.fields})

    def _send(self, effect: Send) -> None:
        process = self.processes.get((effect.worker, effect.incarnation))
        self.trace(process, "hears", effect.message)
        if effect.message["kind"] == "checkpoint" and self.rng.random() < self.abort_share:
            self.clock.after(self.rng.random() * 0.02, self._abort)
        known = self.placed.get(effect.worker) == effect.incarnation
        session = self._session(effect.worker, effect.incarnation)
        data = session.send(effect.message, self.clock.now, numbered=known)
        self._carry(effect.worker, effect.incarnation, data)

    def _abort(self) -> None:
        # The last one is tried five times only.
        if not self.down and self.coordinator.phases.rounds_wanted:
            self.faults += 1
            self._do(lambda: self.coordinator.rounds.abort(self.clock.now))

    def _start(self, worker: int, incarnation: int) -> None:
        def boot() -> None:
            if (worker, incarnation) not in self._stillborn:
                self.processes[worker, incarnation] = Process(self, worker, incarnation)

        self.clock.after(0.01 + self.rng.random() * 0.1, boot)

    _stillborn: frozenset[tuple[int, int]] = frozenset()

    def _kill_wanted(self, effect: KillWorker) -> None:
        process = self.processes.get((effect.worker, effect.incarnation))
        self.trace(process, "is to be killed", {"kind": effect.why})
        if process is None:
            self._stillborn |= {(effect.worker, effect.incarnation)}
            worker, incarnation = effect.worker, effect.incarnation
            self.clock.after(0.01, lambda: self._exited(worker, incarnation, "killed by signal 9"))
        elif process.alive:
            self.faults += 1
            self.kill(process, "killed by signal 9")

    def rescale(self, shape: Shape) -> None:
        """Go over to another plan: all processes end, what the store has is dealt out anew."""
        self.trace(None, "rescales", {"kind": str([b.parallelism for b in shape.bolts])})
        for process in list(self.processes.values()):
            if process.alive:
                process.die()
        self._stillborn |= frozenset(self.placed.items())
        self.placed.clear()
        self._sessions.clear()
        plan = plan_of(shape)
        positions, parts = remap(self.plan, plan, self.store.positions(), self.store.parts())
        self.store.replace_plan(plan.fingerprint(), positions, parts, homes(self.plan, plan))
        self.shape, self.plan, self.loader = shape, plan, Loader(shape, self.world)
        self.oracle.rescaled()
        self._rise()

    # What happens to processes.

    def kill(self, process: Process, reason: str) -> None:
        """A process dies now; the coordinator hears of it a little later."""
        if process.alive:
            self.trace(process, "dies", {"kind": reason})
            self.oracle.on_death(process)
            process.die()
            self.exits(process, reason)

    def exits(self, process: Process, reason: str) -> None:
        """Have the coordinator hear that a process ended."""
        self.clock.after(
            0.005 + self.rng.random() * 0.1,
            lambda: self._exited(process.worker, process.incarnation, reason),
        )

    def _exited(self, worker: int, incarnation: int, reason: str) -> None:
        """Tell the coordinator, again and again until there is one that takes it."""
        if self.done is not None:
            return
        process = self.processes.get((worker, incarnation))
        roots, positions, drawn = process.remains() if process else ([], {}, {})
        told = not self.down and self._do(
            lambda: self.coordinator.on_worker_exit(
                worker, incarnation, reason, roots, positions, self.clock.now, drawn
            )
        )
        if not told:
            self.clock.after(TICK_S, lambda: self._exited(worker, incarnation, reason))
        elif self.placed.get(worker) == incarnation:
            del self.placed[worker]

    def give_up_on(self, process: Process) -> None:
        """The coordinator takes a process for dead that only sleeps: a zombie.

        As with a host that is lost, that says nothing of whether the worker can boot.
        """
        if not self.down:
            self.coordinator.handover.workers.excuse(process.worker, process.incarnation)
        self._exited(process.worker, process.incarnation, "its host is gone")

    def at(self, endpoint: str) -> Process | None:
        """Return the process that listens there; dead ones take nothing."""
        for process in self.processes.values():
            if process.endpoint == endpoint:
                return process
        return None

    def newest(self, worker: int) -> Process | None:
        """Return the latest process of a worker's place."""
        return next((p for p in reversed(self.processes.values()) if p.worker == worker), None)

    def living(self) -> list[Process]:
        """Return the processes that run, are not frozen and do not hang."""
        return [p for p in self.processes.values() if p.alive and not p.frozen and p.hung is None]

    def trace(self, process: Process | None, what: str, message: dict[str, Any]) -> None:
        """Print a line when tracing."""
        if self.tracing and message.get("kind") not in QUIET:
            who = f"worker {process.worker}/{process.incarnation % 1000}" if process else "-"
            text = {k: v for k, v in message.items() if k not in ("plan", "settings")}
            print(f"{self.clock.now:9.4f} {who:14} {what:6} {text!s:.300}", file=sys.stderr)
