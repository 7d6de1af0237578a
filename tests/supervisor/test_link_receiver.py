"""The receiving end: whom it lets in, what it refuses and with which word."""

from __future__ import annotations

from typing import Any

import pytest
from msgpack import ExtType
from waterspout.supervisor import link_receiver
from waterspout.supervisor.inlink import SEQ_GAP_MAX
from waterspout.supervisor.link_events import BadData, HelloAhead, PeerClosed, PeerOpened
from waterspout.supervisor.link_receiver import LinkReceiver
from waterspout.topology.control_frames import control_frame, decode_credit
from waterspout.topology.frame_header import (
    BYE,
    BYE_OK,
    CREDIT,
    DATA,
    END,
    HELLO,
    HELLO_OK,
    RESEND,
    TOGGLES,
    Header,
    decode_header,
)
from waterspout.topology.frames import BodyPacker, data_frame, end_frame
from waterspout.topology.greetings import Hello, decode_hello_ok, decode_reject, pack_hello
from waterspout.topology.wire_limits import FRAMES_MAX

from ..each_case import each_case
from .lossy import FRAME_BYTES_MAX, POOL_FRAMES, make_receiver

A, B = (1, 0, 2), (1, 0, 3)
ID = b"W-sender-1"


def hello(
    worker: int = 1, *, number: int = 1, epoch: int = 1, incarnation: int = 111, **fields: Any
) -> bytes:
    greeting = Hello(**{"topology": "words", "worker": worker, "peer_incarnation": 0,
                        "frame_bytes_max": FRAME_BYTES_MAX, **fields})  # fmt: skip
    return control_frame(Header(HELLO, epoch, incarnation, number), pack_hello(greeting))


def head(kind: int, seq: int, *, epoch: int = 1, incarnation: int = 111) -> Header:
    return Header(kind, epoch, incarnation, seq)


def data(seq: int, channel: tuple[int, int, int] = A, **header: Any) -> bytes:
    body = BodyPacker().pack([(1, (5,))], [["a"]])
    return data_frame(head(DATA, seq, **header), channel, 7, 1, 1, body)


def raw(seq: int, body: bytes, channel: tuple[int, int, int] = A) -> bytes:
    return data_frame(head(DATA, seq), channel, 7, 1, 1, body)


def opened(**changes: Any) -> LinkReceiver:
    """Return a receiver that has answered worker 1."""
    receiver = make_receiver(**changes)
    assert receiver.on_message(ID, hello(), 0.0) == [PeerOpened(1)]
    receiver.outbox.clear()
    return receiver


def answers(receiver: LinkReceiver) -> list[tuple[int, int]]:
    """Take what was answered as (kind, seq)."""
    headers = [decode_header(frame) for _, frame in receiver.outbox]
    receiver.outbox.clear()
    return [(header.kind, header.seq) for header in headers]


def refusal(receiver: LinkReceiver) -> str:
    """Take the one REJECT that was answered, and return its code."""
    ((_, frame),) = receiver.outbox
    receiver.outbox.clear()
    reject = decode_reject(frame)
    assert reject.epoch == receiver.epoch
    return reject.code


# --- who is let in ---


def test_a_hello_is_answered_with_what_is_here() -> None:
    receiver = opened()
    receiver.on_message(ID, data(1), 0.0)
    assert receiver.on_message(ID, hello(number=2), 0.0) == [], "asked again, not opened again"
    ((routing_id, frame),) = receiver.outbox
    assert routing_id == ID
    assert decode_header(frame) == Header(HELLO_OK, 1, 222, 2)
    assert decode_hello_ok(frame).last_seq == 1


@each_case(
    "greeting, code",
    [
        (hello(topology="other"), "topology"),
        (hello(proto_min=2, proto_max=3), "version"),
        (hello(epoch=0), "stale_epoch"),
        (hello(peer_incarnation=221), "identity"),
        (hello(incarnation=112), "identity"),
        (hello(3), "identity"),
        (hello(epoch=0, topology="other"), "topology"),
        (hello(epoch=0, proto_min=9, proto_max=9), "version"),
    ],
)
def test_who_does_not_belong_here_is_told_why(greeting: bytes, code: str) -> None:
    receiver = make_receiver(peers={1: 111})
    assert receiver.on_message(ID, greeting, 0.0) == []
    assert refusal(receiver) == code
    assert receiver.open_peers() == []
    assert receiver.counters.refused == {code: 1}
    assert receiver.counters.bad_frames == {}


