"""Rebalance and swap: the next version goes on where the last one stood, or that one comes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor.cluster.topology_move import fit_store, version_of
from waterspout.supervisor.cluster.topology_run import TopologyRun
from waterspout.supervisor.store_sqlite import SqliteStore

from .cluster_rig import FakeHost, FakeWorker, Rig, refused

#: Two tasks of the spout, one of which has a partition; no state that cannot be dealt out anew.
TEXT = """\
name: numbers
workers: 2
spouts:
  numbers: {class: Sequence, args: {partitions: 4}, parallelism: 2}
bolts:
  print: {class: Log, inputs: [numbers]}
settings: {round_interval: 50ms, report_interval: 20ms, boot_timeout: 5s}
"""


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """Return a cluster of two hosts with a topology that runs."""
    rig = Rig(tmp_path, FakeHost("a"), FakeHost("b")).run()
    answer = rig.ask("submit", wire={**rig.wire(TEXT), "workers": 2})
    assert answer["ok"], answer
    return rig.run(1.0)


def run_of(rig: Rig) -> TopologyRun:
    """Return the topology of a rig."""
    run = rig.cluster.named("numbers")
    assert run is not None
    return run


def other(rig: Rig, **spec: Any) -> dict[str, Any]:
    """Return the wire form of the topology with other spout arguments."""
    wire = {**rig.wire(TEXT), "workers": 2}
    wire["spec"]["spouts"][0].update(spec)
    return wire


def all_workers(rig: Rig) -> list[FakeWorker]:
    """Return all workers that live."""
    return [each for host in rig.hosts.values() for each in host.workers.values() if not each.exit]


def until(rig: Rig, state: str, seconds: float = 60.0) -> Rig:
    """Let time go by until the topology is in a state."""
    end = rig.now + seconds
    while rig.life("numbers") != state:
        assert rig.now < end, f"{rig.life('numbers')}, not {state}: {rig.said[-5:]}"
        rig.turn()
    return rig


def test_a_rebalanced_topology_drains_and_runs_on_other_workers(rig: Rig):
    before = {worker.incarnation for worker in all_workers(rig)}
    answer = rig.ask("rebalance", name="numbers", workers=4)
    assert answer["ok"], answer
    assert (answer["state"], answer["diff"][0]) == ("quiescing", "~ workers: 2 -> 4")
    until(rig, "switching")
    until(rig, "active")
    assert sorted(w for each in rig.workers().values() for w in each) == [0, 1, 2, 3]
    assert not before & {worker.incarnation for worker in all_workers(rig)}
    assert run_of(rig).plan.workers == 4
    assert run_of(rig).row.previous == b""
    assert run_of(rig).row.generation == 2


def test_workers_are_spread_anew_by_a_rebalance_to_the_same_numbers(rig: Rig):
    rig.hosts["b"].cut = True
    rig.run(13.0)
    assert rig.workers()["a"] == [0, 1]
    rig.hosts["b"].cut = False
    rig.run(1.0)
    assert rig.workers() == {"a": [0, 1], "b": []}
    assert rig.ask("rebalance", name="numbers")["diff"] == []
    until(rig, "switching")
    until(rig, "active")
    assert rig.workers() == {"a": [0], "b": [1]}


def test_a_swap_shows_what_changes_first_and_then_does_it(rig: Rig):
    wire = other(rig, parallelism=4)
    shown = rig.ask("swap", name="numbers", wire=wire, dry_run=True)
    assert shown["ok"], shown
    assert any("parallelism" in line for line in shown["diff"])
    assert rig.life("numbers") == "active"
    assert rig.ask("swap", name="numbers", wire=wire)["state"] == "quiescing"
    until(rig, "switching")
    until(rig, "active")
    assert len(run_of(rig).plan.tasks_of("numbers")) == 4


def test_a_dry_run_of_a_swap_needs_no_code_that_was_put(rig: Rig):
    wire, code = other(rig, parallelism=4), "ab" * 32
    shown = rig.ask("swap", name="numbers", wire=wire, code=code, dry_run=True)
    assert shown["ok"], shown
    assert f"-> {code:.12}" in shown["diff"][-1]
    assert refused(rig.ask("swap", name="numbers", wire=wire, code=code)) == "E_REQUEST"


def cannot_boot(rig: Rig) -> None:
    """Have the workers of the new version fail to build their components."""
    for worker in all_workers(rig):
        worker.says = [
            {"kind": "boot_failed", "component": "numbers", "text": "no", "traceback": "line 7"}
        ]


def test_a_version_that_cannot_boot_is_rolled_back_and_says_why(rig: Rig):
    old = version_of(run_of(rig).row)
    rig.ask("swap", name="numbers", wire=other(rig, parallelism=4))
    until(rig, "switching").turn()
    cannot_boot(rig)
    until(rig, "rolling back")
    until(rig, "active")
    row = run_of(rig).row
    assert version_of(row) == old
    assert row.reason.startswith("rolled back: component 'numbers' cannot be built: no")
    assert "line 7" in row.reason
    assert (row.outcome, row.previous) == ("", b"")
    assert len(run_of(rig).plan.tasks_of("numbers")) == 2
    assert rig.workers() == {"a": [0], "b": [1]}


def let_answer(rig: Rig, answers: bool) -> None:
    """Have workers, also those that are started later, answer or not."""
    for host in rig.hosts.values():
        host.answers = answers
    for worker in all_workers(rig):
        worker.answers = answers


def test_a_version_that_does_not_come_up_in_time_is_rolled_back(rig: Rig):
    rig.ask("swap", name="numbers", wire=other(rig, parallelism=4))
    until(rig, "switching")
    let_answer(rig, False)
    until(rig, "rolling back")
    let_answer(rig, True)
    until(rig, "active")
    why = "rolled back: the new version did not run within boot_timeout"
    assert run_of(rig).row.reason == why


@pytest.mark.parametrize("state", ["quiescing", "switching", "rolling back"])
def test_a_coordinator_that_comes_back_goes_on_with_a_move(rig: Rig, state: str):
    rig.ask("swap", name="numbers", wire=other(rig, parallelism=4))
    if state != "quiescing":
        until(rig, "switching")
    if state == "rolling back":
        rig.turn()
        cannot_boot(rig)
        until(rig, state)
    rig.restart()
    assert rig.life("numbers") == state
    until(rig, "active")
    assert len(run_of(rig).plan.tasks_of("numbers")) == (2 if state == "rolling back" else 4)


def test_a_paused_topology_is_paused_after_a_move_too(rig: Rig):
    rig.ask("pause", name="numbers")
    assert rig.ask("rebalance", name="numbers", workers=3)["ok"]
    until(rig, "switching")
    until(rig, "paused")
    told = [each for worker in all_workers(rig) for each in worker.messages]
    assert [each["paused"] for each in told if each["kind"] == "assign"] == [True] * 3
    assert rig.ask("resume", name="numbers")["state"] == "active"


def test_a_move_that_is_killed_ends(rig: Rig):
    rig.ask("rebalance", name="numbers", workers=3)
    assert refused(rig.ask("rebalance", name="numbers", workers=3)) == "E_STATE"
    rig.ask("kill", name="numbers", now=True)
    until(rig, "ended")
    assert rig.workers() == {"a": [], "b": []}


def test_what_does_not_fit_is_refused_before_anything_is_stopped(rig: Rig):
    assert refused(rig.ask("rebalance", name="numbers", workers=9)) == "E_NO_SLOTS"
    answer = rig.ask("rebalance", name="numbers", parallelism={"nobody": 2})
    assert refused(answer) == "E_UNKNOWN"
    wire = other(rig)
    wire["spec"]["name"] = "letters"
    assert refused(rig.ask("swap", name="numbers", wire=wire)) == "E_DENIED"
    assert rig.life("numbers") == "active"


def test_its_own_slots_count_as_free_for_a_move(rig: Rig):
    assert rig.ask("rebalance", name="numbers", workers=8)["ok"]


# --- the store ----------------------------------------------------------------------------------


def on_store(rig: Rig, do: Callable[[SqliteStore], Any]) -> Any:
    """Do something with the topology's store while nothing has it open."""
    store = SqliteStore(rig.config.data / "topologies" / run_of(rig).id / "store.sqlite")
    try:
        return do(store)
    finally:
        store.close()


