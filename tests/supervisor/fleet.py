"""A stand-in plan, and a naive fleet of workers that a coordinator can run, kill and start.

A message of a spout task is a number; working on it puts (task, number) into the set that is
the state of one bolt task, in another worker as like as not. That is enough to see whether
epochs, rounds and restores lose anything: at the end every message must be in a set.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

from waterspout.supervisor.coordinator import Coordinator
from waterspout.supervisor.effects import Event, KillWorker, Send, StartWorker, TopologyDone
from waterspout.supervisor.store import StoreError
from waterspout.supervisor.store_memory import MemoryStore
from waterspout.topology.origin_paths import OriginPaths
from waterspout.topology.settings import Settings

STEP_S = 0.02


@dataclass(frozen=True)
class Task:
    task: int
    component: str
    index: int
    worker: int


@dataclass
class StandInPlan:
    """What the coordinator needs of a plan: `spouts` spout tasks and `bolts` bolt tasks."""

    workers: int = 2
    spouts: int = 1
    bolts: int = 2
    stateful: bool = True
    name: str = "fake"
    guarantee: str = "at-least-once"
    hang_s: float = 5.0
    #: The bolt counts each tuple once.
    asks: bool = False
    levels: list[list[str]] = field(default_factory=lambda: [["count"]])

    @property
    def tasks(self) -> list[Task]:
        kinds = [("lines", i) for i in range(self.spouts)]
        kinds += [("count", i) for i in range(self.bolts)]
        return [Task(n + 1, c, i, n % self.workers) for n, (c, i) in enumerate(kinds)]

    @property
    def origins(self) -> OriginPaths:
        asking = frozenset({"count"} if self.asks else ())
        return OriginPaths(asking, asking, frozenset({"lines"}))

    def kind(self, component: str) -> str:
        return "spout" if component == "lines" else "bolt"

    def seeks(self, component: str) -> bool:
        return component == "lines"

    def stateful_tasks(self) -> set[int]:
        return {t.task for t in self.tasks if t.component == "count" and self.stateful}

    def hang_timeout_s(self, component: str) -> float:
        return self.hang_s

    def fingerprint(self) -> str:
        return f"{self.spouts}/{self.bolts}"

    def to_wire(self) -> dict[str, Any]:
        return {"name": self.name}


FAST = replace(
    Settings(),
    round_interval_s=0.2,
    round_timeout_s=2.0,
    boot_timeout_s=3.0,
    restart_backoff_max_s=1.0,
    stop_timeout_s=1.0,
    drain_timeout_s=5.0,
)


class FlakyStore(MemoryStore):
    """Fails now and then: before it did the thing, or after it."""

    def __init__(self, rng: random.Random, share: float) -> None:
        self._rng, self._share = rng, share
        super().__init__()

    def next_epoch(self) -> int:
        self._maybe_fail()
        return super().next_epoch()

    def commit_round(self, *args: Any) -> None:
        self._maybe_fail()
        super().commit_round(*args)
        self._maybe_fail()

    def calm(self) -> None:
        self._share = 0

    def _maybe_fail(self) -> None:
        if self._rng.random() < self._share:
            raise StoreError("disk full")


class Ledger:
    """Positions of one spout task: worked through, durable, and the rest."""

    def __init__(self, messages: int, stored: Any) -> None:
        first, ahead = stored or [0, []]
        self.durable = set(range(first)) | {n for low, high in ahead for n in range(low, high)}
        self.todo = deque(n for n in range(messages) if n not in self.durable)
        self.worked: set[int] = set()
        self.frozen: tuple[int, set[int]] | None = None

    def replay(self) -> None:
        self.todo = deque(sorted({*self.todo, *self.worked}))
        self.worked = set()

    def freeze(self, number: int) -> Any:
        self.frozen = number, set(self.worked)
        done = self.durable | self.worked
        first = next(n for n in range(len(done) + 1) if n not in done)
        return [first, [[n, n + 1] for n in sorted(done) if n > first]]

    def end_round(self, number: int, durable: bool) -> None:
        if self.frozen is not None and self.frozen[0] == number:
            if durable:
                self.durable |= self.frozen[1]
                self.worked -= self.frozen[1]
            self.frozen = None


class FakeWorker:
    """One process: answers the control protocol, works its messages on the quiet."""

    def __init__(self, fleet: Fleet, number: int, incarnation: int) -> None:
        self.fleet, self.number, self.incarnation = fleet, number, incarnation
        self.inbox: deque[dict[str, Any]] = deque()
        self.epoch = 0
        self.going = self.draining = self.registered = self.hung = False
        self.ledgers: dict[int, Ledger] = {}
        self.state: dict[int, set[tuple[int, int]]] = {}
        self.boot_at = fleet.now + fleet.rng.uniform(0.05, 0.3)
        self.report_at = self.turned_at = 0.0

    def say(self, kind: str, **fields: Any) -> None:
        message = {"kind": kind, "epoch": self.epoch, **fields}
        self.fleet.to_coordinator.append((self.number, self.incarnation, message))

    def step(self) -> None:
        if self.fleet.now < self.boot_at:
            return
        if not self.registered:
            self.registered = True
            self.say("register", endpoint=f"ipc://{self.incarnation}", pid=self.number)
        if self.inbox and not self.hung and self.fleet.rng.random() < 0.7:
            message = self.inbox.popleft()
            getattr(self, "on_" + message["kind"])(message)
        if self.going and not self.hung:
            self.work()
        if self.epoch and self.fleet.now >= self.report_at:
            self.report_at = self.fleet.now + 0.1
            self.report()

    def work(self) -> None:
        for task, ledger in self.ledgers.items():
            for _ in range(min(len(ledger.todo), self.fleet.rng.randrange(8))):
                if self.draining:
                    return
                number = ledger.todo[0]
                if not self.fleet.deliver(task, number, self.epoch):
                    return
                ledger.worked.add(ledger.todo.popleft())

    def report(self) -> None:
        tasks: list[dict[str, Any]] = []
        for task, ledger in self.ledgers.items():
            tasks.append({
                "task": task, "kind": "spout", "emitted": 0, "acked": len(ledger.durable),
                "pending": 0, "worked_through": len(ledger.worked),
                "exhausted": not ledger.todo, "drained": self.draining or not ledger.todo,
            })  # fmt: skip
        for task in self.state:
            call_s = 99.0 if self.hung else 0
            tasks.append({"task": task, "kind": "bolt", "call_since_s": call_s})
        if not self.hung:
            self.turned_at = self.fleet.now
        self.say("report", tasks=tasks, errors=[], loop_age_s=self.fleet.now - self.turned_at)

    # Control messages.

    def on_assign(self, message: dict[str, Any]) -> None:
        self.epoch, self.draining = message["epoch"], message["draining"]
        plan = self.fleet.plan
        for t in plan.tasks:
            if t.worker == self.number and plan.kind(t.component) == "spout":
                stored = message["positions"].get(t.task, {}).get("p")
                self.ledgers[t.task] = Ledger(self.fleet.messages, stored)
            elif t.worker == self.number:
                files = message["parts"].get(t.task, ())
                self.state[t.task] = {each for file, _ in files for each in self.fleet.disk[file]}
        self.say("ready")

    def on_epoch(self, message: dict[str, Any]) -> None:
        self.epoch, self.going = message["epoch"], False
        for ledger in self.ledgers.values():
            if ledger.frozen:
                ledger.end_round(ledger.frozen[0], ledger.frozen[0] <= message["durable_round"])
            ledger.replay()
        self.say("ready")

    def on_go(self, message: dict[str, Any]) -> None:
        self.going = message["epoch"] == self.epoch

    def on_freeze(self, message: dict[str, Any]) -> None:
        n = message["round"]
        positions = {task: {"p": ledger.freeze(n)} for task, ledger in self.ledgers.items()}
        self.say("frozen", round=n, positions=positions)

    def on_snapshot(self, message: dict[str, Any]) -> None:
        if self.fleet.rng.random() < self.fleet.faults:
            return self.say("snapshot_failed", round=message["round"], text="disk full")
        parts = []
        for task, state in self.state.items():
            file = f"{message['round']}-{self.epoch}-{task}"
            self.fleet.disk[file] = frozenset(state)
            parts.append({"task": task, "file": file, "bytes": len(state), "sha256": ""})
        self.say("snapshotted", round=message["round"], parts=parts)

    def on_durable(self, message: dict[str, Any]) -> None:
        for ledger in self.ledgers.values():
            ledger.end_round(message["round"], True)
        self.say("durable_done", round=message["round"])

    def on_abort(self, message: dict[str, Any]) -> None:
        for ledger in self.ledgers.values():
            ledger.end_round(message["round"], False)

    def on_drain(self, message: dict[str, Any]) -> None:
        self.draining = True

    def on_finish(self, message: dict[str, Any]) -> None:
        self.say("finished", level=message["level"])

    def on_summarise(self, message: dict[str, Any]) -> None:
        tops = {t: {"top": [["seen", len(state)]]} for t, state in self.state.items()}
        self.say("summaries", tasks=tops)

    def on_stop(self, message: dict[str, Any]) -> None:
        self.report()
        self.fleet.exits.append((self.fleet.now, self, "exit code 0"))


class Fleet:
    """Runs a coordinator and its fake workers step by step, from a seed."""

    def __init__(self, seed: int, plan: StandInPlan, messages: int = 200, **more: Any) -> None:
        self.rng = random.Random(seed)
        self.plan, self.messages = plan, messages
        self.now = 0.0
        #: Chance per step and worker that it dies, hangs, or fails its snapshot.
        self.faults = 0.0
        self.store = more.pop("store", None) or MemoryStore()
        self.settings = more.pop("settings", FAST)
        self.disk: dict[str, frozenset[tuple[int, int]]] = {}
        self.events: list[Event] = []
        self.epochs: list[int] = []
        self.restart()

    def restart(self) -> None:
        """Everything was killed, the machine perhaps, too: a new run on the same store."""
        self.workers: dict[tuple[int, int], FakeWorker] = {}
        self.to_coordinator: deque[tuple[int, int, dict[str, Any]]] = deque()
        self.exits: list[tuple[float, FakeWorker, str]] = []
        self.done: TopologyDone | None = None
        self.coordinator = Coordinator(self.plan, self.settings, self.store, self.rng)
        self.coordinator.start(self.now)
        self.act()

    def deliver(self, task: int, number: int, epoch: int) -> bool:
        """Work on one message: it counts only where its task lives in the same epoch."""
        bolts = [t for t in self.plan.tasks if self.plan.kind(t.component) == "bolt"]
        target = bolts[number % len(bolts)]
        for worker in self.workers.values():
            if worker.number == target.worker and worker.epoch == epoch and not worker.hung:
                worker.state[target.task].add((task, number))
                return True
        return False

    def act(self) -> None:
        """Do what the coordinator wants done."""
        while self.coordinator.outbox:
            effect = self.coordinator.outbox.popleft()
            assert self.done is None, f"{effect} after the end"
            if isinstance(effect, StartWorker):
                key = (effect.worker, effect.incarnation)
                self.workers[key] = FakeWorker(self, *key)
            elif isinstance(effect, Send):
                if effect.message["kind"] in ("assign", "epoch"):
                    self.note_epoch(effect.message["epoch"])
                worker = self.workers.get((effect.worker, effect.incarnation))
                if worker is not None:
                    worker.inbox.append(effect.message)
            elif isinstance(effect, KillWorker):
                self.kill((effect.worker, effect.incarnation))
            elif isinstance(effect, TopologyDone):
                self.done = effect
            elif isinstance(effect, Event):
                self.events.append(effect)

    def note_epoch(self, epoch: int) -> None:
        assert not self.epochs or epoch >= self.epochs[-1]
        assert epoch <= self.store.epoch(), "an epoch must be durable before it is used"
        if not self.epochs or epoch > self.epochs[-1]:
            self.epochs.append(epoch)

    def kill(self, key: tuple[int, int], reason: str = "killed by signal 9") -> None:
        worker = self.workers.pop(key, None)
        if worker is not None:
            self.exits.append((self.now + self.rng.uniform(0, 0.2), worker, reason))

    def step(self) -> None:
        self.now += STEP_S
        for key, worker in list(self.workers.items()):
            if self.rng.random() < self.faults:
                self.kill(key)
            elif self.rng.random() < self.faults:
                worker.hung = True
            worker.step()
        for _ in range(len(self.to_coordinator)):
            worker_number, incarnation, message = self.to_coordinator.popleft()
            self.coordinator.on_message(worker_number, incarnation, message, self.now)
            self.act()
        for exit in [e for e in self.exits if e[0] <= self.now]:
            self.exits.remove(exit)
            self.workers.pop((exit[1].number, exit[1].incarnation), None)
            self.coordinator.on_worker_exit(
                exit[1].number, exit[1].incarnation, exit[2], [], {}, self.now
            )
            self.act()
        self.coordinator.on_tick(self.now)
        self.act()

    def run(self, seconds: float) -> None:
        """Go on for so long, or until the run is over."""
        end = self.now + seconds
        while self.now < end and self.done is None:
            before = self.store.positions()
            self.step()
            for task, of_task in before.items():
                for partition, (first, _) in of_task.items():
                    assert self.store.positions()[task][partition][0] >= first

    def kept(self) -> set[tuple[int, int]]:
        """Return all messages whose effect is in the last committed snapshot."""
        found: set[tuple[int, int]] = set()
        for part in self.store.parts():
            found |= self.disk[part.file]
        return found

    def all_messages(self) -> set[tuple[int, int]]:
        spouts = [t.task for t in self.plan.tasks if self.plan.kind(t.component) == "spout"]
        return {(task, number) for task in spouts for number in range(self.messages)}
