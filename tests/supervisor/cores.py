"""Worker cores on a simulated clock that talk through each other's outboxes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from waterspout.bolts import Bolt
from waterspout.spouts import Reader, Source
from waterspout.supervisor.worker_core import WorkerCore
from waterspout.topology.component import StreamDecl
from waterspout.topology.facts import ComponentFacts
from waterspout.topology.plan import Plan, make_plan
from waterspout.topology.settings import Settings
from waterspout.topology.spec import ComponentSpec, InputSpec, TopologySpec

OUTPUTS = {"default": StreamDecl(("n",))}
EPOCH = 3


class Numbers(Source):
    """The numbers 0, 1, ... of one partition per task that a test asked for."""

    outputs = ("n",)

    def __init__(self, count: int = 6, partitions: int = 1) -> None:
        self.count, self.names = count, [f"p{n}" for n in range(partitions)]

    def partitions(self) -> list[str]:
        return self.names

    def reader(self, partition: str, position: int | None) -> Reader:
        return NumbersReader(self.count, position or 0)


class NumbersReader(Reader):
    def __init__(self, count: int, position: int) -> None:
        self.count, self.position = count, position

    def read(self, limit: int) -> tuple[list[list[Any]], int] | None:
        if self.position >= self.count:
            return None
        start, self.position = self.position, min(self.position + limit, self.count)
        return [[n] for n in range(start, self.position)], self.position


class Pass(Bolt):
    """Notes what it gets and passes it on; ``finish`` emits -1."""

    outputs = ("n",)

    def __init__(self) -> None:
        self.got: list[Any] = []

    def process(self, tup: Any) -> None:
        self.got.append(tup[0])
        self.emit([tup[0]])

    def finish(self) -> Any:
        return iter([[-1]])


def plan_of(
    chain: dict[str, int], workers: int = 1, guarantee: str = "at-least-once", *,
    replay: str = "seek", **settings: Any,
) -> Plan:  # fmt: skip
    """Return the plan of a chain of components: id -> parallelism, the first one a spout."""
    spouts, bolts, before = {}, {}, ""
    for id_, parallelism in chain.items():
        if before:
            inputs = (InputSpec(before),)
            bolts[id_] = ComponentSpec(id_, "bolt", "m:C", {}, parallelism, inputs)
        else:
            spouts[id_] = ComponentSpec(id_, "spout", "m:C", {}, parallelism)
        before = id_
    facts = {id_: ComponentFacts("bolt", OUTPUTS) for id_ in bolts}
    facts |= {id_: ComponentFacts("spout", OUTPUTS, replay=replay) for id_ in spouts}
    made = replace(Settings(), **settings)
    spec: Any = TopologySpec("t", guarantee, workers, spouts, bolts, made)  # type: ignore[arg-type]
    return make_plan(spec, facts)


class Cores:
    """All workers of a plan. ``made`` holds the components by task id."""

    def __init__(self, plan: Plan, make: dict[str, Callable[[], Any]] | None = None) -> None:
        self.plan, self.now = plan, 100.0
        self.made: dict[int, Any] = {}
        self.lost: list[bytes] = []
        #: Pairs (from, to) whose messages do not arrive.
        self.cut: set[tuple[int, int]] = set()
        make = make or {}

        def load(plan: Plan, task: Any) -> Any:
            kind = Numbers if plan.kind(task.component) == "spout" else Pass
            self.made[task.task] = made = make.get(task.component, kind)()
            return made

        self.cores = [
            WorkerCore(w, 1000 + w, clock=lambda: self.now, rng=random.Random(w), load=load)
            for w in range(plan.workers)
        ]
        self.said: list[list[dict[str, Any]]] = [[] for _ in self.cores]
        self.tell("assign", plan=plan.to_wire())

    def peers(self) -> dict[int, Any]:
        return {
            core.worker: {"endpoint": "", "incarnation": core.incarnation} for core in self.cores
        }

    def tell(self, kind: str, worker: int | None = None, **fields: Any) -> None:
        """Send a control message to one worker or all."""
        for core in self.cores if worker is None else [self.cores[worker]]:
            message = {"kind": kind, "epoch": core.epoch or EPOCH, "peers": self.peers(), **fields}
            core.on_control(message, self.now)

    def carry(self) -> None:
        """Take what is in the outboxes to where it belongs."""
        for core in self.cores:
            for peer, link in core.links.items():
                while link.outbox:
                    data = link.outbox.popleft()
                    if (core.worker, peer) not in self.cut:
                        self.cores[peer].on_data(b"%d" % core.worker, data, self.now)
            while core.receiver is not None and core.receiver.outbox:
                routing_id, data = core.receiver.outbox.popleft()
                if (core.worker, int(routing_id)) not in self.cut:
                    self.cores[int(routing_id)].on_peer(core.worker, data, self.now)
            while core.control_outbox:
                self.said[core.worker].append(core.control_outbox.popleft())

    def turns(self, count: int = 12, seconds: float = 0.06) -> None:
        """Let every worker have turns, ``seconds`` apart."""
        for _ in range(count):
            for core in self.cores:
                core.turn(self.now)
            self.carry()
            self.now += seconds

    def go(self) -> None:
        self.turns(6)
        self.tell("go")

    def heard(self, kind: str, worker: int = 0) -> list[dict[str, Any]]:
        """Return what a worker has told the coordinator, of one kind."""
        return [message for message in self.said[worker] if message["kind"] == kind]

    def task(self, component: str, index: int = 0) -> int:
        return self.plan.tasks_of(component)[index].task

    def spout(self, component: str = "source", index: int = 0) -> Any:
        task = self.plan.tasks_of(component)[index]
        return self.cores[task.worker].tasks.spouts[task.task]

    def bolt(self, component: str, index: int = 0) -> Any:
        task = self.plan.tasks_of(component)[index]
        return self.cores[task.worker].tasks.bolts[task.task]
