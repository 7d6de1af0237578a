"""A worker's part in rounds: freeze, snapshot, durable, abort."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from .core_rig import CLASSES, Cores, Sum, plan_of


def start(classes: Any = CLASSES) -> Cores:
    cores = Cores(plan_of(), classes)
    cores.start()
    cores.run()
    return cores


def part(name: str) -> Any:
    return SimpleNamespace(file=name, bytes=3, sha256="00")


def test_a_freeze_tells_positions_and_how_much_is_acked() -> None:
    cores = start()
    cores.tell(0, "freeze", round=1)
    cores.run(1)
    (message,) = cores.of("frozen")
    task = cores.spout().task
    assert message["positions"] == {task: {"p": [40, []]}}
    assert message["settled"] == {task: [40, 0]} and message["changed"]
    assert cores.spout().ledger.worked_through == 40


def test_a_snapshot_is_a_job_for_each_task_with_state_and_done_when_all_are_written() -> None:
    #  freeze -> snapshot -> (job written) -> snapshotted -> durable
    cores = start()
    core = cores.cores[0]
    cores.tell(0, "freeze", round=1)
    cores.tell(0, "snapshot", round=1)
    (job,) = core.snapshot_jobs
    assert (job.epoch, job.round) == (1, 1)
    cores.run(1)
    assert cores.of("snapshotted") == []
    core.on_part_written(job, part("a"), cores.now)
    cores.run(1)
    (message,) = cores.of("snapshotted")
    assert message["parts"] == [{"task": job.task, "file": "a", "bytes": 3, "sha256": "00"}]
    cores.tell(0, "durable", round=1)
    assert cores.spout().ledger.positions_of("p").first_unacked == 40


def test_a_round_in_which_nothing_moved_says_so() -> None:
    cores = start()
    cores.tell(0, "freeze", round=1)
    cores.tell(0, "durable", round=1)
    cores.tell(0, "freeze", round=2)
    cores.run(1)
    assert [m["changed"] for m in cores.of("frozen")] == [True, False]


def test_news_is_what_no_durable_round_holds() -> None:
    cores = start()
    rounds = cores.cores[0].rounds
    news = [rounds.news]
    cores.tell(0, "freeze", round=1)
    cores.tell(0, "abort", round=1)
    news.append(rounds.news)
    cores.tell(0, "freeze", round=2)
    cores.tell(0, "durable", round=2)
    news.append(rounds.news)
    cores.spout().ledger.void("p", 40, 41)
    news.append(rounds.news)
    assert news == [True, True, False, True]
    assert cores.cores[0].report(cores.now)["news"] is True


def test_after_an_abort_the_next_round_tells_the_same_positions() -> None:
    cores = start()
    cores.tell(0, "freeze", round=1)
    cores.tell(0, "abort", round=1)
    cores.tell(0, "freeze", round=2)
    cores.run(1)
    first, second = cores.of("frozen")
    assert first["positions"] == second["positions"] != {}
    assert second["changed"]


def test_a_part_that_cannot_be_written_fails_the_round_and_loses_nothing() -> None:
    cores = start()
    core = cores.cores[0]
    cores.tell(0, "freeze", round=1)
    cores.tell(0, "snapshot", round=1)
    job = core.snapshot_jobs.popleft()
    core.on_part_failed(job, "disk full", cores.now)
    core.on_part_written(job, part("late"), cores.now)
    cores.run(1)
    assert [m["text"] for m in cores.of("snapshot_failed")] == ["disk full"]
    assert cores.of("snapshotted") == []
    cores.tell(0, "abort", round=1)
    assert cores.spout().ledger.worked_through == 40


def test_parts_of_an_earlier_epoch_or_round_are_not_counted() -> None:
    cores = start()
    core = cores.cores[0]
    cores.tell(0, "freeze", round=1)
    cores.tell(0, "snapshot", round=1)
    old = core.snapshot_jobs.popleft()
    cores.tell(0, "abort", round=1)
    cores.tell(0, "freeze", round=2)
    cores.tell(0, "snapshot", round=2)
    core.on_part_written(old, part("old"), cores.now)
    core.on_part_written(old._replace(epoch=0, round=2), part("older"), cores.now)
    cores.run(1)
    assert cores.of("snapshotted") == []


def test_a_snapshot_is_a_copy_that_later_tuples_do_not_change() -> None:
    cores = start()
    cores.tell(0, "freeze", round=1)
    cores.tell(0, "snapshot", round=1)
    (job,) = cores.cores[0].snapshot_jobs
    before = repr(job.copy)
    cores.made["sum", 0].seen["new"] = 1
    assert repr(job.copy) == before


def test_a_state_that_cannot_be_copied_fails_the_round_by_the_components_name() -> None:
    cores = start()
    core = cores.cores[0]

    def refuse() -> Any:
        raise SystemExit(2)

    for state in core.tasks.states.values():
        state.snapshot_begin = refuse  # type: ignore[method-assign]
    cores.tell(0, "freeze", round=1)
    cores.tell(0, "snapshot", round=1)
    cores.run(1)
    (message,) = cores.of("snapshot_failed")
    assert message["text"].startswith("sum: called sys.exit(2)")
    assert not core.snapshot_jobs


def test_what_a_durable_round_holds_is_not_replayed_in_the_next_epoch() -> None:
    # The coordinator committed the round, and its ``durable`` was lost with what came next.
    cores = start()
    cores.tell(0, "freeze", round=1)
    cores.epoch += 1
    cores.tell(0, "epoch", peers=cores.peers(), durable_round=1, roots=[])
    cores.run(2)
    cores.tell(0, "go")
    cores.run(20)
    assert cores.spout().ledger.emitted == 40
    assert isinstance(cores.made["sum", 0], Sum)


def test_an_older_round_made_durable_again_does_not_hide_what_changed_since() -> None:
    """A coordinator that was started again says what is durable, then gives up what is open."""
    cores = start()
    for number in (1, 2):
        cores.tell(0, "freeze", round=number)
        if number == 1:
            cores.tell(0, "durable", round=1)
            cores.spout().ledger.void("p", 40, 41)
    rounds = cores.cores[0].rounds
    assert rounds.told == 2
    rounds._seen = ()
    cores.tell(0, "durable", round=1)
    cores.tell(0, "abort", round=2)
    cores.tell(0, "freeze", round=3)
    cores.run(1)
    assert [m["changed"] for m in cores.of("frozen")] == [True, True, True]


@pytest.mark.parametrize(("replay", "told"), [("seek", False), ("none", True)])
def test_under_at_most_once_rounds_tell_positions_only_where_none_are_reserved(
    replay: str, told: bool
) -> None:
    # A reserved position is in the store, and ahead of what was sent.
    plan = plan_of(guarantee="at-most-once")
    numbers = replace(plan.facts["numbers"], replay=replay)
    cores = Cores(replace(plan, facts={**plan.facts, "numbers": numbers}))
    cores.start()
    cores.run(2)
    for message in cores.of("reserve"):
        cores.tell(0, "reserved", id=message["id"])
    cores.run()
    assert cores.spout().ledger.acked == 40
    cores.tell(0, "freeze", round=1)
    cores.run(1)
    (message,) = cores.of("frozen")
    assert bool(message["positions"]) is told and message["changed"]
