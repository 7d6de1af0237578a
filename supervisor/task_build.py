"""Builds the executors of a worker from the plan: components, routes, emitters, ledgers."""

from __future__ import annotations

import logging
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from waterspout.bolts.channel_log import Logged, read_log
from waterspout.bolts.contract import Bolt, ColumnBolt
from waterspout.bolts.culprits import Culprits
from waterspout.bolts.exact_messages import ExactOwnMessages, OwnFailures
from waterspout.bolts.executor import BoltExecutor
from waterspout.bolts.offload import Call, OffloadExecutor
from waterspout.bolts.own_messages import STATE_MAP, OwnMessages
from waterspout.bolts.state import TaskState
from waterspout.spouts.contract import Source
from waterspout.spouts.exact_executor import ExactExecutor
from waterspout.spouts.exact_ledger import ExactLedger
from waterspout.spouts.executor import Bury, SourceExecutor
from waterspout.spouts.ledger import Ledger
from waterspout.spouts.once_executor import OnceExecutor
from waterspout.spouts.storm_executor import StormExecutor
from waterspout.topology.channels import OpenFrame
from waterspout.topology.classes import AllowList, load_class
from waterspout.topology.component import Context
from waterspout.topology.emitter import Emitter, StreamOut
from waterspout.topology.errors import StateError
from waterspout.topology.groupings import (
    AllRoute,
    CustomRoute,
    DirectRoute,
    FieldsRoute,
    GlobalRoute,
    PartialKeyRoute,
    Route,
    ShuffleRoute,
)
from waterspout.topology.marks import Mark
from waterspout.topology.plan import Plan, TaskPlan
from waterspout.topology.spec import ComponentSpec, InputSpec
from waterspout.topology.task_env import TaskEnv
from waterspout.topology.tuples import Tuple, tuple_class

from .dispatch import Dispatch
from .host_args import HostArgs
from .origin_build import OriginBuilder, check_bolt
from .task_states import StateHost, TaskStates
from .time_build import SendMark, TimeBuilder

#: Without tracking a group is only a read, and each read has a price: so many ``batch_max``.
UNTRACKED_BATCHES = 8

SpoutExecutor = SourceExecutor | StormExecutor
#: Makes the component instance of a task.
Load = Callable[[Plan, TaskPlan], Any]
#: Makes the custom grouping of an input.
LoadGrouping = Callable[[Plan, InputSpec], Any]


@dataclass
class Tasks:
    """What a worker runs."""

    spouts: dict[int, SpoutExecutor] = field(default_factory=dict)
    bolts: dict[int, BoltExecutor] = field(default_factory=dict)
    states: dict[int, TaskState] = field(default_factory=dict)


