"""The sending end: greeting, resending, draining, and a peer that does not keep to the rules."""

from __future__ import annotations

import pytest
from waterspout.supervisor.link_clock import HELLO_RETRY_S, RESEND_AFTER_S
from waterspout.supervisor.link_events import Broken, Closed, CreditBack, Opened, Rejected
from waterspout.supervisor.link_states import SenderState
from waterspout.supervisor.link_window import TRACKING_FRAMES_MAX
from waterspout.topology.frame_header import (
    BYE_OK,
    CREDIT,
    DATA,
    HELLO,
    HELLO_OK,
    REJECT,
    RESEND,
    Header,
    decode_header,
)
from waterspout.topology.frames import DATA_HEADER_BYTES, BodyPacker, FrameTooLarge
from waterspout.topology.greetings import HelloOk, Reject, decode_hello, pack_hello_ok, pack_reject

from ..each_case import each_case
from .lossy import (
    FRAME_BYTES_MAX,
    POOL_FRAMES,
    Wire,
    credit,
    failure,
    from_peer,
    make_receiver,
    make_sender,
    one_frame_sent,
)

A, B = (1, 0, 2), (1, 0, 3)


def refusal(code: str, epoch: int = 1) -> bytes:
    return from_peer(REJECT, 0, pack_reject(Reject(code, "why", 9)), epoch=epoch)


def kinds(wire: Wire) -> list[int]:
    """Return the kinds of what waits for the receiver."""
    return [decode_header(data).kind for data in [*wire.to_receiver, *wire.sender.outbox]]


# --- greeting ---


def test_a_hello_says_who_asks_for_whom() -> None:
    sender = make_sender(peer_incarnation=222)
    data = sender.outbox[0]
    assert decode_header(data) == Header(HELLO, 1, 111, 1)
    hello = decode_hello(data)
    assert (hello.topology, hello.worker, hello.peer_incarnation) == ("words", 1, 222)


def test_nothing_is_sent_before_the_answer() -> None:
    wire = Wire()
    assert not wire.sender.open
    assert not wire.sender.has_credit(A)
    wire.sender.send_toggles({5: 1})
    wire.sender.flush()
    assert kinds(wire) == [HELLO]
    wire.settle()
    assert wire.sender_events == [Opened(2, 0)]
    assert wire.delivered == [("toggle", 5, 1)]


def test_hello_is_said_again_until_it_is_answered() -> None:
    wire = Wire()
    wire.push()
    wire.lose()
    wire.tick(0.0)
    wire.tick(HELLO_RETRY_S / 2)
    assert kinds(wire) == []
    wire.tick(HELLO_RETRY_S / 2)
    assert kinds(wire) == [HELLO]
    wire.tick(60.0)
    assert kinds(wire) == [HELLO], "one that still waits in the outbox is not doubled"
    wire.settle()
    assert wire.sender.open


def test_an_answer_to_an_earlier_question_is_ignored() -> None:
    wire = Wire().opened()
    wire.sender.reconnected(wire.now)
    wire.tick()
    answer = from_peer(HELLO_OK, 1, pack_hello_ok(HelloOk(0, 0, FRAME_BYTES_MAX)))
    assert wire.sender.on_message(answer, 1.0) == []
    assert wire.sender.state is SenderState.RESYNC
    wire.settle()
    assert wire.sender.state is SenderState.OPEN


def test_a_peer_with_smaller_frames_is_sent_none_larger() -> None:
    wire = Wire(receiver=make_receiver(frame_bytes_max=1000)).opened()
    assert wire.sender.frame_bytes_max == 1000
    with pytest.raises(FrameTooLarge):
        wire.sender.send_data(A, 1, 1, 1, b"x" * 1000)


def test_a_frame_at_the_limit_is_sent_and_one_byte_more_is_not() -> None:
    wire, packer = Wire().opened(), BodyPacker()
    room = FRAME_BYTES_MAX - DATA_HEADER_BYTES
    with pytest.raises(FrameTooLarge) as caught:
        wire.sender.send_data(A, 1, 1, 1, b"x" * (room + 1))
    assert (caught.value.size_bytes, caught.value.bytes_max) == (2049, FRAME_BYTES_MAX)
    assert wire.sender.drained, "no credit and no number was taken"
    empty = packer.pack([(1, ())], [["x" * 300]])
    exact = packer.pack([(1, ())], [["x" * (room - len(empty) + 300)]])
    wire.sender.send_data(A, 1, 1, 1, exact)
    assert len(wire.sender.outbox[0]) == FRAME_BYTES_MAX
    wire.settle()
    assert len(wire.delivered) == 1


