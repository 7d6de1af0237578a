"""Whole runs of the coordinator over a naive fleet, with deaths, hangs and a failing disk."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from ..supervisor.fleet import FAST, FlakyStore, Fleet, StandInPlan


def test_bounded_input_runs_to_its_end():
    fleet = Fleet(1, StandInPlan())
    fleet.run(20)
    assert fleet.done is not None and fleet.done.outcome == "finished"
    assert fleet.kept() == fleet.all_messages()
    assert fleet.store.finished()


@pytest.mark.parametrize("seed", range(60))
def test_nothing_is_lost_whoever_dies(seed: int):
    rng = random.Random(seed)
    store = FlakyStore(rng, share=rng.choice([0, 0.1, 0.3]))
    plan = StandInPlan(
        workers=rng.randint(1, 4), spouts=rng.randint(1, 3), bolts=rng.randint(1, 4)
    )
    fleet = Fleet(seed, plan, messages=300, store=store)
    fleet.faults = rng.choice([0.0, 0.002, 0.01])
    for _ in range(rng.randint(1, 3)):
        fleet.run(rng.uniform(0.5, 6))
        if fleet.done is None and rng.random() < 0.5:
            fleet.restart()
    fleet.faults = 0.0
    store.calm()
    fleet.run(60)
    assert fleet.done is not None, fleet.coordinator.status(fleet.now)
    if fleet.done.outcome == "finished":
        assert fleet.kept() == fleet.all_messages()
    else:
        assert "ended" in fleet.done.reason, fleet.done
    assert fleet.epochs == sorted(set(fleet.epochs))


@pytest.mark.parametrize("seed", range(20))
def test_a_drained_run_is_taken_up_by_the_next(seed: int):
    fleet = Fleet(seed, StandInPlan(workers=3, spouts=2), messages=2000)
    fleet.faults = 0.003 if seed % 2 else 0.0
    fleet.run(1.5)
    fleet.coordinator.drain(fleet.now)
    fleet.act()
    fleet.run(15)
    assert fleet.done is not None
    assert fleet.kept() != fleet.all_messages()
    fleet.faults = 0.0
    fleet.restart()
    fleet.run(60)
    assert fleet.done.outcome == "finished"
    assert fleet.kept() == fleet.all_messages()


def test_without_state_rounds_only_persist_positions():
    fleet = Fleet(3, StandInPlan(stateful=False, spouts=2))
    fleet.run(20)
    assert fleet.done is not None and fleet.done.ok
    assert fleet.store.positions() == {1: {"p": [200, []]}, 2: {"p": [200, []]}}
    assert fleet.store.parts() == []


def test_three_kills_at_once_raise_the_epoch_once():
    fleet = Fleet(4, StandInPlan(workers=4), messages=3000, settings=replace(FAST))
    fleet.run(2)
    before = len(fleet.epochs)
    for key in list(fleet.workers)[:3]:
        fleet.kill(key)
    fleet.run(3)
    assert len(fleet.epochs) == before + 1
    assert [w.restarts for w in fleet.coordinator.handover.workers] == [1, 1, 1, 0]
