"""Savepoints: each gets a snapshot of its own time, which is held until it was copied."""

from __future__ import annotations

import pytest
from waterspout.supervisor.savepoint_requests import (
    COMMIT_WAIT_S,
    HOLD_S,
    SAVEPOINTS_MAX,
    TRIES_MAX,
    SavepointRequests,
    SavepointState,
    TooManySavepoints,
)
from waterspout.supervisor.store import Part


def parts(*files: str) -> list[Part]:
    return [Part(3, file, 1, "") for file in files]


def test_a_snapshot_that_began_before_it_was_asked_for_is_not_its_own():
    requests = SavepointRequests()
    first = requests.ask(0.0)
    requests.began()
    second = requests.ask(0.0)
    requests.complete(7, {1: {"p": [3, []]}}, parts("a"))
    requests.committed()
    states = [requests.look(id, 0.0).state for id in (first, second)]  # type: ignore[union-attr]
    assert states == [SavepointState.HELD, SavepointState.WAITING]
    assert requests.wanted and requests.files == {"a"}


def test_it_is_not_given_out_before_sinks_have_committed_it_but_for_one_that_cannot():
    requests = SavepointRequests()
    id = requests.ask(0.0)
    requests.began()
    requests.complete(7, {}, parts("a"))
    requests.on_tick(1.0)
    requests.on_tick(1.0 + COMMIT_WAIT_S)
    assert requests.files == {"a"}
    assert requests.look(id, 0.0).state is SavepointState.STORED  # type: ignore[union-attr]
    requests.on_tick(1.1 + COMMIT_WAIT_S)
    assert requests.look(id, 0.0).state is SavepointState.HELD  # type: ignore[union-attr]


def test_its_files_are_held_until_it_is_released():
    requests = SavepointRequests()
    ids = [requests.ask(0.0), requests.ask(0.0)]
    requests.began()
    requests.complete(7, {}, parts("a", "b"))
    requests.release(ids[0])
    assert requests.files == {"a", "b"}
    requests.release(ids[1])
    requests.release(ids[1])
    assert requests.files == frozenset() and requests.look(ids[1], 0.0) is None


def test_what_nobody_asks_after_is_let_go():
    requests = SavepointRequests()
    id = requests.ask(0.0)
    requests.look(id, 100.0)
    requests.on_tick(100.0 + HOLD_S)
    assert requests.look(id, 100.0)
    requests.on_tick(100.1 + HOLD_S)
    assert requests.look(id, 0.0) is None


def test_a_snapshot_that_is_given_up_is_made_again_a_few_times():
    requests = SavepointRequests()
    id = requests.ask(0.0)
    for _ in range(TRIES_MAX - 1):
        requests.began()
        requests.broken("disk full")
        assert requests.wanted
    requests.began()
    requests.broken("disk full")
    found = requests.look(id, 0.0)
    assert found is not None
    assert (found.state, found.why, requests.wanted) == (SavepointState.FAILED, "disk full", False)


def test_when_no_more_snapshots_come_one_that_waits_is_refused():
    requests = SavepointRequests()
    id = requests.ask(0.0)
    requests.over("the input has ended")
    assert requests.look(id, 0.0).why == "the input has ended"  # type: ignore[union-attr]


def test_only_so_many_are_taken():
    requests = SavepointRequests()
    for _ in range(SAVEPOINTS_MAX):
        requests.ask(0.0)
    with pytest.raises(TooManySavepoints):
        requests.ask(0.0)
