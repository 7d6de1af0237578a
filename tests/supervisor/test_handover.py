"""Epochs: when they rise, what the new and the surviving workers are told, when all may go."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from waterspout.supervisor.effects import Event, KillWorker, Outbox, Send, StartWorker
from waterspout.supervisor.handover import HandOver
from waterspout.supervisor.restarts import WorkerState
from waterspout.supervisor.store import Part, StoreError, Suspect
from waterspout.supervisor.store_memory import MemoryStore
from waterspout.supervisor.suspects import Suspects
from waterspout.topology.settings import Settings

from .fleet import StandInPlan

#: Spout tasks 1 (worker 0) and 2 (worker 1), bolt tasks 3 (worker 0) and 4 (worker 1).
PLAN = StandInPlan(workers=2, spouts=2, bolts=2)
WORKER_OF = {1: 0, 2: 1, 3: 0, 4: 1}


class BrokenStore(MemoryStore):
    broken = False

    def next_epoch(self) -> int:
        if self.broken:
            raise StoreError("disk full")
        return super().next_epoch()


class Place:
    def __init__(self) -> None:
        self.store = BrokenStore()
        self.outbox = Outbox()
        self.suspects = Suspects(self.store, WORKER_OF, {1, 2}, 5)
        settings = replace(Settings(), boot_timeout_s=60.0, restart_backoff_min_s=0.1)
        self.handover = HandOver(
            PLAN, settings, self.store, random.Random(1), self.outbox, self.suspects,
            lambda worker: {"folder": "/f"},
        )  # fmt: skip
        self.workers = self.handover.workers
        self.now = 0.0

    def done(self, kind: type) -> list[Any]:
        """Take the effects of one kind, drop the others."""
        effects = [e for e in self.outbox if isinstance(e, kind)]
        self.outbox.clear()
        return effects

    def told(self) -> dict[int, dict[str, Any]]:
        return {e.worker: e.message for e in self.done(Send)}

    def register(self, *numbers: int) -> None:
        self.handover.start_due(self.now)
        for n in numbers:
            message = {"endpoint": f"ipc://{n}", "pid": 100 + n}
            self.handover.on_register(self.workers[n], message)

    def bring_up(self) -> None:
        """Start both workers and let them go."""
        self.register(0, 1)
        assert self.handover.raise_due(self.now)
        assert self.handover.raise_epoch(self.now)
        self.ready(0, 1)
        self.handover.go(self.now)
        self.outbox.clear()

    def ready(self, *numbers: int) -> None:
        for n in numbers:
            self.handover.on_ready(self.workers[n])

    def lose(self, number: int, after_s: float = 100.0) -> None:
        self.now += after_s
        self.suspects.on_death(number, [1 << 48 | 5], {})
        self.handover.on_lost(self.workers[number], "killed by signal 9", self.now)


def test_incarnations_are_drawn_anew_for_every_start():
    place = Place()
    place.bring_up()
    first = place.workers[0].incarnation
    place.lose(0)
    place.now += 1.0
    place.register()
    (start,) = place.done(StartWorker)
    assert start.worker == 0
    assert start.incarnation not in (first, place.workers[1].incarnation)


def test_nobody_hears_of_an_epoch_before_all_registered():
    place = Place()
    place.register(0)
    assert not place.handover.raise_due(0.0)
    place.register(1)
    assert place.handover.raise_due(0.0)


def test_new_workers_are_assigned_their_own_tasks_state():
    place = Place()
    epoch = place.store.next_epoch()
    positions = {1: {"a": [5, []]}, 2: {"b": [7, [[9, 11]]]}}
    parts = [Part(3, "n-3", 1, ""), Part(4, "n-4", 1, "")]
    place.store.commit_round(6, epoch, positions, parts)
    place.store.note_suspects([Suspect(2, "b", 7, 8, 2)])
    place.register(0, 1)
    place.handover.raise_epoch(0.0)
    told = place.told()
    peers = {
        n: {"endpoint": f"ipc://{n}", "incarnation": place.workers[n].incarnation, "key": ""}
        for n in (0, 1)
    }
    assert told[1] == {
        "kind": "assign", "epoch": 2, "plan": {"name": "fake"}, "peers": peers,
        "restore_round": 6, "parts": {4: [["n-4", ""]]}, "positions": {2: {"b": [7, [[9, 11]]]}},
        "suspects": {2: [["b", 7, 8, 2]]}, "folder": "/f", "fresh": False,
    }  # fmt: skip
    assert told[0]["positions"] == {1: {"a": [5, []]}}


def test_workers_are_fresh_until_they_were_told_to_go_and_while_nothing_is_durable():
    place = Place()
    place.register(0, 1)
    place.handover.raise_epoch(0.0)
    assert place.told()[0]["fresh"]
    place.handover.on_built(place.workers[0])
    for gone in (False, True):
        if gone:
            place.handover.go(place.now)
        place.lose(0)
        place.lose(1)
        place.now += 1.0
        place.register(0, 1)
        place.handover.raise_epoch(place.now)
        told = place.told()
        assert [told[n]["fresh"] for n in (0, 1)] == [not gone, not gone]


def test_positions_that_were_reserved_are_durable_enough():
    place = Place()
    place.store.reserve(place.store.next_epoch(), 1, {"a": [100, []]})
    place.register(0, 1)
    place.handover.raise_epoch(0.0)
    assert not place.told()[1]["fresh"]


def test_survivors_hear_what_is_durable_and_which_roots_were_at_work():
    place = Place()
    place.bring_up()
    place.store.commit_round(6, 1, {}, [])
    place.lose(1)
    place.now += 1.0
    place.register(1)
    place.handover.raise_epoch(place.now)
    told = place.told()
    assert told[1]["kind"] == "assign"
    survivor = told[0]
    assert (survivor["kind"], survivor["epoch"], survivor["durable_round"]) == ("epoch", 2, 6)
    assert survivor["roots"] == [1 << 48 | 5]
    assert set(survivor["peers"]) == {0, 1}


def test_go_needs_everybody_ready_in_the_same_epoch():
    place = Place()
    place.bring_up()
    place.lose(1)
    place.now += 1.0
    place.register(1)
    place.handover.raise_epoch(place.now)
    place.ready(1)
    assert not place.handover.go_due()
    place.ready(0)
    assert place.handover.go_due()
    place.handover.go(place.now)
    assert not place.handover.go_due()
    assert [e.message["kind"] for e in place.done(Send)][-2:] == ["go", "go"]


def test_a_loss_before_the_raise_joins_it():
    #  lost 0 ... lost 1 ... both registered: one raise
    place = Place()
    place.bring_up()
    place.lose(0)
    place.lose(1, after_s=0.05)
    place.now += 5.0
    place.register(0)
    assert not place.handover.raise_due(place.now)
    place.register(1)
    assert place.handover.raise_due(place.now)
    place.handover.raise_epoch(place.now)
    assert not place.handover.raise_due(place.now)
    assert place.handover.epochs == 2


def test_a_loss_says_how_often_in_a_row_it_came_before_the_worker_was_built():
    place = Place()
    place.register(0, 1)
    for _ in range(2):
        place.lose(0)
        place.now += 100.0
        place.register(0)
    losses = [e.fields["boot_losses"] for e in place.done(Event) if e.name == "worker lost"]
    assert losses == [1, 2]


def test_raises_that_follow_each_other_are_spaced_although_the_workers_differ():
    place = Place()
    place.bring_up()
    waits = []
    for number in (0, 1, 0, 1):
        place.lose(number, after_s=1.0)
        place.register(0, 1)
        place.workers[number].start_at = place.now
        place.register(number)
        lost_at = place.now
        while not place.handover.raise_due(place.now):
            place.now += 0.01
        waits.append(round(place.now - lost_at, 1))
        place.handover.raise_epoch(place.now)
        place.ready(0, 1)
        place.handover.go(place.now)
    assert waits == [0.1, 0.2, 0.4, 0.8]


def test_an_epoch_the_store_cannot_keep_is_not_used():
    place = Place()
    place.register(0, 1)
    place.outbox.clear()
    place.store.broken = True
    assert not place.handover.raise_epoch(0.0)
    assert [e.name for e in place.outbox if isinstance(e, Event)] == ["epoch not raised"]
    assert place.told() == {}
    assert not place.handover.raise_due(0.9)
    assert place.handover.raise_due(1.0)


def test_a_worker_that_does_not_boot_is_killed_once():
    place = Place()
    place.register(0)
    place.handover.on_built(place.workers[0])
    place.outbox.clear()
    for now in (60.0, 60.1, 60.2):
        place.handover.start_due(now)
    (kill,) = place.done(KillWorker)
    assert kill.worker == 1
    assert "boot_timeout" in kill.why


def test_built_ends_the_boot_although_links_are_not_open_yet():
    place = Place()
    place.register(0, 1)
    place.handover.raise_epoch(0.0)
    place.handover.on_built(place.workers[0])
    assert place.workers[0].state is WorkerState.RUNNING
    assert not place.handover.go_due()


@pytest.mark.parametrize("registered", [False, True])
def test_only_registered_workers_can_be_sent_to(registered: bool):
    place = Place()
    place.register(*([0] if registered else []))
    place.outbox.clear()
    place.handover.send(0, {"kind": "stop"})
    assert bool(place.told()) is registered


def test_peers_are_told_each_others_keys():
    place = Place()
    place.handover.start_due(place.now)
    for number in (0, 1):
        message = {"endpoint": f"tcp://{number}", "pid": 1, "key": f"key {number}"}
        place.handover.on_register(place.workers[number], message)
    assert place.handover.raise_epoch(place.now)
    assert {n: p["key"] for n, p in place.told()[0]["peers"].items()} == {0: "key 0", 1: "key 1"}
    place.lose(1)
    place.register(1)
    assert place.workers[1].key == ""


def test_boot_timeout_does_not_run_while_a_worker_is_prepared():
    place = Place()
    place.handover.start_due(place.now)
    for _ in range(5):
        place.now += 50.0
        for number in (0, 1):
            place.handover.on_preparing(place.workers[number], place.now)
        place.handover.start_due(place.now)
    assert place.done(KillWorker) == []
    place.now += 60.5
    place.handover.start_due(place.now)
    assert len(place.done(KillWorker)) == 2
