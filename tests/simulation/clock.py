"""Simulated time: a heap of things to do. Nothing waits, nothing reads a real clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable


class Clock:
    """Time in seconds that jumps from one event to the next; equal times keep their order."""

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    def __call__(self) -> float:
        return self.now

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Have ``do`` called in so many seconds."""
        self.at(self.now + max(0.0, seconds), do)

    def at(self, when: float, do: Callable[[], None]) -> None:
        """Have ``do`` called at ``when``."""
        self._number += 1
        heapq.heappush(self._heap, (when, self._number, do))

    def step(self) -> None:
        """Go to the next event and do it."""
        when, _, do = heapq.heappop(self._heap)
        self.now = max(self.now, when)
        do()