def test_a_refusal_bears_the_epoch_of_what_it_refuses() -> None:
    receiver = make_receiver(epoch=5)
    receiver.on_message(ID, hello(epoch=3), 0.0)
    ((_, frame),) = receiver.outbox
    assert decode_header(frame).epoch == 3
    assert decode_reject(frame).epoch == 5


def test_a_sender_ahead_is_reported_and_not_answered() -> None:
    receiver = opened()
    assert receiver.on_message(ID, hello(epoch=2, incarnation=999), 0.0) == [HelloAhead(1, 2)]
    assert not receiver.outbox
    assert receiver.on_message(ID, data(1), 0.0), "the link of this epoch goes on"


def test_without_a_plan_the_first_process_of_a_worker_holds_the_place() -> None:
    receiver = opened()
    receiver.on_message(b"other", hello(incarnation=112), 0.0)
    assert refusal(receiver) == "identity"
    assert receiver.on_message(ID, data(1), 0.0)


def test_a_second_hello_for_another_worker_is_refused() -> None:
    receiver = opened()
    receiver.on_message(ID, hello(3, incarnation=333), 0.0)
    assert refusal(receiver) == "state"
    assert receiver.open_peers() == [1]


def test_a_sender_may_come_over_a_new_connection() -> None:
    receiver = opened()
    receiver.on_message(ID, data(1), 0.0)
    receiver.on_message(b"W-again", hello(number=2), 0.0)
    receiver.outbox.clear()
    assert receiver.on_message(b"W-again", data(2), 0.0)
    receiver.flush()
    assert [routing_id for routing_id, _ in receiver.outbox] == [b"W-again"]
    receiver.outbox.clear()
    receiver.on_message(ID, data(3), 0.0)
    assert refusal(receiver) == "state"


def test_a_greeting_that_an_old_connection_brings_late_does_not_lead_back_to_it() -> None:
    receiver = opened()
    receiver.on_message(b"W-again", hello(number=3), 0.0)
    receiver.outbox.clear()
    assert receiver.on_message(ID, hello(number=2), 0.0) == []
    assert not receiver.outbox
    assert receiver.counters.stale == 1
    assert receiver.on_message(b"W-again", data(1), 0.0), "the link goes on"
    assert not receiver.counters.refused


def test_the_number_of_links_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_receiver, "LINKS_MAX", 1)
    receiver = opened()
    receiver.on_message(b"other", hello(3), 0.0)
    assert refusal(receiver) == "state"


# --- the sequence ---


def test_a_repeated_frame_is_dropped_and_acknowledged_again() -> None:
    receiver = opened()
    assert receiver.on_message(ID, data(1), 0.0)
    receiver.flush()
    receiver.outbox.clear()
    assert receiver.on_message(ID, data(1), 0.0) == []
    assert receiver.counters.duplicates == 1
    receiver.flush()
    assert answers(receiver) == [(CREDIT, 1)]


def test_a_gap_is_asked_for_once_and_nothing_behind_it_is_taken() -> None:
    receiver = opened()
    receiver.on_message(ID, data(1), 0.0)
    for seq in (3, 4):
        assert receiver.on_message(ID, data(seq), 0.0) == []
    assert answers(receiver) == [(RESEND, 1)]
    for seq in (2, 3):
        assert receiver.on_message(ID, data(seq), 0.0)
    receiver.on_message(ID, data(5), 0.0)
    assert answers(receiver) == [(RESEND, 3)], "a new gap is a new question"


@pytest.mark.parametrize("seq", [0, SEQ_GAP_MAX + 1, (1 << 64) - 1])
def test_an_impossible_number_closes_the_link(seq: int) -> None:
    receiver = opened()
    assert receiver.on_message(ID, data(seq), 0.0) == []
    assert refusal(receiver) == "state"
    assert receiver.counters.bad_frames == {"E_FRAME_STATE": 1}
    assert receiver.on_message(ID, data(1), 0.0) == []
    assert refusal(receiver) == "state"
    receiver.on_message(ID, hello(number=2), 0.0)
    assert refusal(receiver) == "state", "its numbering cannot be taken up again"


