"""The state of a task as its worker makes it: backend, groups after a rebalance, leftover files."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from waterspout.bolts.contract import Bolt
from waterspout.bolts.snapshots import PartReader, StatePart, decode_part, encode_part
from waterspout.bolts.state import TaskState
from waterspout.bolts.state_memory import MemoryMap
from waterspout.bolts.state_sqlite_map import SqliteMap
from waterspout.supervisor.snapshot_store import WrittenPart
from waterspout.supervisor.task_states import StateHost, TaskStates
from waterspout.topology.errors import CorruptSnapshot, StateError
from waterspout.topology.facts import ComponentFacts
from waterspout.topology.plan import Plan, make_plan
from waterspout.topology.spec import ComponentOptions, ComponentSpec, InputSpec, TopologySpec
from waterspout.topology.tuples import tuple_class

from ..each_case import each_case


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have states that are not closed leave their folders where they are removed."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def plan_of(parallelism: int = 1, state: str = "memory", **options: Any) -> Plan:
    by_user = InputSpec("clicks", grouping="fields", fields=("user",))
    count = ComponentSpec(
        "count", "bolt", "m:C", {}, parallelism, (by_user,), ComponentOptions(**options)
    )
    clicks = ComponentSpec("clicks", "spout", "m:S")
    spec = TopologySpec(
        "t", "at-least-once", 1, {"clicks": clicks}, {"count": count}, state=state
    )
    facts = {
        "clicks": ComponentFacts(kind="spout", outputs={}, replay="seek"),
        "count": ComponentFacts(kind="bolt", outputs={}, stateful=True),
    }
    return make_plan(spec, facts)


def made(
    plan: Plan, folder: Path | None = None, tag: str = "a", parts: Any = ()
) -> list[TaskState]:
    states = TaskStates(plan, StateHost(lambda: 0, folder, tag))
    return [states.make(task, parts) for task in plan.tasks_of("count")]


def part_of(state: TaskState) -> tuple[StatePart, str]:
    data = b"".join(encode_part(state.snapshot_begin()))
    return decode_part(data), data[-32:].hex()


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (plan_of(), MemoryMap),
        (plan_of(state="sqlite"), SqliteMap),
        (plan_of(state="memory"), MemoryMap),
    ],
)
def test_the_topology_says_where_state_is_kept(
    plan: Plan, expected: type[Any], tmp_path: Path
) -> None:
    (state,) = made(plan, tmp_path)
    assert type(state.value("v")._map) is expected
    state.close()


def test_a_bolt_may_say_otherwise(tmp_path: Path) -> None:
    plan = plan_of(state="sqlite")
    options = ComponentOptions(state="memory")
    spec = plan.spec.bolts["count"]
    plan.spec.bolts["count"] = ComponentSpec(
        spec.id, spec.kind, spec.class_path, {}, 1, spec.inputs, options
    )
    (state,) = made(plan, tmp_path)
    assert type(state.value("v")._map) is MemoryMap


def test_what_a_process_before_left_of_a_task_is_removed(tmp_path: Path) -> None:
    plan = plan_of(state="sqlite")
    (old,) = made(plan, tmp_path, "a")
    old.value("v")
    other = tmp_path / "task-99.a.sqlite"
    other.touch()
    (new,) = made(plan, tmp_path, "b")
    names = sorted({file.name.partition(".sqlite")[0] for file in tmp_path.iterdir()})
    assert names == [f"task-{plan.tasks_of('count')[0].task}.b", "task-99.a"]
    new.close()
    assert [file.name for file in tmp_path.iterdir()] == [other.name]


@pytest.mark.parametrize("backend", ["memory", "sqlite"])
@pytest.mark.parametrize(("old", "new"), [(1, 4), (4, 1), (3, 2)])
def test_another_parallelism_deals_the_keys_out_anew(backend: str, old: int, new: int) -> None:
    states = made(plan_of(old, backend))
    for number in range(200):
        state = states[number % old]
        state.value("v")
        state.key = number
        state.value("v").set(number)
    parts = [part_of(state) for state in states]
    found: list[int] = []
    for state in made(plan_of(new, backend), parts=parts):
        mine = [key for key, _ in state.value("v").all()]
        assert len(mine) > 200 / new / 3
        found += mine
    assert sorted(found) == list(range(200))


def test_keys_that_went_to_and_fro_without_a_snapshot_are_in_one_task() -> None:
    """2 tasks, then 4, then 2 again: a task of these is given the files of both."""
    states = made(plan_of(2))
    for number in range(50):
        state = states[number % 2]
        state.value("v")
        state.key = number
        state.value("v").set(number)
    parts = [part_of(state) for state in states]
    found = [
        key for state in made(plan_of(2), parts=parts) for key, _ in state.value("v").all()
    ]
    assert sorted(found) == list(range(50))


@pytest.mark.parametrize("options", [{"blocking": True}])
def test_a_bolt_whose_calls_run_elsewhere_has_no_handles(options: dict[str, Any]) -> None:
    (state,) = made(plan_of(**options))
    with pytest.raises(StateError, match="blocking or async"):
        state.map("m")


@each_case("kind", ["value", "list", "map", "keyed", "task", "records", "counts"])
def test_state_of_a_class_that_is_not_stateful_is_refused(kind: str) -> None:
    plan = plan_of()
    plan.facts["count"] = ComponentFacts(kind="bolt", outputs={})
    (state,) = made(plan)
    with pytest.raises(StateError, match=rf"count: state\.{kind}\('v'\): .*'stateful = True'"):
        getattr(state, kind)("v")
    assert not state.snapshot_begin().maps


def test_keys_are_set_for_bolts_that_asked_and_for_no_others() -> None:
    class Noting(Bolt):
        def process(self, tup: Any) -> None:
            seen.append(state.key)

    seen: list[Any] = []
    plan = plan_of()
    states = TaskStates(plan, StateHost(lambda: 0))
    click = tuple_class("clicks", "default", ("user",))
    for asks in (False, True):
        state, bolt = states.make(plan.tasks_of("count")[0], None), Noting()
        if asks:
            state.value("v")
        states.prepared(bolt, state, "count")
        assert ("process" in vars(bolt)) is asks
        bolt.process(click(("u",)))
    assert seen[1] == "u"
    assert seen[0] != "u"


@pytest.mark.parametrize("before", ["memory", "sqlite"])
def test_a_chain_comes_back_in_whatever_backend_slice_by_slice(before: str) -> None:
    (state,) = made(plan_of(state=before))
    value, raw = state.value("v"), state.keyed("raw")
    parts = []
    for number in range(3):
        for key in range(0, 3000, 100 if number else 1):
            state.key = key
            value.set((number, "x"))
            if key % 700 == 0:
                raw[key] = number
        state.key = 700 * number
        value.clear()
        raw.pop(700 * number, None)
        state.task("mine")[number] = number
        state.keyed("__own").update({number: (number,)})
        copy = state.snapshot_begin()
        data = b"".join(encode_part(copy))
        written = WrittenPart(f"{number}", len(data), data[-32:].hex())
        assert len(state.snapshot_written(copy, written)) == number + 1
        parts.append((PartReader(data), written.sha256))
    for after, ttl in product(["memory", "sqlite"], [None, 10]):
        (new,) = made(plan_of(state=after), parts=parts)
        assert dict(new.value("v", ttl=ttl).all()) == dict(value.all())
        assert dict(new.keyed("raw").items()) == dict(raw.items())
        assert new.task("mine") == {0: 0, 1: 1, 2: 2}
        assert new.keyed("__own") == {0: (0,), 1: (1,), 2: (2,)}
        if ttl is None:
            # What nobody asks for stays, too.
            (unasked,) = made(plan_of(state=after), parts=parts)
            again, _ = part_of(unasked)
            assert again.keyed["value:v"] == dict(value.all())


def test_state_that_cannot_be_restored_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[TaskState] = []
    monkeypatch.setattr(TaskState, "close", lambda self: closed.append(self))
    part, sha256 = part_of(TaskState("count"))
    changes = replace(part, base="of a part that is not there")
    with pytest.raises(CorruptSnapshot):
        made(plan_of(state="sqlite"), tmp_path, parts=[(changes, sha256)])
    assert len(closed) == 1
