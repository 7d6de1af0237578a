"""Figures of a topology go on over coordinators, versions and the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor.cluster.cluster_rows import TopologyRow
from waterspout.supervisor.cluster.figures import TOTALS_S
from waterspout.supervisor.store import StoreError

from .cluster_rig import FakeHost, FakeWorker, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """Return a cluster of one host with a topology that runs."""
    rig = Rig(tmp_path, FakeHost("a")).run()
    rig.submit()
    return rig.run(1.0)


def living(rig: Rig) -> list[FakeWorker]:
    """Return the workers that live."""
    return [each for each in rig.hosts["a"].workers.values() if each.exit is None]


def worker_of(rig: Rig) -> FakeWorker:
    """Return the worker that lives."""
    (found,) = living(rig)
    return found


def shown(rig: Rig) -> dict[str, Any]:
    """Return the row of the spout that ``status`` shows."""
    (row,) = rig.ask("status", name="numbers")["status"]["topologies"]
    (spout,) = row["spouts"]
    return dict(spout)


def figures(rig: Rig) -> tuple[int, ...]:
    row = shown(rig)
    return row["emitted"], row["acked"], row["failed"], row["replayed"], row["dead"]


def counted(rig: Rig, **spout: int) -> Rig:
    worker_of(rig).report(**spout)
    return rig.run(0.5)


def lose_worker(rig: Rig) -> Rig:
    worker_of(rig).end("killed by signal 9")
    return rig.run(3.0)


def test_what_was_shown_is_shown_by_the_next_coordinator_before_any_worker_reported(rig: Rig):
    counted(rig, emitted=100, acked=90, failed=3, replayed=3)
    before = figures(rig)
    assert before == (100, 90, 3, 3, 0)
    rig.restart()
    assert figures(rig) == before
    counted(rig.run(1.0), emitted=120, acked=110, failed=4, replayed=4)
    assert figures(rig) == (120, 110, 4, 4, 0)


def test_what_earlier_incarnations_counted_is_not_lost_with_the_coordinator(rig: Rig):
    counted(rig, emitted=100, acked=90, failed=3, replayed=3)
    lose_worker(rig)
    counted(rig, emitted=10, acked=10)
    before = figures(rig)
    assert before[2] == 3
    rig.restart()
    rig.run(1.0)
    counted(rig, emitted=10, acked=10)
    assert figures(rig) == before
    (row,) = rig.ask("status", name="numbers")["status"]["topologies"]
    assert [(each["restarts"], each["last_exit"]) for each in row["workers"]] == [
        (1, "killed by signal 9")
    ]


def test_a_worker_that_was_lost_while_nobody_coordinated_counts_as_it_does_otherwise(
    tmp_path: Path, rig: Rig
):
    other = Rig(tmp_path / "other", FakeHost("a")).run()
    other.submit()
    other.run(1.0)
    for each in (rig, other):
        counted(each, emitted=100, acked=90, replayed=3)
        figures(each)
    rig.kill()
    worker_of(rig).end("killed by signal 9")
    rig.open()
    lose_worker(other)
    rig.run(3.0)
    assert figures(rig) == figures(other)


def test_uptime_and_errors_go_on(rig: Rig):
    worker = worker_of(rig)
    error = {"component": "count", "task": 1, "text": "bad", "traceback": "Traceback", "count": 2}
    report = {"kind": "report", "epoch": worker.epoch, "tasks": [], "errors": [error]}
    worker.says.append(report)
    rig.run(20.0)
    (before,) = rig.ask("status", name="numbers")["status"]["topologies"]
    rig.restart()
    (after,) = rig.ask("status", name="numbers")["status"]["topologies"]
    assert after["errors"] == before["errors"] == [error]
    assert after["uptime_s"] >= before["uptime_s"] > 20


def test_a_rebalance_keeps_what_each_component_counted(rig: Rig):
    counted(rig, emitted=100, acked=90, failed=3, replayed=3)
    answer = rig.ask("rebalance", name="numbers", workers=2)
    assert answer["ok"], answer
    rig.run(5.0)
    assert rig.life("numbers") == "active"
    found = figures(rig)
    assert found[2] == 3
    assert sum(worker.counts["emitted"] for worker in living(rig)) < found[0]
    rig.restart()
    assert figures(rig) == found


def test_a_topology_that_has_ended_is_shown_whole_by_the_next_coordinator(rig: Rig):
    counted(rig, emitted=100, acked=100)
    rig.ask("kill", name="numbers")
    rig.run(3.0)
    assert rig.life("numbers") == "ended"
    before = figures(rig)
    rig.restart()
    assert figures(rig) == before


def test_a_new_submit_counts_from_the_beginning(rig: Rig):
    counted(rig, emitted=100, acked=100)
    rig.ask("kill", name="numbers", now=True)
    rig.run(3.0)
    rig.submit()
    assert figures(rig) == (0, 0, 0, 0, 0)
    rig.restart()
    assert figures(rig) == (0, 0, 0, 0, 0)


def test_figures_are_stored_now_and_then_also_when_nobody_asks(rig: Rig):
    counted(rig, emitted=100, acked=90)
    before = [row.totals for row in rig.store.topologies()]
    rig.run(TOTALS_S)
    assert [row.totals for row in rig.store.topologies()] != before


def test_a_disk_that_is_full_keeps_nobody_from_looking(rig: Rig):
    def full(id: str, totals: bytes) -> None:
        raise StoreError("disk full")

    rig.store.set_totals = full  # type: ignore[method-assign]
    counted(rig, emitted=100, acked=90)
    assert figures(rig)[:2] == (100, 90)


@pytest.mark.parametrize("broken", [b"\xc1", b"\x80", b"\x81\xa5tasks\x01"])
def test_what_cannot_be_read_is_left_alone(rig: Rig, broken: bytes):
    (row,) = rig.store.topologies()
    assert isinstance(row, TopologyRow)
    rig.kill()
    rig.open()
    rig.store.set_totals(row.id, broken)
    rig.restart()
    rig.run(1.0)
    assert rig.life("numbers") == "active"
