"""Whom to kill: hung, silent, late or cut off; and who is only busy."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from waterspout.supervisor.effects import Outbox
from waterspout.supervisor.handover import HandOver
from waterspout.supervisor.progress import Progress
from waterspout.supervisor.store_memory import MemoryStore
from waterspout.supervisor.suspects import Suspects
from waterspout.supervisor.watch import LOOP_AGE_MAX_S, SILENT_MAX_S, Watch
from waterspout.topology.settings import Settings

from .fleet import StandInPlan

#: Spout task 1 (worker 0), bolt tasks 2 (worker 1) and 3 (worker 0); calls may take 5 s.
PLAN = StandInPlan(workers=2, spouts=1, bolts=2, hang_s=5.0)


class Post:
    """Two workers that run since 0; time goes on in ticks of a second."""

    def __init__(self) -> None:
        settings = replace(Settings(), boot_timeout_s=60.0)
        store = MemoryStore()
        self.progress = Progress(PLAN, settings)
        suspects = Suspects(store, {}, (), 5)
        self.handover = HandOver(
            PLAN, settings, store, random.Random(1), Outbox(), suspects, lambda w: {}
        )
        self.handover.start_due(0.0)
        for worker in self.handover.workers:
            self.handover.on_register(worker, {"endpoint": "x", "pid": 1})
        self.handover.raise_epoch(0.0)
        for worker in self.handover.workers:
            self.handover.on_ready(worker)
        self.handover.go(0.0)
        self.watch = Watch(PLAN, self.handover, self.progress, settings.boot_timeout_s)
        self.now = 0.0

    def report(self, worker: int, call_s: float = 0) -> None:
        task = {0: 3, 1: 2}[worker]
        entry = {"task": task, "kind": "bolt", "call_since_s": call_s}
        message = {"epoch": 1, "tasks": [entry], "errors": []}
        self.handover.workers[worker].seen_at = self.now
        self.progress.on_report(worker, message, self.now)

    def killed(self, seconds: int, **calls: float) -> list[tuple[int, str]]:
        """Tick so long; workers report while `w0`, `w1` (seconds in a call, growing) say so."""
        found: list[tuple[int, str]] = []
        for _ in range(seconds):
            self.now += 1.0
            for name in list(calls):
                self.report(int(name[1]), calls[name])
                calls[name] += 1.0 if calls[name] else 0.0
            found += [(worker.number, why) for worker, why in self.watch.on_tick(self.now)]
        return found


def test_a_call_beyond_hang_timeout_names_component_and_time():
    post = Post()
    assert post.killed(5, w0=0, w1=1.0) == []
    (kill,) = post.killed(1, w0=0, w1=6.0)
    assert kill == (1, "component 'count' task 2 hung: in one call since 6 s, hang_timeout is 5 s")


def test_a_call_that_keeps_reports_away_goes_on_counting():
    post = Post()
    post.killed(1, w0=0, w1=1.0)
    assert post.killed(4, w0=0) == []
    assert post.killed(1, w0=0)[0][0] == 1


def test_silence_without_a_known_call_is_borne_for_long_but_not_for_ever():
    post = Post()
    post.killed(1, w0=0, w1=0)
    assert post.killed(int(SILENT_MAX_S), w0=0) == []
    assert post.killed(1, w0=0) == [(1, f"silent for {SILENT_MAX_S + 1:.0f} s")]


def test_a_pause_of_the_coordinator_is_nobodys_silence():
    post = Post()
    post.killed(1, w0=0, w1=1.0)
    post.now += 1000.0
    assert post.watch.on_tick(post.now) == []
    assert post.killed(3, w0=0) == []


def test_a_data_thread_that_is_stuck_outside_of_user_code_is_not_waited_for():
    post = Post()
    worker = post.handover.workers[1]
    worker.loop_age_s = LOOP_AGE_MAX_S
    assert post.killed(1, w0=0, w1=0) == []
    worker.loop_age_s = LOOP_AGE_MAX_S + 1
    assert post.killed(1, w0=0, w1=1.0) == []
    why = "its data thread is stuck since 61 s, in no user call"
    assert post.killed(1, w0=0, w1=0) == [(1, why)]


def lagging(post: Post) -> None:
    """Another worker was replaced; worker 0 is ready in epoch 2, worker 1 is not."""
    post.killed(1, w0=0, w1=0)
    post.handover.on_lost(post.handover.workers[0], "crash", post.now)
    post.handover.start_due(post.now + 1.0)
    post.handover.on_register(post.handover.workers[0], {"endpoint": "x", "pid": 1})
    post.handover.raise_epoch(post.now)
    post.handover.on_ready(post.handover.workers[0])


def test_a_survivor_that_does_not_come_along_is_killed_after_boot_timeout():
    post = Post()
    lagging(post)
    assert post.killed(60, w0=0, w1=0) == []
    assert post.killed(1, w0=0, w1=0) == [(1, "not ready in epoch 2 after 61 s")]


def test_while_somebody_is_busy_in_a_call_nobody_is_late():
    post = Post()
    lagging(post)
    post.killed(58, w0=0, w1=0)
    assert post.killed(5, w0=1.0, w1=0) == []
    assert post.killed(1, w0=0, w1=0) == [(1, "not ready in epoch 2 after 64 s")]


@pytest.mark.parametrize(
    ("silent_s", "call_s", "blamed"),
    [
        (0.5, 0, True),  # it lives and is idle: the link is broken
        (0.5, 3.0, False),  # it is busy in a user call: hang_timeout decides
        (9.0, 0, False),  # it is silent itself: silence decides
    ],
)
def test_a_link_is_broken_only_when_its_peer_is_there_and_idle(
    silent_s: float, call_s: float, blamed: bool
):
    post = Post()
    post.killed(1, w0=0, w1=call_s)
    message: dict[str, Any] = {"peer": 1, "silent_s": 12.0}
    found = post.watch.on_link_down(0, message, post.now + silent_s)
    assert (found is not None) is blamed
    if found:
        assert (found[0].number, found[1]) == (1, "link from worker 0 down for 12 s")


def test_a_link_to_nobody_blames_nobody():
    assert Post().watch.on_link_down(0, {"peer": 7, "silent_s": 12.0}, 0.0) is None