def test_positions_go_with_their_partitions_and_come_back_as_they_were(rig: Rig):
    positions = {
        1: {"0-of-4": [10, []], "2-of-4": [12, [[14, 15]]]},
        2: {"1-of-4": [11, []], "3-of-4": [13, []]},
    }
    epoch = on_store(rig, lambda store: store.epoch())
    for task, of_task in positions.items():
        on_store(rig, lambda store, t=task, p=of_task: store.reserve(epoch, t, p))
    rig.ask("swap", name="numbers", wire=other(rig, parallelism=4))
    until(rig, "switching")
    moved = on_store(rig, lambda store: store.positions())
    assert {key: value for of_task in moved.values() for key, value in of_task.items()} == {
        key: value for of_task in positions.values() for key, value in of_task.items()
    }
    rig.turn()
    cannot_boot(rig)
    until(rig, "rolling back")
    assert on_store(rig, lambda store: store.positions()) == positions


def test_a_store_that_fits_is_left_alone(rig: Rig, tmp_path: Path):
    rig.ask("swap", name="numbers", wire=other(rig, parallelism=4))
    until(rig, "switching")
    row, folder = run_of(rig).row, rig.config.data / "topologies" / run_of(rig).id
    run_of(rig).close()
    epoch = on_store(rig, lambda store: store.epoch())
    on_store(rig, lambda store: store.reserve(epoch, 1, {"0-of-4": [99, []]}))
    fit_store(row, folder)
    assert on_store(rig, lambda store: store.positions())[1]["0-of-4"] == [99, []]
    assert on_store(rig, lambda store: store.parts()) == []
