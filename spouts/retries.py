"""A retry: messages that failed, and that are to be sent again.

A message that was told from its group (remains.py) is a retry of its own. Else nobody knows which
message of the group was at fault. Most failures pass by themselves, so the group
first comes back in small parts, for a third of what it costs to send each message alone; a part
that fails again comes back message by message::

    [0 .......... 18)  ->  [0 4) [4 8) [8 12) [12 16) [16 18)  ->  8, 9, 10, 11
          fails                        fails                       each by itself

So a message at fault is alone after two failures, and three neighbours share the second one.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import count

from .groups import Group, Kept

#: Messages of a group that failed that go out together again.
PART = 4


def part_of(group: Group, attempts_max: int) -> int:
    """Return how many messages of a group that failed go out together the next time.

    Two failures among others leave each message an attempt of its own, or there is only one.
    """
    return PART if group.count > PART and attempts_max > 2 else 1


class Retry:
    """A range of messages to try again.

    Args:
        group: what is to be tried again.
        attempts: how often it was tried.
        part: messages that go out together.
    """

    __slots__ = ("alone", "attempts", "before", "count", "end", "kept", "part", "partition",
                 "since", "start")  # fmt: skip

    def __init__(self, group: Group, attempts: int, part: int = 1) -> None:
        #: Messages that are left of it.
        self.count = group.count
        #: It was tried alone before, so its attempts are its own and not its neighbours'.
        self.alone = group.count == 1
        self.partition, self.start, self.end = group.partition, group.start, group.end
        self.since, self.kept, self.attempts = group.since, group.kept, attempts
        self.before, self.part = group.before, part

    def next_kept(self, limit: int) -> tuple[Kept, int]:
        """Take up to ``limit`` kept messages; return them, and the position after them.

        Where single messages lay is not known; the last takes what is left of the range.
        """
        assert self.kept
        taken, self.kept = self.kept[:limit], self.kept[limit:]
        return taken, self.start + len(taken) if self.kept else self.end

    def sent(self, count: int, position: int, kept: Kept | None) -> Group:
        """Note that the next ``count`` messages go out, up to ``position``; return their group."""
        group = Group(self.partition, self.start, position, count, self.since,
                      attempts=self.attempts, kept=kept, before=self.before)  # fmt: skip
        self.start = position
        self.count -= count
        return group


class RetryQueue:
    """The retries of one ledger, each with the time when it is due. Status may look from another
    thread.

    Attributes:
        messages: that wait in it.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Retry]] = []
        self._order = count()
        self.messages = 0

    def put(self, retry: Retry, due: float) -> None:
        """Add a retry."""
        self.messages += retry.count
        heapq.heappush(self._heap, (due, next(self._order), retry))

    def due(self, now: float) -> Retry | None:
        """Return the first one that is due, taken out; None when there is none."""
        if self._heap and self._heap[0][0] <= now:
            retry = heapq.heappop(self._heap)[2]
            self.messages -= retry.count
            return retry
        return None

    def next_due(self, now: float) -> float:
        """Return the seconds until the next one, or a long time."""
        return max(self._heap[0][0] - now, 0.0) if self._heap else 3600.0

    def take_all(self) -> list[Retry]:
        """Take all of them out."""
        taken = list(self)
        self._heap, self.messages = [], 0
        return taken

    def __len__(self) -> int:
        return len(self._heap)

    def __iter__(self) -> Iterator[Retry]:
        return iter([retry for _, _, retry in list(self._heap)])
