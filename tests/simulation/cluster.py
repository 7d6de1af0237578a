"""A whole topology in one process: the real coordinator and real worker cores, from a seed."""

from __future__ import annotations

import random
import sys
from typing import Any

from waterspout.bolts.snapshots import decode_part
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
from .network import Delays
from .oracle import Oracle, WatchedStore
from .process import Disk, Process
from .shapes import Shape
from .topologies import Loader, plan_of
from .world import World

#: How often the coordinator looks at the time.
TICK_S = 0.1
#: Kinds of control messages that a trace leaves out.
QUIET = ("report",)


class Cluster:
    """Coordinator, processes, network, disk and world of one run.

    Args:
        seed: everything random comes from it.
        shape: what to run.
        tracing: print what happens.
    """

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
        self.oracle = Oracle(self)
        self.loader = Loader(shape, self.world)
        #: Every process that ever ran, by (worker, incarnation).
        self.processes: dict[tuple[int, int], Process] = {}
        self.snapshot_fail_share = 0.0
        self.snapshot_failures = 0
        self.done: TopologyDone | None = None
        #: Faults so far; without any nothing is worked on twice.
        self.faults = 0
        self.coordinator = Coordinator(
            self.plan, self.settings, self.store, random.Random(f"incarnations {seed}")
        )
        self.coordinator.start(0.0)
        self._act()
        self.clock.after(TICK_S, self._tick)

    def run(self, until_s: float) -> None:
        """Go on until the run is over, or time is."""
        while self.done is None and self.clock.now < until_s:
            self.clock.step()

    # The coordinator's shell.

    def _tick(self) -> None:
        if self.done is None:
            self.coordinator.on_tick(self.clock.now)
            self._act()
            self.clock.after(TICK_S, self._tick)

    def on_control(self, process: Process, message: dict[str, Any]) -> None:
        """A message of a worker arrived at the coordinator."""
        if self.done is None:
            self.coordinator.on_message(
                process.worker, process.incarnation, message, self.clock.now
            )
            self._act()

    def _act(self) -> None:
        while self.coordinator.outbox:
            effect = self.coordinator.outbox.popleft()
            assert self.done is None, f"{effect} after the end"
            if isinstance(effect, StartWorker):
                self._start(effect.worker, effect.incarnation)
            elif isinstance(effect, KillWorker):
                self._kill_wanted(effect)
            elif isinstance(effect, Send):
                process = self.processes.get((effect.worker, effect.incarnation))
                self.trace(process, "hears", effect.message)
                if process is not None and process.alive:
                    process.tell(effect.message)
            elif isinstance(effect, PruneSnapshots):
                self.disk.prune(effect.round, effect.keep)
            elif isinstance(effect, TopologyDone):
                self.done = effect
                self.trace(None, "done", {"kind": str(effect)})
            elif isinstance(effect, Event):
                self.oracle.on_event(effect)
                self.trace(None, "event", {"kind": effect.name, **effect.fields})

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
        if self.done is None:
            process = self.processes.get((worker, incarnation))
            roots, positions, drawn = process.remains() if process else ([], {}, {})
            self.coordinator.on_worker_exit(
                worker, incarnation, reason, roots, positions, self.clock.now, drawn
            )
            self._act()

    def give_up_on(self, process: Process) -> None:
        """The coordinator takes a process for dead that only sleeps: a zombie."""
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
