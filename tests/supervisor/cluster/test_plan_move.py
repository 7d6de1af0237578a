"""From one plan to the next: nothing that is durable is lost, nothing goes to a stranger."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.spouts.partitions import index_of
from waterspout.supervisor.cluster.plan_move import (
    PlanMoveRefused,
    diff,
    homes,
    remap,
    task_map,
)
from waterspout.supervisor.store import Part
from waterspout.topology.component import StreamDecl
from waterspout.topology.facts import ComponentFacts
from waterspout.topology.keys import KEY_GROUPS, group_owners
from waterspout.topology.plan import Plan, make_plan
from waterspout.topology.settings import Settings
from waterspout.topology.spec import ComponentOptions, ComponentSpec, InputSpec, TopologySpec

OUT = {"default": StreamDecl(("n",))}
SINK: dict[str, Any] = {"sink_kind": "transactional", "rescalable": True}


def plan_of(workers: int = 2, *, replay: str = "seek", settings: Settings | None = None,
            grouping: str = "shuffle", **components: Any) -> Plan:  # fmt: skip
    """Return the plan of a chain: ``a=2`` is a spout of two tasks; names in capitals are
    stateful; a ComponentSpec is taken as it is."""
    spouts: dict[str, ComponentSpec] = {}
    bolts: dict[str, ComponentSpec] = {}
    facts = {}
    before = ""
    keys = ("n",) if grouping in ("fields", "partial-key") else ()
    for id, spec in components.items():
        kind: Any = "bolt" if before else "spout"
        inputs = (InputSpec(before, grouping=grouping, fields=keys),) if before else ()
        if isinstance(spec, int):
            spec = ComponentSpec(id, kind, "m:C", {}, spec, inputs)
        (bolts if before else spouts)[id] = spec
        stateful = id.isupper()
        facts[id] = ComponentFacts(
            kind, OUT, replay=None if before else replay, stateful=stateful,
            **(SINK if id == "SINK" else {}),
        )  # fmt: skip
        before = id
    made = TopologySpec("t", "at-least-once", workers, spouts, bolts, settings or Settings())
    return make_plan(made, facts)


def part(task: int) -> Part:
    return Part(task, f"{task}.part", 10, "ab")


def task(plan: Plan, component: str, index: int = 0) -> int:
    return plan.tasks_of(component)[index].task


# --- positions and parts ------------------------------------------------------------------------


def test_the_same_plan_keeps_everything_where_it_is():
    plan = plan_of(s=2, B=2, c=1)
    positions = {task(plan, "s", index_of("p", 2)): {"p": [5, [[7, 9]]]}}
    parts = [part(task(plan, "B", n)) for n in (0, 1)]
    assert remap(plan, plan, positions, parts) == (positions, parts)
    assert diff(plan, plan) == []


def test_tasks_are_found_again_by_component_and_index_whatever_their_new_numbers():
    old, new = plan_of(s=1, b=3, C=2), plan_of(s=2, b=1, C=2)
    parts = [part(task(old, "C", n)) for n in (0, 1)]
    _, moved = remap(old, new, {}, parts)
    assert [(p.task, p.file) for p in moved] == [
        (task(new, "C", n), f"{task(old, 'C', n)}.part") for n in (0, 1)
    ]
    assert [p.task for p in moved] != [p.task for p in parts]


def test_another_number_of_workers_moves_no_state_between_tasks():
    old, new = plan_of(1, s=1, B=4), plan_of(4, s=1, B=4)
    parts = [part(task(old, "B", n)) for n in range(4)]
    assert remap(old, new, {}, parts)[1] == parts


def test_messages_on_their_way_are_never_dropped_silently():
    old = plan_of(s=1, b=2, C=1)
    log = Part(task(old, "b", 1), "epoch-1.round-2.task-3.log.part", 10, "ab")
    for new in (old, plan_of(s=1, b=1, C=1), plan_of(s=1, C=1)):
        with pytest.raises(PlanMoveRefused, match=r"b: .*on their way.*so that it drains") as at:
            remap(old, new, {}, [part(task(old, "C")), log])
        assert at.value.component == "b"


@pytest.mark.parametrize("after", [1, 3])
def test_state_on_another_parallelism_is_refused_by_name(after: int):
    with pytest.raises(PlanMoveRefused, match=f"COUNT: it keeps state, which {after} tasks") as at:
        remap(plan_of(s=1, COUNT=2), plan_of(s=1, COUNT=after), {}, [])
    assert at.value.component == "COUNT"


@given(st.integers(1, 9), st.integers(1, 9))
def test_c7_state_follows_its_keys_to_whatever_number_of_tasks(before: int, after: int):
    old = plan_of(grouping="fields", s=1, B=before)
    new = plan_of(grouping="fields", s=1, B=after)
    _, moved = remap(old, new, {}, [part(task(old, "B", n)) for n in range(before)])
    files = {n: {p.file for p in moved if p.task == task(new, "B", n)} for n in range(after)}
    was, is_ = group_owners(before), group_owners(after)
    for group in range(KEY_GROUPS):
        assert f"{task(old, 'B', was[group])}.part" in files[is_[group]]
    for index in range(before):
        assert f"{task(old, 'B', index)}.part" in files[index % after], "what is not keyed"
    assert len(moved) == len(set(moved)), "each file once for each task"


@pytest.mark.parametrize("grouping", ["shuffle", "fields"])
def test_transactions_of_a_sink_reach_whatever_task_has_their_key_group(grouping: str):
    """Their keys are drawn at random: a part may have some of every group."""
    old = plan_of(grouping=grouping, s=1, SINK=2)
    new = plan_of(grouping=grouping, s=1, SINK=4)
    _, moved = remap(old, new, {}, [part(task(old, "SINK", n)) for n in (0, 1)])
    for n in range(4):
        files = {p.file for p in moved if p.task == task(new, "SINK", n)}
        assert files == {f"{task(old, 'SINK', each)}.part" for each in (0, 1)}


def test_parts_in_several_files_are_taken_over_in_their_order():
    old, new = plan_of(grouping="fields", s=1, B=1), plan_of(grouping="fields", s=1, B=2)
    home = task(old, "B")
    chain = [Part(home, name, 1, "ab") for name in ("whole", "more", "most")]
    _, moved = remap(old, new, {}, chain)
    for n in (0, 1):
        assert [p.file for p in moved if p.task == task(new, "B", n)] == ["whole", "more", "most"]
    _, again = remap(new, old, {}, moved)
    assert again == chain, "back before any snapshot was made: each file once"


@pytest.mark.parametrize("grouping", ["shuffle", "partial-key", "all"])
def test_state_whose_keys_may_be_in_several_tasks_keeps_its_parallelism(grouping: str):
    one, two = plan_of(grouping=grouping, s=1, B=1), plan_of(grouping=grouping, s=1, B=2)
    for old, new in ((one, two), (two, one)):
        with pytest.raises(PlanMoveRefused, match="grouping: fields"):
            remap(old, new, {}, [])


def test_a_bolt_that_becomes_a_spout_is_refused():
    with pytest.raises(PlanMoveRefused, match="s: was a spout, and is a bolt now"):
        remap(plan_of(s=1, b=1), plan_of(b=1, s=1), {}, [])


def test_state_of_what_is_gone_is_dropped_and_that_is_said():
    old, new = plan_of(s=1, B=1, c=1), plan_of(x=1, c=1)
    positions = {task(old, "s"): {"p": [5, []]}}
    assert remap(old, new, positions, [part(task(old, "B"))]) == ({}, [])
    lines = diff(old, new)
    assert "- spout s, its positions are dropped" in lines
    assert "- bolt B, its state is dropped" in lines


@given(st.integers(1, 6), st.integers(1, 6), st.data())
def test_positions_follow_their_partitions_to_the_task_that_reads_them(
    before: int, after: int, data: st.DataObject
):
    old, new = plan_of(s=before), plan_of(s=after)
    names = data.draw(st.lists(st.text(max_size=3), unique=True, max_size=12))
    positions: dict[int, dict[str, Any]] = {}
    for n, name in enumerate(names):
        home = task(old, "s", index_of(name, before))
        positions.setdefault(home, {})[name] = [n, [[n + 2, n + 5]]]
    moved, _ = remap(old, new, positions, [])
    found = {name: wire for of_task in moved.values() for name, wire in of_task.items()}
    assert found == {name: wire for of_task in positions.values() for name, wire in of_task.items()}
    for of, of_task in moved.items():
        for name in of_task:
            assert of == task(new, "s", index_of(name, after))
    assert remap(new, old, moved, [])[0] == positions


def test_a_partition_that_two_tasks_had_keeps_what_either_of_them_acked():
    old, new = plan_of(s=2), plan_of(s=1)
    positions = {
        task(old, "s", 0): {"p": [5, [[7, 9]]]},
        task(old, "s", 1): {"p": [3, [[4, 6], [20, 30]]]},
    }
    assert remap(old, new, positions, [])[0] == {task(new, "s"): {"p": [6, [[7, 9], [20, 30]]]}}


def test_numbered_messages_stay_with_their_task():
    old, new = plan_of(s=3, replay="re-emit"), plan_of(s=2, replay="re-emit")
    positions = {task(old, "s", n): {"": [10 + n, []]} for n in range(3)}
    assert remap(old, new, positions, [])[0] == {
        task(new, "s", n): {"": [10 + n, []]} for n in range(2)
    }


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
def test_the_task_map_goes_both_ways(a: int, b: int, c: int, d: int):
    old, new = plan_of(s=a, b=b, x=1), plan_of(s=c, b=d, y=1)
    there, back = task_map(old, new), task_map(new, old)
    assert {new: old for old, new in there.items()} == back
    components = {t.task: (t.component, t.index) for t in new.tasks}
    for t in old.tasks:
        if t.task in there:
            assert components[there[t.task]] == (t.component, t.index)


def test_what_is_kept_of_a_message_goes_where_its_partition_is_read():
    old, new = plan_of(s=2, b=2), plan_of(s=3, b=1)
    home = homes(old, new)
    for partition in ("x", "y", "z"):
        index = index_of(partition, 3)
        assert home(task(old, "s", 1), partition) == task(new, "s", index)
    assert home(task(old, "b"), None) == task(new, "b"), "of a call that no message caused"
    assert home(task(old, "b", 1), None) is None
    assert home(0, None) is None and home(999, "x") is None, "of a task that was gone before"


# --- what is shown ------------------------------------------------------------------------------


def test_every_change_has_a_line():
    old = plan_of(2, s=1, b=1, c=1, D=1)
    bolt = old.spec.bolts["b"]
    changed = replace(
        bolt, class_path="m:D", parallelism=3, args={"secret": "hunter2"},
        inputs=(InputSpec("s", "default", "fields", ("n",)),),
        options=ComponentOptions(blocking=True),
    )  # fmt: skip
    new = plan_of(3, settings=replace(Settings(), max_pending=7), s=1, b=changed, e=2, D=1)
    lines = diff(old, new)
    assert {line for line in lines if "another worker" not in line} == {
        "~ workers: 2 -> 3",
        "~ setting max_pending: 10000 -> 7",
        "- bolt c",
        "+ bolt e (m:C x 2)",
        "~ bolt b: class: m:C -> m:D",
        "~ bolt b: parallelism: 1 -> 3",
        "~ bolt b: args changed: secret",
        "~ bolt b: no longer reads s/default by shuffle",
        "~ bolt b: reads s/default by fields n",
        "~ bolt b: blocking: False -> True",
        "~ bolt D: no longer reads c/default by shuffle",
        "~ bolt D: reads e/default by shuffle",
    }
    assert "hunter2" not in str(lines)


def test_state_that_a_new_version_no_longer_keeps_is_said_to_be_dropped():
    old = plan_of(s=1, B=1)
    facts = {**old.facts, "B": replace(old.facts["B"], stateful=False)}
    new = make_plan(old.spec, facts)
    assert diff(old, new) == ["~ bolt B: keeps no state any more: it is dropped"]
    assert remap(old, new, {}, [part(task(old, "B"))])[1] == []


def test_tasks_that_come_to_another_worker_are_counted():
    assert diff(plan_of(1, s=1, b=1), plan_of(2, s=1, b=1)) == [
        "~ workers: 1 -> 2", "~ 1 task on another worker",
    ]  # fmt: skip
