"""What rounds and checkpoints have in common; the cuts are in test_rounds and test_checkpoints."""

from __future__ import annotations

import pytest
from waterspout.supervisor.snapshotting import NUMBERS_AHEAD, RoundState, Snapshotting, Underway
from waterspout.supervisor.store_memory import MemoryStore


class Plain(Snapshotting):
    """A cut in one step."""

    def _begin(self, current: Underway) -> None:
        self.state = RoundState.SNAPSHOTTING

    def _pause_s(self, current: Underway, now: float) -> float:
        return 1.0

    def postpone(self, now: float) -> None:
        self._next_at = now


def plain(store: MemoryStore) -> Plain:
    """Return the snapshotting of one worker without tasks."""
    return Plain(tasks={}, workers=(0,), store=store, send=lambda worker, m: None, timeout_s=9.0)


def complete(made: Plain, epoch: int) -> int:
    """Make one snapshot."""
    number = made.start(epoch, 0.0)
    made.on_snapshotted(0, {"round": number, "parts": []}, 0.0)
    return number


def test_numbers_rise_by_one_and_are_stored_many_at_a_time():
    store = MemoryStore()
    made = plain(store)
    epoch = store.next_epoch()
    numbers = [complete(made, epoch) for _ in range(NUMBERS_AHEAD + 5)]
    assert numbers == list(range(1, NUMBERS_AHEAD + 6))
    assert store.next_rounds(1) == 2 * NUMBERS_AHEAD + 1


@pytest.mark.parametrize("heard", [0, 7, 5000])
def test_a_number_that_a_worker_heard_of_is_not_used_again(heard: int):
    store = MemoryStore()
    made = plain(store)
    made.go_on_after(heard)
    assert complete(made, store.next_epoch()) > heard


def test_answers_in_another_state_are_ignored():
    store = MemoryStore()
    made = plain(store)
    assert not made.on_snapshotted(0, {"round": 0, "parts": []}, 0.0)
    assert not made.on_frozen(0, {"round": 1}, 0.0)
