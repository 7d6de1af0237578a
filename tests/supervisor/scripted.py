"""A coordinator whose workers say exactly what a test lets them say."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import msgpack
from waterspout.supervisor.coordinator import Coordinator
from waterspout.supervisor.effects import Send
from waterspout.supervisor.store_memory import MemoryStore
from waterspout.topology.settings import Settings

from .fleet import StandInPlan

#: Spout tasks 1 (worker 0) and 2 (worker 1), bolt tasks 3 (worker 0) and 4 (worker 1).
PLAN = StandInPlan(workers=2, spouts=2, bolts=2)
SETTINGS = replace(
    Settings(), round_interval_s=1.0, stop_timeout_s=5.0, drain_timeout_s=30.0, dead_letters_max=2
)


class Run:
    """A coordinator and what it says; its workers say what a test lets them say."""

    def __init__(self, plan: StandInPlan = PLAN, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()
        self.coordinator = Coordinator(
            plan, SETTINGS, self.store, random.Random(1), {"folder": "/f", "state_dir": "/s"}
        )
        self.plan = plan
        self.now = 0.0
        self.effects: list[Any] = []
        self.coordinator.start(self.now)
        self.drain()

    def drain(self) -> None:
        while self.coordinator.outbox:
            effect = self.coordinator.outbox.popleft()
            if isinstance(effect, Send):
                msgpack.packb(effect.message)  # everything on the wire has a wire form
            self.effects.append(effect)

    def take(self, kind: type) -> list[Any]:
        found = [e for e in self.effects if isinstance(e, kind)]
        self.effects.clear()
        return found

    def told(self) -> list[tuple[int, str]]:
        return [(e.worker, e.message["kind"]) for e in self.take(Send)]

    @property
    def epoch(self) -> int:
        return self.coordinator.handover.epoch

    def incarnation(self, worker: int) -> int:
        return self.coordinator.handover.workers[worker].incarnation

    def say(self, worker: int, kind: str, **fields: Any) -> None:
        message = {"kind": kind, "epoch": self.epoch, **fields}
        self.coordinator.on_message(worker, self.incarnation(worker), message, self.now)
        self.drain()

    def tick(self, seconds: float = 0.1) -> None:
        self.now += seconds
        self.coordinator.on_tick(self.now)
        self.drain()

    def exit(self, worker: int, reason: str = "killed by signal 9", **more: Any) -> None:
        self.coordinator.on_worker_exit(
            worker, self.incarnation(worker), reason, more.pop("roots", []),
            more.pop("positions", {}), self.now, **more,
        )  # fmt: skip
        self.drain()

    def register(self, *workers: int) -> None:
        for worker in workers:
            self.say(worker, "register", endpoint=f"ipc://{worker}", pid=100 + worker)

    def ready(self, *workers: int) -> None:
        for worker in workers:
            self.say(worker, "ready")

    def bring_up(self) -> None:
        self.register(*range(self.plan.workers))
        self.ready(*range(self.plan.workers))
        self.effects.clear()

    def report(self, worker: int, **spout: Any) -> None:
        tasks = [{"task": worker + 1, "kind": "spout", **spout}]
        self.say(worker, "report", tasks=tasks, errors=[])

    def end_of_input(self) -> None:
        for worker in range(self.plan.workers):
            self.report(worker, drained=True, exhausted=True, acked=10)

    def answer_round(self) -> None:
        number = self.coordinator.rounds._number
        for worker in (0, 1):
            self.say(worker, "frozen", round=number, positions={worker + 1: {"p": [number, []]}})
        for worker in (0, 1):
            parts = [{"task": worker + 3, "file": f"{number}-{worker}", "bytes": 1, "sha256": ""}]
            self.say(worker, "snapshotted", round=number, parts=parts)
        self.durable_done(number)

    def durable_done(self, number: int, **more: Any) -> None:
        for worker in (0, 1):
            self.say(worker, "durable_done", round=number, **more)

    def close(self) -> None:
        """From the last level's end to the last round's."""
        for worker in (0, 1):
            self.say(worker, "finished", level=0)
        for worker in (0, 1):
            self.say(worker, "summaries", tasks={worker + 3: {"top": [["w", 5 + worker]]}})
        self.answer_round()
