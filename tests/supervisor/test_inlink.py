"""What a receiver remembers of one sender, and tells it in one message."""

from __future__ import annotations

from waterspout.supervisor.inlink import InLink
from waterspout.supervisor.link_states import ReceiverState
from waterspout.topology.control_frames import CreditFrame, control_frame, decode_credit
from waterspout.topology.frame_header import CREDIT, Header
from waterspout.topology.wire_limits import CREDIT_CHANNELS_MAX

A, B = (1, 0, 2), (1, 0, 3)


def make_link(pool_frames: int = 10) -> InLink:
    return InLink(1, 111, b"W1", pool_frames)


def told(link: InLink) -> list[CreditFrame]:
    """Return the CREDITs that a flush would send."""
    header = Header(CREDIT, 1, 2, link.last_seq)
    return [decode_credit(control_frame(header, body)) for body in link.credit_bodies()]


def test_everything_new_goes_into_one_credit() -> None:
    link = make_link()
    for seq, channel in enumerate((A, A, B), 1):
        link.book.take(channel)
        link.arrived(seq)
    link.give_back(A, 1)
    link.give_back(A, 1)
    link.give_back(B, 1)
    assert link.news
    assert told(link) == [CreditFrame(1, [(A, 2), (B, 1)])]
    assert not link.news


def test_an_ack_alone_is_news() -> None:
    link = make_link()
    assert not link.news
    link.arrived(1)
    assert told(link) == [CreditFrame(1, [])]
    link.ack_again()
    assert told(link) == [CreditFrame(2, [])]


def test_a_sender_that_asks_is_told_all_credits_again() -> None:
    link = make_link()
    for channel in (A, B):
        link.book.take(channel)
    link.give_back(A, 1)
    told(link)
    link.asked = True
    link.tell_all()
    assert not link.asked
    assert told(link) == [CreditFrame(2, [(A, 1)])]


def test_many_channels_go_into_several_credits_with_numbers_of_their_own() -> None:
    link = make_link()
    for target in range(CREDIT_CHANNELS_MAX + 1):
        link.book.take((1, 0, target))
        link.give_back((1, 0, target), 1)
    first, second = told(link)
    assert (first.number, len(first.returned)) == (1, CREDIT_CHANNELS_MAX)
    assert (second.number, len(second.returned)) == (2, 1)


def test_what_the_table_does_not_list_is_refused() -> None:
    link = make_link()
    assert link.step("frame") and not link.closed
    assert link.step("bye") and link.closed
    assert link.step("bye"), "the answer to the first one was lost"
    assert not link.step("frame")
    assert link.step("hello") and link.closed, "its BYE is to be answered over a new connection"
    assert link.step("violation")
    assert link.state is ReceiverState.REFUSED
    assert not link.step("hello")
