"""The tables of both ends of a link hang together."""

from __future__ import annotations

from waterspout.supervisor.link_states import (
    DEAF,
    RECEIVER_TRANSITIONS,
    SENDER_TRANSITIONS,
    TAKING,
    ReceiverState,
    SenderState,
)


def test_every_sender_state_is_reached_and_left() -> None:
    assert set(SENDER_TRANSITIONS.values()) == set(SenderState)
    assert {state for state, _ in SENDER_TRANSITIONS} == set(SenderState)


def test_a_new_epoch_begins_anew_from_anywhere() -> None:
    for state in SenderState:
        assert SENDER_TRANSITIONS[state, "epoch"] is SenderState.CONNECTING


def test_only_an_epoch_wakes_a_deaf_sender() -> None:
    assert {what for state, what in SENDER_TRANSITIONS if state in DEAF} == {"epoch"}


def test_whoever_listens_can_be_refused() -> None:
    listening = {state for state, what in SENDER_TRANSITIONS if what == "refused"}
    assert listening == set(SenderState) - DEAF


def test_frames_are_only_taken_once_the_peer_has_answered() -> None:
    answered = {state for (_, what), state in SENDER_TRANSITIONS.items() if what == "answered"}
    assert answered == {SenderState.OPEN}
    assert {SenderState.OPEN, SenderState.RESYNC} == TAKING


def test_a_refused_receiver_stays_so() -> None:
    leaving = {
        (what, after)
        for (before, what), after in RECEIVER_TRANSITIONS.items()
        if before is ReceiverState.REFUSED
    }
    assert leaving == {("violation", ReceiverState.REFUSED)}


def test_frames_have_a_place_only_in_an_open_link() -> None:
    assert {s for s, what in RECEIVER_TRANSITIONS if what == "frame"} == {ReceiverState.OPEN}
