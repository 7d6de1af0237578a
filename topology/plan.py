"""Which task of which component runs on which worker: a pure function of spec and facts.

Every worker and the coordinator compute the same plan from the same wire form; task ids are
given in the order spouts, then bolts from the sources down, and start at 1.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import UserError
from .facts import ComponentFacts
from .origin_paths import OriginPaths, origin_paths
from .settings import Settings
from .spec import ComponentSpec, InputSpec, TopologySpec

#: Task ids take 15 of the 16 upper bits of a root id.
TASKS_MAX = 32_767


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """One task: its id, the ``index``-th of its component, and the worker it runs on."""

    task: int
    component: str
    index: int
    worker: int


@dataclass(frozen=True)
class Plan:
    """A placed topology."""

    spec: TopologySpec
    facts: dict[str, ComponentFacts]
    workers: int
    tasks: tuple[TaskPlan, ...]
    #: Bolts by their distance from the spouts: every input of a level is in an earlier one.
    levels: list[list[str]]
    _by_component: dict[str, list[TaskPlan]] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """Name of the topology."""
        return self.spec.name

    @property
    def guarantee(self) -> str:
        """``at-most-once``, ``at-least-once`` or ``exactly-once``."""
        return self.spec.guarantee

    @property
    def settings(self) -> Settings:
        """Settings of the topology."""
        return self.spec.settings

    @property
    def folder(self) -> str:
        """Folder of the topology's file; first on the path of the workers."""
        return self.spec.folder

    def kind(self, component: str) -> str:
        """Return ``spout`` or ``bolt``."""
        return self.spec.component(component).kind

    def seeks(self, component: str) -> bool:
        """Say whether what a lost worker had drawn of a spout is read again by its successor."""
        return self.facts[component].replay == "seek" and self.guarantee != "at-most-once"

    def tells(self, component: str) -> bool:
        """Say whether a row of this component is one message, that can be read again alone: then
        a message that fails in the next bolt is tried again without its group."""
        return (
            self.facts[component].replay == "seek"
            and self.guarantee == "at-least-once"
            and component not in self.origins.giving
        )

    def tasks_of(self, component: str) -> list[TaskPlan]:
        """Return the tasks of a component, by index."""
        return self._by_component[component]

    def tasks_on(self, worker: int) -> list[TaskPlan]:
        """Return the tasks of a worker, upstream first."""
        return [task for task in self.tasks if task.worker == worker]

    def worker_of(self) -> dict[int, int]:
        """Return task id -> worker."""
        return {task.task: task.worker for task in self.tasks}

    def stateful_tasks(self) -> set[int]:
        """Return the tasks that take part in a round: with state, or with buffered output."""
        return {
            task.task
            for task in self.tasks
            if self.facts[task.component].stateful or self.facts[task.component].sink
        }

    def hang_timeout_s(self, component: str) -> float:
        """Return how long one call of a component may take."""
        return self.spec.component(component).options.hang_timeout_s

    def streams_of(self, component: str) -> list[str]:
        """Return the streams a component declares, in a fixed order; the index is on the wire."""
        return sorted(self.facts[component].outputs)

    def subscribers(self, component: str, stream: str) -> list[tuple[ComponentSpec, InputSpec]]:
        """Return the bolts that subscribe to a stream, with how."""
        return [
            (bolt, each)
            for bolt in self.spec.bolts.values()
            for each in bolt.inputs
            if each.source == component and each.stream == stream
        ]

    def holds_below(self, component: str) -> bool:
        """Say whether a bolt below ``component`` may keep tuples after its call returned."""
        below, seen = [component], set()
        while below:
            source = below.pop()
            for bolt in self.spec.bolts.values():
                if bolt.id not in seen and any(each.source == source for each in bolt.inputs):
                    if self.facts[bolt.id].holds:
                        return True
                    seen.add(bolt.id)
                    below.append(bolt.id)
        return False

    @property
    def origins(self) -> OriginPaths:
        """Where rows carry their origins; worked out anew each time."""
        return origin_paths(self.spec)

    def fingerprint(self) -> str:
        """Return a text that changes when stored state and positions no longer fit."""
        shape = {c.id: [c.kind, c.class_path, c.parallelism] for c in self.spec.components()}
        digest = hashlib.sha256(json.dumps([self.name, shape], sort_keys=True).encode())
        return digest.hexdigest()[:16]

    def to_wire(self) -> dict[str, Any]:
        """Return the plan as maps and lists that msgpack can carry."""
        facts = {name: each.to_json() for name, each in self.facts.items()}
        return {"spec": self.spec.to_wire(), "facts": facts, "workers": self.workers}

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Plan:
        """Return the plan that ``to_wire`` was called on.

        Raises:
            OtherVersion: it has fields that are not known here.
        """
        facts = {
            name: ComponentFacts.from_json(each, name) for name, each in wire["facts"].items()
        }
        return make_plan(TopologySpec.from_wire(wire["spec"]), facts, wire["workers"])


