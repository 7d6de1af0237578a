"""Checkpoints in worker cores that are joined by real links: cuts, answers, and what gives up.

The conditions C1 to C11 and the pitfalls P1 to P11 of barrier snapshots that concern a worker are
named in the tests that hold them.
"""

from __future__ import annotations

from itertools import product
from typing import Any, ClassVar

import pytest
from waterspout.bolts.contract import Bolt

from ..each_case import each_case
from .core_rig import CLASSES, Numbers, Out, Sum
from .exact_rig import ExactCores, exact_plan

ALL_TWICE = dict.fromkeys(range(40), 2)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_every_number_counts_once_and_the_run_ends(workers: int) -> None:
    cores = ExactCores(exact_plan(workers, parallelism=2))
    cores.start()
    cores.run()
    assert cores.counted() == ALL_TWICE
    assert cores.checkpoint(1)
    spout = cores.spout()
    assert spout.ledger.positions_of("p").first_unacked == 40
    assert spout.exhausted and spout.drained()


@each_case("workers, before", product([1, 2, 3], [0, 1, 2, 3, 5]))
def test_a_restore_takes_every_task_back_to_the_same_cut(workers: int, before: int) -> None:
    """C4, C6, P3, P9: positions and all states are of one checkpoint; survivors go back, too."""
    plan = exact_plan(workers, parallelism=2, batch_max=4, max_pending=8, frame_rows_max=2,
                      queue_rows_max=4, link_pool_frames=1)  # fmt: skip
    cores = ExactCores(plan)
    cores.start()
    cores.run(before)
    assert cores.checkpoint(1, turns=30)
    cores.run(4)
    cores.restore(1)
    cores.run(100)
    assert cores.counted() == ALL_TWICE


def test_a_restore_without_a_checkpoint_begins_anew() -> None:
    cores = ExactCores(exact_plan(2, parallelism=2))
    cores.start()
    cores.run(3)
    cores.restore()
    cores.run()
    assert cores.counted() == ALL_TWICE


def test_a_checkpoint_holds_what_was_drawn_before_it_and_nothing_else() -> None:
    """C3: the copy and the barrier are one step; C2: barriers go to idle channels, too."""
    cores = ExactCores(exact_plan(2, parallelism=3, batch_max=2, max_pending=4, frame_rows_max=1))
    cores.start()
    cores.run(2)
    assert cores.checkpoint(1)
    _, positions = cores.complete[1]
    ((first, ahead),) = [each["p"] for each in positions.values()]
    assert ahead == [] and 0 < first < 40
    cores.restore(1)
    counts = cores.counted()
    # What is counted when the parts are read: exactly the messages below the position.
    assert set(counts) <= set(range(40))
    for core in cores.cores.values():
        for spout in core.tasks.spouts.values():
            assert spout.ledger.positions_of("p").first_unacked == first


def test_no_checkpoint_is_complete_over_a_message_that_failed() -> None:
    """P1: what fails is not emitted again; everything is taken back."""
    cores = ExactCores(exact_plan(2))
    cores.start()
    double = cores.made["double", 0]
    double.bad = {7}
    cores.run(20)
    assert not cores.checkpoint(1)
    (asked,) = cores.of("restore")
    assert asked["component"] == "double" and "bad 7" in asked["reason"]
    ((task, partition, start, end, attempts),) = asked["suspects"]
    assert (partition, start, end, attempts) == ("p", 0, 40, 1) and asked["task"] == task
    cores.run(200)
    assert cores.counted().get(7) is None, "nothing was emitted again"
    cores.restore(suspects={task: [["p", 0, 40, 1]]})
    cores.run()
    assert cores.counted() == ALL_TWICE


def test_a_message_that_fails_for_good_is_skipped_and_has_no_effect_at_all() -> None:
    cores = ExactCores(exact_plan(1, attempts_max=2))
    cores.start()
    task = cores.spout().task
    cores.run(10)
    cores.made["double", 0].bad = {7}
    cores.restore(suspects={task: [["p", 7, 8, 1]]})
    cores.made["double", 0].bad = {7}
    cores.run(20)
    (asked,) = cores.of("restore")
    assert asked["suspects"] == [[task, "p", 7, 8, 2]]
    cores.restore(suspects={task: [["p", 7, 8, 2]]})
    cores.made["double", 0].bad = {7}
    cores.run(20)
    (letter,) = cores.of("dead_letters")
    (record,) = letter["records"]
    assert (record["start"], record["attempts"], record["values"]) == (7, 2, [7])
    assert "bad 7" in record["reason"], "why it failed, not that it was skipped"
    assert not cores.of("restore")
    cores.tell(0, "dead_letters_stored", id=letter["id"])
    cores.run()
    assert cores.counted() == {n: 2 for n in range(40) if n != 7}


