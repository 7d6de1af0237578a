"""From the last snapshot to the end, and what a run under exactly-once makes of failures."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.supervisor.effects import Event, PruneSnapshots, Send, TopologyDone
from waterspout.supervisor.phases import Phase
from waterspout.supervisor.savepoint_requests import SavepointState
from waterspout.supervisor.store import Suspect
from waterspout.supervisor.store_memory import MemoryStore

from .fleet import StandInPlan
from .scripted import Run

EXACT = StandInPlan(workers=2, spouts=2, bolts=2, guarantee="exactly-once")


class Exact(Run):
    """A run under exactly-once; its workers say what a test lets them say."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        super().__init__(EXACT, store)

    @property
    def number(self) -> int:
        return self.coordinator.rounds._number

    def answer(self, worker: int, number: int, **more: Any) -> None:
        parts = [{"task": worker + 3, "file": f"{number}-{worker}", "bytes": 1, "sha256": "s"}]
        positions = {worker + 1: {"p": [number, []]}}
        fields = {"parts": parts, "positions": positions, **more}
        self.say(worker, "snapshotted", round=number, **fields)

    def answer_round(self) -> None:
        number = self.number
        for worker in (0, 1):
            self.answer(worker, number)
        self.durable_done(number)

    def checkpoint(self) -> int:
        """Make one checkpoint that completes; return its number."""
        self.report(0)
        self.tick(1.0)
        self.answer_round()
        self.effects.clear()
        return self.number

    def fail(self, worker: int, **more: Any) -> None:
        fields = {"task": 3, "component": "count", "reason": "ValueError: x", "traceback": "T"}
        self.say(worker, "restore", **{**fields, "suspects": [], **more})

    def raise_after_backoff(self) -> list[Any]:
        """Let the back-off pass; return the messages that go with the new epoch."""
        self.effects.clear()
        for _ in range(5):
            self.tick(0.5)
        return [e for e in self.effects if isinstance(e, Send)]


def close(run: Run) -> None:
    """End the input of a run, up to the last snapshot's start."""
    run.end_of_input()
    for worker in (0, 1):
        run.say(worker, "finished", level=0)
    for worker in (0, 1):
        run.say(worker, "summaries", tasks={})
    run.effects.clear()


@pytest.fixture
def run() -> Exact:
    made = Exact()
    made.bring_up()
    return made


# --- checkpoints --------------------------------------------------------------------------------


def test_a_checkpoint_begins_only_while_all_tasks_run(run: Exact):
    run.exit(0)
    run.effects.clear()
    run.report(1)
    run.tick(5.0)
    assert "checkpoint" not in [kind for _, kind in run.told()]


def test_files_of_older_checkpoints_are_deleted_but_those_of_a_savepoint_that_is_held(run: Exact):
    id = run.coordinator.durability.savepoints.ask(run.now)
    run.tick()
    first = run.number
    run.answer_round()
    run.effects.clear()
    run.report(0)
    run.tick(1.0)
    second = run.number
    run.answer_round()
    (prune,) = [e for e in run.effects if isinstance(e, PruneSnapshots)]
    assert prune.keep == {f"{n}-{w}" for n in (first, second) for w in (0, 1)}
    run.coordinator.durability.savepoints.release(id)
    run.checkpoint()
    assert run.coordinator.durability.savepoints.files == frozenset()


def test_a_savepoint_does_not_wait_for_the_interval_nor_for_news(run: Exact):
    savepoints = run.coordinator.durability.savepoints
    id = savepoints.ask(run.now)
    run.tick()
    told = [e.message for e in run.take(Send) if e.message["kind"] == "checkpoint"]
    assert [m["aligned"] for m in told] == [True, True]
    for worker in (0, 1):
        run.answer(worker, run.number)
    run.say(0, "durable_done", round=run.number)
    found = savepoints.look(id, run.now)
    assert found is not None and found.state is SavepointState.STORED, "a sink has not committed"
    run.say(1, "durable_done", round=run.number)
    found = savepoints.look(id, run.now)
    assert found is not None and (found.state, found.round) == (SavepointState.HELD, run.number)


# --- C6, P9: recovery is global -----------------------------------------------------------------


def test_c6_p9_after_a_loss_everybody_goes_back_to_the_last_complete_checkpoint(run: Exact):
    n = run.checkpoint()
    run.report(0)
    run.tick(1.0)
    run.answer(0, run.number)  # the one under way never completes
    run.exit(1)
    for _ in range(5):
        run.tick(0.5)
    run.effects.clear()
    run.register(1)
    assigned = {e.worker: e.message for e in run.take(Send) if e.message["kind"] == "assign"}
    assert set(assigned) == {0, 1}
    for worker, message in assigned.items():
        assert message["restore_round"] == n
        assert message["parts"] == {worker + 3: [[f"{n}-{worker}", "s"]]}
        assert message["positions"] == {worker + 1: {"p": [n, []]}}
    assert run.store.last_round() == n


