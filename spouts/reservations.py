"""At-most-once: a position is durable before its messages go out.

Messages are read ahead, their end positions reserved in the store, and sent once that is
answered. After a restart the rest of a reserved range is skipped: lost, never sent twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

from .groups import Group

#: Messages that are reserved at once, and reservations under way.
MESSAGES_MAX = 8192
UNDER_WAY_MAX = 2

Rows = list[list[Any]]
#: Asks for a reservation: (id, {partition: [end, []]}).
Ask = Callable[[int, dict[str, Any]], None]


class Reservations:
    """The messages of one spout task between being read and being allowed to go out."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._ids = count(1)
        self._reading: deque[tuple[Group, Rows]] = deque()
        self._reading_count = 0
        self._asked: deque[tuple[int, deque[tuple[Group, Rows]]]] = deque()
        self._allowed: deque[tuple[Group, Rows]] = deque()

    @property
    def room(self) -> bool:
        """Whether more may be read ahead."""
        return len(self._asked) < UNDER_WAY_MAX and self._reading_count < MESSAGES_MAX

    @property
    def idle(self) -> bool:
        """Whether everything that was read has gone out."""
        return not (self._reading or self._asked or self._allowed)

    def add(self, group: Group, rows: Rows) -> None:
        """Take a group that was read."""
        self._reading.append((group, rows))
        self._reading_count += len(rows)

    def reserve(self) -> None:
        """Ask for what was read so far. Called once per turn."""
        if not self._reading or len(self._asked) >= UNDER_WAY_MAX:
            return
        number = next(self._ids)
        ends = {group.partition: [group.end, []] for group, _ in self._reading}
        self._asked.append((number, self._reading))
        self._reading, self._reading_count = deque(), 0
        self._ask(number, ends)

    def granted(self, number: int) -> None:
        """The store has it: these messages may go out."""
        while self._asked and self._asked[0][0] <= number:
            self._allowed.extend(self._asked.popleft()[1])

    def next(self) -> tuple[Group, Rows] | None:
        """Return the next group that may go out."""
        return self._allowed.popleft() if self._allowed else None
