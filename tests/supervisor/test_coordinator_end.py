"""How a run ends: by itself, drained, stopped or failed."""

from __future__ import annotations

import pytest
from waterspout.supervisor.effects import KillWorker, Send, TopologyDone
from waterspout.supervisor.phases import LAST_ROUNDS_MAX, Phase

from .scripted import Run


@pytest.fixture
def run() -> Run:
    made = Run()
    made.bring_up()
    return made


def test_input_that_ended_leads_to_the_end(run: Run):
    run.end_of_input()
    assert run.told() == [(0, "finish"), (1, "finish")]
    run.close()
    assert run.told()[-4:] == [(0, "durable"), (1, "durable"), (0, "stop"), (1, "stop")]
    assert run.store.finished()
    run.report(0, acked=11)
    run.exit(0, "exit code 0")
    assert run.take(TopologyDone) == []
    run.exit(1, "exit code 0")
    (done,) = run.take(TopologyDone)
    assert (done.ok, done.outcome) == (True, "finished")
    summary = run.coordinator.summary(99.0)
    assert (summary["messages"], summary["acked"], summary["ok"]) == (21, 21, True)
    assert summary["top"] == {"count": [["w", 6], ["w", 5]]}
    assert summary["restarts"] == 0


def test_a_spout_that_is_drained_but_not_exhausted_does_not_end_the_run(run: Run):
    run.report(0, drained=True, exhausted=True)
    run.report(1, drained=True, exhausted=False)
    assert run.told() == []


def test_a_loss_while_finishing_finishes_anew(run: Run):
    run.end_of_input()
    run.say(0, "finished", level=0)
    run.exit(1)
    run.tick(0.2)
    run.register(1)
    run.ready(0, 1)
    assert run.coordinator.phases.phase is Phase.RUNNING
    run.effects.clear()
    run.end_of_input()
    assert run.told() == [(0, "finish"), (1, "finish")]


def test_a_drain_ends_without_finish_and_is_taken_up_later(run: Run):
    run.coordinator.drain(run.now)
    run.drain()
    assert run.told() == [(0, "drain"), (1, "drain")]
    run.report(0, drained=True)
    run.report(1, drained=True)
    assert run.told() == [(0, "summarise"), (1, "summarise")]
    run.close()
    for worker in (0, 1):
        run.exit(worker, "exit code 0")
    (done,) = run.take(TopologyDone)
    assert (done.ok, done.outcome) == (True, "drained")
    assert not run.store.finished()


def test_a_drain_that_cannot_get_its_last_round_ends_all_the_same(run: Run):
    run.coordinator.drain(run.now)
    run.tick(1.0)
    for _ in range(34):
        run.report(0)
        run.report(1)
        run.tick(1.0)
    run.report(0)
    assert (0, "stop") in run.told()
    run.exit(0)
    run.exit(1)
    assert "in part" in run.take(TopologyDone)[0].reason


def test_a_worker_that_is_lost_while_draining_comes_back_draining(run: Run):
    run.coordinator.drain(run.now)
    run.exit(1)
    run.tick(0.2)
    run.register(1)
    (assign,) = [e.message for e in run.take(Send) if e.message["kind"] == "assign"]
    assert assign["draining"] is True
    run.ready(0, 1)
    assert run.told() == [(0, "drain"), (1, "drain"), (0, "go"), (1, "go")]


def test_a_drain_before_the_start_stops_at_once():
    run = Run()
    run.register(0)
    run.effects.clear()
    run.coordinator.drain(run.now)
    run.drain()
    assert [kill.worker for kill in run.effects if isinstance(kill, KillWorker)] == [1]
    assert run.told() == [(0, "stop")]
    run.exit(0)
    run.exit(1)
    assert run.take(TopologyDone)[0].outcome == "drained"


def test_stop_waits_for_nobody(run: Run):
    run.coordinator.stop(run.now)
    run.drain()
    assert run.told() == [(0, "stop"), (1, "stop")]
    run.exit(0)
    run.exit(1)
    assert run.take(TopologyDone)[0].outcome == "stopped"


def test_who_does_not_stop_is_killed_and_not_waited_for_for_ever(run: Run):
    run.coordinator.stop(run.now)
    run.exit(0)
    run.tick(5.1)
    run.tick(1.0)
    assert [kill.worker for kill in run.take(KillWorker)] == [1]
    run.tick(4.5)
    assert run.take(TopologyDone)[0].outcome == "stopped"


def fail_last_rounds(run: Run, times: int) -> None:
    """Come to the last round, and let it fail so often."""
    run.end_of_input()
    for worker in (0, 1):
        run.say(worker, "finished", level=0)
    for worker in (0, 1):
        run.say(worker, "summaries", tasks={})
    for _ in range(times):
        number = run.coordinator.rounds._number
        for worker in (0, 1):
            run.say(worker, "frozen", round=number, positions={})
        run.say(0, "snapshot_failed", round=number, text="disk full")
        run.tick(1.1)


def test_a_last_round_that_keeps_failing_ends_the_run_as_failed(run: Run):
    fail_last_rounds(run, LAST_ROUNDS_MAX)
    assert (0, "stop") in run.told()
    run.exit(0)
    run.exit(1)
    (done,) = run.take(TopologyDone)
    assert (done.ok, done.outcome) == (False, "failed")
    assert "disk full" in done.reason
    assert not run.store.finished()


def test_last_rounds_are_counted_anew_after_a_loss(run: Run):
    fail_last_rounds(run, LAST_ROUNDS_MAX - 1)
    run.exit(1)
    run.tick(0.2)
    run.register(1)
    run.ready(0, 1)
    fail_last_rounds(run, LAST_ROUNDS_MAX - 1)
    assert run.coordinator.phases.phase is Phase.CLOSING
    run.effects.clear()
    run.answer_round()
    assert (0, "stop") in run.told()


def test_messages_that_a_worker_died_with_are_shown_as_possible_duplicates(run: Run):
    run.report(1, emitted=100, acked=40, pending=30, worked_through=30)
    run.exit(1, drawn={2: 120})
    # No round made any of them durable: all 120 that were drawn may come again.
    assert run.coordinator.summary(1.0)["duplicates_possible"] == 120


def test_messages_that_no_round_made_durable_are_counted_once_and_as_not_acked(run: Run):
    run.report(1, emitted=100, acked=70, pending=30, worked_through=70)
    summary = run.coordinator.summary(1.0)
    assert (summary["messages"], summary["acked"]) == (100, 0)


def test_messages_that_a_worker_reserved_and_never_sent_are_shown_as_skipped(run: Run):
    run.report(1, emitted=100, acked=100, reserved=28)
    run.say(1, "reserve", id=1, task=2, positions={"p": [128, []]}, messages=128)
    run.exit(1, drawn={2: 120})
    summary = run.coordinator.summary(1.0)
    assert (summary["skipped_possible"], summary["duplicates_possible"]) == (8, 0)
