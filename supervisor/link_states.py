"""The states of both ends of a link, and what moves them: tables that ARCHITECTURE.md draws."""

from __future__ import annotations

from enum import Enum


class SenderState(Enum):
    """Where a sending end is."""

    CONNECTING = "connecting"
    OPEN = "open"
    RESYNC = "resync"
    CLOSING = "closing"
    CLOSED = "closed"
    REJECTED = "rejected"


#: (state, what happened) -> state; what is not listed cannot happen.
SENDER_TRANSITIONS: dict[tuple[SenderState, str], SenderState] = {
    (SenderState.CONNECTING, "answered"): SenderState.OPEN,
    (SenderState.OPEN, "doubt"): SenderState.RESYNC,
    (SenderState.RESYNC, "answered"): SenderState.OPEN,
    (SenderState.OPEN, "done"): SenderState.CLOSING,
    (SenderState.CONNECTING, "done"): SenderState.CLOSED,
    (SenderState.CLOSING, "confirmed"): SenderState.CLOSED,
    (SenderState.CONNECTING, "refused"): SenderState.REJECTED,
    (SenderState.OPEN, "refused"): SenderState.REJECTED,
    (SenderState.RESYNC, "refused"): SenderState.REJECTED,
    (SenderState.CLOSING, "refused"): SenderState.REJECTED,
    **{(state, "epoch"): SenderState.CONNECTING for state in SenderState},
}
#: States in which frames are taken: sent at once, or kept until the peer has answered.
TAKING = frozenset({SenderState.OPEN, SenderState.RESYNC})
#: States in which nothing is heard or said until the next epoch.
DEAF = frozenset({SenderState.CLOSED, SenderState.REJECTED})


class ReceiverState(Enum):
    """Where a receiving end is with one sender. Before its HELLO there is no link at all."""

    OPEN = "open"
    CLOSED = "closed"
    REFUSED = "refused"


#: (state, what came) -> state; what is not listed is refused with code ``state``. A link that
#: was refused stays so until the next epoch: its numbering cannot be taken up again.
RECEIVER_TRANSITIONS: dict[tuple[ReceiverState, str], ReceiverState] = {
    (ReceiverState.OPEN, "hello"): ReceiverState.OPEN,
    (ReceiverState.OPEN, "frame"): ReceiverState.OPEN,
    (ReceiverState.OPEN, "bye"): ReceiverState.CLOSED,
    (ReceiverState.CLOSED, "hello"): ReceiverState.CLOSED,
    (ReceiverState.CLOSED, "bye"): ReceiverState.CLOSED,
    **{(state, "violation"): ReceiverState.REFUSED for state in ReceiverState},
}
