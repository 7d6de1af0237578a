"""The ledger of exactly-once: cuts, what is durable with them, and what a restore takes back."""

from __future__ import annotations

import pytest
from waterspout.spouts.exact_ledger import ExactLedger, grown
from waterspout.spouts.groups import Group
from waterspout.topology.control_frames import Failure
from waterspout.topology.settings import Settings


def ledger_of(**settings: object) -> ExactLedger:
    return ExactLedger(Settings(**settings), group_max=4)  # type: ignore[arg-type]


def send(ledger: ExactLedger, root: int, start: int, end: int) -> Group:
    group = Group("p", start, end, end - start, 10.0 + start)
    ledger.sent(root, group)
    return group


def fail(ledger: ExactLedger, root: int) -> Group | None:
    return ledger.failed_root(Failure(root, "b", 3, "why", ""), 20.0)


def test_the_position_of_a_cut_is_the_next_message_and_not_the_first_unacked() -> None:
    ledger = ledger_of()
    send(ledger, 1, 0, 4)
    send(ledger, 2, 4, 6)
    assert ledger.cut(1, {"p": 6}) == {"p": [6, []]}
    assert ledger.positions_of("p").first_unacked == 0


def test_all_that_was_drawn_before_a_cut_is_durable_with_its_checkpoint_and_nothing_else() -> None:
    # drawn: [0, 4) | cut 1 | [4, 6)
    ledger = ledger_of()
    send(ledger, 1, 0, 4)
    ledger.cut(1, {"p": 4})
    send(ledger, 2, 4, 6)
    for root in (1, 2):
        ledger.completed(root, 20.0)
    assert ledger.settled(1) == [4, 0] and ledger.worked_through == 6
    ledger.durable(1)
    assert ledger.positions_of("p").first_unacked == 4
    assert ledger.worked_through == 2
    assert ledger.first_unacked(16.0) == ["p", 4, 2.0]


def test_only_partitions_that_moved_since_the_last_complete_checkpoint_are_told() -> None:
    ledger = ledger_of()
    assert ledger.cut(1, {"p": 4, "q": 2}) == {"p": [4, []], "q": [2, []]}
    ledger.abort()
    assert ledger.cut(2, {"p": 4, "q": 2}) == {"p": [4, []], "q": [2, []]}
    ledger.durable(2)
    assert ledger.cut(3, {"p": 5, "q": 2}) == {"p": [5, []]}


def test_a_cut_is_settled_once_all_that_was_drawn_before_it_is_worked_through() -> None:
    ledger = ledger_of()
    send(ledger, 1, 0, 2)
    send(ledger, 2, 2, 4)
    ledger.cut(1, {"p": 4})
    send(ledger, 3, 4, 6)
    assert ledger.settled(1) is None
    ledger.completed(2, 20.0)
    ledger.completed(1, 20.0)
    assert ledger.settled(1) == [4, 0]
    assert ledger.settled(9) is None


def test_what_failed_is_not_tried_again_and_no_checkpoint_is_settled_until_the_restore() -> None:
    ledger = ledger_of()
    group = send(ledger, 1, 0, 2)
    assert fail(ledger, 1) is group
    assert fail(ledger, 1) is None
    assert ledger.retries.due(1000.0) is None and not ledger.idle
    send(ledger, 2, 2, 4)
    ledger.completed(2, 20.0)
    ledger.cut(1, {"p": 4})
    assert ledger.settled(1) is None
    assert ledger.failed == 2


def test_with_dead_letters_at_once_a_cut_is_settled_when_the_letter_is_stored() -> None:
    ledger = ledger_of(fail_to_dead_letter=True)
    assert ledger.sizes.size == 1
    group = send(ledger, 1, 0, 1)
    send(ledger, 2, 1, 2)
    ledger.cut(1, {"p": 2})
    ledger.completed(2, 20.0)
    assert fail(ledger, 1) is group
    assert ledger.settled(1) is None and not ledger.idle
    ledger.buried(group)
    assert ledger.settled(1) == [1, 1] and ledger.idle
    assert (ledger.acked, ledger.dead, ledger.pending) == (1, 1, 0)


@pytest.mark.parametrize("at_once", [False, True])
def test_a_message_that_is_skipped_counts_with_the_cut_after_its_letter_was_stored(
    at_once: bool,
) -> None:
    ledger = ledger_of(fail_to_dead_letter=at_once)
    group = Group("p", 0, 1, 1, 10.0, attempts=5)
    ledger.skip(group)
    ledger.cut(1, {})
    assert ledger.settled(1) == [0, 0]
    ledger.buried(group)
    ledger.cut(2, {"p": 1})
    assert ledger.settled(2) == [0, 1]


def test_a_root_that_was_at_work_in_a_dead_worker_gains_an_attempt() -> None:
    ledger = ledger_of()
    send(ledger, 1, 0, 4)
    assert ledger.attempt(1) == ["p", 0, 4, 1]
    assert ledger.attempt(2) is None


def test_a_later_checkpoint_makes_durable_what_an_aborted_one_would_have() -> None:
    ledger = ledger_of()
    send(ledger, 1, 0, 2)
    ledger.cut(1, {"p": 2})
    send(ledger, 2, 2, 3)
    for root in (1, 2):
        ledger.completed(root, 20.0)
    assert ledger.news
    ledger.cut(2, {"p": 3})
    ledger.durable(1000)
    assert ledger.news
    ledger.durable(2)
    assert not ledger.news and ledger.first_unacked(0.0) is None
    assert ledger.positions_of("p").first_unacked == 3


# --- fewer messages until a checkpoint is complete ----------------------------------------------


def test_what_may_be_drawn_is_used_up_until_a_checkpoint_is_complete_and_is_more_then() -> None:
    ledger = ledger_of(max_pending=100)
    assert ledger.room() == 100
    ledger.draw_max = 4
    send(ledger, 1, 0, 3)
    assert ledger.room() == 1
    send(ledger, 2, 3, 4)
    for root in (1, 2):
        ledger.completed(root, 20.0)
    assert ledger.room() == 0, "through is not enough: it may be taken back"
    ledger.cut(1, {"p": 4})
    assert ledger.room() == 0
    ledger.durable(1)
    assert (ledger.draw_max, ledger.room()) == (6, 6)


def test_a_checkpoint_with_nothing_new_lets_no_more_be_drawn() -> None:
    ledger = ledger_of(max_pending=100)
    ledger.draw_max = 4
    ledger.cut(1, {})
    ledger.durable(1)
    assert ledger.draw_max == 4


def test_skipped_messages_do_not_use_up_what_may_be_drawn() -> None:
    """No checkpoint is asked for on their account alone: the next message would wait for ever."""
    ledger = ledger_of(max_pending=100)
    ledger.draw_max = 1
    skipped = Group("p", 0, 1, 1, 10.0)
    ledger.skip(skipped)
    ledger.buried(skipped)
    assert ledger.room() == 1


@pytest.mark.parametrize(("draw_max", "expected"), [(1, 2), (7, 11), (150, 225), (1066, 1599)])
def test_what_may_be_drawn_grows_by_half(draw_max: int, expected: int) -> None:
    assert grown(draw_max, 100) == expected


def test_from_a_multiple_of_max_pending_on_nothing_bounds_what_is_drawn() -> None:
    assert grown(1067, 100) is None
    assert grown(None, 100) is None
