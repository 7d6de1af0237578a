"""A coordinator that comes back: what it makes of what the workers say they are (F05)."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from waterspout.supervisor.coordinator import Coordinator
from waterspout.supervisor.effects import Event, KillWorker, Send, StartWorker
from waterspout.supervisor.phases import Phase
from waterspout.supervisor.restarts import WorkerState

from .fleet import StandInPlan
from .scripted import SETTINGS, Run

GOING: dict[str, Any] = {
    "key": "k", "pid": 1, "round": 0, "built": True, "ready": True, "going": True,
    "finishing": False,
}  # fmt: skip


class Second(Run):
    """The second coordinator of a run whose workers went on without one."""

    def __init__(self, first: Run, known: dict[int, int] | None = None) -> None:
        self.store, self.plan, self.now = first.store, first.plan, 100.0
        self.coordinator = Coordinator(self.plan, SETTINGS, self.store, random.Random(2))
        self.effects = []
        self.known = {0: 70, 1: 71} if known is None else known
        self.coordinator.resume(self.known, self.now)
        self.drain()

    def here(self, worker: int, **more: Any) -> None:
        fields = {"endpoint": f"ipc://{worker}", **GOING, "epoch": self.store.epoch(), **more}
        self.say(worker, "here", **fields)


@pytest.fixture
def first() -> Run:
    run = Run()
    run.bring_up()
    return run


@pytest.fixture
def second(first: Run) -> Second:
    return Second(first)


def test_while_an_older_snapshot_is_in_force_everybody_is_started_anew(first: Run):
    """Its coordinator died when some were not killed yet: they hold more than the snapshot."""
    for number in (1, 2):
        first.store.commit_round(number, first.epoch, {1: {"p": [number, []]}}, [], retained=2)
    assert first.store.fall_back() == 1
    second = Second(first)
    second.effects.clear()
    second.here(0)
    second.here(1)
    assert {e.worker for e in second.take(KillWorker)} == {0, 1}
    first.store.commit_round(3, first.epoch, {1: {"p": [2, []]}}, [], retained=2)
    third = Second(first)
    third.here(0)
    third.here(1)
    assert third.take(KillWorker) == [], "the next snapshot holds what they do"


def sends(run: Run) -> list[tuple[int, str]]:
    return [(e.worker, e.message["kind"]) for e in run.effects if isinstance(e, Send)]


def test_everybody_is_asked_and_nobody_is_started(second: Second):
    assert [(e.worker, e.incarnation, e.message) for e in second.effects] == [
        (0, 70, {"kind": "who"}), (1, 71, {"kind": "who"}),
    ]  # fmt: skip
    second.tick()
    assert second.take(StartWorker) == []


def test_when_all_are_going_they_go_on_in_the_same_epoch(second: Second):
    second.effects.clear()
    second.here(0)
    assert sends(second) == []
    second.here(1)
    kinds = ["durable", "abort", "pause", "go"]
    assert [[k for w, k in sends(second) if w == worker] for worker in (0, 1)] == [kinds, kinds]
    coordinator = second.coordinator
    assert (coordinator.handover.live, second.store.epoch()) == (True, 1)
    assert coordinator.phases.phase is Phase.RUNNING
    assert [w.state for w in coordinator.handover.workers] == [WorkerState.RUNNING] * 2


@pytest.mark.parametrize("field", ["ready", "going", "finishing", "epoch"])
@pytest.mark.parametrize("worker", [0, 1])
def test_anything_else_raises_the_epoch(first: Run, field: str, worker: int):
    first.store.next_epoch()
    second = Second(first)
    second.effects.clear()
    odd = {"finishing": True, "epoch": 1}.get(field, False)
    second.here(1 - worker)
    second.here(worker, **{field: odd})
    assert second.store.epoch() == 3
    assert {k for _, k in sends(second)} == {"epoch"}
    second.ready(0, 1)
    assert second.coordinator.handover.live


def test_every_combination_of_what_workers_say_ends_with_everybody_going(first: Run):
    flags = ["ready", "going", "finishing"]
    choices = [dict(zip(flags, bits, strict=True)) for bits in itertools.product([0, 1], repeat=3)]
    for one, other, lag in itertools.product(choices, choices, [0, 1]):
        first.store.next_epoch()
        second = Second(first)
        second.here(0, **{k: bool(v) for k, v in one.items()})
        epoch = max(second.epoch - lag, 0)
        second.here(1, **{k: bool(v) for k, v in other.items()}, epoch=epoch)
        whole = lag == 0 and all(
            (each["ready"], each["going"], each["finishing"]) == (1, 1, 0)
            for each in (one, other)
        )
        assert second.coordinator.handover.live == whole, (one, other, lag)
        if not whole:
            second.ready(0, 1)
            assert second.coordinator.handover.live, (one, other, lag)


def test_a_process_that_was_never_assigned_is_assigned_now(second: Second):
    second.effects.clear()
    second.here(0)
    second.here(1, epoch=0, built=False, ready=False, going=False)
    assert sends(second) == [(0, "epoch"), (1, "assign")]


def test_a_late_register_assigns_nobody_anew_before_it_said_who_it_is(second: Second):
    """It registered with the coordinator before, which died before it confirmed that."""
    second.effects.clear()
    second.register(0, 1)
    second.tick(1.0)
    assert sends(second) == []
    second.here(0)
    second.here(1)
    assert {k for _, k in sends(second)} == {"durable", "abort", "pause", "go"}


def test_nobody_goes_in_an_epoch_that_never_was():
    """The coordinator before died before it raised the first one."""
    first = Run()
    second = Second(first)
    second.effects.clear()
    second.register(0, 1)
    second.tick(1.0)
    assert sends(second) == []
    for worker in (0, 1):
        second.here(worker, built=False, ready=False, going=False)
    assert sends(second) == [(0, "assign"), (1, "assign")]


def test_a_worker_that_is_gone_is_started_and_the_epoch_is_raised(second: Second):
    second.here(0)
    second.effects.clear()
    second.exit(1, "ended while its supervisor was away")
    second.tick(1.0)
    assert [e.worker for e in second.take(StartWorker)] == [1]
    second.register(1)
    assert sends(second) == [(0, "epoch"), (1, "assign")]


def test_a_worker_that_was_never_started_is_started(first: Run):
    second = Second(first, {0: 70})
    assert [e.worker for e in second.take(StartWorker)] == [1]
    second.here(0)
    second.register(1)
    assert sends(second) == [(0, "epoch"), (1, "assign")]


def test_a_round_of_the_coordinator_before_is_not_taken_for_the_next_one(second: Second):
    """Its answers may still come, in the same epoch: they are of an older snapshot."""
    second.here(0, round=7)
    second.here(1, round=5)
    second.effects.clear()
    second.tick(1.1)
    freezes = [e.message["round"] for e in second.take(Send) if e.message["kind"] == "freeze"]
    assert freezes == [8, 8]
    second.say(0, "frozen", round=7, positions={})
    second.say(1, "frozen", round=7, positions={})
    assert second.take(Send) == []


def test_what_is_durable_is_said_again(first: Run):
    first.tick(1.1)
    first.answer_round()
    second = Second(first)
    second.here(0, round=3)
    second.effects.clear()
    second.here(1, round=1)
    told = [e.message for e in second.take(Send) if e.worker == 1]
    assert [(m["kind"], m["round"]) for m in told[:2]] == [("durable", 1), ("abort", 3)]


def test_a_worker_that_could_not_build_its_components_is_started_anew_to_say_so(second: Second):
    """It said so to the coordinator before, which died with the word."""
    second.here(0, built=False, ready=False, going=False)
    (kill,) = second.take(KillWorker)
    assert (kill.worker, kill.why) == (0, "could not build its components")


def test_a_worker_of_a_later_epoch_than_the_store_knows_is_killed(second: Second):
    """The store was restored from a copy: that epoch would come twice."""
    second.here(0, epoch=9)
    (kill,) = second.take(KillWorker)
    assert kill.worker == 0
    assert "epoch 9" in kill.why


def test_a_worker_that_is_busy_in_a_user_call_is_not_killed_for_not_answering(second: Second):
    second.effects.clear()
    for _ in range(100):
        second.now += 1.0
        for worker in (0, 1):
            tasks = [{"task": worker + 3, "kind": "bolt", "call_since_s": 1.0}]
            second.say(worker, "report", epoch=1, tasks=tasks, errors=[])
        second.coordinator.on_tick(second.now)
        second.drain()
    assert second.take(KillWorker) == []


def test_a_worker_that_says_nothing_at_all_is_killed_after_boot_timeout(second: Second):
    for _ in range(62):
        second.tick(1.0)
    assert {e.worker for e in second.take(KillWorker)} == {0, 1}


def test_a_worker_whose_host_is_not_in_contact_may_take_longer(second: Second):
    for _ in range(200):
        second.tick(1.0)
        for worker, incarnation in second.known.items():
            second.coordinator.on_worker_preparing(worker, incarnation, second.now)
    assert second.take(KillWorker) == []


def test_draining_and_pausing_wait_until_the_workers_are_taken_over(second: Second):
    second.coordinator.pause(True, second.now)
    second.coordinator.drain(second.now)
    second.drain()
    second.effects.clear()
    second.here(0)
    second.here(1)
    told = [e.message for e in second.take(Send) if e.worker == 1]
    assert [m["paused"] for m in told if m["kind"] == "pause"] == [True]
    assert "drain" in [m["kind"] for m in told]
    assert second.coordinator.phases.phase is Phase.DRAINING


def test_with_somebody_known_nobody_begins_from_the_start(first: Run, second: Second):
    assert second.coordinator.handover.went
    assert not Second(first, {}).coordinator.handover.went


def test_without_anybody_known_it_is_a_start(first: Run):
    second = Second(first, {})
    assert [e.worker for e in second.take(StartWorker)] == [0, 1]
    second.register(0, 1)
    assert sends(second) == [(0, "assign"), (1, "assign")]
    assert not [e for e in second.take(Event) if e.name == "control message refused"]


def test_where_a_bolt_counts_each_tuple_once_positions_are_told_with_what_is_durable():
    first = Run(plan=StandInPlan(workers=2, spouts=2, asks=True))
    first.bring_up()
    first.tick(1.1)
    first.effects.clear()
    first.answer_round()
    durable = [e.message for e in first.take(Send) if e.message["kind"] == "durable"]
    assert [m["positions"] for m in durable] == [first.store.positions()] * 2
    second = Second(first)
    second.here(0, round=3)
    second.effects.clear()
    second.here(1, round=1)
    told = next(e.message for e in second.take(Send) if e.message["kind"] == "durable")
    assert told["positions"] == first.store.positions()
    second.exit(1)
    second.tick(0.5)
    second.register(1)
    second.tick(0.5)
    kinds = {e.message["kind"]: e.message for e in second.take(Send)}
    for kind in ("epoch", "assign"):
        assert kinds[kind]["all_positions"] == first.store.positions()
