"""What was lost on the way is sent again: by a gap, by a timer, or when the shell noticed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from waterspout.supervisor.link_clock import RESEND_AFTER_S
from waterspout.supervisor.link_events import CreditBack, Opened
from waterspout.supervisor.link_states import SenderState
from waterspout.topology.frame_header import HELLO, RESEND, decode_header

from .lossy import Wire, credit, from_peer, one_frame_sent

A, B = (1, 0, 2), (1, 0, 3)


def kinds(wire: Wire) -> list[int]:
    """Return the kinds of what waits for the receiver."""
    return [decode_header(data).kind for data in [*wire.to_receiver, *wire.sender.outbox]]


def test_what_a_break_took_is_sent_again_and_arrives_once() -> None:
    wire = Wire().opened()
    wire.send(A, 1, [["a"]])
    wire.settle()
    wire.send(A, 2, [["b"]])
    wire.sender.send_end(B)
    wire.push()
    wire.lose()
    wire.settle(RESEND_AFTER_S + 0.2)
    assert [note[0] for note in wire.delivered] == ["data", "data", "end"]
    assert wire.sender_events == [Opened(2, 2)]


def test_a_break_that_the_shell_noticed_is_mended_at_once() -> None:
    wire = one_frame_sent()
    wire.lose()
    wire.sender.reconnected(wire.now)
    wire.tick(0.01)
    wire.settle()
    assert len(wire.delivered) == 1


def test_frames_given_while_the_peer_is_asked_follow_its_answer() -> None:
    wire = one_frame_sent()
    wire.lose()
    wire.sender.reconnected(wire.now)
    wire.tick()
    wire.send(A, 2, [["b"]])
    assert kinds(wire) == [HELLO]
    wire.settle()
    assert [note[2] for note in wire.delivered] == [1, 2]


def test_a_gap_is_filled_without_waiting_for_a_timer() -> None:
    wire = one_frame_sent()
    wire.lose()
    wire.send(A, 2, [["b"]])
    wire.send(A, 3, [["c"]])
    wire.settle()
    assert [note[2] for note in wire.delivered] == [1, 2, 3]
    assert wire.receiver.counters.gaps == 1, "asked once, not per frame"


def test_a_lost_ack_costs_no_duplicate() -> None:
    wire = one_frame_sent()
    wire.step_right()
    wire.push()
    wire.lose()
    wire.settle(RESEND_AFTER_S + 0.2)
    assert len(wire.delivered) == 1
    assert wire.receiver.counters.duplicates == 0, "the answer to HELLO said that it is here"
    assert wire.sender.window_frames == 0


def test_a_lost_credit_comes_back_though_nothing_else_is_owed() -> None:
    wire = one_frame_sent()
    wire.settle()
    wire.work()
    wire.push()
    wire.lose()
    assert not wire.sender.drained
    wire.settle(RESEND_AFTER_S + 0.2)
    assert wire.sender.drained
    wire.settle(RESEND_AFTER_S)
    assert wire.sender_events == [Opened(2, 0), CreditBack([A])], "asked once"


def test_a_lost_credit_is_noticed_while_others_come() -> None:
    wire = Wire().opened()
    wire.send(A, 1, [["a"]])
    wire.send(B, 2, [["b"]])
    wire.settle()
    wire.work()
    wire.push()
    wire.lose()
    wire.work()
    wire.settle()
    wire.tick(0.01)
    wire.settle()
    assert wire.now < RESEND_AFTER_S
    assert wire.sender.drained
    answers = wire.sender_events.count(Opened(2, 0))
    assert answers == 1
    wire.send(A, 3, [["c"]])
    wire.settle(0.2, work=True)
    assert wire.sender_events.count(Opened(2, 0)) == answers, "asked once, then at peace"


def test_lost_toggles_are_sent_again_though_no_credit_is_owed() -> None:
    wire = Wire().opened()
    wire.sender.send_toggles({5: 9})
    wire.push()
    wire.lose()
    wire.settle(RESEND_AFTER_S + 0.2)
    assert wire.delivered == [("toggle", 5, 9)]


def test_a_busy_link_whose_acks_come_is_never_doubted() -> None:
    wire = Wire().opened()
    for edge in range(1, 100):
        wire.send(A, edge, [["a"]])
        wire.push()
        wire.step_right()
        wire.work()
        wire.send(B, edge + 1000, [["b"]])
        wire.push()
        wire.step_left()
        wire.tick()
        wire.step_right()
        wire.work()
        wire.push()
        wire.step_left()
        assert wire.sender.state is SenderState.OPEN
    assert wire.now > 3 * RESEND_AFTER_S


def test_what_still_waits_to_be_sent_is_not_doubled_by_a_resend() -> None:
    wire = one_frame_sent()
    wire.send(A, 2, [["b"]])
    wire.sender.on_message(from_peer(RESEND, 0), 0.0)
    assert [decode_header(frame).seq for frame in wire.sender.outbox] == [1, 2]


def test_silence_is_counted_only_while_something_is_owed() -> None:
    wire = Wire().opened()
    wire.tick(100.0)
    assert wire.sender.down_since(wire.now) == 0.0
    wire.send(A, 1, [["a"]])
    wire.tick(0.1)
    wire.tick(3.0)
    assert wire.sender.down_since(wire.now) == pytest.approx(3.0)
    wire.settle(1.5, work=True)
    assert wire.sender.down_since(wire.now) == 0.0


def silence_wire(event: Callable[[Wire], None]) -> float:
    """Return the silence that a sender sees two seconds after ``event``."""
    wire = one_frame_sent()
    wire.tick(0.1)
    event(wire)
    wire.now += 2.0
    return wire.sender.down_since(wire.now)


def test_a_message_of_any_kind_is_a_sign_of_life_but_garbage_is_not() -> None:
    assert silence_wire(lambda wire: None) == pytest.approx(2.0)

    def late_sign(wire: Wire) -> None:
        wire.now += 5.0
        wire.sender.on_message(credit(1, [], ack=0), wire.now)

    assert silence_wire(late_sign) == pytest.approx(2.0)
