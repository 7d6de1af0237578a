"""Status and summary of a whole run, by names that stay; and what counts as healthy."""

from __future__ import annotations

import json

from .fleet import Fleet, StandInPlan

STATUS = {
    "topology", "state", "health", "guarantee", "epoch", "uptime_s", "pid", "spouts", "bolts",
    "workers", "round", "checkpoint", "errors", "dead_letters",
}  # fmt: skip
SUMMARY = {
    "topology", "guarantee", "ok", "outcome", "duration_s", "messages", "acked", "failed",
    "replayed", "duplicates_possible", "worked_again", "skipped_possible", "dead_letters",
    "dead_letters_through", "dead_letters_failed_again", "restarts", "epochs", "errors",
    "failing", "checkpoints",
    "latency_ms", "components", "top", "values", "reason",
}  # fmt: skip


def running(messages: int = 100_000) -> Fleet:
    fleet = Fleet(1, StandInPlan(), messages=messages)
    fleet.run(1.5)
    assert fleet.done is None
    return fleet


def test_names_are_stable_and_all_of_it_is_json():
    fleet = running()
    status = fleet.coordinator.status(fleet.now, pid=77)
    summary = fleet.coordinator.summary(fleet.now)
    assert set(status) == STATUS
    assert set(summary) == SUMMARY
    assert status["pid"] == 77
    json.dumps([status, summary])


def test_a_run_is_healthy_degraded_while_a_worker_is_missing_and_healthy_again():
    fleet = running()
    assert fleet.coordinator.status(fleet.now)["health"] == "healthy"
    fleet.kill(next(iter(fleet.workers)))
    fleet.run(0.3)
    assert fleet.coordinator.status(fleet.now)["health"] == "degraded"
    fleet.run(1.5)
    assert fleet.coordinator.status(fleet.now)["health"] == "healthy"


def test_failing_rounds_are_degraded_and_say_why():
    fleet = running()
    fleet.coordinator.rounds.failures_in_row = 1
    fleet.coordinator.rounds.failure = "disk full"
    status = fleet.coordinator.status(fleet.now)
    assert status["health"] == "degraded"
    assert status["errors"] == [
        {"component": "rounds", "task": None, "text": "disk full", "traceback": "", "count": 1}
    ]


def test_a_source_that_cannot_be_read_is_degraded_until_it_can_or_need_not():
    fleet = running()
    tally = fleet.coordinator.progress.tallies[1]
    well = tally.report
    tally.report = {**well, "failing": [["reading a", "OSError: no broker", 3, 2.5]]}
    status = fleet.coordinator.status(fleet.now)
    assert status["health"] == "degraded"
    (row,) = status["spouts"][0]["failing"]
    assert (row["task"], row["doing"], row["times"]) == (0, "reading a", 3)
    assert fleet.coordinator.summary(fleet.now)["failing"] == [
        {"component": status["spouts"][0]["component"], "failing": [row]}
    ]
    tally.report = {**well, "failing": []}
    assert fleet.coordinator.status(fleet.now)["health"] == "healthy"
    assert fleet.coordinator.summary(fleet.now)["failing"] == []
    tally.report = {**well, "failing": [["reading a", "OSError: no broker", 3, 2.5]]}
    fleet.coordinator.drain(fleet.now)
    assert fleet.coordinator.status(fleet.now)["health"] == "healthy"


def test_pending_messages_without_acks_are_a_stall():
    fleet = running()
    tally = fleet.coordinator.progress.tallies[1]
    tally.report = {**tally.report, "pending": 5}
    assert fleet.coordinator.status(fleet.now)["health"] == "healthy"
    assert fleet.coordinator.status(fleet.now + 31.0)["health"] == "stalled"


def test_states_follow_the_run():
    fleet = Fleet(1, StandInPlan(), messages=100_000)
    states = [fleet.coordinator.status(0.0)["state"]]
    fleet.run(1.5)
    states.append(fleet.coordinator.status(fleet.now)["state"])
    fleet.coordinator.drain(fleet.now)
    states.append(fleet.coordinator.status(fleet.now)["state"])
    fleet.run(10)
    states.append(fleet.coordinator.status(fleet.now)["state"])
    assert states == ["starting", "running", "draining", "finished"]
    assert fleet.coordinator.summary(fleet.now)["outcome"] == "drained"


def test_the_age_of_the_last_round_is_shown():
    fleet = running()
    row = fleet.coordinator.status(fleet.now)["round"]
    assert row["last"] > 0
    assert 0 <= row["age_s"] < 1.5
    assert row["failures"] == 0
