"""What a ledger bounds: messages that were given up, those that wait, and what goes together."""

from __future__ import annotations

import pytest

from .test_ledger import fail, make, send, told


def test_messages_that_wait_for_their_next_try_take_the_room_of_new_ones() -> None:
    ledger = make(max_pending=10)
    fail(ledger, send(ledger, 0, 8))
    assert (ledger.pending, ledger.retries.messages) == (0, 8)
    assert (ledger.room(), ledger.retry_room()) == (2, 10)
    retry = ledger.retries.due(100.0)
    assert retry is not None and ledger.room() == 10
    send(ledger, 0, 1, attempts=1)
    retry.count -= 1
    ledger.retries.put(retry, 100.0)
    assert (ledger.retries.messages, ledger.room()) == (7, 2)
    ledger.new_epoch(None, [], 0.0)
    assert (ledger.retries.messages, ledger.room()) == (0, 10)


@pytest.mark.parametrize(
    ("size", "attempts_max", "parts"), [(64, 5, [4, 1]), (64, 3, [4, 1]), (64, 2, [1]), (4, 5, [1])]
)
def test_messages_that_failed_together_come_back_in_small_parts_and_then_alone(
    size: int, attempts_max: int, parts: list[int]
) -> None:
    """Each is left an attempt of its own, before it may be given up."""
    ledger = make(attempts_max=attempts_max)
    for attempts, part in enumerate(parts, 1):
        assert fail(ledger, send(ledger, 0, size, attempts=attempts - 1)) is None
        retry = ledger.retries.due(100.0)
        assert retry is not None
        assert (retry.part, retry.attempts) == (part, attempts) and attempts < attempts_max
        size = part


def test_messages_stay_pending_until_their_dead_letters_are_stored() -> None:
    ledger = make(max_pending=2, attempts_max=1)
    group = fail(ledger, send(ledger, 0, 1))
    assert group is not None and (ledger.pending, ledger.room()) == (1, 1)
    ledger.new_epoch(None, [], 0.0)
    assert (ledger.pending, ledger.room()) == (1, 1)
    ledger.buried(group)
    assert (ledger.pending, ledger.room()) == (0, 2)


def test_first_unacked_may_wait_for_its_dead_letter() -> None:
    ledger = make(attempts_max=1)
    send(ledger, 5, 6, since=2.0)
    fail(ledger, send(ledger, 0, 1, since=1.0))
    assert ledger.first_unacked(4.0) == ["p", 0, 3.0]


def test_a_message_in_flight_has_a_root_and_one_that_waits_has_none() -> None:
    ledger = make()
    send(ledger, 5, 6, since=2.0)
    (root,) = ledger._groups
    assert ledger.root_at("p", 5) == root
    assert ledger.root_at("p", 6) is None and ledger.root_at("q", 5) is None


def test_what_is_new_needs_no_skipping_no_singles_and_has_no_attempts() -> None:
    plain, acked, tried, buried = make(), make(), make(), make(attempts_max=1)
    acked.restore({"p": [3, [[5, 7]]]}, [])
    tried.restore({}, [["p", 4, 8, 1]])
    fail(buried, send(buried, 2, 3))
    assert [acked.is_new("p", n) for n in (0, 3, 6, 7)] == [False, False, False, True]
    assert plain.is_new("p", 0) and acked.is_new("q", 0)
    assert not tried.is_new("p", 8) and not buried.is_new("p", 3)


def test_a_message_whose_dead_letter_is_stored_is_not_read_again_before_it_is_durable() -> None:
    """A new epoch passes by what was given up before it, when ever the store answers."""
    ledger = make(attempts_max=1)
    group = fail(ledger, send(ledger, 0, 1))
    assert group is not None
    ledger.new_epoch(None, [], 0.0)
    ledger.buried(group)
    assert (ledger.skip_to("p", 0), ledger.positions_of("p").first_unacked) == (1, 0)
    told(ledger, 1)
    ledger.durable(1)
    assert ledger.positions_of("p").first_unacked == 1 and not ledger.singly("p", 1)


def test_a_dead_letter_that_is_not_durable_in_a_new_epoch_is_made_again() -> None:
    ledger = make(attempts_max=1)
    group = fail(ledger, send(ledger, 0, 1))
    assert group is not None
    ledger.buried(group)
    ledger.new_epoch(None, [], 0.0)
    assert ledger.skip_to("p", 0) == 0 and ledger.dead == 0
