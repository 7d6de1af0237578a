"""Simulated transport: what lies between two workers, and between a worker and the coordinator.

``Wire`` is a DEALER and its connection to the peer's ROUTER: ordered, slow at random, and when
it breaks, what was under way in either direction is gone. ``Channel`` is one direction of the
control socket: ordered, and reliable but for faults.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .clock import Clock


@dataclass
class Delays:
    """How long things take, in seconds: mostly ``usual_s``, now and then up to ``worst_s``."""

    rng: random.Random
    usual_s: float = 0.001
    worst_s: float = 0.05
    worst_share: float = 0.03

    def draw(self) -> float:
        """Return one delay."""
        slow = self.rng.random() < self.worst_share
        return self.rng.random() * (self.worst_s if slow else self.usual_s)


class Channel:
    """One direction, in order: nothing is lost while both ends live."""

    def __init__(self, clock: Clock, delays: Delays, deliver: Callable[[Any], None]) -> None:
        self._clock, self._delays, self._deliver = clock, delays, deliver
        self._last_at = 0.0
        self._generation = 0

    def send(self, message: Any) -> None:
        """Have ``message`` arrive later, after all that was sent before."""
        self._last_at = max(self._last_at, self._clock.now + self._delays.draw())
        generation = self._generation

        def arrive() -> None:
            if generation == self._generation:
                self._deliver(message)

        self._clock.at(self._last_at, arrive)

    def lose(self) -> None:
        """What is under way never arrives."""
        self._generation += 1

    def slow(self, until: float) -> None:
        """Have what is sent from now on arrive at ``until``, or later."""
        self._last_at = max(self._last_at, until)


class Wire:
    """The connection of one DEALER to the ROUTER at ``endpoint``.

    Args:
        forth: takes (routing id, message) at the peer.
        back: takes a message at the owner of the DEALER.
    """

    def __init__(
        self,
        clock: Clock,
        delays: Delays,
        routing_id: bytes,
        forth: Callable[[bytes, bytes], None],
        back: Callable[[bytes], None],
    ) -> None:
        self.routing_id = routing_id
        self.up = True
        self.breaks = 0
        self._clock = clock
        self._forth = Channel(clock, delays, lambda data: forth(routing_id, data))
        self._back = Channel(clock, delays, back)

    def send(self, data: bytes) -> None:
        """Send to the peer; only while ``up``."""
        self._forth.send(data)

    def answer(self, data: bytes) -> None:
        """Send from the ROUTER; dropped while the connection is down, as ROUTER does."""
        if self.up:
            self._back.send(data)

    def slow(self, seconds: float) -> None:
        """Have nothing of what is sent now arrive for so long; then all of it does."""
        self._forth.slow(self._clock.now + seconds)
        self._back.slow(self._clock.now + seconds)

    def cut(self, seconds: float, repaired: Callable[[], None], *, lose: bool = True) -> None:
        """Break for so long. What is under way is gone, unless the line only stalls."""
        self.breaks += 1
        number = self.breaks
        self.up = False
        if lose:
            self._forth.lose()
            self._back.lose()

        def again() -> None:
            if number == self.breaks:
                self.up = True
                repaired()

        self._clock.after(seconds, again)
