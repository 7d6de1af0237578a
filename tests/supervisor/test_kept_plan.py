"""State that another plan takes over when a run begins: dealt out anew, or refused by name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor.cluster.plan_move import PlanMoveRefused
from waterspout.supervisor.kept_plan import PLAN_FILE, fit_state
from waterspout.supervisor.savepoint_start import StateUnmatched
from waterspout.supervisor.store import Part, StateInUse, StoreError, TopologyChanged
from waterspout.supervisor.store_sqlite import SqliteStore
from waterspout.topology.plan import Plan, make_plan

from .savepoint_rig import plan_of

LINES = {"a.txt": [17, [[20, 22]]]}


def store_in(folder: Path) -> SqliteStore:
    return SqliteStore(folder / "store.sqlite")


def ran(folder: Path, plan: Plan, **committed: Any) -> list[Part]:
    """Have a plan run in a folder and be killed; return the parts of its newest snapshot."""
    fit_state(folder, plan, fresh=not (folder / PLAN_FILE).exists())
    store = store_in(folder)
    store.bind(plan.fingerprint())
    (spout,) = plan.tasks_of("lines")
    parts = [Part(t.task, f"part-{t.index}", 1, "a") for t in plan.tasks_of("count")]
    epoch = store.next_epoch()
    store.commit_round(store.last_round() + 1, epoch, {spout.task: LINES}, parts, **committed)
    store.close()
    return parts


def files_of(folder: Path, plan: Plan) -> dict[int, list[str]]:
    """Return index -> files of the tasks of the bolt."""
    store = store_in(folder)
    found = {
        task.index: [part.file for part in store.parts() if part.task == task.task]
        for task in plan.tasks_of("count")
    }
    store.close()
    return found


def test_the_same_topology_finds_its_state_as_it_was(tmp_path: Path) -> None:
    parts = ran(tmp_path, plan_of())
    assert fit_state(tmp_path, plan_of(secret="other")) == []
    store = store_in(tmp_path)
    assert store.parts() == parts
    store.close()


def test_with_another_parallelism_state_goes_where_its_keys_go_and_positions_stay(
    tmp_path: Path,
) -> None:
    """
    key groups   0 ................ 127
    2 tasks      |- part-0 -|- part-1 -|
    3 tasks      |-- 0 --|-- 1 --|- 2 -|
    """
    ran(tmp_path, plan_of(2))
    new = plan_of(3)
    changes = fit_state(tmp_path, new)
    assert "~ bolt count: parallelism: 2 -> 3" in changes
    assert files_of(tmp_path, new) == {0: ["part-0"], 1: ["part-0", "part-1"], 2: ["part-1"]}
    store = store_in(tmp_path)
    (spout,) = new.tasks_of("lines")
    assert store.positions() == {spout.task: LINES}
    store.bind(new.fingerprint())
    store.close()
    assert fit_state(tmp_path, new) == [], "the next run has nothing to do"


def test_it_goes_on_from_one_shape_to_the_next_and_back(tmp_path: Path) -> None:
    for parallelism in (2, 3, 1, 2):
        ran(tmp_path, plan_of(parallelism))


def test_dead_letters_stay_with_tasks_that_are_there(tmp_path: Path) -> None:
    old, new = plan_of(2), plan_of(1)
    ran(tmp_path, old)
    (spout,), gone = old.tasks_of("lines"), old.tasks_of("count")[1]
    store = store_in(tmp_path)
    store.add_dead_letters(
        {"task": task.task, "component": task.component, "partition": "a", "start": n, "end": n + 1}
        for n, task in enumerate((spout, gone))
    )
    store.close()
    fit_state(tmp_path, new)
    store = store_in(tmp_path)
    tasks = [letter.record["task"] for letter in store.dead_letters()]
    assert tasks == [new.tasks_of("lines")[0].task, 0]
    store.close()


def test_arguments_are_kept_nowhere_and_the_file_is_private(tmp_path: Path) -> None:
    ran(tmp_path, plan_of(secret="hunter2"))
    path = tmp_path / PLAN_FILE
    assert "hunter2" not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_has_no_place_is_refused_by_name_and_may_be_dropped(tmp_path: Path) -> None:
    ran(tmp_path, plan_of())
    other = plan_of(bolt="counter")
    with pytest.raises(StateUnmatched, match="the state of words has state of 'count'"):
        fit_state(tmp_path, other)
    assert fit_state(tmp_path, plan_of(), allow_dropped=True) == [], "nothing has changed"
    assert "- bolt count, its state is dropped" in fit_state(tmp_path, other, allow_dropped=True)
    store = store_in(tmp_path)
    assert store.parts() == []
    store.close()


def test_state_that_cannot_be_dealt_out_is_refused(tmp_path: Path) -> None:
    def shuffled(parallelism: int) -> Plan:
        plan = plan_of(parallelism)
        count = plan.spec.bolts["count"]
        (only,) = count.inputs
        bolt = replace(count, inputs=(replace(only, grouping="shuffle", fields=()),))
        return make_plan(replace(plan.spec, bolts={"count": bolt}), plan.facts)

    ran(tmp_path, shuffled(2))
    with pytest.raises(PlanMoveRefused, match="count: it keeps state"):
        fit_state(tmp_path, shuffled(3))
    assert fit_state(tmp_path, shuffled(2)) == []


def test_a_fresh_run_takes_nothing_over_and_is_known_from_then_on(tmp_path: Path) -> None:
    parts = ran(tmp_path, plan_of(2))
    assert fit_state(tmp_path, plan_of(3), fresh=True) == []
    store = store_in(tmp_path)
    assert store.parts() == parts, "the run drops it"
    store.clear()
    store.close()
    assert fit_state(tmp_path, plan_of(3)) == []


def not_kept(folder: Path) -> None:
    (folder / PLAN_FILE).unlink()


def another_version(folder: Path) -> None:
    made = json.loads((folder / PLAN_FILE).read_text())
    (folder / PLAN_FILE).write_text(json.dumps({**made, "spec": {**made["spec"], "future": 1}}))


def nonsense(folder: Path) -> None:
    (folder / PLAN_FILE).write_text('{"spec": []}')


def of_another_run(folder: Path) -> None:
    """A run died between its store and the plan beside it."""
    store = store_in(folder)
    store.replace_plan(plan_of(5).fingerprint(), {}, [], lambda task, partition: None)
    store.close()


@pytest.mark.parametrize("happened", [not_kept, another_version, nonsense, of_another_run])
def test_state_whose_plan_is_not_known_is_refused(tmp_path: Path, happened: Any) -> None:
    ran(tmp_path, plan_of(2))
    happened(tmp_path)
    with pytest.raises(TopologyChanged, match="--fresh"):
        fit_state(tmp_path, plan_of(3))


def test_state_of_another_topology_is_refused(tmp_path: Path) -> None:
    ran(tmp_path, plan_of())
    plan = plan_of()
    other = make_plan(replace(plan.spec, name="letters"), plan.facts)
    with pytest.raises(TopologyChanged):
        fit_state(tmp_path, other)


def test_state_that_holds_the_end_of_the_input_keeps_its_shape(tmp_path: Path) -> None:
    """Its ``finish`` was called; a plan that takes it over would call it once more."""
    ran(tmp_path, plan_of(2), final=True)
    with pytest.raises(TopologyChanged, match="end of its input"):
        fit_state(tmp_path, plan_of(3))


def test_state_in_use_is_left_alone(tmp_path: Path) -> None:
    ran(tmp_path, plan_of(2))
    before = (tmp_path / PLAN_FILE).read_bytes()
    other = SqliteStore(tmp_path / "store.sqlite", owner=True)
    with pytest.raises(StateInUse):
        fit_state(tmp_path, plan_of(3), fresh=True)
    other.close()
    assert (tmp_path / PLAN_FILE).read_bytes() == before


def test_a_plan_that_cannot_be_written_is_said_with_its_file(tmp_path: Path) -> None:
    (tmp_path / PLAN_FILE).mkdir()
    with pytest.raises(StoreError, match=PLAN_FILE):
        fit_state(tmp_path, plan_of())
