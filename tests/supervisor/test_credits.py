"""Credits: one frame for each channel, the rest from a pool that all share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.supervisor import credits
from waterspout.supervisor.credits import CreditBook

A, B, C = (1, 0, 2), (1, 0, 3), (4, 0, 2)


def test_a_channel_that_took_the_whole_pool_leaves_the_others_their_own_frame() -> None:
    book = CreditBook(2)
    for _ in range(3):
        assert book.available(A)
        book.take(A)
    assert not book.available(A)
    assert book.available(B)
    book.take(B)
    assert not book.available(B)
    assert book.available(C)
    assert (book.pool_used, book.outstanding) == (2, 4)


def test_what_comes_back_may_be_taken_by_any_channel() -> None:
    book = CreditBook(1)
    for channel in (A, A, B):
        book.take(channel)
    assert not book.available(B)
    assert book.give_back(A, 1) == 1
    assert book.available(B)
    book.take(B)
    assert not book.available(A)
    assert book.give_back(A, 1) == 2
    assert book.available(A), "its own frame"


def test_totals_that_come_twice_or_late_change_nothing() -> None:
    book = CreditBook(5)
    for _ in range(3):
        book.take(A)
    assert book.set_returned(A, 2) == 2
    assert book.set_returned(A, 2) == 2
    assert book.set_returned(A, 1) == 2
    assert book.under_way(A) == 1
    assert list(book.channels()) == [(A, 2)]


@pytest.mark.parametrize(("channel", "returned"), [(A, 2), (B, 1), (A, 1 << 63)])
def test_more_than_was_under_way_cannot_come_back(
    channel: tuple[int, int, int], returned: int
) -> None:
    book = CreditBook(5)
    book.take(A)
    with pytest.raises(ValueError, match="returned"):
        book.set_returned(channel, returned)
    with pytest.raises(ValueError, match="returned"):
        book.give_back(channel, returned)
    assert (book.outstanding, book.pool_used) == (1, 0)


def test_taking_without_credit_is_an_error_of_ours() -> None:
    book = CreditBook(0)
    book.take(A)
    with pytest.raises(AssertionError):
        book.take(A)


def test_the_number_of_channels_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credits, "CHANNELS_MAX", 2)
    book = CreditBook(5)
    book.take(A)
    book.take(B)
    assert not book.available(C)
    assert book.available(A)


@given(
    pool=st.integers(0, 4),
    steps=st.lists(st.tuples(st.booleans(), st.sampled_from([A, B, C])), max_size=60),
)
def test_the_counts_are_those_of_a_naive_model(
    pool: int, steps: list[tuple[bool, tuple[int, int, int]]]
) -> None:
    book = CreditBook(pool)
    held = {A: 0, B: 0, C: 0}
    for taking, channel in steps:
        shared = sum(max(frames - 1, 0) for frames in held.values())
        assert book.available(channel) == (held[channel] == 0 or shared < pool)
        if taking and book.available(channel):
            book.take(channel)
            held[channel] += 1
        elif not taking and held[channel]:
            book.give_back(channel, 1)
            held[channel] -= 1
        assert book.under_way(channel) == held[channel]
        assert book.outstanding == sum(held.values())
        assert book.pool_used == sum(max(frames - 1, 0) for frames in held.values())