def test_a_coordinator_that_was_started_anew_is_asked_again() -> None:
    cores = ExactCores(exact_plan(1))
    cores.start()
    cores.made["double", 0].bad = {7}
    cores.run(5)
    (asked,) = cores.of("restore")
    cores.tell_all("who")
    cores.run(1)
    assert cores.of("restore") == [asked]
    cores.restore()
    cores.tell_all("who")
    cores.run(1)
    assert not cores.of("restore")


def test_an_abort_lets_everything_go_on_and_late_barriers_count_nothing() -> None:
    cores = ExactCores(exact_plan(2, parallelism=2, batch_max=2, max_pending=4))
    cores.start()
    cores.run(1)
    # Only one of the workers with tasks hears of it in time: others wait for its barriers.
    cores.tell_all("checkpoint", round=1)
    cores.tell_all("abort", round=1)
    cores.run(2)
    assert cores.checkpoint(2)
    cores.run()
    assert not cores.of("snapshotted")
    assert cores.counted() == ALL_TWICE


def test_a_barrier_that_is_faster_than_the_coordinator_waits_for_its_word() -> None:
    cores = ExactCores(exact_plan(2, parallelism=2))
    cores.start()
    cores.run(3)
    home = next(w for w, c in cores.cores.items() if c.tasks.spouts)
    cores.tell(home, "checkpoint", round=1)
    cores.run(5)
    assert len(cores.of("snapshotted")) == 0
    cores.tell(1 - home, "checkpoint", round=1)
    cores.run(5)
    assert len(cores.of("snapshotted")) == 2


def test_the_answer_waits_for_parts_and_a_part_that_fails_gives_up() -> None:
    cores = ExactCores(exact_plan(1))
    cores.start()
    cores.run(3)
    cores.writing = False
    cores.tell_all("checkpoint", round=1)
    cores.run(5)
    assert not cores.of("snapshotted")
    job = cores.cores[0].snapshot_jobs.popleft()
    cores.cores[0].on_part_failed(job, "disk full", cores.now)
    cores.run(1)
    (failed,) = cores.of("snapshot_failed")
    assert failed["text"] == "disk full" and failed["round"] == 1
    cores.writing = True
    assert cores.checkpoint(2)


def test_an_old_part_and_an_old_number_change_nothing() -> None:
    cores = ExactCores(exact_plan(1))
    cores.start()
    cores.run(3)
    cores.writing = False
    cores.tell_all("checkpoint", round=5)
    cores.run(1)
    job = cores.cores[0].snapshot_jobs[0]
    cores.tell_all("abort", round=5)
    cores.cores[0].on_part_failed(job, "late", cores.now)
    cores.tell_all("checkpoint", round=4)
    cores.run(3)
    assert not cores.of("snapshot_failed") and not cores.of("snapshotted")
    assert cores.cores[0].rounds.told == 5
    # The same number in another epoch.
    cores.restore()
    cores.tell_all("checkpoint", round=5)
    cores.run(1)
    cores.cores[0].on_part_written(job, None, cores.now)
    cores.cores[0].on_part_failed(job, "late", cores.now)
    cores.run(3)
    assert not cores.of("snapshot_failed") and not cores.of("snapshotted")


class Careful(Sum):
    """Tells when it gets ready for a snapshot, and when it is durable."""

    calls: ClassVar[list[tuple[str, Any]]] = []
    broken = ""

    def prepare(self, context: Any) -> None:
        super().prepare(context)
        self.calls.append(("prepare", context.restored))

    def before_snapshot(self, number: int) -> None:
        if self.broken == "before":
            raise OSError("no room")
        self.calls.append(("before", number))
        self.seen["ready"] = number

    def on_durable(self, number: int) -> None:
        if self.broken == "durable":
            raise OSError("no database")
        self.calls.append(("durable", number))


