"""From the last snapshot to the end: every sink has committed, and nothing is done twice for it."""

from __future__ import annotations

import random

import pytest
from waterspout.supervisor.coordinator import Coordinator
from waterspout.supervisor.durability import LAST_DURABLES_MAX
from waterspout.supervisor.effects import Send, TopologyDone
from waterspout.supervisor.phases import Phase
from waterspout.supervisor.savepoint_requests import SavepointState

from .scripted import SETTINGS, Run
from .test_durability import EXACT, Exact, close


@pytest.fixture
def run() -> Exact:
    made = Exact()
    made.bring_up()
    return made


def answer_without_done(run: Exact) -> int:
    """Have the last snapshot stored; nobody has done yet what follows from it."""
    number = run.number
    for worker in (0, 1):
        run.answer(worker, number)
    assert run.store.final()
    return number


def test_the_run_ends_when_every_worker_has_committed_what_the_last_checkpoint_holds(run: Exact):
    close(run)
    n = answer_without_done(run)
    run.effects.clear()
    run.say(0, "durable_done", round=n)
    run.tick(1.0)
    assert run.told() == []
    run.say(1, "durable_done", round=n)
    assert run.told() == [(0, "stop"), (1, "stop")]
    assert run.store.finished() and not run.store.final()


def test_a_commit_that_failed_is_asked_for_again_and_holds_up_the_end(run: Exact):
    close(run)
    n = answer_without_done(run)
    run.say(0, "durable_done", round=n)
    run.say(1, "durable_done", round=n, failed="sink: refused")
    run.effects.clear()
    run.tick(1.1)
    assert run.told() == [(1, "durable")]
    assert run.coordinator.status(run.now)["health"] == "degraded"
    run.say(1, "durable_done", round=n)
    assert run.told() == [(0, "stop"), (1, "stop")]


def test_what_is_durable_is_said_again_in_every_epoch_so_that_no_commit_waits_for_news(run: Exact):
    """A sink that could not commit what it was restored with is asked to, not only by the next."""
    n = run.checkpoint()
    run.exit(0)
    run.raise_after_backoff()
    run.register(0)
    run.tick(1.0)
    run.effects.clear()
    run.ready(0, 1)
    said = [e.message for e in run.effects if isinstance(e, Send)]
    told = [m["round"] for m in said if m["kind"] == "durable"]
    assert told == [n, n] and said[-1]["epoch"] == run.epoch
    run.say(0, "durable_done", round=n)
    run.say(1, "durable_done", round=n, failed="sink: refused")
    run.effects.clear()
    run.tick(1.1)
    assert (1, "durable") in run.told()


def test_a_commit_that_fails_for_good_fails_the_run_and_the_next_run_commits(run: Exact):
    close(run)
    n = answer_without_done(run)
    run.say(0, "durable_done", round=n)
    for _ in range(LAST_DURABLES_MAX):
        run.say(1, "durable_done", round=n, failed="sink: refused")
        run.tick(1.1)
    run.exit(0)
    run.exit(1)
    (done,) = run.take(TopologyDone)
    assert (done.ok, done.outcome) == (False, "failed") and "sink: refused" in done.reason
    again = Exact(run.store)
    again.bring_up()
    assert again.coordinator.phases.phase is Phase.CLOSING
    again.durable_done(n)
    assert [kind for _, kind in again.told()] == ["stop", "stop"]
    assert run.store.finished()


@pytest.mark.parametrize("guarantee", ["exactly-once", "at-least-once"])
def test_a_worker_that_dies_after_the_last_snapshot_is_only_asked_to_commit(guarantee: str):
    run = Exact() if guarantee == "exactly-once" else Run()
    run.bring_up()
    close(run)
    if isinstance(run, Exact):
        n = answer_without_done(run)
    else:
        run.durable_done = lambda number, **more: None  # type: ignore[method-assign]
        run.answer_round()
        n = run.coordinator.rounds.last
    run.say(0, "durable_done", round=n)
    run.exit(1)
    for _ in range(5):
        run.tick(0.5)
    run.register(1)
    run.effects.clear()
    run.ready(0, 1)
    assert run.told() == [(0, "durable"), (1, "durable")], "no go, no finish"
    assert run.coordinator.phases.phase is Phase.CLOSING
    for worker in (0, 1):
        run.say(worker, "durable_done", round=n)
    assert run.told() == [(0, "stop"), (1, "stop")]
    assert run.store.finished()


def test_a_coordinator_that_dies_after_the_last_checkpoint_leaves_only_the_commit_to_the_next(
    run: Exact,
):
    close(run)
    n = answer_without_done(run)
    again = Exact(run.store)
    assert again.coordinator.phases.phase is Phase.STARTING
    again.register(0, 1)
    again.effects.clear()
    again.ready(0, 1)
    assert again.told() == [(0, "durable"), (1, "durable")]
    again.durable_done(n)
    assert again.told() == [(0, "stop"), (1, "stop")]


def test_a_coordinator_that_comes_back_has_sinks_commit_what_the_last_one_stored(run: Exact):
    n = run.checkpoint()
    again = Exact.__new__(Exact)
    again.store, again.plan, again.now, again.effects = run.store, EXACT, 50.0, []
    again.coordinator = Coordinator(EXACT, SETTINGS, run.store, random.Random(3))
    again.coordinator.resume({0: 70, 1: 71}, again.now)
    here = {"endpoint": "x", "key": "", "pid": 1, "round": n, "built": True, "ready": True,
            "going": True, "finishing": False}  # fmt: skip
    for worker in (0, 1):
        again.say(worker, "here", **{**here, "epoch": run.store.epoch()})
    durable = [e.message for e in again.take(Send) if e.message["kind"] == "durable"]
    assert {m["round"] for m in durable} == {n}
    again.say(0, "durable_done", round=n)
    again.say(1, "durable_done", round=n, failed="sink: refused")
    again.effects.clear()
    again.tick(1.1)
    assert (1, "durable") in again.told(), "said again until it is done"


def test_a_savepoint_that_is_asked_for_too_late_is_refused(run: Exact):
    savepoints = run.coordinator.durability.savepoints
    close(run)
    id = savepoints.ask(run.now)
    run.tick()
    found = savepoints.look(id, run.now)
    assert found is not None
    assert (found.state, found.why) == (SavepointState.FAILED, "the input has ended")


def test_p8_nothing_finishes_while_a_checkpoint_is_under_way(run: Exact):
    run.report(0)
    run.tick(1.0)
    run.end_of_input()
    assert run.coordinator.phases.phase is Phase.RUNNING
    run.answer_round()
    assert run.coordinator.phases.phase is Phase.FINISHING
