"""How long a sender waits: for an answer, for an ack, for any sign of life."""

from __future__ import annotations

from .link_states import SenderState

#: Seconds between two HELLOs until the first is answered.
HELLO_RETRY_S = 0.1
#: Seconds without an ack, or without any sign of life while credits are owed, after which
#: the peer is asked what it has; and between two such questions.
RESEND_AFTER_S = 1.0

#: Seconds after which an unanswered HELLO or BYE is said again.
_REPEAT_S = {
    SenderState.CONNECTING: HELLO_RETRY_S,
    SenderState.RESYNC: RESEND_AFTER_S,
    SenderState.CLOSING: RESEND_AFTER_S,
}


class LinkClock:
    """Remembers when things happened on one link, to the precision of the ticks."""

    def __init__(self) -> None:
        self._said_at: float | None = None
        self._heard_at: float | None = None
        self._waiting_since: float | None = None
        self._unacked_since: float | None = None

    def look(self, now: float, *, waiting: bool, unacked: bool) -> None:
        """Note what is owed now. Called with every tick, before anything else is asked."""
        self._said_at = _first(self._said_at, now)
        self._waiting_since = _first(self._waiting_since, now) if waiting else None
        self._unacked_since = _first(self._unacked_since, now) if unacked else None

    def said(self, now: float) -> None:
        """Note that a HELLO or BYE was said."""
        self._said_at = now

    def heard(self, now: float) -> None:
        """Note a sign of life."""
        self._heard_at = now

    def acked(self) -> None:
        """Note progress: the wait for an ack begins anew."""
        self._unacked_since = None

    def silent_s(self, now: float) -> float:
        """Return the seconds without a sign of life while something is owed; 0 when nothing is."""
        if self._waiting_since is None:
            return 0.0
        return now - max(self._waiting_since, _first(self._heard_at, self._waiting_since))

    def unacked_too_long(self, now: float) -> bool:
        """Say whether frames wait and none was acknowledged for ``RESEND_AFTER_S``."""
        return self._unacked_since is not None and now - self._unacked_since >= RESEND_AFTER_S

    def repeat_due(self, state: SenderState, now: float) -> bool:
        """Say whether what was said last in ``state`` is to be said again."""
        wait_s = _REPEAT_S.get(state)
        return wait_s is not None and now - _first(self._said_at, now) >= wait_s


def _first(at: float | None, now: float) -> float:
    return now if at is None else at
