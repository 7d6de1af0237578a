"""How much spouts draw until a checkpoint is complete."""

from __future__ import annotations

from waterspout.spouts.exact_ledger import DRAW_MAX_PENDINGS
from waterspout.supervisor.slow_start import RESTORES_TOLD_MIN, SlowStart


def test_each_restore_in_a_row_halves_what_may_be_drawn_down_to_one_message() -> None:
    slow_start, found = SlowStart(20), []
    for _ in range(8):
        slow_start.restored("x")
        found.append(slow_start.draw_max)
    assert found == [None, 10, 5, 2, 1, 1, 1, 1]


def test_each_complete_checkpoint_lets_half_as_much_again_be_drawn_until_nothing_bounds() -> None:
    slow_start, found = SlowStart(4), []
    for _ in range(5):
        slow_start.restored("x")
    while slow_start.draw_max is not None:
        found.append(slow_start.draw_max)
        slow_start.completed()
    assert found == [1, 2, 3, 5, 8, 12, 18, 27, 41, 62]
    assert found[-1] * 1.5 >= DRAW_MAX_PENDINGS * 4


def test_a_restore_after_a_complete_checkpoint_halves_nothing() -> None:
    slow_start = SlowStart(100)
    for _ in range(5):
        slow_start.restored("x")
        slow_start.completed()
    assert slow_start.draw_max is None


def test_restores_in_a_row_are_told_with_the_reason_and_what_to_do() -> None:
    slow_start = SlowStart(100)
    for _ in range(RESTORES_TOLD_MIN):
        assert slow_start.trouble == ""
        slow_start.restored("fetch: ValueError: away")
    assert "fetch: ValueError: away" in slow_start.trouble
    for name in ("fail_to_dead_letter", "checkpoint_interval", "max_pending"):
        assert name in slow_start.trouble
    slow_start.completed()
    assert (slow_start.trouble, slow_start.restores, slow_start.why) == ("", 0, "")