def make_plan(
    spec: TopologySpec, facts: Mapping[str, ComponentFacts], workers: int | None = None
) -> Plan:
    """Place the tasks of a topology on ``workers`` workers (default: those of the spec).

    The tasks of one component are spread over the workers first, then the workers are loaded
    evenly, then tasks of equal index come together so that they can talk locally.

    Raises:
        UserError: more tasks than there are task ids.
    """
    count = workers or spec.workers
    levels = bolt_levels(spec)
    order = [*spec.spouts, *(bolt for level in levels for bolt in level)]
    if sum(spec.component(c).parallelism for c in order) > TASKS_MAX:
        raise UserError(f"{spec.name}: more than {TASKS_MAX} tasks; lower some parallelism")
    load = [0] * count
    tasks: list[TaskPlan] = []
    by_component: dict[str, list[TaskPlan]] = {}
    for component in order:
        homes = _spread(spec.component(component).parallelism, load)
        placed = by_component[component] = [
            TaskPlan(len(tasks) + 1 + index, component, index, worker)
            for index, worker in enumerate(homes)
        ]
        tasks += placed
    return Plan(spec, dict(facts), count, tuple(tasks), levels, by_component)


def _spread(parallelism: int, load: list[int]) -> list[int]:
    """Return the worker of each task of a component, and add them to ``load``.

    Of the workers with the fewest tasks of the component that with the least load is taken, and
    of equal ones the first from the task's index on, around. In rounds: each worker has a task
    before one gets another. 10,000 tasks on 2,000 workers take 11 ms.
    """
    count = len(load)
    homes: list[int] = []
    while len(homes) < parallelism:
        by_load: dict[int, list[int]] = {}
        for worker in range(count):
            by_load.setdefault(load[worker], []).append(worker)
        for _, waiting in sorted(by_load.items()):
            while waiting and len(homes) < parallelism:
                at = bisect_left(waiting, len(homes) % count)
                worker = waiting.pop(at if at < len(waiting) else 0)
                load[worker] += 1
                homes.append(worker)
    return homes


def bolt_levels(spec: TopologySpec) -> list[list[str]]:
    """Return the bolts by distance from the spouts (the longest way counts)."""
    depth = dict.fromkeys(spec.spouts, 0)
    waiting = dict(spec.bolts)
    while waiting:
        ready = [b for b in waiting.values() if all(i.source in depth for i in b.inputs)]
        assert ready, "lint refuses cycles"
        for bolt in ready:
            depth[bolt.id] = 1 + max((depth[i.source] for i in bolt.inputs), default=0)
            del waiting[bolt.id]
    levels: list[list[str]] = [[] for _ in range(max(depth.values(), default=0))]
    for bolt_id in spec.bolts:
        levels[depth[bolt_id] - 1].append(bolt_id)
    return levels
