"""Workers that move: a fresh round first, then all are killed together."""

from __future__ import annotations

import pytest
from waterspout.supervisor.effects import KillWorker, Send

from .scripted import SETTINGS, Run


@pytest.fixture
def run() -> Run:
    made = Run()
    made.bring_up()
    return made


def killed(run: Run) -> list[tuple[int, str]]:
    return [(e.worker, e.why) for e in run.take(KillWorker)]


def freeze_told(run: Run) -> bool:
    return "freeze" in {e.message["kind"] for e in run.effects if isinstance(e, Send)}


def replace(run: Run, *workers: int) -> None:
    run.coordinator.replace(workers, "moves", run.now)
    run.drain()


def test_nobody_is_killed_before_the_fresh_round_is_durable(run: Run):
    replace(run, 0, 1)
    assert freeze_told(run)
    assert killed(run) == []
    run.answer_round()
    assert killed(run) == [(0, "moves"), (1, "moves")]
    assert run.store.last_round() == 1


def test_a_round_under_way_is_fresh_enough(run: Run):
    run.tick(1.1)
    run.effects.clear()
    replace(run, 1)
    assert not freeze_told(run)
    run.answer_round()
    assert killed(run) == [(1, "moves")]
    assert run.store.last_round() == 1


def test_a_round_that_fails_or_has_nothing_new_holds_nobody_up(run: Run):
    replace(run, 1)
    for worker in (0, 1):
        run.say(worker, "frozen", round=1, positions={}, changed=False)
    assert killed(run) == [(1, "moves")]


def test_a_round_that_does_not_end_is_waited_for_until_round_timeout(run: Run):
    replace(run, 1)
    for _ in range(int(SETTINGS.round_timeout_s) - 1):
        run.tick(1.0)
        run.report(0)
        run.report(1)
    assert killed(run) == []
    run.tick(1.0)
    assert killed(run) == [(1, "moves")]


def test_without_a_round_to_wait_for_they_go_at_once(run: Run):
    run.exit(0)
    run.effects.clear()
    replace(run, 1)
    assert killed(run) == [(1, "moves")]


def test_a_worker_that_was_replaced_meanwhile_is_left_alone(run: Run):
    replace(run, 0, 1)
    run.exit(0)
    assert killed(run) == [(1, "moves")]
    run.tick(1.0)
    run.tick(1.0)
    assert killed(run) == []
    assert run.coordinator.handover.workers[0].alive


def test_a_worker_that_moves_again_and_again_while_it_boots_is_not_taken_for_one_that_cannot():
    run = Run()
    for _ in range(5):
        run.tick(5.0)
        replace(run, 0)
        run.exit(0)
    assert run.coordinator.handover.workers[0].boot_losses == 0
    run.tick(5.0)
    assert run.coordinator.handover.workers[0].alive
