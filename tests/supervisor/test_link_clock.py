"""How long a sender waits, on a simulated clock."""

from __future__ import annotations

from waterspout.supervisor.link_clock import HELLO_RETRY_S, RESEND_AFTER_S, LinkClock
from waterspout.supervisor.link_states import SenderState


def test_silence_counts_from_when_something_is_owed() -> None:
    #   0 ----- idle ----- 100 -- owed -- 101 heard -- 103 -- idle
    clock = LinkClock()
    clock.look(0.0, waiting=False, unacked=False)
    assert clock.silent_s(50.0) == 0.0
    clock.look(100.0, waiting=True, unacked=True)
    assert clock.silent_s(100.5) == 0.5
    clock.heard(101.0)
    clock.look(102.0, waiting=True, unacked=True)
    assert clock.silent_s(103.0) == 2.0
    clock.look(103.0, waiting=False, unacked=False)
    assert clock.silent_s(104.0) == 0.0


def test_a_sign_of_life_is_not_an_ack() -> None:
    clock = LinkClock()
    clock.look(0.0, waiting=True, unacked=True)
    clock.heard(0.9)
    clock.look(0.9, waiting=True, unacked=True)
    assert not clock.unacked_too_long(RESEND_AFTER_S - 0.01)
    assert clock.unacked_too_long(RESEND_AFTER_S)
    clock.acked()
    clock.look(1.0, waiting=True, unacked=True)
    assert not clock.unacked_too_long(1.9)


def test_a_clock_that_starts_at_zero_is_a_time_like_any_other() -> None:
    clock = LinkClock()
    clock.look(0.0, waiting=True, unacked=True)
    clock.look(5.0, waiting=True, unacked=True)
    assert clock.silent_s(5.0) == 5.0
    assert clock.unacked_too_long(5.0)


def test_only_what_waits_for_an_answer_is_said_again() -> None:
    clock = LinkClock()
    clock.look(0.0, waiting=True, unacked=False)
    assert not clock.repeat_due(SenderState.CONNECTING, HELLO_RETRY_S / 2)
    assert clock.repeat_due(SenderState.CONNECTING, HELLO_RETRY_S)
    assert not clock.repeat_due(SenderState.RESYNC, HELLO_RETRY_S)
    assert clock.repeat_due(SenderState.RESYNC, RESEND_AFTER_S)
    assert not clock.repeat_due(SenderState.OPEN, 1000.0)
    clock.said(5.0)
    assert not clock.repeat_due(SenderState.CONNECTING, 5.05)
