"""Building the tasks of a worker: contexts, routes, restored state, what the guarantee needs."""

from __future__ import annotations

import random
from typing import Any

import pytest
from waterspout.bolts.contract import Bolt
from waterspout.spouts.contract import Spout
from waterspout.spouts.executor import SourceExecutor
from waterspout.spouts.groups import Group
from waterspout.spouts.once_executor import OnceExecutor
from waterspout.spouts.storm_executor import StormExecutor
from waterspout.supervisor.host_args import HostArgs
from waterspout.supervisor.task_build import (
    UNTRACKED_BATCHES,
    TaskBuilder,
    tuple_classes,
)
from waterspout.topology.component import StreamDecl
from waterspout.topology.errors import EmitError
from waterspout.topology.facts import ComponentFacts
from waterspout.topology.plan import Plan, make_plan
from waterspout.topology.settings import Settings
from waterspout.topology.spec import ComponentOptions, ComponentSpec, InputSpec, TopologySpec
from waterspout.topology.task_env import TaskEnv

from ..each_case import each_case

ONE = {"default": StreamDecl(("word", "n"))}


class Step(Bolt):
    """Remembers its context."""

    def prepare(self, context: Any) -> None:
        self.state = context.state.keyed("counts")
        self.ready = context


class Ported(Spout):
    """A Storm spout; says in which order it was called, and emits while it opens."""

    def open(self, context: Any) -> None:
        self.calls = ["open"]
        self.emit(["early", 1], tup_id=1)

    def activate(self) -> None:
        self.calls.append("activate")


def plan_of(grouping: str, *, parallelism: int = 3, workers: int = 1,
            facts: ComponentFacts | None = None, options: ComponentOptions | None = None,
            holds: bool = False, **extra: Any) -> Plan:  # fmt: skip
    """Return a spout ``in`` and a bolt ``step`` behind it."""
    spouts = {
        "in": ComponentSpec("in", "spout", "waterspout.spouts:Sequence", {},
                            options=options or ComponentOptions())
    }  # fmt: skip
    inputs = (InputSpec("in", grouping=grouping, **extra),)
    bolts = {"step": ComponentSpec("step", "bolt", "x:Step", {}, parallelism, inputs)}
    spec = TopologySpec("t", "at-least-once", workers, spouts, bolts, Settings(), "/")
    known = {
        "in": facts or ComponentFacts("spout", ONE, "seek"),
        "step": ComponentFacts("bolt", auto_ack=not holds, stateful=True),
    }
    return make_plan(spec, known)


class Built:
    """All tasks of worker 0."""

    def __init__(
        self, plan: Plan, restored: Any = None, positions: Any = None, *, tracked: bool = True,
        rng: random.Random | None = None,
    ) -> None:  # fmt: skip
        self.plan = plan
        self.env = TaskEnv(
            plan.settings, tracked=tracked, clock=lambda: 5.0,
            draw=random.Random(1).getrandbits, acker=self,
        )  # fmt: skip
        self.builder = TaskBuilder(
            plan, 0, self.env, {}, rng or random.Random(2), self.load, lambda executor: self.bury
        )
        for task in reversed(plan.tasks_on(0)):
            self.builder.build(task, restored, positions, None)
        self.tasks = self.builder.tasks
        (self.spout,) = self.tasks.spouts.values()

    def open(self, root: int, guard: int, now: float) -> None:
        """Not used here."""

    def bury(self, group: Any, failure: Any) -> None:
        """Not used here."""

    def load(self, plan: Plan, task: Any) -> Any:
        """Make a component."""
        if task.component == "step":
            return Step()
        if plan.facts["in"].replay == "re-emit":
            return Ported()
        return HostArgs().component(plan, task)

    def spread(self, rows: list[list[Any]]) -> list[int]:
        """Emit rows one by one; return how many each target got."""
        for row in rows:
            self.spout.emitter.put_many("default", [row])
            self.spout.emitter.close_run((1,))
        return [len(frame.rows) for frame in self.spout.emitter.frames]


def test_a_bolt_is_told_the_fields_of_what_it_reads() -> None:
    built = Built(plan_of("shuffle"))
    bolt: Any = next(iter(built.tasks.bolts.values())).bolt
    assert bolt.ready.inputs == {("in", "default"): ("word", "n")}
    assert built.spout.source.context.inputs == {}


WORDS = [[word, n] for n, word in enumerate("abcdefghij" * 6)]


@each_case(
    "grouping, fields",
    [("fields", ("word",)), ("partial-key", ("word",)), ("shuffle", ()), ("none", ()),
     ("local-or-shuffle", ())],
)  # fmt: skip
def test_groupings_that_deal_out_give_every_row_to_one_of_several_targets(
    grouping: str, fields: tuple[str, ...]
) -> None:
    counts = Built(plan_of(grouping, fields=fields)).spread(WORDS)
    assert sum(counts) == 60
    assert sum(count > 0 for count in counts) > 1


class First:
    """A custom grouping: all to the task whose place is given as a text."""

    def __init__(self, place: str) -> None:
        self.place = len(place)

    def prepare(self, context: Any, stream: str, targets: list[int]) -> None:
        """Note the tasks."""
        self.targets = targets

    def choose_tasks(self, values: Any) -> list[int]:
        """Return the one."""
        return [self.targets[self.place]]


def test_a_custom_grouping_gets_its_args_as_the_host_has_them() -> None:
    custom = f"{__name__}:First"
    plan = plan_of("custom", custom=custom, args={"place": "${TOPOLOGY_DIR}"})
    assert plan.folder == "/"
    assert Built(plan).spread(WORDS) == [0, 60, 0]


