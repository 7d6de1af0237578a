"""A session between a worker and the coordinator: whatever carries it may lose, break, repeat.

Both ends have the same object. What is numbered is handed over exactly once and in order as
long as both processes live, and what the peer has not confirmed is sent again: to the next
process of the coordinator, too.

    {"boot": 7, "n": 3, "ack": 9, "low": 2, "peer_boot": 5, "kind": ..}
     |          |       |         |         +- whose numbers ``ack`` means; 0: not known yet
     |          |       |         +- lowest number that was not confirmed to the sender
     |          |       +- all up to here of the peer's messages were handled
     |          +- 1, 2, .. since the sender's process began; 0: not numbered, may be lost
     +- which process of the sender: a later one has a higher number

Numbers never start anew while a process lives. A coordinator that is started again reads from
``low`` where to go on: everything below was confirmed by the one before, after it was durable.
Go-back-N (Tanenbaum, Computer Networks, 3.4.2): only the next number is taken, and all are
sent again when the first is not confirmed in time; the distances are short, and losses rare.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import islice
from math import inf
from typing import Any

from .control_wire import join, pack

#: Messages and bytes that may wait to be confirmed; beyond, the session is ``full``.
UNACKED_MAX = 10_000
UNACKED_BYTES_MAX = 64 << 20
#: Messages and bytes that one call of ``due`` sends again.
RESENT_MAX = 1000
RESENT_BYTES_MAX = 4 << 20
#: How long a confirmation waits for a message to go along with, in seconds.
ACK_DELAY_S = 0.25

_FIELDS = ("boot", "n", "ack", "low", "peer_boot")
_ACK = pack({"kind": "ack"})


class Session:
    """One end of a session. Times are monotonic seconds.

    Args:
        boot: number of this process, from 1; of two processes that speak to the same peer, one
            after the other, the later one has the higher number.
        head: fields that every envelope begins with: who the sender is.
        resend_s: what was not confirmed for so long is sent again ...
        resend_max_s: ... and then after twice the time, up to this.
    """

    def __init__(
        self,
        boot: int,
        *,
        head: Mapping[str, Any] | None = None,
        resend_s: float = 1.0,
        resend_max_s: float = 5.0,
    ) -> None:
        assert boot > 0, "0 stands for a process that is not known"
        self.boot = boot
        #: The peer's process; 0: nothing was heard yet.
        self.peer_boot = 0
        #: Bytes of the messages that were not confirmed.
        self.unacked_bytes = 0
        self._head = dict(head or {})
        self._resend_s, self._resend_max_s = resend_s, resend_max_s
        #: (number, packed message), in order of the numbers.
        self._unacked: deque[tuple[int, bytes]] = deque()
        self._next = 1
        self._last = self._handled = 0
        #: Since when the first unconfirmed message waits, and how long it may.
        self._armed_at, self._wait_s = 0.0, resend_s
        #: Number that is to be sent again next; ``_next``: none.
        self._cursor = 1
        self._heard_at, self._ack_at = 0.0, inf

    @property
    def unacked(self) -> int:
        """Messages that the peer has not confirmed."""
        return len(self._unacked)

    @property
    def full(self) -> bool:
        """Too much waits to be confirmed: the peer is as good as lost."""
        many = len(self._unacked) > UNACKED_MAX
        # A single one may be as large as it wants.
        return many or (self.unacked_bytes > UNACKED_BYTES_MAX and len(self._unacked) > 1)

    @property
    def next_at(self) -> float:
        """When ``due`` has something; infinity: not before something happens."""
        if self._cursor < self._next:
            return -inf
        return min(self._armed_at + self._wait_s if self._unacked else inf, self._ack_at)

    # Out.

    def send(self, message: Mapping[str, Any], now: float, *, numbered: bool = True) -> bytes:
        """Return the envelope of a message, packed; the caller sends it at once."""
        body = pack(message)
        if not numbered:
            return self._envelope(0, body)
        number = self._next
        if not self._unacked:
            self._armed_at, self._wait_s = now, self._resend_s
        if self._cursor == number:
            self._cursor += 1
        self._next += 1
        self._unacked.append((number, body))
        self.unacked_bytes += len(body)
        return self._envelope(number, body)

    def due(self, now: float) -> list[bytes]:
        """Return what is to be sent now: messages once more, or a confirmation.

        Called in every turn in which what was given before is on its way.
        """
        if self._unacked and now >= self._armed_at + self._wait_s:
            self._armed_at, self._wait_s = now, min(2 * self._wait_s, self._resend_max_s)
            self._cursor = self._low
        found = self._again() if self._cursor < self._next else []
        if not found and now >= self._ack_at:
            found.append(self._envelope(0, _ACK))
        return found

    def on_reconnect(self) -> None:
        """What was under way may be lost: the next ``due`` sends all again."""
        self._cursor = self._low

    def _again(self) -> list[bytes]:
        found: list[bytes] = []
        size = 0
        for number, body in islice(self._unacked, self._cursor - self._low, None):
            if len(found) >= RESENT_MAX or (found and size + len(body) > RESENT_BYTES_MAX):
                break
            found.append(self._envelope(number, body))
            size += len(body)
            self._cursor = number + 1
        return found

    @property
    def _low(self) -> int:
        return self._unacked[0][0] if self._unacked else self._next

    def _envelope(self, number: int, body: bytes) -> bytes:
        self._ack_at = inf
        fields = (self.boot, number, self._handled, self._low, self.peer_boot)
        return join(self._head | dict(zip(_FIELDS, fields, strict=True)), body)

    # In.

    def receive(self, envelope: dict[str, Any], now: float) -> dict[str, Any] | None:
        """Take what arrived; return the message, or None: it came before, or is not its turn.

        Args:
            envelope: as unpacked; its session fields are taken out of it.
            now: monotonic seconds.

        Raises:
            ValueError: the fields of the session are missing or nonsense.
        """
        boot, number, ack, low, peer_boot = self._fields(envelope)
        if boot < self.peer_boot:
            return None  # late words of a process that was replaced
        if boot > self.peer_boot:
            self._new_peer(boot)
        if peer_boot == self.boot:
            self._confirmed(ack, now)
        self._heard_at = now
        # Whoever speaks is there: what it may have missed comes again after the shortest wait.
        self._wait_s = self._resend_s
        self._last = max(self._last, low - 1)
        if number == 0:
            return None if envelope.get("kind") == "ack" else envelope
        if number == self._last + 1:
            self._last = number
            return envelope
        self._owe_ack()
        return None

    def handled(self) -> None:
        """Everything that was received has been dealt with, and is durable where it has to be."""
        if self._handled != self._last:
            self._handled = self._last
            self._owe_ack()

    def _owe_ack(self) -> None:
        self._ack_at = min(self._ack_at, self._heard_at + ACK_DELAY_S)

    def _fields(self, envelope: dict[str, Any]) -> list[int]:
        found = [envelope.pop(name, None) for name in _FIELDS]
        if not all(type(value) is int and value >= 0 for value in found) or not found[0]:
            raise ValueError(f"not a message of a session: {found}")
        if found[4] == self.boot and found[2] >= self._next:
            raise ValueError(f"confirms message {found[2]} of {self._next - 1}")
        return found

    def _new_peer(self, boot: int) -> None:
        """The peer is another process: it counts from its own first number."""
        if self.peer_boot:
            self._cursor = self._low
        self.peer_boot = boot
        self._last = self._handled = 0
        self._ack_at = inf

    def _confirmed(self, number: int, now: float) -> None:
        moved = False
        while self._unacked and self._unacked[0][0] <= number:
            self.unacked_bytes -= len(self._unacked.popleft()[1])
            moved = True
        if moved:
            self._cursor = max(self._cursor, self._low)
            self._armed_at = now
