"""Placement: spread, levels, the way over the wire, and what makes stored state unfit."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.topology import plan as plan_module
from waterspout.topology.component import StreamDecl
from waterspout.topology.errors import UserError
from waterspout.topology.facts import ComponentFacts
from waterspout.topology.plan import Plan, make_plan
from waterspout.topology.spec import ComponentSpec, InputSpec, TopologySpec

from ..each_case import each_case

OUT = {"default": StreamDecl(("word",)), "a": StreamDecl(("x",), direct=True)}


def spec(
    workers: int = 2, parallelism: int = 3, bolts: dict[str, list[str]] | None = None
) -> TopologySpec:
    """Return spout ``s`` and bolts by their sources."""
    bolts = bolts or {"b": ["s"], "c": ["b"]}
    return TopologySpec(
        "t", "at-least-once", workers,
        {"s": ComponentSpec("s", "spout", "m:S", {}, parallelism)},
        {
            name: ComponentSpec(name, "bolt", "m:B", {}, parallelism,
                                tuple(InputSpec(source) for source in sources))
            for name, sources in bolts.items()
        },
        folder="/f",
    )  # fmt: skip


def facts(topology: TopologySpec, **special: ComponentFacts) -> dict[str, ComponentFacts]:
    return {
        each.id: special.get(each.id) or ComponentFacts(each.kind, OUT)
        for each in topology.components()
    }


def plan(topology: TopologySpec, **special: ComponentFacts) -> Plan:
    return make_plan(topology, facts(topology, **special))


def test_task_ids_rise_from_one_and_go_from_the_sources_down() -> None:
    made = plan(spec(bolts={"last": ["mid"], "mid": ["s"]}))
    assert [task.task for task in made.tasks] == list(range(1, 10))
    assert [task.component for task in made.tasks[::3]] == ["s", "mid", "last"]
    assert [task.index for task in made.tasks_of("mid")] == [0, 1, 2]


@each_case("workers", [1, 2, 3, 5])
def test_each_component_and_the_whole_are_spread_evenly(workers: int) -> None:
    made = plan(spec(workers, 4))
    for name in ("s", "b", "c"):
        counts = Counter(task.worker for task in made.tasks_of(name))
        assert max(counts.values()) - min(counts.get(w, 0) for w in range(workers)) <= 1
    load = Counter(task.worker for task in made.tasks)
    assert max(load.values()) - min(load.values()) <= 1
    assert sorted(t.task for w in range(workers) for t in made.tasks_on(w)) == list(range(1, 13))


def test_tasks_of_equal_index_stand_together() -> None:
    made = plan(spec(3, 3))
    for index in range(3):
        assert len({made.tasks_of(name)[index].worker for name in ("s", "b", "c")}) == 1


def test_the_argument_overrides_the_workers_of_the_spec() -> None:
    topology = spec(4)
    assert set(make_plan(topology, facts(topology), 1).worker_of().values()) == {0}


def test_the_longest_way_decides_a_bolts_level() -> None:
    #  s -> b -> c -> d
    #  '---------'    c and s both feed d
    made = plan(spec(bolts={"d": ["s", "c"], "c": ["b"], "b": ["s"]}))
    assert made.levels == [["b"], ["c"], ["d"]]


def test_a_plan_comes_back_from_msgpack_equal() -> None:
    made = make_plan(spec(), facts(spec()), 3)
    again = Plan.from_wire(msgpack.unpackb(msgpack.packb(made.to_wire()), use_list=False))
    assert again == made
    assert again.tasks == made.tasks and again.workers == 3


def test_the_fingerprint_changes_with_what_makes_state_unfit_and_with_nothing_else() -> None:
    base = plan(spec()).fingerprint()
    assert plan(spec(workers=5)).fingerprint() == base
    assert plan(replace(spec(), folder="/elsewhere")).fingerprint() == base
    others = [
        plan(spec(parallelism=4)).fingerprint(),
        plan(replace(spec(), name="u")).fingerprint(),
        plan(spec(bolts={"b": ["s"], "e": ["b"]})).fingerprint(),
    ]
    assert len({base, *others}) == 4


def test_streams_have_a_fixed_order_and_subscribers_are_found_by_stream() -> None:
    made = plan(spec(bolts={"b": ["s"], "c": ["s"], "d": ["b"]}))
    assert made.streams_of("s") == ["a", "default"]
    assert [bolt.id for bolt, _ in made.subscribers("s", "default")] == ["b", "c"]
    assert made.subscribers("s", "a") == []


def test_stateful_tasks_are_those_with_state_and_those_with_buffered_output() -> None:
    made = plan(
        spec(parallelism=1, bolts={"b": ["s"], "c": ["b"], "d": ["c"]}),
        b=ComponentFacts("bolt", OUT, stateful=True), d=ComponentFacts("bolt", OUT, sink=True),
    )  # fmt: skip
    assert made.stateful_tasks() == {2, 4}


@each_case(
    "guarantee, replay, asks, tells",
    [
        ("at-least-once", "seek", False, True),
        ("at-least-once", "re-emit", False, False),
        ("at-least-once", "none", False, False),
        ("at-most-once", "seek", False, False),
        ("exactly-once", "seek", False, False),
        ("at-least-once", "seek", True, False),
    ],
)
def test_rows_of_a_source_that_is_read_again_are_messages_that_can_be_told(
    guarantee: str, replay: str, asks: bool, tells: bool
) -> None:
    topology = replace(spec(), guarantee=guarantee)
    if asks:
        options = replace(topology.bolts["b"].options, effectively_once=True)
        topology.bolts["b"] = replace(topology.bolts["b"], options=options)
    made = plan(topology, s=ComponentFacts("spout", OUT, replay=replay))
    assert made.tells("s") is tells
    assert not made.tells("b")


@pytest.mark.parametrize(
    "holder", [ComponentFacts("bolt", OUT, auto_ack=False), ComponentFacts("bolt", is_async=True)]
)
def test_a_holding_bolt_is_seen_from_everything_above_it(holder: ComponentFacts) -> None:
    made = plan(spec(bolts={"b": ["s"], "c": ["b"], "d": ["c"]}), c=holder)
    assert [made.holds_below(name) for name in ("s", "b", "c")] == [True, True, False]


def test_more_tasks_than_ids_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_module, "TASKS_MAX", 8)
    with pytest.raises(UserError, match="t: more than 8 tasks"):
        plan(spec(parallelism=3))
    assert len(plan(spec(parallelism=2)).tasks) == 6


@given(st.integers(1, 9), st.lists(st.integers(1, 25), min_size=1, max_size=5))
def test_tasks_come_to_where_the_rule_says(workers: int, parallelisms: list[int]) -> None:
    """Fewest of the component, then least loaded, then the first from the index on."""
    names = [f"c{n}" for n in range(len(parallelisms))]
    made = plan(spec(workers, bolts={name: ["s"] for name in names}))
    specs = {
        name: replace(made.spec.bolts[name], parallelism=parallelism)
        for name, parallelism in zip(names, parallelisms, strict=True)
    }
    made = plan(replace(made.spec, bolts=specs))
    load: Counter[int] = Counter()
    for component in ("s", *names):
        own: Counter[int] = Counter()
        for task in made.tasks_of(component):
            rule = [(own[w], load[w], (w - task.index) % workers, w) for w in range(workers)]
            assert task.worker == min(rule)[3]
            own[task.worker] += 1
            load[task.worker] += 1
