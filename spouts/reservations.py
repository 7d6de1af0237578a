"""At-most-once: a position is durable before its messages go out.

Messages are read ahead and held; one request reserves the ends of all that were read, and is
made while earlier ones are still going out, so that nobody waits for the disk::

    position   ------------------------------------------------------------------>
               sent          | allowed         | asked            | reading
               bolts have it | durable, held   | on its way       | not asked for yet
                             |<- a crash skips this, if it is durable ->|

After a restart what was reserved and not sent is skipped: lost, never sent twice. It is at most
``messages_max``. A clean stop sends what is held, so that it skips nothing.

Why not a bound beyond what was read: a source goes on only at positions that a read returned
(half a line is no message), a bound over the end of a growing file would swallow what is
written there after the crash, and a clean stop would have to take it back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from sys import getsizeof
from typing import Any

from .answers import message_values
from .contract import Messages
from .groups import Group

#: Requests cover what is sent in about this time: few writes of the store at any speed, and few
#: messages held where they go out slowly.
REQUEST_S = 0.1
#: Messages of the smallest full request.
REQUEST_MIN = 256
#: Bytes that are held, reckoned from the first message of each group; beyond it nothing is read.
BYTES_MAX = 64 << 20

Rows = Messages
#: A group, its messages and their bytes.
Held = tuple[Group, Rows, int]
#: Asks for a reservation: (number, {partition: [end, []]}, messages reserved so far).
Ask = Callable[[int, dict[str, Any], int], None]


class Reservations:
    """The messages of one spout task between being read and being allowed to go out.

    Args:
        ask: called with a request; ``granted`` is called when it is durable. One is under way
            at a time.
        messages_max: messages held (setting ``reserve_max``).
    """

    def __init__(self, ask: Ask, messages_max: int) -> None:
        self._ask = ask
        self._messages_max = messages_max
        #: Messages of a full request; half of what may be held then, so that there are two.
        self._size = min(REQUEST_MIN, max(messages_max // 2, 1))
        self._full_at = 0.0
        self._number = 0
        self._reading: deque[Held] = deque()
        self._reading_count = 0
        self._asked: deque[Held] = deque()
        self._allowed: deque[Held] = deque()
        self._bytes = 0
        #: Messages that were read and have not gone out.
        self.held = 0
        #: Messages that were asked for, ever.
        self._messages = 0

    @property
    def room(self) -> int:
        """How many messages may be read ahead now."""
        if self._bytes >= BYTES_MAX:
            return 0
        return max(min(2 * self._size, self._messages_max) - self.held, 0)

    @property
    def unsent(self) -> int:
        """Messages that were asked for and have not gone out: a crash may skip them."""
        return self.held - self._reading_count

    @property
    def ready(self) -> bool:
        """Whether something may go out now."""
        return bool(self._allowed)

    @property
    def idle(self) -> bool:
        """Whether all that was read has gone out."""
        return not self.held

    def add(self, group: Group, rows: Rows) -> None:
        """Take a group that was read."""
        size = len(rows) * (getsizeof(rows[0]) + sum(map(getsizeof, message_values(rows[0]))))
        self._reading.append((group, rows, size))
        self._reading_count += len(rows)
        self._bytes += size
        self.held += len(rows)

    def reserve(self, now: float) -> None:
        """Ask for what was read, when it is a full request or nothing else may go out."""
        if not self._reading or self._asked:
            return
        if self._reading_count >= self._size:
            self._fit(now - self._full_at)
            self._full_at = now
        elif self._allowed:
            return
        self._number += 1
        self._messages += self._reading_count
        ends = {group.partition: [group.end, []] for group, _, _ in self._reading}
        self._asked, self._reading, self._reading_count = self._reading, deque(), 0
        self._ask(self._number, ends, self._messages)

    def _fit(self, took_s: float) -> None:
        """Bring the next requests nearer to REQUEST_S; ``took_s``: from the last full one on."""
        if took_s < REQUEST_S / 2:
            self._size = min(2 * self._size, max(self._messages_max // 2, 1))
        elif took_s > 2 * REQUEST_S:
            self._size = max(self._size // 2, min(REQUEST_MIN, self._size))

    def granted(self, number: int) -> None:
        """The store has it: these messages may go out."""
        if number == self._number:
            self._allowed.extend(self._asked)
            self._asked = deque()

    def next(self) -> tuple[Group, Rows]:
        """Return the next group that may go out; called while ``ready``."""
        group, rows, size = self._allowed.popleft()
        self._bytes -= size
        self.held -= len(rows)
        return group, rows
