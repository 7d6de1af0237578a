"""The part of a simulated reality that outlives workers: brokers, disks, and who has to fail."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from types import coroutine
from typing import Any

from .clock import Clock
from .shapes import SpoutShape

#: How often chance may fail one message, over all bolts; more attempts than this are left.
CHANCE_FAILURES_MAX = 2


class Refused(Exception):
    """Raised by bolts that are told to fail."""


class ProcessDied(BaseException):
    """A user call took its whole process with it."""


class World:
    """What components act on.

    Attributes:
        poison: component -> messages that it always fails.
        killers: component -> messages that kill its worker each time.
        fail_share: chance that a call fails.
        done_at: (component, ident) -> how often it was worked on, in any process.
        written: (component, ident) that sinks have flushed.
    """

    def __init__(self, rng: random.Random, clock: Clock) -> None:
        self.rng, self.clock = rng, clock
        self.poison: dict[str, set[str]] = {}
        self.killers: dict[str, set[str]] = {}
        #: Messages that always failed until they were mended.
        self.mended: set[str] = set()
        #: Messages that fail the next time that a bolt is given one of their rows.
        self.once: set[str] = set()
        self.fail_share = 0.0
        self.failures: Counter[str] = Counter()
        self.deaths: Counter[str] = Counter()
        self.done_at: Counter[tuple[str, str]] = Counter()
        self.written: Counter[tuple[str, str]] = Counter()
        #: Components that do not fail once their work is done: their calls are all or nothing.
        self.atomic: set[str] = set()
        #: (component, index, number) of transactions that were committed.
        self.committed: set[tuple[str, int, int]] = set()
        self.on_transaction: Callable[[str, int, list[str]], None] = lambda *_: None
        self.acked: set[str] = set()
        self.on_ack: Callable[[str], None] = lambda mid: None
        self.on_work: Callable[[str], None] = lambda ident: None
        #: Set when a user call killed its process; taken by the cluster.
        self.dying = False

    def mend(self) -> None:
        """No message has to fail any more."""
        self.mended.update(mid for mids in self.poison.values() for mid in mids)
        self.poison.clear()

    # For spouts.

    def due(self, shape: SpoutShape, count: int) -> int:
        """Return how many messages of a lane are there by now."""
        if not shape.pause_s:
            return count
        return min(count, 1 + int(self.clock.now / shape.pause_s))

    def unacked(self, shape: SpoutShape, lane: int) -> list[str]:
        """Return what the broker has for a new process of a re-emit spout."""
        mids = [f"{shape.id}/{lane}/{n}" for n in range(shape.messages)]
        known = set(shape.mids())
        return [mid for mid in mids if mid in known and mid not in self.acked]

    def on_spout_ack(self, mid: str) -> None:
        """A spout was told that a message is durable: the broker forgets it."""
        self.on_ack(mid)
        self.acked.add(mid)

    # For bolts.

    def before(self, component: str, mid: str) -> None:
        """Fail or die before any work was done, when that is the lot of this message."""
        if mid in self.killers.get(component, ()):
            self.deaths[mid] += 1
            self.dying = True
            raise ProcessDied(mid)
        if self.refuses(component, mid):
            raise Refused(f"{component} refuses {mid}")

    def after(self, component: str, mid: str) -> None:
        """Fail after everything was done and emitted."""
        if component not in self.atomic and self._by_chance(mid):
            raise Refused(f"{component} fails at last {mid}")

    def refuses(self, component: str, mid: str) -> bool:
        """Say whether a bolt has to fail this message now."""
        if mid in self.poison.get(component, ()):
            self.failures[mid] += 1
            return True
        if mid in self.once:
            self.once.discard(mid)
            self.failures[mid] += 1
            return True
        return self._by_chance(mid)

    def _by_chance(self, mid: str) -> bool:
        if not self.fail_share or self.failures[mid] >= CHANCE_FAILURES_MAX:
            return False
        if self.rng.random() >= self.fail_share:
            return False
        self.failures[mid] += 1
        return True

    def done(self, component: str, ident: str) -> None:
        """A piece of work was done."""
        self.on_work(ident)
        self.done_at[component, ident] += 1

    def write(self, component: str, idents: list[str]) -> None:
        """A sink makes its output durable."""
        self.written.update((component, ident) for ident in idents)

    def commit(self, component: str, index: int, number: int, idents: list[str]) -> None:
        """A sink commits a transaction; once more changes nothing."""
        if (component, index, number) not in self.committed:
            self.committed.add((component, index, number))
            self.on_transaction(component, number, idents)
            self.write(component, idents)

    @coroutine
    def pause(self) -> Any:
        """Give way, in an ``async def process``."""
        yield
