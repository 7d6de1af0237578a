"""What reports add up to: stalls, calls in progress, the end of input, errors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from waterspout.supervisor import progress as progress_module
from waterspout.supervisor.progress import Errors, Progress, latencies
from waterspout.topology.marks import MAX_WATERMARK
from waterspout.topology.settings import Settings

from .fleet import StandInPlan

#: Spout tasks 1 (worker 0) and 2 (worker 1), bolt tasks 3 (worker 0) and 4 (worker 1).
PLAN = StandInPlan(workers=2, spouts=2, bolts=2)


@pytest.fixture
def progress() -> Progress:
    return Progress(PLAN, replace(Settings(), message_timeout_s=30.0, max_pending=100))


def report(progress: Progress, now: float, task: int = 1, epoch: int = 1, **entry: Any) -> None:
    message = {"epoch": epoch, "tasks": [{"task": task, **entry}], "errors": []}
    progress.on_report((task - 1) % 2, message, now)


def test_a_stall_is_messages_pending_and_none_acked_for_the_timeout(progress: Progress):
    #  0 pending 5 | 20 one acked | 50 still | 50.1 stalled | 55 acked: not stalled
    report(progress, 0.0, pending=5, acked=0)
    report(progress, 20.0, pending=5, acked=1)
    for now in (30.0, 40.0, 50.0):
        report(progress, now, pending=5, acked=1)
        assert not progress.stalled(now)
    assert progress.stalled(50.1)
    report(progress, 55.0, pending=5, acked=2)
    assert not progress.stalled(55.1)


def test_with_nothing_pending_nothing_stalls(progress: Progress):
    report(progress, 0.0, pending=0, acked=7)
    assert not progress.stalled(1000.0)
    report(progress, 1000.0, pending=1, acked=7)
    assert not progress.stalled(1000.0)
    report(progress, 1031.0, pending=1, acked=7)
    assert progress.stalled(1031.0)


def test_what_is_worked_through_is_progress_before_it_is_durable(progress: Progress):
    report(progress, 0.0, pending=5, worked_through=1)
    report(progress, 29.0, pending=5, worked_through=2)
    assert not progress.stalled(31.0)


def test_a_flag_holds_when_every_spout_task_said_so_in_this_epoch(progress: Progress):
    report(progress, 0.0, task=1, epoch=2, drained=True)
    assert not progress.all_spouts("drained", 2)
    report(progress, 0.0, task=2, epoch=1, drained=True)
    assert not progress.all_spouts("drained", 2)
    report(progress, 0.0, task=2, epoch=2, drained=True)
    assert progress.all_spouts("drained", 2)
    progress.on_lost(1, {})
    assert not progress.all_spouts("drained", 2)


def test_entries_of_another_workers_tasks_are_ignored(progress: Progress):
    message = {"epoch": 1, "tasks": [{"task": 2, "acked": 5}, {"task": 99}], "errors": []}
    progress.on_report(0, message, 0.0)
    assert progress.tallies[2].total("acked") == 0


def test_calls_in_progress_are_known_per_worker(progress: Progress):
    report(progress, 5.0, task=3, call_since_s=2.5)
    report(progress, 5.0, task=4, call_since_s=0)
    assert progress.calls(0) == [("count", 3, 2.5, 5.0)]
    assert progress.calls(1) == []


def test_durable_counts_never_go_back(progress: Progress):
    progress.on_durable({1: [10, 2], 99: [3, 0]})
    progress.on_durable({1: [8, 1]})
    assert progress.tallies[1].total("acked") == 10
    assert progress.tallies[1].durable_dead == 2


def test_a_lost_worker_ends_the_incarnation_of_its_tasks_only(progress: Progress):
    report(progress, 0.0, task=1, emitted=10, acked=4)
    report(progress, 0.0, task=2, emitted=10, acked=4)
    progress.on_durable({1: [4, 0]})
    progress.on_lost(0, {1: 12})
    assert progress.tallies[1].twice() == 8
    assert progress.tallies[2].twice() == 0


def test_latencies_are_summed(progress: Progress):
    report(progress, 0.0, task=1, latency={3: 1})
    report(progress, 0.0, task=2, latency={3: 2, 5: 1})
    assert latencies(progress.spouts()) == {3: 3, 5: 1}


def test_equal_errors_are_counted_and_the_newest_come_last():
    errors = Errors()
    errors.add("split", 3, "boom", "tb1")
    errors.add("count", 4, "bang")
    errors.add("split", 3, "boom", "tb2", count=4)
    assert [(row["text"], row["count"], row["traceback"]) for row in errors.rows()] == [
        ("bang", 1, ""),
        ("boom", 5, "tb2"),
    ]


def test_errors_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(progress_module, "ERRORS_MAX", 2)
    errors = Errors()
    for text in "abac":
        errors.add("split", 3, text)
    assert [row["text"] for row in errors.rows()] == ["a", "c"]


def test_reported_errors_are_kept(progress: Progress):
    error = {"component": "split", "task": 3, "text": "boom", "traceback": "tb", "count": 2}
    progress.on_report(0, {"epoch": 1, "tasks": [], "errors": [error]}, 0.0)
    assert progress.errors.rows() == [error]


def test_what_a_task_reserves_is_skipped_when_its_worker_dies_before_it_was_sent(
    progress: Progress,
):
    report(progress, 0.0, emitted=10, acked=10)
    progress.on_reserve(0, task=1, messages=50)
    progress.on_reserve(0, task=2, messages=50)  # not a task of this worker
    progress.on_lost(0, {1: 20})
    progress.on_lost(1, {})
    assert [progress.tallies[task].skipped() for task in (1, 2)] == [30, 0]


def test_the_first_task_of_a_component_is_found(progress: Progress):
    assert (progress.first_task("lines"), progress.first_task("count")) == (1, 3)
    assert progress.first_task("gone") == progress.first_task(None) == 0


def test_there_is_news_until_every_worker_says_that_there_is_none(progress: Progress):
    seen = [progress.news]
    for worker, news in ((0, False), (1, False), (0, True), (0, False), (0, None)):
        message = {"epoch": 1, "tasks": [], "errors": []}
        progress.on_report(worker, message if news is None else {**message, "news": news}, 1.0)
        seen.append(progress.news)
    assert seen == [True, True, False, True, False, True]


def test_at_most_once_nothing_that_was_not_heard_of_is_counted_twice():
    plan = replace(PLAN, guarantee="at-most-once")
    progress = Progress(plan, replace(Settings(), max_pending=100))
    report(progress, 1.0, emitted=0)
    progress.on_lost(0, {})
    assert sum(tally.twice() for tally in progress.spouts()) == 0


def test_the_input_is_over_once_event_time_has_ended_everywhere() -> None:
    plan = StandInPlan(workers=1, spouts=1, bolts=1)
    progress = Progress(plan, Settings())

    def told(epoch: int = 1, **tasks: Any) -> bool:
        entries = [{"task": {"lines": 1, "count": 2}[name], **of} for name, of in tasks.items()]
        progress.on_report(0, {"epoch": epoch, "tasks": entries, "errors": []}, 1.0)
        return progress.input_over(1)

    over, open_ = [MAX_WATERMARK, ""], [MAX_WATERMARK - 1, "lines[0] is behind"]
    assert not told(lines={"exhausted": True, "watermark": over})
    assert not told(count={"watermark": open_})
    assert told(count={"watermark": over})
    assert not told(lines={"exhausted": False, "watermark": over})
    assert told(lines={"exhausted": True, "watermark": over})
    # A bolt that event time does not reach, and one that has not reported in this epoch.
    assert told(count={"watermark": None})
    assert not told(epoch=0, count={"watermark": over})


def test_a_loss_takes_back_what_no_worker_has_durable_and_says_how_much():
    progress = Progress(StandInPlan(workers=2, spouts=2), Settings())
    for worker in (0, 1):
        entry = {"task": worker + 1, "emitted": 10, "acked": 8, "worked_through": 5}
        progress.on_report(worker, {"epoch": 3, "tasks": [entry], "errors": []}, 1.0)
    progress.on_durable({1: [3, 0], 2: [3, 0]})
    progress.on_lost(0, {})
    assert progress.take_back(3) == 10, "five of the one that is gone, five of the other"
    assert progress.take_back(3) == 0
    assert [tally.total("acked") for tally in progress.spouts()] == [3, 3]


def test_at_most_once_nothing_is_taken_back():
    plan = StandInPlan(workers=1, spouts=1, guarantee="at-most-once")
    progress = Progress(plan, Settings())
    entry = {"task": 1, "emitted": 10, "acked": 8, "worked_through": 5}
    progress.on_report(0, {"epoch": 3, "tasks": [entry], "errors": []}, 1.0)
    assert progress.take_back(3) == 0
    assert [tally.total("acked") for tally in progress.spouts()] == [8]


def test_all_is_through_once_every_spout_task_said_so_in_this_epoch_and_since(progress: Progress):
    report(progress, 5.0, task=1, epoch=2, pending=0)
    assert not progress.all_through(2, 4.0)
    report(progress, 5.0, task=2, epoch=2, pending=3)
    assert not progress.all_through(2, 4.0)
    report(progress, 6.0, task=2, epoch=2, pending=0)
    assert progress.all_through(2, 4.0)
    assert not progress.all_through(2, 5.0)
    assert not progress.all_through(3, 4.0)