def test_c6_answers_of_the_epoch_before_are_dropped(run: Exact):
    run.report(0)
    run.tick(1.0)
    old, number = run.epoch, run.number
    run.fail(0)
    run.raise_after_backoff()
    assert run.epoch == old + 1
    stale = run.coordinator.stale
    for worker in (0, 1):
        run.answer(worker, number, epoch=old)
    assert run.coordinator.stale == stale + 2
    assert run.store.last_round() == 0


def test_survivors_are_given_the_roots_of_theirs_that_a_dead_worker_had(run: Exact):
    root = 1 << 48 | 5  # drawn by task 1, which lives on
    run.exit(1, roots=[root])
    for _ in range(5):
        run.tick(0.5)
    run.effects.clear()
    run.register(1)
    roots = {e.worker: e.message.get("roots") for e in run.take(Send)}
    assert roots[0] == [root]


# --- P1: a message that fails is never emitted again but by a restore ---------------------------


def test_p1_a_message_that_failed_before_the_first_go_counts_too(run: Exact):
    # Bolts tick as soon as they are built; what that emits may fail before all are ready.
    run.fail(0)
    run.raise_after_backoff()
    run.take(Event)
    run.fail(1)
    assert any(e.name == "restore" for e in run.take(Event))


def test_p1_a_message_that_failed_has_all_tasks_restored_with_one_attempt_more(run: Exact):
    n = run.checkpoint()
    run.fail(0, suspects=[[1, "p", 40, 41, 2]])
    restore = next(e for e in run.take(Event) if e.name == "restore")
    assert restore.fields == {"why": "count: ValueError: x", "checkpoint": n}
    told = run.raise_after_backoff()
    kinds = [(e.worker, e.message["kind"]) for e in told]
    assert kinds == [(0, "assign"), (1, "assign")]
    assert told[0].message["suspects"] == {1: [["p", 40, 41, 2]]}
    assert run.coordinator.status(run.now)["errors"][0]["text"] == "ValueError: x"


def test_p1_a_checkpoint_under_way_is_given_up_by_it(run: Exact):
    run.report(0)
    run.tick(1.0)
    number = run.number
    run.effects.clear()
    run.fail(0)
    assert [(w, k) for w, k in run.told() if k == "abort"] == [(0, "abort"), (1, "abort")]
    run.answer(0, number)
    run.answer(1, number)
    assert run.store.last_round() == 0


def test_restores_that_come_quickly_are_spaced_out_by_the_back_off(run: Exact):
    raised = []
    for _ in range(4):
        run.fail(0)
        start = run.now
        epoch = run.epoch
        while run.epoch == epoch:
            run.tick(0.05)
        raised.append(run.now - start)
        run.ready(0, 1)
    assert raised == sorted(raised) and raised[-1] > 4 * raised[0]


def set_back(run: Exact, times: int) -> list[Any]:
    """Let messages fail so often, each in an epoch of its own; return the newest assignments."""
    told: list[Any] = []
    for _ in range(times):
        run.fail(0)
        epoch = run.epoch
        run.effects.clear()
        while run.epoch == epoch:
            run.tick(0.05)
        told = [e.message for e in run.take(Send)]
        run.ready(0, 1)
    return told


def test_a_complete_checkpoint_starts_the_pauses_between_restores_anew(run: Exact):
    set_back(run, 4)
    run.checkpoint()
    start = run.now
    set_back(run, 1)
    assert run.now - start < 0.2


def test_spouts_draw_less_with_each_restore_in_a_row(run: Exact):
    drawn = [set_back(run, 1)[0]["draw_max"] for _ in range(3)]
    assert drawn == [None, 5000, 2500]
    run.checkpoint()
    assert [m["draw_max"] for m in set_back(run, 1)] == [3750, 3750], "one between: not halved"


def test_a_checkpoint_begins_as_soon_as_the_little_that_may_be_drawn_is_through(run: Exact):
    set_back(run, 2)
    run.effects.clear()
    for pending in (7, 0):
        assert not run.told()
        for worker in (0, 1):
            run.report(worker, emitted=7, pending=pending)
    assert (0, "checkpoint") in run.told()