# --- epochs and incarnations ---


def test_frames_of_an_earlier_epoch_are_dropped_and_counted() -> None:
    receiver = opened()
    receiver.adopt(2)
    assert receiver.on_message(ID, data(1), 0.0) == []
    assert receiver.on_message(ID, control_frame(head(BYE, 0)), 0.0) == []
    assert not receiver.outbox
    assert receiver.counters.stale == 2


def test_frames_before_hello_are_refused() -> None:
    receiver = make_receiver()
    for frame in (data(1), data(1, epoch=7), control_frame(head(BYE, 0))):
        assert receiver.on_message(ID, frame, 0.0) == []
        assert refusal(receiver) == "state"


def test_a_frame_of_a_later_epoch_without_hello_changes_nothing() -> None:
    receiver = opened()
    assert receiver.on_message(ID, data(1, epoch=2), 0.0) == []
    assert refusal(receiver) == "state"
    assert receiver.on_message(ID, data(1), 0.0)


def test_an_incarnation_that_changes_on_the_way_closes_the_link() -> None:
    receiver = opened()
    receiver.on_message(ID, data(1, incarnation=112), 0.0)
    assert refusal(receiver) == "state"
    assert receiver.open_peers() == []


def test_credit_for_frames_of_an_earlier_epoch_is_void() -> None:
    receiver = opened()
    receiver.on_message(ID, data(1), 0.0)
    receiver.adopt(2)
    receiver.credit(A, epoch=1)
    receiver.on_message(ID, hello(epoch=2), 0.0)
    receiver.on_message(ID, data(1, epoch=2), 0.0)
    receiver.credit(A, epoch=1)
    receiver.outbox.clear()
    receiver.flush()
    ((_, frame),) = receiver.outbox
    assert decode_credit(frame).returned == []


def test_what_waited_for_senders_of_the_last_epoch_is_not_said() -> None:
    receiver = opened()
    receiver.on_message(ID, data(1), 0.0)
    receiver.flush()
    receiver.adopt(2)
    assert not receiver.outbox


def test_epochs_only_rise() -> None:
    with pytest.raises(AssertionError):
        opened().adopt(1)


# --- frames that cannot be delivered ---


def test_a_value_that_cannot_be_read_fails_its_roots_and_gives_the_credit_back() -> None:
    receiver = opened()
    body = BodyPacker().pack([(1, (5, 6))], [[ExtType(4, b"x")]])
    (event,) = receiver.on_message(ID, raw(1, body), 0.0)
    assert isinstance(event, BadData)
    assert (event.channel, event.roots, event.code) == (A, (5, 6), "E_FRAME_TYPE")
    assert receiver.counters.bad_frames == {"E_FRAME_TYPE": 1}
    receiver.flush()
    ((_, frame),) = receiver.outbox
    assert decode_header(frame).seq == 1
    assert decode_credit(frame).returned == [(A, 1)]
    assert receiver.on_message(ID, data(2), 0.0), "the link goes on"


def test_a_frame_without_credit_closes_the_link() -> None:
    receiver = opened()
    for seq in range(1, POOL_FRAMES + 2):
        assert receiver.on_message(ID, data(seq), 0.0)
    assert receiver.on_message(ID, data(POOL_FRAMES + 2, B), 0.0), "its own frame"
    assert receiver.on_message(ID, data(POOL_FRAMES + 3), 0.0) == []
    assert refusal(receiver) == "state"


def test_a_data_frame_at_the_limit_is_taken_and_a_longer_one_is_not() -> None:
    def frame_of(size: int) -> bytes:
        return raw(1, BodyPacker().pack([(1, ())], [["x" * size]]))

    size = FRAME_BYTES_MAX - len(frame_of(300)) + 300
    exact = frame_of(size)
    assert len(exact) == FRAME_BYTES_MAX
    assert opened().on_message(ID, exact, 0.0)
    receiver = opened()
    assert receiver.on_message(ID, frame_of(size + 1), 0.0) == []
    assert refusal(receiver) == "frame"
    assert receiver.counters.bad_frames == {"E_FRAME_SIZE": 1}