# --- credits ---


def test_a_channel_stops_without_credit_and_goes_on_when_it_is_back() -> None:
    wire = Wire().opened()
    sent = 0
    while wire.sender.has_credit(A):
        sent += 1
        wire.send(A, sent, [[sent]])
    assert sent == 1 + POOL_FRAMES
    assert wire.sender.has_credit(B)
    with pytest.raises(AssertionError):
        wire.send(A, 99, [[99]])
    wire.settle()
    assert not wire.sender.has_credit(A), "delivered is not worked through"
    wire.work()
    wire.settle()
    assert wire.sender_events == [CreditBack([A])]
    assert wire.sender.has_credit(A)


def test_acks_and_credits_of_a_turn_come_in_one_message() -> None:
    wire = Wire().opened()
    for edge, channel in enumerate((A, A, B), 1):
        wire.send(channel, edge, [["x"]])
    wire.push()
    for _ in range(3):
        wire.step_right()
        wire.work()
    wire.push()
    assert [decode_header(data).kind for data in wire.to_sender] == [CREDIT]
    assert wire.step_left() == [CreditBack([A, B])]
    assert wire.sender.drained


# --- the tracking lane ---


def test_tracking_is_merged_while_its_window_is_full() -> None:
    wire = Wire().opened()
    for turn in range(TRACKING_FRAMES_MAX + 50):
        wire.sender.send_toggles({turn % 4 + 1: 1 << (turn % 60)})
        wire.sender.send_fails([failure(turn % 4 + 1)])
        wire.sender.flush()
    assert wire.sender.window_frames <= TRACKING_FRAMES_MAX + 1
    assert wire.sender.waiting_roots <= 8
    wire.settle()
    assert wire.sender.drained
    total: dict[int, int] = {}
    for note in wire.delivered:
        if note[0] == "toggle":
            total[note[1]] = total.get(note[1], 0) ^ note[2]
    wanted: dict[int, int] = {}
    for turn in range(TRACKING_FRAMES_MAX + 50):
        wanted[turn % 4 + 1] = wanted.get(turn % 4 + 1, 0) ^ (1 << (turn % 60))
    assert total == wanted


def test_vouches_and_failures_arrive() -> None:
    wire = Wire().opened()
    wire.sender.send_vouch([7, 8])
    wire.sender.send_fails([failure(5)])
    wire.settle()
    assert wire.delivered == [("fail", 5), ("vouch", 7), ("vouch", 8)]


# --- epochs ---


def test_an_epoch_forgets_what_was_under_way() -> None:
    wire = one_frame_sent()
    wire.sender.send_toggles({5: 1})
    wire.sender.new_epoch(2)
    wire.receiver.adopt(2)
    assert not wire.sender.open and wire.sender.drained
    wire.settle()
    assert wire.delivered == []
    assert wire.receiver.counters.stale == 1
    wire.send(A, 9, [["new"]])
    wire.settle()
    assert [note[2] for note in wire.delivered] == [9]


def test_messages_of_another_epoch_are_ignored() -> None:
    wire = one_frame_sent()
    wire.sender.new_epoch(2)
    assert wire.sender.on_message(credit(1, []), 0.0) == []
    assert wire.sender.on_message(refusal("stale_epoch"), 0.0) == []
    assert wire.sender.ignored == 2
    assert wire.sender.state is SenderState.CONNECTING


def test_an_ack_of_the_last_epoch_says_nothing_of_this_one() -> None:
    wire = one_frame_sent()
    wire.sender.new_epoch(2)
    wire.receiver.adopt(2)
    wire.settle()
    wire.send(A, 2, [["b"]])
    assert wire.sender.on_message(credit(1, [(A, 1)]), wire.now) == []
    assert wire.sender.window_frames == 1
    assert not wire.sender.drained


def test_a_refusal_ends_the_link_until_the_next_epoch() -> None:
    wire = one_frame_sent()
    wire.send(A, 2, [["b"]])
    assert wire.sender.on_message(refusal("identity"), 0.0) == [Rejected(2, "identity", "why", 9)]
    assert not wire.sender.has_credit(A)
    assert not wire.sender.outbox
    wire.tick(60.0)
    assert not wire.sender.outbox, "it does not ask again"
    assert wire.sender.deaf
    wire.tick(5.0)
    assert wire.sender.down_since(wire.now) == 5.0, "nobody would notice that it stands still"
    assert wire.sender.on_message(credit(1, []), 0.0) == []
    wire.sender.new_epoch(2)
    assert len(wire.sender.outbox) == 1


