"""The coordinator by its messages: what it answers, what it refuses, what becomes of losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from waterspout.supervisor.effects import (
    Event,
    KillWorker,
    LinkCut,
    PruneSnapshots,
    Send,
    StartWorker,
    Taps,
    TopologyDone,
)
from waterspout.supervisor.phases import Phase
from waterspout.supervisor.restarts import REBOOT_LOSSES_MAX
from waterspout.supervisor.store import StoreError, Suspect, TopologyChanged
from waterspout.supervisor.store_memory import MemoryStore

from .scripted import Run


@pytest.fixture
def run() -> Run:
    made = Run()
    made.bring_up()
    return made


# --- coming up ----------------------------------------------------------------------------------


def test_workers_are_assigned_when_all_registered_and_go_when_all_are_ready():
    run = Run()
    run.register(0)
    assert run.told() == []
    run.register(1)
    assert run.told() == [(0, "assign"), (1, "assign")]
    run.say(0, "built")
    run.ready(0)
    assert run.told() == []
    run.ready(1)
    assert run.told() == [(0, "go"), (1, "go")]
    assert run.coordinator.status(run.now)["state"] == "running"


def test_paths_and_drain_state_go_with_the_assignment():
    run = Run()
    run.register(0, 1)
    (first, _) = run.take(Send)
    assert (first.message["folder"], first.message["state_dir"]) == ("/f", "/s")
    assert first.message["draining"] is False
    assert first.message["replays"] == {}


def test_a_component_that_cannot_be_built_ends_the_run_with_the_users_traceback():
    run = Run()
    run.register(0, 1)
    run.effects.clear()
    run.say(1, "boot_failed", component="count", text="no module", traceback="Traceback: user")
    assert run.told() == [(0, "stop"), (1, "stop")]
    run.exit(1, "exit code 1")
    run.exit(0, "exit code 0")
    (done,) = run.take(TopologyDone)
    assert (done.ok, done.outcome, done.details) == (False, "boot_failed", "Traceback: user")
    assert "count" in done.reason
    assert run.coordinator.done


def test_a_worker_that_dies_in_boot_again_and_again_ends_the_run():
    run = Run()
    for _ in range(3):
        run.exit(0, "exit code 3")
        run.tick(5.0)
    run.exit(1)
    (done,) = run.take(TopologyDone)
    assert done.outcome == "boot_failed"
    assert "3 times while it booted: exit code 3" in done.reason


def test_state_of_another_topology_is_refused_at_the_start():
    store = MemoryStore()
    store.bind("another")
    with pytest.raises(TopologyChanged):
        Run(store=store)


# --- who is listened to -------------------------------------------------------------------------


def test_an_incarnation_that_is_not_the_current_one_is_told_to_stop(run: Run):
    run.coordinator.on_message(0, 12345, {"kind": "ready", "epoch": run.epoch}, run.now)
    run.drain()
    (send,) = run.take(Send)
    assert (send.incarnation, send.message) == (12345, {"kind": "stop"})
    assert run.coordinator.stale == 1


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("frozen", {"positions": {}}),
        ("snapshotted", {"parts": []}),
        ("ready", {}),
        ("finished", {"level": 0}),
        ("link_down", {"peer": 1, "silent_s": 30.0}),
    ],
)
def test_what_was_said_in_an_older_epoch_is_dropped(run: Run, kind: str, fields: Any):
    run.say(0, kind, **{"round": 1, **fields, "epoch": run.epoch - 1})
    assert run.coordinator.stale == 1
    assert run.effects == []


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"kind": "nonsense"},
        {"kind": ["ready"]},
        {"kind": "ready"},
        {"kind": "frozen", "epoch": 1},
    ],
)
def test_malformed_messages_are_refused_with_a_word(run: Run, message: dict[str, Any]):
    run.coordinator.on_message(0, run.incarnation(0), message, run.now)
    run.drain()
    assert [e.name for e in run.take(Event)] == ["control message refused"]


def test_an_exit_of_an_older_incarnation_changes_nothing(run: Run):
    run.coordinator.on_worker_exit(0, 999, "late news", [], {}, run.now)
    run.drain()
    assert run.effects == []


# --- rounds -------------------------------------------------------------------------------------


def test_a_round_comes_an_interval_after_go_and_its_old_files_may_go(run: Run):
    run.tick(0.9)
    assert run.told() == []
    run.tick(0.2)
    assert run.told() == [(0, "freeze"), (1, "freeze")]
    run.answer_round()
    assert run.take(PruneSnapshots) == [PruneSnapshots(1, frozenset({"1-0", "1-1"}))]
    assert run.store.positions() == {1: {"p": [1, []]}, 2: {"p": [1, []]}}


def test_a_loss_aborts_the_round_and_no_other_starts_before_the_next_epoch(run: Run):
    run.tick(1.1)
    run.effects.clear()
    run.exit(1)
    assert run.told() == [(0, "abort")]
    run.tick(0.2)
    run.tick(2.0)
    assert (0, "freeze") not in run.told()
    run.register(1)
    run.ready(0, 1)
    run.effects.clear()
    run.tick(1.1)
    assert run.told() == [(0, "freeze"), (1, "freeze")]


def test_an_epoch_is_not_raised_while_a_commit_is_in_doubt():
    class Doubtful(MemoryStore):
        failing = False

        def commit_round(self, *args: Any) -> None:
            super().commit_round(*args)
            if self.failing:
                raise StoreError("disk I/O error")

    store = Doubtful()
    run = Run(store=store)
    run.bring_up()
    run.tick(1.1)
    store.failing = True
    run.answer_round()
    run.exit(1)
    run.tick(0.2)
    run.register(1)
    run.tick(0.5)
    assert run.epoch == 1
    store.failing = False
    run.effects.clear()
    run.tick(1.0)
    assert run.epoch == 2
    epoch = next(e.message for e in run.take(Send) if e.message["kind"] == "epoch")
    assert epoch["durable_round"] == 1


# --- losses -------------------------------------------------------------------------------------


def test_what_was_at_work_in_a_dead_worker_gains_an_attempt(run: Run):
    run.exit(1, roots=[1 << 48 | 7], positions={2: [["p", 30, 31, 0, True]]})
    assert run.store.suspects() == [Suspect(2, "p", 30, 31, 1)]
    run.tick(0.2)
    run.register(1)
    told = {e.worker: e.message for e in run.take(Send)}
    assert told[0]["roots"] == [1 << 48 | 7]
    assert told[1]["suspects"] == {2: [["p", 30, 31, 1]]}


def test_attempts_reported_by_a_ledger_are_kept(run: Run):
    run.say(0, "report", tasks=[], errors=[], suspects={1: [["p", 3, 4, 2]]})
    assert run.store.suspects() == [Suspect(1, "p", 3, 4, 2)]


def test_a_hung_worker_is_killed_and_its_exit_has_the_reason(run: Run):
    tasks = [{"task": 4, "kind": "bolt", "call_since_s": 6.0}]
    run.say(1, "report", tasks=tasks, errors=[])
    run.tick()
    (kill,) = run.take(KillWorker)
    assert kill.worker == 1
    run.exit(1)
    assert "hung" in run.coordinator.status(run.now)["workers"][1]["last_exit"]


def test_a_worker_whose_data_thread_is_stuck_is_killed(run: Run):
    run.say(1, "report", tasks=[], errors=[], loop_age_s=61.0)
    run.tick()
    assert [kill.worker for kill in run.take(KillWorker)] == [1]


def test_a_broken_link_costs_the_accused_its_place_but_not_the_accuser(run: Run):
    run.report(0)
    run.report(1)
    run.say(0, "link_down", peer=1, silent_s=11.0)
    run.say(1, "link_down", peer=0, silent_s=11.0)
    assert [kill.worker for kill in run.take(KillWorker)] == [1]


# --- dead letters -------------------------------------------------------------------------------


def letters(id: int) -> dict[str, Any]:
    record = {"task": 1, "partition": "p", "start": id, "stream": "default", "values": ["x"]}
    return {"id": id, "records": [record]}


def test_dead_letters_are_answered_even_when_an_epoch_has_passed(run: Run):
    run.say(0, "dead_letters", **letters(4), epoch=0)
    assert run.told() == [(0, "dead_letters_stored")]
    assert run.store.dead_letter_count() == 1


def test_a_full_dead_letter_box_is_shown(run: Run):
    for id in range(3):
        run.say(0, "dead_letters", **letters(id))
    assert len(run.told()) == 2
    status = run.coordinator.status(run.now)
    assert (status["health"], status["dead_letters"]) == ("degraded", 2)
    assert status["errors"][-1]["component"] == "dead letters"


def test_letters_marked_while_running_are_tried_again_and_the_end_waits_for_them(run: Run):
    run.say(0, "dead_letters", **letters(4))
    run.store.mark_replay()
    run.effects.clear()
    run.tick(1.05)
    assert (0, "replay") in run.told()
    run.end_of_input()
    assert run.coordinator.phases.phase is Phase.RUNNING
    number = run.coordinator.rounds._number
    run.say(0, "frozen", round=number, positions={}, letters=[1])
    assert run.store.dead_letter_count() == 1, "worked through, but not durable"
    run.answer_round()
    assert run.store.dead_letter_count() == 0
    assert run.coordinator.phases.phase is Phase.FINISHING


# --- what the cluster asks for ------------------------------------------------------------------


def test_a_cut_between_two_workers_is_told_so_that_one_moves(run: Run):
    for worker in (0, 1):
        run.report(worker)
    run.say(0, "link_down", peer=1, silent_s=11.0)
    assert run.take(LinkCut) == [LinkCut(0, 1)]


def test_samples_of_tuples_are_passed_on(run: Run):
    run.say(1, "taps", id=3, rows=[["a"]])
    assert run.take(Taps) == [Taps(3, [["a"]])]


def test_input_has_not_ended_while_spouts_are_paused(run: Run):
    run.coordinator.pause(True, run.now)
    run.drain()
    assert run.told() == [(0, "pause"), (1, "pause")]
    run.end_of_input()
    assert run.coordinator.phases.phase is Phase.RUNNING
    run.coordinator.pause(False, run.now)
    run.drain()
    assert run.coordinator.phases.phase is Phase.FINISHING


def test_a_paused_run_drains_all_the_same(run: Run):
    run.coordinator.pause(True, run.now)
    run.coordinator.drain(run.now)
    run.drain()
    run.end_of_input()
    assert run.coordinator.phases.phase is Phase.SUMMARISING


def test_a_worker_that_starts_while_paused_is_told(run: Run):
    run.coordinator.pause(True, run.now)
    run.exit(0)
    run.tick(5.0)
    run.effects.clear()
    run.register(0)
    (assign,) = [e.message for e in run.take(Send) if e.worker == 0]
    assert assign["paused"] is True


def test_a_component_that_was_built_before_is_tried_again_and_says_why_it_could_not_be():
    """A restore builds all tasks anew, also while a database is away."""
    run = Run()
    run.bring_up()
    run.exit(0)
    run.tick(1.0)
    for losses in range(REBOOT_LOSSES_MAX):
        run.register(0)
        run.say(0, "boot_failed", component="count", text="no database", traceback="T: user")
        (error,) = run.coordinator.status(run.now)["errors"]
        assert "no database" in error["text"] and error["count"] == losses + 1
        assert [each.worker for each in run.take(KillWorker)] == [0]
        run.exit(0)
        if losses == 0:
            assert run.take(TopologyDone) == []
        for _ in range(14):
            run.tick(5.0)
            run.report(1)
    run.exit(1)
    (done,) = run.take(TopologyDone)
    assert done.outcome == "boot_failed" and "no database" in done.reason


def test_a_worker_that_its_host_never_starts_ends_the_run_once():
    run = Run()
    for _ in range(2):
        run.coordinator.on_cannot_boot(1, run.incarnation(1), "class x.Y not allowed", run.now)
    run.coordinator.on_cannot_boot(0, 123, "of an older incarnation", run.now)
    run.drain()
    run.exit(0)
    run.exit(1)
    (done,) = run.take(TopologyDone)
    assert done.outcome == "boot_failed"
    assert done.reason == "worker 1 cannot be started: class x.Y not allowed"


def test_while_there_is_nothing_new_no_round_begins(run: Run):
    for worker in (0, 1):
        run.say(worker, "report", tasks=[], errors=[], news=False)
    run.effects.clear()
    run.tick(5.0)
    assert run.told() == []
    run.say(1, "report", tasks=[], errors=[], news=True)
    assert (0, "freeze") in run.told()


# --- deaths that messages explain ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("at_work", "waits_s"),
    [
        (lambda n: {1: [["p", n, n + 1, 0, True]]}, [0.1, 0.1, 0.1, 0.1]),
        (lambda n: {}, [0.1, 0.2, 0.4, 0.8]),
    ],
    ids=["a message each time", "nothing at work"],
)
def test_neighbours_of_messages_that_kill_their_worker_do_not_wait_ever_longer(
    run: Run, at_work: Callable[[int], Any], waits_s: list[float]
):
    """Neither the worker's own pause grows, nor that between two epochs."""
    found = []
    for number in range(4):
        run.effects.clear()
        epoch, lost_at = run.epoch, run.now
        run.exit(0, "exit code 7", positions=at_work(number))
        (lost,) = [e for e in run.take(Event) if e.name == "worker lost"]
        found.append(lost.fields["wait_s"])
        while run.epoch == epoch:
            run.tick(0.01)
            if run.take(StartWorker):
                run.register(0)
        assert run.now - lost_at == pytest.approx(waits_s[number], abs=0.03)
        run.ready(0, 1)
    assert found == waits_s