@pytest.fixture
def careful() -> ExactCores:
    Careful.calls, Careful.broken = [], ""
    cores = ExactCores(exact_plan(1), {**CLASSES, "sum": Careful})
    cores.start()
    cores.run(3)
    return cores


def test_a_bolt_is_told_before_its_copy_and_when_it_is_durable(careful: ExactCores) -> None:
    """C5: no commit before the checkpoint is durable; what it puts in its state is in the copy."""
    careful.tell_all("checkpoint", round=1)
    careful.run(5)
    assert Careful.calls == [("prepare", None), ("before", 1)]
    careful.collect(1)
    careful.run(1)
    assert Careful.calls[2:] == [("durable", 1)]
    assert [m["round"] for m in careful.of("durable_done")] == [1]
    careful.restore(1)
    assert Careful.calls[3:] == [("prepare", 1)]
    assert careful.counted()["ready"] == 1  # type: ignore[index]


def test_what_is_durable_may_be_said_again_and_is_answered_each_time(careful: ExactCores) -> None:
    assert careful.checkpoint(1)
    careful.run(1)
    assert len(careful.of("durable_done")) == 1
    Careful.broken = "durable"
    careful.tell_all("durable", round=1)
    careful.run(1)
    (answer,) = careful.of("durable_done")
    assert "sum: OSError: no database" in answer["failed"]
    Careful.broken = ""
    careful.tell_all("durable", round=1)
    careful.run(1)
    (answer,) = careful.of("durable_done")
    assert "failed" not in answer


def test_a_bolt_that_cannot_get_ready_fails_the_checkpoint(careful: ExactCores) -> None:
    Careful.broken = "before"
    assert not careful.checkpoint(1)
    (failed,) = careful.of("snapshot_failed")
    assert "sum: OSError: no room" in failed["text"]
    Careful.broken = ""
    assert careful.checkpoint(2)


class Slow(Bolt):
    """Its calls run elsewhere."""

    outputs = ("n",)

    def process(self, tup: Any) -> None:
        self.emit([tup[0]])
        self.emit([tup[0]])


def test_calls_under_way_are_waited_for_before_the_cut() -> None:
    """C11: a result that is on its way would be in no state."""
    plan = exact_plan(1)
    blocking = plan.spec.bolts["double"].options.__class__(blocking=True)
    object.__setattr__(plan.spec.bolts["double"], "options", blocking)
    cores = ExactCores(plan, {**CLASSES, "double": Slow})
    cores.start()
    cores.run(2)
    core = cores.cores[0]
    assert len(core.calls) == 1
    cores.tell_all("checkpoint", round=1)
    cores.run(5)
    assert not cores.of("snapshotted")
    for _ in range(200):
        while core.calls:
            call = core.calls.popleft()
            call.run()
            core.on_call_done(call, cores.now)
        cores.run(1)
    assert cores.collect(1)
    assert cores.counted() == ALL_TWICE
    cores.restore(1)
    cores.run(3)
    assert cores.counted() == ALL_TWICE


def test_an_idle_topology_has_no_news() -> None:
    cores = ExactCores(exact_plan(1))
    cores.start()
    cores.run()
    assert cores.cores[0].rounds.news
    assert cores.checkpoint(1)
    assert not cores.cores[0].rounds.news


class Endless(Numbers):
    size = 10**9


def test_back_pressure_and_a_full_stash_do_not_stop_the_barriers() -> None:
    """P5, P11: queues of a few rows, credits of one frame; checkpoints go on being complete."""
    plan = exact_plan(3, parallelism=2, batch_max=2, max_pending=64, frame_rows_max=1,
                      queue_rows_max=1, link_pool_frames=1)  # fmt: skip
    cores = ExactCores(plan, {**CLASSES, "numbers": Endless, "out": Out})
    cores.start()
    for number in range(1, 6):
        cores.run(3)
        assert cores.checkpoint(number, turns=40), number


def test_finish_is_in_the_last_checkpoint_only() -> None:
    cores = ExactCores(exact_plan(1))
    cores.start()
    cores.run()
    for level in range(3):
        cores.tell_all("finish", level=level)
        cores.run(5)
    assert cores.made["out", 0].got == [80]
    assert not cores.checkpoint(1, last=False)
    assert "finishes" in cores.of("snapshot_failed")[0]["text"]
    assert cores.checkpoint(2, last=True)