def test_a_misrouted_frame_does_not_end_the_link() -> None:
    wire = one_frame_sent()
    assert wire.sender.on_message(refusal("misrouted", epoch=0), 0.0) == [
        Rejected(2, "misrouted", "why", 9)
    ]
    assert wire.sender.open


# --- a peer that does not keep to the rules ---


@each_case(
    "message, code",
    [
        (b"", "frame"),
        (b"\x00" * 30, "frame"),
        (credit(1, [], ack=2), "frame"),
        (from_peer(RESEND, 2), "frame"),
        (credit(1, [(A, 2)]), "frame"),
        (credit(1, [(B, 1)]), "frame"),
        (credit(1, [(A, 1 << 62)]), "frame"),
        (credit(1, [(A, (1 << 64) - 1)]), "frame"),
        (from_peer(CREDIT, 1, b"\xc1"), "frame"),
        (from_peer(RESEND, 0, b"x"), "frame"),
        (from_peer(HELLO, 1), "frame"),
        (from_peer(DATA, 1), "frame"),
        (from_peer(REJECT, 1, b"\x80"), "frame"),
        (credit(1, [], incarnation=223), "identity"),
    ],
)
def test_nonsense_of_the_peer_closes_the_link(message: bytes, code: str) -> None:
    wire = one_frame_sent()
    (event,) = wire.sender.on_message(message, 0.0)
    assert isinstance(event, Broken)
    assert (event.peer, event.code) == (2, code)
    assert wire.sender.state is SenderState.REJECTED
    assert not wire.sender.has_credit(A)


def test_another_process_than_the_plan_names_is_not_talked_to() -> None:
    wire = Wire(make_sender(peer_incarnation=999), make_receiver(incarnation=222))
    answer = from_peer(HELLO_OK, 1, pack_hello_ok(HelloOk(0, 0, FRAME_BYTES_MAX)))
    (event,) = wire.sender.on_message(answer, 0.0)
    assert isinstance(event, Broken) and event.code == "identity"


# --- the end ---


def test_bye_waits_until_everything_is_back() -> None:
    wire = one_frame_sent()
    wire.sender.close()
    wire.settle(0.2)
    assert wire.sender.state is SenderState.OPEN, "the frame is not worked through"
    wire.work()
    wire.settle(0.2)
    assert wire.sender_events[-1] == Closed(2)
    assert wire.sender.state is SenderState.CLOSED
    assert wire.receiver.all_closed
    assert wire.sender.down_since(wire.now + 60.0) == 0.0, "nothing is owed any more"


def test_a_lost_bye_is_said_again() -> None:
    wire = Wire().opened()
    wire.sender.close()
    wire.tick()
    wire.push()
    wire.lose()
    wire.settle(RESEND_AFTER_S + 0.1)
    assert wire.sender.state is SenderState.CLOSED


def test_a_lost_answer_to_bye_is_given_again() -> None:
    wire = Wire().opened()
    wire.sender.close()
    wire.tick()
    wire.push()
    wire.step_right()
    wire.push()
    wire.lose()
    wire.settle(RESEND_AFTER_S + 0.1)
    assert wire.sender.state is SenderState.CLOSED


def test_a_bye_over_a_new_connection_is_known_and_answered() -> None:
    wire = Wire().opened()
    wire.sender.close()
    wire.tick()
    wire.push()
    wire.redial()
    wire.settle(RESEND_AFTER_S + 0.1)
    assert wire.sender.state is SenderState.CLOSED
    assert wire.receiver.all_closed
    assert not wire.receiver.counters.refused


def test_a_link_that_never_opened_closes_at_once() -> None:
    wire = Wire()
    wire.sender.close()
    wire.tick()
    assert wire.sender_events == [Closed(2)]


def test_an_answer_to_another_bye_is_ignored() -> None:
    wire = Wire().opened()
    wire.sender.close()
    wire.tick()
    assert wire.sender.on_message(from_peer(BYE_OK, 7), 0.0) == []
    assert wire.sender.state is SenderState.CLOSING


def test_an_answer_to_a_bye_nobody_said_is_ignored() -> None:
    wire = Wire().opened()
    assert wire.sender.on_message(from_peer(BYE_OK, 0), 0.0) == []
    assert wire.sender.state is SenderState.OPEN