@each_case(
    "frame, code, word",
    [
        (b"", "E_FRAME_DECODE", "frame"),
        (b"W", "E_FRAME_DECODE", "frame"),
        (b"x" * 100, "E_FRAME_DECODE", "frame"),
        (b"W" * 100_000, "E_FRAME_SIZE", "frame"),
        (data(1)[:1] + b"\x09" + data(1)[2:], "E_FRAME_VERSION", "version"),
        (data(1)[:3] + b"\x01" + data(1)[4:], "E_FRAME_TYPE", "frame"),
        (data(1)[:30], "E_FRAME_DECODE", "frame"),
        (control_frame(head(99, 1)), "E_FRAME_STATE", "state"),
        (control_frame(head(CREDIT, 1)), "E_FRAME_STATE", "state"),
        (control_frame(head(HELLO, 1), b"\x80"), "E_FRAME_TYPE", "frame"),
        (control_frame(head(TOGGLES, 1), b"x" * 15), "E_FRAME_TYPE", "frame"),
        (control_frame(head(BYE, 0), b"x"), "E_FRAME_TYPE", "frame"),
        (end_frame(head(END, 1), A) + b"x", "E_FRAME_TYPE", "frame"),
    ],
)
def test_a_malformed_frame_closes_its_link_and_no_other(frame: bytes, code: str, word: str) -> None:
    receiver = opened()
    receiver.on_message(b"other", hello(3, incarnation=333), 0.0)
    receiver.outbox.clear()
    assert receiver.on_message(ID, frame, 0.0) == []
    assert refusal(receiver) == word
    assert receiver.counters.bad_frames == {code: 1}
    assert receiver.counters.last_refusal.startswith(f"{word}: {code}")
    assert receiver.open_peers() == [3]


@pytest.mark.parametrize("parts", [[], [data(1)] * (FRAMES_MAX + 1), [b""] * 5000])
def test_a_message_of_no_part_or_too_many_is_refused(parts: list[bytes]) -> None:
    receiver = opened()
    assert receiver.has_frames([ID, *[data(1)] * FRAMES_MAX])
    assert not receiver.has_frames([ID, *parts])
    assert refusal(receiver) == "frame"
    assert receiver.counters.bad_frames == {"E_FRAME_PARTS": 1}
    assert receiver.open_peers() == []


def test_refusals_that_nobody_fetches_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_receiver, "OUTBOX_MAX", 10)
    receiver = opened()
    for number in range(50):
        receiver.on_message(b"stranger", b"x" * number, 0.0)
    assert len(receiver.outbox) == 10
    receiver.on_message(ID, data(1), 0.0)
    receiver.flush()
    assert len(receiver.outbox) == 10
    receiver.outbox.clear()
    receiver.flush()
    assert answers(receiver) == [(CREDIT, 1)], "what could not be said was not forgotten"


# --- the end ---


def test_bye_is_confirmed_when_everything_has_arrived() -> None:
    receiver = opened()
    receiver.on_message(ID, data(1), 0.0)
    assert receiver.on_message(ID, control_frame(head(BYE, 1)), 0.0) == [PeerClosed(1)]
    assert answers(receiver) == [(BYE_OK, 1)]
    assert receiver.all_closed
    assert receiver.on_message(ID, control_frame(head(BYE, 1)), 0.0) == []
    assert answers(receiver) == [(BYE_OK, 1)], "the first answer may have been lost"
    receiver.on_message(ID, data(1), 0.0)
    assert receiver.counters.duplicates == 1
    receiver.on_message(ID, data(2), 0.0)
    assert refusal(receiver) == "state"


def test_bye_with_frames_missing_asks_for_them() -> None:
    receiver = opened()
    assert receiver.on_message(ID, control_frame(head(BYE, 2)), 0.0) == []
    assert answers(receiver) == [(RESEND, 0)]
    assert not receiver.all_closed


def test_bye_with_fewer_frames_than_arrived_is_refused() -> None:
    receiver = opened()
    receiver.on_message(ID, data(1), 0.0)
    receiver.on_message(ID, control_frame(head(BYE, 0)), 0.0)
    assert refusal(receiver) == "state"
