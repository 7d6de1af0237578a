"""Worker cores joined by their real links, without a network, a process or a coordinator."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from waterspout.bolts.contract import Bolt
from waterspout.spouts.contract import Reader, Source
from waterspout.supervisor.worker_core import WorkerCore
from waterspout.topology.component import Context, StreamDecl
from waterspout.topology.facts import ComponentFacts
from waterspout.topology.plan import Plan, make_plan
from waterspout.topology.settings import Settings
from waterspout.topology.spec import ComponentOptions, ComponentSpec, InputSpec, TopologySpec

NUMBERS = ComponentFacts("spout", {"default": StreamDecl(("n",))}, "seek")


class Numbers(Source):
    """The numbers below ``size``."""

    size = 40

    def partitions(self) -> list[str]:
        return ["p"]

    def reader(self, partition: str, position: int | None) -> Reader:
        return NumberReader(self.size, position or 0)


class NumberReader(Reader):
    """Reads them."""

    def __init__(self, size: int, at: int) -> None:
        self.size, self.at = size, at

    def read(self, limit: int) -> tuple[list[list[Any]], int] | None:
        if self.at >= self.size:
            return None
        rows = [[n] for n in range(self.at, min(self.at + limit, self.size))]
        self.at += len(rows)
        return rows, self.at


class Double(Bolt):
    """Emits each number twice; fails those that it is told to."""

    outputs = ("n",)

    def __init__(self) -> None:
        self.bad: set[int] = set()

    def process(self, tup: Any) -> None:
        if tup[0] in self.bad:
            raise ValueError(f"bad {tup[0]}")
        self.emit([tup[0]])
        self.emit([tup[0]])


class Sum(Bolt):
    """Counts each number in its state; gives the counts when input has ended."""

    def prepare(self, context: Context) -> None:
        saved = context.state.snapshotted  # without rounds it counts in a dict of its own
        self.seen: Any = context.state.keyed("seen") if saved else {}
        self.flushed = 0

    def process(self, tup: Any) -> None:
        self.seen[tup[0]] = self.seen.get(tup[0], 0) + 1

    def finish(self) -> Any:
        yield [sum(self.seen.values())]

    def summary(self) -> dict[str, Any]:
        return {"seen": len(self.seen)}


class Out(Bolt):
    """Keeps what it got."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.cleaned = False

    def process(self, tup: Any) -> None:
        self.got.append(tup[0])

    def cleanup(self) -> None:
        self.cleaned = True


def plan_of(workers: int = 1, *, guarantee: Any = "at-least-once", parallelism: int = 1,
            stateful: bool = True, **settings: Any) -> Plan:  # fmt: skip
    """Return numbers -> double -> sum -> out."""
    def bolt(name: str, source: str, count: int) -> ComponentSpec:
        inputs = (InputSpec(source, grouping="fields", fields=("n",)),)
        return ComponentSpec(name, "bolt", f"x:{name}", {}, count, inputs, ComponentOptions())

    spouts = {"numbers": ComponentSpec("numbers", "spout", "x:numbers")}
    bolts = {
        "double": bolt("double", "numbers", parallelism),
        "sum": bolt("sum", "double", parallelism),
        "out": bolt("out", "sum", 1),
    }
    spec = TopologySpec("t", guarantee, workers, spouts, bolts, Settings(**settings), "/")
    one = {"default": StreamDecl(("n",))}
    facts = {
        "numbers": NUMBERS,
        "double": ComponentFacts("bolt", one),
        "sum": ComponentFacts("bolt", one, stateful=stateful),
        "out": ComponentFacts("bolt"),
    }
    return make_plan(spec, facts)


CLASSES: dict[str, Callable[[], Any]] = {
    "numbers": Numbers, "double": Double, "sum": Sum, "out": Out,
}  # fmt: skip


class Cores:
    """The workers of one plan, and the test as their coordinator."""

    def __init__(self, plan: Plan, classes: Mapping[str, Callable[[], Any]] = CLASSES) -> None:
        self.plan, self.classes = plan, classes
        self.now, self.epoch = 1000.0, 0
        self.said: list[tuple[int, dict[str, Any]]] = []
        self.made: dict[tuple[str, int], Any] = {}
        self.incarnations = {w: 100 + w for w in range(plan.workers)}
        self.cores = {w: self.new_core(w) for w in range(plan.workers)}
        #: (from, to) whose frames are lost.
        self.cut: set[tuple[int, int]] = set()

    def new_core(self, worker: int) -> WorkerCore:
        """Return a core of a fresh process."""
        return WorkerCore(
            worker, self.incarnations[worker], clock=lambda: self.now,
            rng=random.Random(worker + 7), load=self.load, read_part=lambda file, sha256: None,
        )  # fmt: skip

    def load(self, plan: Plan, task: Any) -> Any:
        """Make the component of a task."""
        component = self.classes[task.component]()
        self.made[task.component, task.index] = component
        return component

    def peers(self) -> dict[int, dict[str, Any]]:
        """Return the peers of an epoch."""
        return {w: {"endpoint": "", "incarnation": i} for w, i in self.incarnations.items()}

    def assign(self, *workers: int, **more: Any) -> None:
        """Assign the plan to ``workers`` (default: all) in a new epoch."""
        self.epoch += 1
        for worker in workers or self.cores:
            self.tell(worker, "assign", plan=self.plan.to_wire(), peers=self.peers(), **more)

    def tell(self, worker: int, kind: str, **fields: Any) -> None:
        """Send a control message."""
        message = {"kind": kind, "epoch": self.epoch, **fields}
        self.cores[worker].on_control(message, self.now)

    def tell_all(self, kind: str, **fields: Any) -> None:
        """Send a control message to every worker."""
        for worker in self.cores:
            self.tell(worker, kind, **fields)

    def start(self) -> None:
        """Assign, wait until all are ready, and go."""
        self.assign()
        self.run(20)
        assert len(self.of("ready")) == len(self.cores), self.said
        self.tell_all("go")

    def run(self, turns: int = 60, seconds: float = 0.06) -> None:
        """Turn every core so often; bytes and control messages move in between."""
        for _ in range(turns):
            for worker, core in list(self.cores.items()):
                core.turn(self.now)
                self.deliver(worker, core)
                while core.control_outbox:
                    self.said.append((worker, core.control_outbox.popleft()))
            self.now += seconds

    def deliver(self, worker: int, core: WorkerCore) -> None:
        """Take what is in the outboxes of one core to its peers."""
        for peer, link in list(core.links.items()):
            while link.outbox:
                data = link.outbox.popleft()
                if (worker, peer) not in self.cut and peer in self.cores:
                    self.cores[peer].on_data(b"%d" % worker, data, self.now)
        while core.receiver is not None and core.receiver.outbox:
            routing_id, data = core.receiver.outbox.popleft()
            peer = int(routing_id)
            if (worker, peer) not in self.cut and peer in self.cores:
                self.cores[peer].on_peer(worker, data, self.now)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return what workers said of a kind, and forget it."""
        found = [message for _, message in self.said if message["kind"] == kind]
        self.said = [each for each in self.said if each[1]["kind"] != kind]
        return found

    def spout(self) -> Any:
        """Return the spout executor."""
        return next(each for c in self.cores.values() for each in c.tasks.spouts.values())

    def seen(self) -> dict[int, int]:
        """Return what all tasks of ``sum`` have counted."""
        counts: dict[int, int] = {}
        for (name, _), component in self.made.items():
            if name == "sum":
                for key, count in component.seen.items():
                    counts[key] = counts.get(key, 0) + count
        return counts