@each_case("grouping", ["global", "fields", "all", "custom"])
def test_rows_are_messages_unless_a_grouping_of_the_users_may_give_one_twice(grouping: str) -> None:
    custom = f"{__name__}:First" if grouping == "custom" else None
    plan = plan_of(grouping, fields=("word",), custom=custom, args={"place": ""})
    (source,) = plan.tasks_of("in")
    for bolt in Built(plan).tasks.bolts.values():
        assert bolt.culprits._sources == ({source.task} if grouping != "custom" else set())


def test_all_gives_every_row_to_every_target_and_global_to_the_first() -> None:
    assert Built(plan_of("all")).spread(WORDS) == [60, 60, 60]
    assert Built(plan_of("global")).spread(WORDS) == [60, 0, 0]


def test_a_fields_grouping_keeps_a_key_at_one_task() -> None:
    built = Built(plan_of("fields", fields=("word",)))
    built.spread(WORDS)
    keys = [{row[0] for row in frame.rows} for frame in built.spout.emitter.frames]
    assert sum(map(len, keys)) == len(set().union(*keys)) == 10


@each_case(
    "grouping, tasks, rows",
    [(grouping, tasks, rows) for grouping in ("fields", "partial-key") for tasks in (1, 3)
     for rows in (1, 20)],
)  # fmt: skip
def test_what_is_no_key_is_refused_however_many_tasks_there_are(
    grouping: str, tasks: int, rows: int
) -> None:
    built = Built(plan_of(grouping, fields=("word",), parallelism=tasks))
    emitter = built.spout.emitter
    refused = emitter.try_many([["a", 0]] * rows + [[{"no": "key"}, 1]])
    assert isinstance(refused, EmitError) and "a dict cannot be a key" in str(refused)
    assert built.spread([]) == [0] * tasks
    with pytest.raises(EmitError, match="in: emit to stream 'default': a dict cannot be a key"):
        emitter.bind()([{"no": "key"}, 1])


def test_local_or_shuffle_stays_in_the_worker_where_it_can() -> None:
    built = Built(plan_of("local-or-shuffle", parallelism=4, workers=2))
    counts = built.spread(WORDS)
    here = {task.task for task in built.plan.tasks_on(0)}
    for frame, count in zip(built.spout.emitter.frames, counts, strict=True):
        assert (count > 0) == (frame.key[2] in here)


def test_a_component_gets_its_context_before_it_gets_ready() -> None:
    built = Built(plan_of("shuffle"))
    steps = [executor.bolt for executor in built.tasks.bolts.values()]
    assert sorted(step.ready.index for step in steps) == [0, 1, 2]
    assert {step.ready.parallelism for step in steps} == {3}
    assert all(step.ready is step.context for step in steps)
    assert len({step.ready.random.random() for step in steps}) == 3
    assert steps[0].ready.settings["max_pending"] == 10_000


def test_a_task_that_is_built_again_draws_other_random_numbers_and_from_one_seed_the_same() -> None:
    def drawn(rng: random.Random) -> list[int]:
        bolts = Built(plan_of("shuffle"), rng=rng).tasks.bolts
        return [bolts[task].bolt.context.random.getrandbits(64) for task in sorted(bolts)]

    rng = random.Random(2)
    first, again = drawn(rng), drawn(rng)
    assert not set(first) & set(again)
    assert drawn(random.Random(2)) == first
    assert not set(first) & set(drawn(random.Random(3)))


def test_a_group_holds_one_message_where_a_bolt_below_may_hold_tuples() -> None:
    assert Built(plan_of("shuffle")).spout.ledger.sizes.size == 64
    assert Built(plan_of("shuffle", holds=True)).spout.ledger.sizes.size == 1
    options = ComponentOptions(group_max=7)
    assert Built(plan_of("shuffle", holds=True, options=options)).spout.ledger.sizes.size == 7


def test_without_tracking_a_source_sends_once_in_large_groups_that_no_round_keeps() -> None:
    built = Built(plan_of("shuffle", holds=True), tracked=False)
    assert isinstance(built.spout, OnceExecutor)
    assert built.spout.ledger.sizes.size == UNTRACKED_BATCHES * 64
    assert built.builder.has_rounds
    built.spout.ledger.passed(Group("numbers", 0, 5, 5, 1.0), 5.0)
    assert built.spout.ledger.worked_through == 0
    options = ComponentOptions(group_max=7)
    built = Built(plan_of("shuffle", options=options), tracked=False)
    assert built.spout.ledger.sizes.size == 7


def test_a_spout_starts_from_stored_positions() -> None:
    built = Built(plan_of("shuffle"), positions={"numbers": [5, [[7, 9]]]})
    assert built.spout.ledger.positions_of("numbers").to_wire() == [5, [[7, 9]]]


def test_a_source_has_the_executor_of_sources_and_a_spout_the_one_of_storm() -> None:
    assert type(Built(plan_of("shuffle")).spout) is SourceExecutor
    facts = ComponentFacts("spout", ONE, "re-emit")
    built = Built(plan_of("shuffle", facts=facts))
    assert isinstance(built.spout, StormExecutor)
    assert built.spout.spout.calls == ["open", "activate"]  # type: ignore[attr-defined]
    assert sum(len(frame.rows) for frame in built.spout.emitter.frames) == 1
    assert not built.spout.ledger.seeks


def test_state_below_makes_rounds_necessary() -> None:
    ledger = Built(plan_of("shuffle")).spout.ledger
    assert ledger._at_once is False


def test_every_stream_of_every_task_has_a_tuple_class() -> None:
    plan = plan_of("shuffle")
    (task,) = plan.tasks_of("in")
    classes = tuple_classes(plan)
    assert set(classes) == {(task.task, 0)}
    tup = classes[task.task, 0](["a", 1])
    assert (tup["word"], tup.component, tup.stream) == ("a", "in", "default")
