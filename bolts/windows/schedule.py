"""Which keys have something to do at which time; in memory, made anew from the state.

One time per key, the earliest: after a key was worked on, it is put back with its next one.
"""

from __future__ import annotations

from heapq import heappop, heappush
from operator import itemgetter
from typing import Any

_BY_NUMBER = itemgetter(0)


class Schedule:
    """A heap of times, each with the keys that are due then."""

    def __init__(self) -> None:
        self._times: list[int] = []
        #: Time -> (number, key) of what is due then.
        self._buckets: dict[int, list[tuple[int, Any]]] = {}
        self._at: dict[Any, int] = {}
        #: The time whose keys were put in order, the last one first, as some were taken.
        self._ordered: int | None = None

    def __len__(self) -> int:
        return len(self._at)

    def put(self, key: Any, at: int, number: int) -> None:
        """Have ``key`` come up at ``at``, unless it does before.

        Args:
            number: the key's place in the order of arrival; keys of one time come by it.
        """
        current = self._at.get(key)
        if current is not None and current <= at:
            return
        self._at[key] = at
        bucket = self._buckets.get(at)
        if bucket is None:
            heappush(self._times, at)
            self._buckets[at] = [(number, key)]
        else:
            bucket.append((number, key))
            if at == self._ordered:
                self._ordered = None

    def next(self) -> int | None:
        """Return the earliest time at which something may be due."""
        return self._times[0] if self._times else None

    def take(self, limit: int) -> tuple[int, list[Any]]:
        """Take out up to ``limit`` keys of the earliest time, which come nowhere any more."""
        at, due = self._times[0], self._at
        bucket = self._buckets[at]
        if at != self._ordered:
            bucket.sort(key=_BY_NUMBER, reverse=True)
            self._ordered = at
        keys = []
        for _, key in bucket[: -limit - 1 : -1]:
            # A key that was put earlier since then is listed here for nothing.
            if due.get(key) == at:
                del due[key]
                keys.append(key)
        del bucket[-limit:]
        if not bucket:
            heappop(self._times)
            del self._buckets[at]
            self._ordered = None
        return at, keys
