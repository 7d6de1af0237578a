"""A topology that begins with state: links to blobs that were put, checked before they count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor.cluster.savepoints import state_for
from waterspout.supervisor.cluster.submitted import SubmitRefused
from waterspout.supervisor.cluster.submitted_state import seed_topology
from waterspout.supervisor.savepoint_manifest import Savepoint
from waterspout.supervisor.savepoint_start import StateThere
from waterspout.supervisor.store_sqlite import SqliteStore
from waterspout.topology.plan import Plan

from ..savepoint_rig import plan_of, savepoint_at
from .cluster_rig import FakeHost, Rig


class Blobs:
    """Keeps what is put as the coordinator's blob thread does."""

    def __init__(self, data: Path) -> None:
        self.data, self.puts = data, 0

    def put(self, sort: str, source: Path, *, name: str, sha256: str) -> None:
        self.puts += 1
        (self.data / sort).mkdir(exist_ok=True)
        (self.data / sort / f"{name}.part").write_bytes(source.read_bytes())


def sent(tmp_path: Path, parallelism: int = 2) -> dict[str, Any]:
    """Take a savepoint, and return what the request brings of it."""
    savepoint_at(tmp_path / "sp")
    blobs: Any = Blobs(tmp_path)
    state = state_for(tmp_path / "sp", plan_of(parallelism), allow_dropped=False).send(blobs)
    assert blobs.puts == 2, "each file once"
    return state


def test_a_topology_begins_with_what_was_sent(tmp_path: Path) -> None:
    state, folder = sent(tmp_path, 3), tmp_path / "topologies" / "words-1"
    seed_topology(tmp_path, folder, plan_of(3), state, fresh=False)
    store = SqliteStore(folder / "store.sqlite")
    store.bind(plan_of(3).fingerprint())
    assert store.positions() == {1: {"a.txt": [17, [[20, 22]]]}}
    assert {p.task for p in store.parts()} == {2, 3, 4}
    assert all((folder / "snapshots" / p.file).is_file() for p in store.parts())
    store.close()


def test_kept_state_is_dropped_only_when_that_is_asked_for(tmp_path: Path) -> None:
    state, folder = sent(tmp_path), tmp_path / "t"
    seed_topology(tmp_path, folder, plan_of(), state, fresh=False)
    with pytest.raises(StateThere):
        seed_topology(tmp_path, folder, plan_of(), state, fresh=False)
    seed_topology(tmp_path, folder, plan_of(), state, fresh=True)


@pytest.mark.parametrize(
    "change",
    [
        {"positions": {9: {"p": [1, []]}}},
        {"parts": [[9, "epoch-0.round-0.task-1.part", 1, "ab", "0" * 64]]},
        {"parts": [[2, "epoch-0.round-0.task-1.part", 1, "ab", "0" * 64]]},
        {"parts": [[2, "../x", 1, "ab", "0" * 64]]},
        {"parts": [[2, "epoch-0.round-0.task-1.part", 1, "ab", "../../x"]]},
    ],
)
def test_state_that_names_strangers_is_refused_and_nothing_is_made(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    state = {**sent(tmp_path), **change}
    with pytest.raises(SubmitRefused):
        seed_topology(tmp_path, tmp_path / "t", plan_of(), state, fresh=True)
    assert not (tmp_path / "t").exists()


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, FakeHost("a", slots=4)).run()


def test_a_savepoint_of_a_topology_is_asked_for_looked_after_and_let_go(rig: Rig) -> None:
    rig.submit()
    rig.run(1.0)
    asked = rig.ask("savepoint", name="numbers", action="ask")
    id = asked["savepoint"]
    rig.run(1.0)
    found = rig.ask("savepoint", name="numbers", action="look", savepoint=id)
    assert (found["state"], found["topology"]) == ("held", asked["topology"])
    made = Savepoint.from_json(found["manifest"], "x")
    assert [part.task for part in made.parts] == sorted(made.plan.stateful_tasks())
    assert rig.ask("savepoint", name="numbers", action="done", savepoint=id)["ok"]
    gone = rig.ask("savepoint", name="numbers", action="look", savepoint=id)
    assert (gone["ok"], gone["code"]) == (False, "E_STATE")


def test_a_topology_is_submitted_with_state_and_its_worker_is_assigned_it(rig: Rig) -> None:
    blob = "a" * 64
    (rig.cluster.config.data / "state").mkdir(exist_ok=True)
    (rig.cluster.config.data / "state" / f"{blob}.part").write_bytes(b"x")
    plan = Plan.from_wire(rig.wire())
    spout = plan.tasks_of("numbers")[0].task
    stateful = min(plan.stateful_tasks())
    state = {
        "positions": {spout: {"p": [40, []]}},
        "parts": [[stateful, "epoch-3.round-9.task-2.part", 1, "ab", blob]],
    }
    assert rig.submit(state=state)["ok"]
    rig.run(1.0)
    (worker,) = rig.hosts["a"].workers.values()
    assign = next(m for m in worker.messages if m["kind"] == "assign")
    assert assign["positions"] == {spout: {"p": [40, []]}}
    assert assign["parts"] == {stateful: [["epoch-0.round-0.task-1.part", "ab"]]}
    assert (assign["restore_round"], assign["fresh"]) == (0, False)


def test_state_that_is_no_state_is_refused_as_a_request(rig: Rig) -> None:
    answer = rig.submit(state={"positions": {1: {"p": "x"}}, "parts": []})
    assert (answer["ok"], answer["code"]) == (False, "E_REQUEST")
