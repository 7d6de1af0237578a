"""Suspects: who gains an attempt after a death, and where it is kept."""

from __future__ import annotations

import pytest
from waterspout.supervisor.store import Suspect
from waterspout.supervisor.store_memory import MemoryStore
from waterspout.supervisor.suspects import Suspects

#: Tasks 1 and 2 are spout tasks in worker 0 and 1, 3 is a bolt task in worker 2.
WORKER_OF = {1: 0, 2: 1, 3: 2}
ATTEMPTS_MAX = 3


def root(task: int, counter: int = 1) -> int:
    return task << 48 | counter


def make(store: MemoryStore) -> Suspects:
    return Suspects(store, WORKER_OF, {1, 2}, ATTEMPTS_MAX)


def test_roots_go_to_the_worker_whose_ledger_drew_them():
    suspects = make(MemoryStore())
    suspects.on_death(2, [root(1), root(2), root(1, 9)], {})
    assert suspects.take_roots(0) == [root(1), root(1, 9)]
    assert suspects.take_roots(1) == [root(2)]
    assert suspects.take_roots(0) == []


def test_roots_of_the_dead_workers_own_ledgers_and_of_nobody_are_dropped():
    suspects = make(MemoryStore())
    suspects.on_death(0, [root(1), root(77)], {})
    assert [suspects.take_roots(w) for w in (0, 1, 2)] == [[], [], []]


def test_a_survivor_that_dies_too_takes_its_roots_along():
    suspects = make(MemoryStore())
    suspects.on_death(2, [root(1)], {})
    suspects.on_death(0, [], {})
    assert suspects.take_roots(0) == []


def test_roots_that_wait_are_bounded_and_kept_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("waterspout.supervisor.suspects.ROOTS_MAX", 100)
    suspects = make(MemoryStore())
    suspects.on_death(2, [root(1), root(1)], {})
    assert suspects.take_roots(0) == [root(1)]
    suspects.on_death(2, [root(1, n) for n in range(103)], {})
    assert len(suspects.take_roots(0)) == 100


def test_each_death_adds_an_attempt_to_positions_at_work():
    store = MemoryStore()
    suspects = make(store)
    for _ in range(3):
        suspects.on_death(0, [], {1: [["a", 10, 15, 0, True]]})
    suspects.on_death(0, [], {1: [["b", 10, 15, 0, True], ["b", 10, 15, 0, True]]})
    assert store.suspects() == [Suspect(1, "a", 10, 15, 3), Suspect(1, "b", 10, 15, 1)]


def test_a_new_worker_hears_of_its_own_tasks_suspects_only():
    suspects = make(MemoryStore())
    suspects.on_death(0, [], {1: [["a", 10, 15, 0, True], ["a", 20, 25, 0, True]]})
    suspects.on_death(1, [], {2: [["b", 1, 2, 0, True]]})
    assert suspects.of_worker(0) == {1: [["a", 10, 15, 1], ["a", 20, 25, 1]]}
    assert suspects.of_worker(2) == {}


def test_attempts_that_a_surviving_ledger_counted_outlive_it():
    store = MemoryStore()
    suspects = make(store)
    suspects.on_report({1: [["a", 10, 15, 4]]})
    suspects.on_death(0, [], {1: [["a", 10, 15, 0, True]]})
    assert suspects.of_worker(0) == {1: [["a", 10, 15, 5]]}


def test_attempts_that_only_the_dead_ledger_knew_are_kept():
    """A message killed another worker, and then the worker of its ledger died."""
    store = MemoryStore()
    suspects = make(store)
    suspects.on_death(0, [], {1: [["a", 10, 15, 2, True], ["a", 20, 25, 3, False]]})
    assert store.suspects() == [Suspect(1, "a", 10, 15, 3), Suspect(1, "a", 20, 25, 3)]
    suspects.on_death(0, [], {1: [["a", 10, 15, 1, False], ["a", 20, 25, 3, True]]})
    assert [s.attempts for s in store.suspects()] == [3, 4]


def test_a_death_is_explained_by_a_message_until_that_had_all_its_attempts():
    suspects = make(MemoryStore())
    at_work = {1: [["a", 10, 15, 0, True]]}
    explained = [suspects.on_death(0, [], at_work) for _ in range(ATTEMPTS_MAX + 1)]
    assert explained == [True, True, True, False]
    assert suspects.on_death(0, [], {1: [["a", 20, 21, 0, True]]})


def test_a_death_is_explained_by_a_message_of_a_ledger_that_lives():
    assert make(MemoryStore()).on_death(2, [root(1)], {})


def test_what_no_ledger_counts_explains_no_death():
    suspects = make(MemoryStore())
    assert not suspects.on_death(0, [], {})
    assert not suspects.on_death(0, [root(1), root(3)], {1: [["a", 10, 15, 2, False]]})
