"""Aligned barriers: which channels of a task wait, what waits in them, and when the task is cut.

Barrier n comes on every channel into a task. A channel that has brought it is blocked: what it
brings after that is not in checkpoint n, and waits in the stash until the task is cut::

    channel A   a1 a2 | a3 a4          | barrier n     a3, a4 wait from its barrier on
    channel B   b1 b2 b3 b4 |
                            ^ both have it: cut (state holds a1 a2 b1 b2 b3 b4), then a3, a4

A barrier with a higher number gives the pending one up: its checkpoint cannot complete any more.
One with a lower number, or of a checkpoint that was cut or given up, is obsolete and changes
nothing. Source: Chandy and Lamport 1985; Carbone et al., "Lightweight Asynchronous Snapshots
for Distributed Dataflows", 2015.

With ``overtake`` the task is cut before all channels have the barrier; what the late channels
still bring before theirs is handed on and logged as well: it belongs to the checkpoint, as the
content of the channel.

Pure: knows nothing of frames, of the bolt and of the time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from enum import StrEnum
from typing import Any, Generic, TypeVar

from waterspout.topology.frames import Channel

Item = TypeVar("Item")


class Verdict(StrEnum):
    """What a barrier means for its task."""

    OBSOLETE = "obsolete"  #: of a checkpoint that is over here
    BLOCKED = "blocked"  #: its channel waits; others have yet to bring it
    COMPLETE = "complete"  #: the last one: cut now
    LOGGED = "logged"  #: of a checkpoint that was cut before: the log of its channel ends


class Alignment(Generic[Item]):
    """The barriers of one task.

    Args:
        channels: all channels into the task; at least one.

    Attributes:
        current: the highest number this task knows of; barriers below it are obsolete.
        pending: some channels have barrier ``current`` and wait for the others.
        released: what waited and may go on, in order; drained by the owner after each call.
        log: after ``overtake``: what late channels brought before their barrier, in order.
        logging: what late channels bring belongs to the checkpoint that was cut.
    """

    def __init__(self, channels: Collection[Channel]) -> None:
        assert channels, "a task without channels is cut by its worker"
        self.current = 0
        self.pending = False
        self.released: deque[tuple[Channel, Item]] = deque()
        self.log: list[tuple[Channel, Any]] = []
        self.logging = False
        self._channels = frozenset(channels)
        #: Channels that brought barrier ``current``.
        self._have: set[Channel] = set()
        self._stash: deque[tuple[Channel, Item]] = deque()

    def blocks(self, channel: Channel) -> bool:
        """Say whether what ``channel`` brings has to wait. Asked for each frame and mark."""
        return self.pending and channel in self._have

    @property
    def late(self) -> frozenset[Channel]:
        """The channels that have not brought barrier ``current`` yet."""
        return self._channels - self._have

    def stash(self, channel: Channel, item: Item) -> None:
        """Keep what a blocked channel brought."""
        assert self.blocks(channel)
        self._stash.append((channel, item))

    def logs(self, channel: Channel) -> bool:
        """Say whether what ``channel`` brings belongs to the checkpoint that was cut."""
        return self.logging and channel not in self._have

    def note(self, channel: Channel, item: Any) -> None:
        """Log what a channel brought, in whatever form, if it belongs to that checkpoint."""
        if self.logs(channel):
            self.log.append((channel, item))

    def barrier(self, channel: Channel, number: int) -> Verdict:
        """Take barrier ``number`` of a channel; it may give a lower pending one up."""
        if number < self.current or (
            number == self.current and not (self.pending or self.logging)
        ):
            return Verdict.OBSOLETE
        if number > self.current:
            self._begin(number)
        self._have.add(channel)
        complete = self._have >= self._channels
        if self.logging:
            self.logging = not complete
            return Verdict.LOGGED
        return Verdict.COMPLETE if complete else Verdict.BLOCKED

    def _begin(self, number: int) -> None:
        self._give_up()
        self.current, self.pending = number, True
        self._have = set()

    def overtake(self) -> None:
        """The task is cut now, before all channels have the barrier; blocked ones go on."""
        assert self.pending
        self.pending, self.logging = False, True
        self.log = []
        self._release()

    def cut(self) -> None:
        """The task was cut at the pending barrier: what waited goes on."""
        assert self.pending
        self.pending = False
        self._release()

    def abort(self, number: int) -> bool:
        """Checkpoints up to ``number`` are given up; True: that one was pending or being logged."""
        if number < self.current:
            return False
        held = self.pending or self.logging
        self._give_up()
        self.current = number
        return held

    def _give_up(self) -> None:
        self.pending = self.logging = False
        self.log = []
        self._release()

    def _release(self) -> None:
        self.released += self._stash
        self._stash.clear()
