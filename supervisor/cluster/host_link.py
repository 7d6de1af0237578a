"""The supervisor's end of its connection with the coordinator: when to say hello, and when a beat.

    DOWN --connected--> GREETING (hello sent) --welcome--> UP --unknown, silence--> ...

Pure: the daemon owns the socket, tells what happens to it, and asks ``wants`` what to say. A
connection on which nothing comes is made anew: behind a restarted router or a cut it may stay
"connected" for minutes, and a refused CURVE client never tries again by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

#: A connection that is silent for so long, and for so many beats, is made anew.
SILENT_S = 2.0
SILENT_BEATS = 4
#: How long a hello waits for its answer.
HELLO_S = 1.0
#: How long after a refusal hello is said again: the reason may go away.
REFUSED_S = 5.0


def old_copy(host: str, term: int, seen: int) -> str:
    """Return what is wrong when a coordinator has a lower term than a host has seen."""
    return (
        f"the coordinator has term {term}, but {host} runs workers of one of term {seen}: "
        "its data is an older copy (see 'Back up' in docs/operations.md)"
    )


def other_copy(host: str, term: int, seen: int) -> str:
    """Return what is wrong when a term that a host has seen was not of this coordinator's data."""
    return (
        f"host {host} runs workers of a coordinator of term {seen}, and it was another one than"
        f" term {seen} here (now {term}): this data is an older copy that was restarted since"
        " (see 'Back up' in docs/operations.md)"
    )


class Want(StrEnum):
    """What the daemon is to do now."""

    NOTHING = "nothing"
    HELLO = "hello"
    BEAT = "beat"
    REDIAL = "redial"


class HostLink:
    """State of the connection. Times are monotonic seconds.

    Args:
        now: when the socket was made.
    """

    def __init__(self, now: float) -> None:
        #: The coordinator knows this session.
        self.up = False
        #: Highest term seen.
        self.term = 0
        #: Newest beat of the coordinator; goes back with every beat of ours.
        self.echo = 0
        self.beat_s = 1.0
        #: Why it does not work, for a log line; "" while it does.
        self.problem = ""
        self._heard_at = self._hello_at = now
        self._connected = False
        self._beat_at = now

    # What happens.

    def on_connected(self, now: float) -> None:
        """The socket has a connection; whoever is there may be a new process."""
        self._connected, self.up = True, False
        self._heard_at = self._hello_at = now

    def on_disconnected(self, now: float) -> None:
        """The connection is gone; the socket dials again by itself."""
        self._connected = self.up = False
        self._heard_at = now

    def on_auth_failed(self, now: float) -> None:
        """The coordinator refused our key: the socket is dead until it is made anew."""
        self.on_disconnected(now)
        self.problem = "the coordinator refused the key of this host"

    def on_redialled(self, now: float) -> None:
        """The socket was made anew."""
        self.on_disconnected(now)

    def on_message(self, message: Mapping[str, Any], now: float) -> bool:
        """Take a message that passed its table; False: of a coordinator that was replaced."""
        self._heard_at = now
        term = message.get("term", self.term)
        if term < self.term:
            self.problem = old_copy("this host", term, self.term)
            return False
        self.term = term
        match message["kind"]:
            case "welcome":
                self.up, self.problem = True, ""
                self.beat_s = float(message["beat_s"])
                self._beat_at = now
                self.echo = 0
            case "refused":
                self.up = False
                self.problem = f"refused ({message['code']}): {message['text']}"
                self._hello_at = now + REFUSED_S
            case "unknown":
                if self.up:
                    self.up, self._hello_at = False, now
            case "wish":
                self.echo = max(self.echo, message["beat"])
        return True

    def say_hello_again(self, now: float) -> None:
        """What this host is has changed."""
        self.up, self._hello_at = False, now

    # What to do.

    def wants(self, now: float, changed: bool) -> Want:
        """Return what to say next; the daemon calls ``said`` once it did.

        Args:
            now: the time.
            changed: something is to be told without waiting for the next beat.
        """
        if now - self._heard_at > max(SILENT_S, SILENT_BEATS * self.beat_s):
            return Want.REDIAL
        if not self._connected:
            return Want.NOTHING
        if not self.up:
            return Want.HELLO if now >= self._hello_at else Want.NOTHING
        return Want.BEAT if changed or now >= self._beat_at else Want.NOTHING

    def said(self, want: Want, now: float) -> None:
        """What was wanted is on its way."""
        if want is Want.HELLO:
            self._hello_at = now + HELLO_S
        elif want is Want.BEAT:
            self._beat_at = now + self.beat_s