class TaskBuilder:
    """Builds all tasks of one worker.

    Args:
        clock, rng: of the worker; each task gets a generator of its own.
        links: peer -> sender, shared with the worker core.
    """

    def __init__(
        self, plan: Plan, worker: int, env: TaskEnv, links: Mapping[int, Any],
        rng: random.Random, load: Load, bury: Callable[[SpoutExecutor], Bury],
    ) -> None:  # fmt: skip
        self.plan, self.worker, self.env, self.rng = plan, worker, env, rng
        self._load, self._bury = load, bury
        self._worker_of = plan.worker_of()
        self.tasks = Tasks()
        self.classes = tuple_classes(plan)
        self.dispatch = Dispatch(env, self.tasks.bolts, self.classes, links, worker)
        self.has_rounds = bool(plan.stateful_tasks())
        #: As in Context, and as in WorkerCore; set before tasks are built.
        self.fresh = False
        self.allow: AllowList | None = None
        self.load_grouping: LoadGrouping = HostArgs().grouping
        self.restored: int | None = None
        #: Makes the state of each bolt task.
        self.states = TaskStates(plan, StateHost(env.wall_ms))
        #: Task -> failures of its own messages; set before tasks are built.
        self.own_failures: Callable[[int], OwnFailures] = lambda task: OwnFailures()
        #: Task -> what its checkpoint holds of messages that were on their way to it.
        self.logs: dict[int, list[Logged]] = {}
        self.time = TimeBuilder(plan, env)
        self.origins = OriginBuilder(plan, env.settings)
        #: Called with an executor whose frames a mark is about to close: a tap looks at them.
        self.flush: Callable[[Any], Any] = lambda executor: None
        #: Calls of blocking and async bolts that the shell is to run.
        self.calls: deque[Call] = deque()

    def build(self, task: TaskPlan, restored: Any, positions: Any, suspects: Any) -> None:
        """Build one task; user code is called: constructor, then open/prepare.

        Raises:
            Exception: whatever the user's code raises.
        """
        spec = self.plan.spec.component(task.component)
        self._check(spec)
        component = self._load(self.plan, task)
        emitter = self._emitter(task)
        context = self._context(task, spec)
        component.context = context
        if spec.kind == "spout":
            self._spout(task, spec, component, emitter, context, positions or {}, suspects or ())
        else:
            self._bolt(task, spec, component, emitter, context, restored)

    def _check(self, spec: ComponentSpec) -> None:
        """Ask the allow list before anything that the plan names is imported."""
        if self.allow is None:
            return
        self.allow.check(spec.class_path)
        if spec.options.event_time is not None and spec.options.event_time.function:
            self.allow.check(spec.options.event_time.function)
        for _, path in load_class(spec.class_path).import_paths(spec.args):
            self.allow.check(path)

    def _context(self, task: TaskPlan, spec: ComponentSpec) -> Context:
        name = f"{task.component}[{task.index}]"
        facts = self.plan.facts
        inputs = {
            (one.source, one.stream): facts[one.source].outputs[one.stream].fields
            for one in spec.inputs
        }
        return Context(
            topology=self.plan.name, component=task.component, task=task.task, index=task.index,
            parallelism=spec.parallelism, settings=self.env.settings.as_mapping(),
            clock=self.env.clock, random=random.Random(self.rng.getrandbits(64)),
            log=logging.getLogger(f"waterspout.user.{name}"), inputs=inputs, fresh=self.fresh,
            restored=self.restored,
        )  # fmt: skip

    def _spout(
        self, task: TaskPlan, spec: ComponentSpec, spout: Any, emitter: Emitter, context: Context,
        positions: Any, suspects: Any,
    ) -> None:  # fmt: skip
        settings, facts = self.env.settings, self.plan.facts[task.component]
        group_max = spec.options.group_max or self._group_max(task.component)
        seeks = facts.replay == "seek"
        exact = self.env.exact and seeks
        ledger: Ledger
        if exact:
            ledger = ExactLedger(settings, group_max=group_max)
        else:
            ledger = Ledger(
                settings, seeks=seeks, durable_at_once=not self.has_rounds, group_max=group_max
            )
        ledger.restore(positions, suspects)
        blocked = self.dispatch.blocked_of(emitter)
        executor: SpoutExecutor
        if isinstance(spout, Source):
            spout.open(context)
            tracked = ExactExecutor if exact else self.origins.source(task.component)
            executor = (tracked if self.env.tracked else OnceExecutor)(
                task, spout, emitter, self.env, ledger, parallelism=spec.parallelism,
                blocked=blocked, bury=lambda group, failure: self._bury(executor)(group, failure),
            )  # fmt: skip
        else:
            executor = StormExecutor(
                task, spout, emitter, self.env, ledger, reemits=facts.replay == "re-emit",
                blocked=blocked, bury=lambda group, failure: self._bury(executor)(group, failure),
            )  # fmt: skip
            spout.open(context)
            spout.activate()
        self.origins.use(task, executor)
        self.time.spout(task.component, executor, self._send_mark(executor))
        self.tasks.spouts[task.task] = executor

    def _send_mark(self, executor: Any) -> SendMark:
        """Return what puts a mark behind everything that a task has emitted."""

        def send(mark: Mark) -> None:
            self.flush(executor)
            self.dispatch.mark(executor.emitter, mark)

        return send

    def _group_max(self, component: str) -> int:
        if not self.env.tracked:
            return UNTRACKED_BATCHES * self.env.settings.batch_max
        return 1 if self.plan.holds_below(component) else self.env.settings.batch_max

    def _bolt(
        self, task: TaskPlan, spec: ComponentSpec, bolt: Bolt, emitter: Emitter, context: Context,
        restored: Any,
    ) -> None:  # fmt: skip
        state = self.states.make(task, self._without_logs(task, restored or ()))
        context.state = state
        stateful = self.plan.facts[task.component].stateful
        own: OwnMessages
        if self.env.exact:
            own = ExactOwnMessages(task.task, emitter, self.env, self.own_failures(task.task))
        else:
            kept: Any = state.records(STATE_MAP, "task") if stateful else {}
            own = OwnMessages(task.task, emitter, self.env, kept)
        offloads = spec.options.blocking or self.plan.facts[task.component].is_async
        executor = (OffloadExecutor if offloads else self.origins.bolt(task.component))(
            task, bolt, emitter, self.env, blocked=self.dispatch.blocked_of(emitter), own=own,
            tick_interval_s=spec.options.tick_interval_s,
        )  # fmt: skip
        self.tasks.bolts[task.task] = executor
        self.tasks.states[task.task] = state
        self.origins.use(task, executor, state)
        executor.use_step(kind=self._step_kind(task.component, bolt))
        executor.batch_by_run = self.plan.holds_below(task.component)
        executor.culprits = Culprits(self._telling(task))
        bolt.emit = emitter.bind(lambda anchors: self._roots_of(executor, anchors))  # type: ignore[method-assign]
        bolt.emit_many = emitter.bind_many()  # type: ignore[method-assign]
        bolt.emit_whole = executor.emit_whole  # type: ignore[method-assign]
        if isinstance(executor, OffloadExecutor):
            executor.bind_emit(bolt.emit, bolt)
            is_async = self.plan.facts[task.component].is_async
            executor.use_offload(
                self.calls.append, is_async=is_async, concurrency=spec.options.concurrency
            )
        bolt.ack = executor.holds.ack  # type: ignore[method-assign]
        bolt.fail = executor.holds.fail  # type: ignore[method-assign]
        bolt.extend_timeout = executor.holds.extend  # type: ignore[method-assign]
        check_bolt(bolt, executor)
        self.time.bolt(task, bolt, executor, context, self._send_mark(executor))
        bolt.prepare(context)
        self.states.prepared(bolt, state, task.component)

    def _telling(self, task: TaskPlan) -> set[int]:
        """Return the tasks above a bolt whose rows are messages that can be read again alone.

        A custom grouping may leave one out and give another one twice: a run of as many rows as its
        group has messages need not be all of them.
        """
        inputs = self.plan.spec.bolts[task.component].inputs
        custom = {one.source for one in inputs if one.grouping == "custom"}
        tells = filter(self.plan.tells, {one.source for one in inputs} - custom)
        return {source.task for one in tells for source in self.plan.tasks_of(one)}

    def _without_logs(self, task: TaskPlan, restored: Any) -> list[Any]:
        """Return the parts of state among those of a task; note what the others hold."""
        for part, _ in restored:
            if part.log and not self.env.exact:
                what = "messages on their way, which only exactly-once can go on with"
                raise StateError(f"{task.component}: the checkpoint holds {what}")
            if part.log:
                self.logs[task.task] = read_log(self.plan, task, part)
        return [each for each in restored if not each[0].log]

    def _roots_of(self, executor: BoltExecutor, anchors: Any) -> tuple[int, ...]:
        self.origins.check_anchors(executor, anchors)
        if executor.bolt.auto_ack:
            return (executor.roots_at_work or executor.emitter.roots) if anchors else ()
        return executor.holds.roots_of(anchors)

    def _step_kind(self, component: str, bolt: Bolt) -> str:
        facts = self.plan.facts[component]
        if isinstance(bolt, ColumnBolt):
            return "columns"
        if not facts.auto_ack:
            return "held"
        if facts.has_batch:
            return "batch"
        return "generator" if facts.is_generator else "process"

    # Routes.

    def _emitter(self, task: TaskPlan) -> Emitter:
        frames: list[OpenFrame] = []
        outputs = self.plan.facts[task.component].outputs
        streams = []
        for index, name in enumerate(self.plan.streams_of(task.component)):
            routes: list[tuple[str, Route]] = []
            for bolt, each in self.plan.subscribers(task.component, name):
                targets = [
                    OpenFrame((task.task, index, t.task), self._worker_of[t.task])
                    for t in self.plan.tasks_of(bolt.id)
                ]
                frames.extend(targets)
                routes.append((bolt.id, self._route(each, targets, outputs[name].fields)))
            given = self.origins.routes(task, (index, name), routes)
            streams.append(StreamOut(name, outputs[name], given))
        return Emitter(
            task.component, streams, frames, self.env.toggles, self.env.draw
        )

    def _route(self, each: InputSpec, targets: list[OpenFrame], fields: tuple[str, ...]) -> Route:
        if each.grouping == "direct":
            return DirectRoute(targets)
        if each.grouping == "custom":
            assert each.custom is not None
            if self.allow is not None:
                self.allow.check(each.custom)
            grouping = self.load_grouping(self.plan, each)
            grouping.prepare(None, each.stream, [target.key[2] for target in targets])
            return CustomRoute(targets, grouping)
        if each.grouping == "all":
            return AllRoute(targets) if len(targets) > 1 else GlobalRoute(targets)
        if each.grouping == "local-or-shuffle":
            local = [t for t in targets if t.target_worker == self.worker]
            targets = local or targets
        positions = [fields.index(name) for name in each.fields]
        if each.grouping == "partial-key" and len(targets) > 1:
            return PartialKeyRoute(targets, positions)
        if each.grouping in ("fields", "partial-key"):
            # One target, too: what is no key is refused however many there are.
            return FieldsRoute(targets, positions)
        if len(targets) == 1 or each.grouping == "global":
            return GlobalRoute(targets)
        return ShuffleRoute(
            targets, self.worker, self.dispatch.load_of, self.rng, self.dispatch.ahead_of
        )


def tuple_classes(plan: Plan) -> dict[tuple[int, int], type[Tuple]]:
    """Return the Tuple class of every (task, stream index) of the topology."""
    classes: dict[tuple[int, int], type[Tuple]] = {}
    for component in plan.spec.components():
        outputs = plan.facts[component.id].outputs
        for index, name in enumerate(plan.streams_of(component.id)):
            cls = tuple_class(component.id, name, outputs[name].fields)
            for task in plan.tasks_of(component.id):
                classes[task.task, index] = cls
    return classes
