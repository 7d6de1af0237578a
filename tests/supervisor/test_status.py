"""The rows of ``status``: sums over tasks, the oldest first unacked, percentiles."""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from waterspout.supervisor.progress import Progress
from waterspout.supervisor.restarts import Workers
from waterspout.supervisor.status import (
    bolt_rows,
    component_rows,
    percentiles,
    spout_rows,
    worker_rows,
)
from waterspout.topology.marks import MAX_WATERMARK, MIN_WATERMARK
from waterspout.topology.settings import Settings

from .fleet import StandInPlan

#: Spout tasks 1 (worker 0) and 2 (worker 1), bolt tasks 3 (worker 0) and 4 (worker 1).
PLAN = StandInPlan(workers=2, spouts=2, bolts=2)


@pytest.fixture
def progress() -> Progress:
    return Progress(PLAN, replace(Settings(), max_pending=100))


def report(progress: Progress, now: float, task: int, **entry: Any) -> None:
    message = {"epoch": 1, "tasks": [{"task": task, **entry}], "errors": []}
    progress.on_report((task - 1) % 2, message, now)


def test_a_spouts_row_adds_up_its_tasks(progress: Progress):
    report(progress, 1.0, 1, emitted=10, acked=5, failed=1, replayed=2, dead=1, pending=3,
           worked_through=1, reserved=4, lag=[7, "bytes"], exhausted=True,
           first_unacked=["a", 5, 0.5, 0.25, 77])  # fmt: skip
    report(progress, 1.5, 3, roots=struct.pack("<2Q", 1, 77))
    report(progress, 2.0, 2, emitted=1, acked=1, lag=None, first_unacked=["b", 9, 0.9])
    assert spout_rows(PLAN, progress, now=3.0) == [
        {
            "component": "lines", "tasks": 2, "emitted": 11, "acked": 6, "failed": 1,
            "replayed": 2, "dead": 1, "pending": 3, "worked_through": 1, "lag": 7,
            "lag_unit": "bytes", "reserved": 4,
            "first_unacked": {
                "partition": "a", "position": 5, "age_s": 2.5, "progress_s": 2.25,
                "at": ["count[0]"],
            },
            "latency_ms": {"p50": None, "p99": None}, "watermark": None, "exhausted": False,
            "failing": [],
        }
    ]  # fmt: skip


def test_before_any_report_nothing_is_known(progress: Progress):
    (row,) = spout_rows(PLAN, progress, now=0.0)
    assert (row["emitted"], row["first_unacked"], row["lag"]) == (0, None, None)
    assert row["lag_unit"] is None


def test_lag_is_the_sum_of_the_tasks_that_know_theirs(progress: Progress):
    report(progress, 1.0, 1, lag=[7, "messages"])
    report(progress, 1.0, 2, lag=[0, "messages"])
    (row,) = spout_rows(PLAN, progress, now=1.0)
    assert (row["lag"], row["lag_unit"]) == (7, "messages")


def test_a_bolt_is_as_busy_as_its_busiest_task(progress: Progress):
    for now, busy_s in ((0.0, 0.0), (1.0, 0.75)):
        report(progress, now, 3, executed=10, queue=2, busy_s=busy_s)
        report(progress, now, 4, executed=5, acked=4, failed=1, emitted=3, held=6, busy_s=0.0)
    assert bolt_rows(PLAN, progress) == [
        {"component": "count", "tasks": 2, "executed": 15, "acked": 4, "failed": 1,
         "emitted": 3, "queue": 2, "capacity": 0.75, "held": 6, "watermark": None, "metrics": {}}
    ]  # fmt: skip


def test_the_watermark_of_a_component_is_that_of_its_last_task(progress: Progress):
    report(progress, 1.0, 3, watermark=[60_000, "lines[0] sent that"], metrics={"late": 2, "x": 1})
    report(progress, 1.0, 4, watermark=[1500, "lines[1] is slow"], metrics={"late": 3})
    (row,) = bolt_rows(PLAN, progress)
    assert row["watermark"] == {
        "at": "1970-01-01T00:00:01.500Z", "ended": False, "task": 1, "behind": "lines[1] is slow",
    }  # fmt: skip
    assert row["metrics"] == {"late": 5, "x": 1}


@pytest.mark.parametrize(
    ("at", "shown"), [(MIN_WATERMARK, (None, False)), (MAX_WATERMARK, (None, True))]
)
def test_a_watermark_that_is_no_time_is_said_so(
    progress: Progress, at: int, shown: tuple[Any, ...]
):
    report(progress, 1.0, 1, watermark=[at, ""])
    report(progress, 1.0, 2, watermark=None)
    (row,) = spout_rows(PLAN, progress, now=1.0)
    assert (row["watermark"]["at"], row["watermark"]["ended"]) == shown


def test_a_workers_row_says_how_it_ended_last():
    workers = Workers.make(1, 0.1, 1.0)
    workers[0].started(1, now=0.0)
    workers[0].lost("killed by signal 9", now=5.0)
    (row,) = worker_rows(workers, now=6.0)
    assert row["state"] == "backoff"
    assert (row["restarts"], row["last_exit"]) == (1, "killed by signal 9")
    assert row["report_age_s"] is None


def test_a_workers_row_says_what_credit_its_links_have():
    workers = Workers.make(1, 0.1, 1.0)
    workers[0].started(1, now=0.0)
    workers[0].links = [[1, 3, 32, 64]]
    assert worker_rows(workers, now=1.0)[0]["links"] == [{"to": 1, "frames": 3, "credit": 0.5}]
    workers[0].lost("killed by signal 9", now=5.0)
    assert worker_rows(workers, now=6.0)[0]["links"] == []


def test_components_show_their_rate_over_the_run(progress: Progress):
    report(progress, 1.0, 1, emitted=100)
    report(progress, 1.0, 3, executed=50)
    assert component_rows(PLAN, progress, duration_s=10.0) == [
        {"component": "lines", "kind": "spout", "tuples": 100, "tuples_per_s": 10.0, "late": 0},
        {"component": "count", "kind": "bolt", "tuples": 50, "tuples_per_s": 5.0, "late": 0},
    ]
    assert component_rows(PLAN, progress, duration_s=0.0)[0]["tuples_per_s"] == 0.0


def test_late_tuples_are_those_of_all_incarnations(progress: Progress):
    report(progress, 1.0, 3, executed=50, metrics={"late": 7, "depth": 3})
    progress.on_restored()
    assert component_rows(PLAN, progress, duration_s=10.0)[1]["late"] == 7
    report(progress, 2.0, 3, executed=5, metrics={"late": 2, "depth": 4})
    assert component_rows(PLAN, progress, duration_s=10.0)[1]["late"] == 9
    assert bolt_rows(PLAN, progress)[0]["metrics"] == {"depth": 4, "late": 9}


def test_percentiles_are_read_from_the_histogram():
    #: bucket n reaches up to 2^((n+1)/4) microseconds: 39 is 1.024 ms, 43 is 2.048 ms
    histogram = Counter({39: 98, 43: 2})
    assert percentiles(histogram) == {"p50": 1.024, "p99": 2.048}
    assert percentiles(Counter()) == {"p50": None, "p99": None}
