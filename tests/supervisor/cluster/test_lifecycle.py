"""The life of a topology: every pair of the table, and that each state can be gone on from."""

from __future__ import annotations

import pytest
from waterspout.supervisor.cluster.lifecycle import (
    RESUMED,
    TRANSITIONS,
    LifeAction,
    LifeEvent,
    LifeState,
    WrongState,
    step,
    takes,
)

from ...each_case import each_case

S, E, A = LifeState, LifeEvent, LifeAction


def life(*events: LifeEvent) -> tuple[LifeState, list[LifeAction]]:
    """Return where a topology is after these events, and all that was done."""
    state, done = S.ACTIVE, []
    for event in events:
        state, actions = step(state, event)
        done += actions
    return state, done


def test_a_killed_topology_drains_ends_and_gives_its_slots_back():
    assert life(E.RUNNING, E.KILL, E.DRAINED) == (S.ENDED, [A.KEEP, A.DRAIN, A.FREE])


def test_a_kill_that_takes_too_long_can_be_made_to_end_now():
    assert life(E.KILL, E.KILL_NOW, E.DONE) == (S.ENDED, [A.DRAIN, A.STOP, A.FREE])


def test_a_topology_that_cannot_boot_ends():
    assert life(E.CANNOT_BOOT) == (S.ENDED, [A.FREE])


def test_a_move_drains_switches_and_runs():
    assert life(E.MOVE, E.DRAINED, E.RUNNING) == (S.ACTIVE, [A.DRAIN, A.SWITCH, A.START, A.KEEP])


def test_a_move_to_what_cannot_boot_goes_back_to_what_ran():
    state, done = life(E.MOVE, E.DRAINED, E.CANNOT_BOOT, E.RUNNING)
    assert state is S.ACTIVE
    assert done == [A.DRAIN, A.SWITCH, A.START, A.RESTORE, A.START, A.KEEP]


def test_input_that_ends_during_a_move_ends_the_topology():
    assert life(E.MOVE, E.DONE) == (S.ENDED, [A.DRAIN, A.FREE])


def test_a_paused_topology_goes_on():
    assert life(E.PAUSE, E.RESUME) == (S.ACTIVE, [A.PAUSE, A.UNPAUSE])


@each_case("event", [E.PAUSE, E.RESUME, E.MOVE, E.KILL, E.KILL_NOW])
def test_nothing_can_be_asked_of_what_has_ended(event: LifeEvent):
    with pytest.raises(WrongState, match="it is ended"):
        step(S.ENDED, event)


def test_every_state_can_be_gone_on_from_by_a_coordinator_that_comes_back():
    assert set(RESUMED) == set(S) == set(TRANSITIONS)
    for state in set(S) - {S.ENDED}:
        assert A.START in RESUMED[state]


def test_what_a_state_began_is_begun_again_by_a_coordinator_that_comes_back():
    """Actions of the step into a state are not lost when the coordinator dies right after it."""
    for row in TRANSITIONS.values():
        for state, actions in row.values():
            lasting = {A.DRAIN, A.SWITCH, A.RESTORE, A.START, A.PAUSE} & set(actions)
            assert lasting <= set(RESUMED[state])


@each_case("state", [state for state in S if state is not S.ENDED])
def test_every_driver_that_ends_has_a_next_state(state: LifeState):
    events = (E.DONE, E.DRAINED, E.CANNOT_BOOT, E.KILL_NOW)
    assert all(takes(state, event) for event in events)
