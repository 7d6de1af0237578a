"""The executor of a ``Source`` task under at-most-once: nothing is tracked, nothing comes back.

A source that seeks could give a message twice after a restart: its positions are made durable
before its messages go out (``reservations``). One that cannot seek gives each message once by
itself, and its messages go out as they are read.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from waterspout.topology.task_env import reason_of
from waterspout.topology.tracebacks import user_traceback

from .contract import Messages
from .executor import SourceExecutor
from .groups import Group
from .reservations import Ask, Reservations

#: Messages read in a turn for each that may go out in it: what is held ahead grows with it.
READ_AHEAD = 2


class OnceExecutor(SourceExecutor):
    """Runs one Source task; each of its messages goes out once, or is lost."""

    #: None: the source does not seek.
    reservations: Reservations | None = None
    #: Messages that went out of those that were held.
    _gone = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: (partition that ended, value of ``_gone`` when its last message went out).
        self._closing: deque[tuple[str, int]] = deque()

    def reserve_with(self, ask: Ask) -> None:
        """Make positions durable before their messages go out. Called before the first turn."""
        self.reservations = Reservations(ask, self.env.settings.reserve_max)

    @property
    def reserved(self) -> int:
        """Messages that were asked for and have not gone out: a crash may skip them."""
        return self.reservations.unsent if self.reservations is not None else 0

    def turn(self, now: float, messages: int) -> int:
        """Send up to about ``messages`` messages, and read ahead; return how many went out."""
        if not self.going:
            return 0
        self.running = True
        self._lag.ask(self._waiting, now)
        reservations = self.reservations
        if reservations is None:
            sent = 0 if self.draining else self._read_new(now, messages)
        else:
            sent = self._send_allowed(reservations, now, messages)
            room = min(reservations.room, READ_AHEAD * messages)
            if room and not self.draining:
                self._read_new(now, room)
            reservations.reserve(now)
        while self._closing and self._closing[0][1] <= self._gone:
            super().partition_ended(self._closing.popleft()[0], now)
        self.send_watermark(now)
        self.running = False
        return sent

    def room(self) -> int:
        """Return how many messages may be read now: none of them may be held beyond the limit."""
        room = super().room()
        return room if self.reservations is None else min(room, self.reservations.room)

    def _send_allowed(self, reservations: Reservations, now: float, messages: int) -> int:
        sent = 0
        while sent < messages and reservations.ready and not self.blocked():
            group, rows = reservations.next()
            self.send(group, rows, now)
            sent += group.count
        self._gone += sent
        return sent

    def partition_ended(self, name: str, now: float) -> None:
        """All messages of a partition were read; what is held of them still has to go out."""
        held = self.reservations.held if self.reservations is not None else 0
        self._closing.append((name, self._gone + held))

    def _take(self, group: Group, rows: Messages, now: float) -> None:
        if self.reservations is None:
            self.send(group, rows, now)
        else:
            self.reservations.add(group, rows)

    def send(self, group: Group, rows: Messages, now: float) -> None:
        """Send a group untracked: what can be sent of it, since nobody replays the rest."""
        self.ledger.passed(group, now)
        self.in_flight(0, group, self.ledger.emitted)
        emitter = self.emitter
        error = self.try_many(group.partition, rows)
        emitter.close_run(())
        if error is None:
            return
        for row in rows:
            error = self.try_many(group.partition, [row]) if len(rows) > 1 else error
            emitter.close_run(())
            if error is not None:
                self.ledger.failed += 1
                details = user_traceback(error)
                self.env.note_error(self.component, self.task, reason_of(error), details)

    def new_epoch(self, durable_round: int | None, roots: list[int], now: float) -> None:
        """Wait for ``go``; what is held is sent then, what was sent does not come again."""
        self.going = False
        self.watermarks_anew()

    def drained(self) -> bool:
        """Whether everything that was read has gone out."""
        return self.reservations is None or self.reservations.idle

    def wakeup(self, now: float) -> float:
        """Return the seconds until there may be something to do."""
        reservations = self.reservations
        if reservations is None or not self.going:
            return super().wakeup(now)
        if reservations.ready:
            return 0.0
        # Without room only a grant helps, and that is a message of the coordinator.
        return super().wakeup(now) if reservations.room else 3600.0