def test_three_restores_in_a_row_are_degraded_and_it_is_said_why_and_what_to_do(run: Exact):
    set_back(run, 2)
    assert run.coordinator.status(run.now)["health"] == "healthy"
    set_back(run, 1)
    status = run.coordinator.status(run.now)
    assert status["health"] == "degraded"
    row = status["checkpoint"]
    assert (row["restores_in_row"], row["restored_for"]) == (3, "count: ValueError: x")
    (said,) = [each["text"] for each in status["errors"] if each["component"] == "restores"]
    assert "count: ValueError: x" in said and "fail_to_dead_letter" in said
    run.checkpoint()
    assert run.coordinator.status(run.now)["health"] == "healthy"


def test_several_failures_before_the_raise_are_one_restore(run: Exact):
    run.fail(0, suspects=[[1, "p", 40, 41, 1]])
    run.fail(1, suspects=[[2, "q", 7, 8, 1]])
    epoch = run.epoch
    run.raise_after_backoff()
    run.ready(0, 1)
    run.tick(5.0)
    assert run.epoch == epoch + 1
    assert run.store.suspects() == [Suspect(1, "p", 40, 41, 1), Suspect(2, "q", 7, 8, 1)]


def test_attempts_survive_a_checkpoint_that_does_not_cover_the_message(run: Exact):
    run.fail(0, suspects=[[1, "p", 1_000_000, 1_000_001, 3]])
    run.raise_after_backoff()
    run.ready(0, 1)
    run.checkpoint()
    assert [s.attempts for s in run.store.suspects()] == [3]


def test_a_dead_letter_whose_other_try_failed_is_kept_and_not_tried_again(run: Exact):
    run.store.add_dead_letters([{"task": 1, "stream": "default", "values": [1]}])
    run.store.mark_replay()
    run.fail(0, letters=[1])
    told = run.raise_after_backoff()
    assert [e.message["replays"] for e in told] == [{}, {}]
    assert run.store.dead_letters()[0].status == "kept"


def test_p2_a_message_that_is_drawn_again_has_no_dead_letter_until_it_fails_again(run: Exact):
    n = run.checkpoint()
    for start in (n - 1, n + 5):
        run.store.add_dead_letters([{"task": 1, "partition": "p", "start": start, "values": []}])
    run.fail(0)
    run.raise_after_backoff()
    assert [x.record["start"] for x in run.store.dead_letters()] == [n - 1]
    assert run.coordinator.status(run.now)["dead_letters"] == 1


def test_figures_of_tasks_that_were_restored_are_not_counted_twice(run: Exact):
    run.report(0, emitted=100, acked=60)
    run.report(0, emitted=100, acked=60, epoch=run.epoch)
    run.fail(0)
    run.raise_after_backoff()
    run.say(0, "report", tasks=[{"task": 1, "acked": 60}], errors=[], epoch=run.epoch - 1)
    row = run.coordinator.status(run.now)["spouts"][0]
    assert row["acked"] == 0, "nothing was durable: all of it is drawn again"
    run.report(0, emitted=10, acked=10)
    assert run.coordinator.status(run.now)["spouts"][0]["acked"] == 10


# --- tolerable failures -------------------------------------------------------------------------


def test_a_checkpoint_that_failed_once_too_often_has_all_tasks_restored(run: Exact):
    run.report(0)
    run.tick(1.0)
    run.effects.clear()
    run.say(1, "snapshot_failed", round=run.number, text="disk full")
    restore = next(e for e in run.effects if isinstance(e, Event) and e.name == "restore")
    assert restore.fields["why"] == "checkpoint failed: worker 1: disk full"
    assert [e.message["kind"] for e in run.raise_after_backoff()] == ["assign", "assign"]
    run.ready(0, 1)
    epoch = run.epoch
    for _ in range(20):
        run.tick(0.5)
    assert run.epoch == epoch, "one restore for it, not one after the other"


def test_the_last_checkpoint_is_tried_again_as_it_is_and_then_the_run_has_failed(run: Exact):
    close(run)
    for _ in range(5):
        assert run.coordinator.phases.phase is Phase.CLOSING
        run.say(1, "snapshot_failed", round=run.number, text="disk full")
        run.tick(1.5)
    run.exit(0)
    run.exit(1)
    (done,) = run.take(TopologyDone)
    assert (done.ok, done.outcome) == (False, "failed")
    assert "the last checkpoint failed 5 times: worker 1: disk full" in done.reason


def test_a_loss_says_how_many_acked_messages_it_takes_back(run: Exact):
    run.bring_up()
    run.report(0, emitted=10, acked=9, worked_through=9)
    run.report(1, emitted=7, acked=7, worked_through=7)
    run.exit(0)
    told = [e.fields for e in run.take(Event) if e.name == "taken back"]
    assert told == [{"messages": 16}]
