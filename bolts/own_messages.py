"""Messages that a bolt itself starts: emits from ticks and from ``finish``.

Each has a root of its own, tracked by the acker of the bolt's worker, and its rows are kept
until its tree is durable: worked through, and in a complete round where bolts below keep state.
A failure emits them again after a back-off, in smaller parts, each under a fresh root; a row
that failed ``attempts_max`` times alone becomes a dead letter. The kept rows are part of the
bolt's state, so that a restored task emits them again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from heapq import heappop, heappush
from typing import Any

from waterspout.topology.backoff import backoff_s
from waterspout.topology.channels import OpenFrame
from waterspout.topology.control_frames import Failure
from waterspout.topology.emitter import Emitter
from waterspout.topology.marks import MIN_WATERMARK
from waterspout.topology.task_env import RootSource, TaskEnv

from .failed_calls import RETRY_S, OwnCall, PartsFailed

#: Name of the map in the task's state that holds what waits.
STATE_MAP = "__emitted"
#: Into so many parts a message that failed is cut: the row at fault is alone after a few tries.
PARTS = 8
Rows = list[list[Any]]
#: Takes (root, row with stream and target, attempts, failure): make a dead letter of it.
BuryRow = Callable[[int, list[Any], int, Failure], None]
#: Takes (root, what for a stream, values, attempts, failure): make a dead letter of a call, one for
#: all equal ones, or of values.
BuryCall = Callable[[int, str, list[Any], int, Failure], None]


class OwnMessages:
    """The own messages of one bolt task.

    Args:
        kept: map in the task's state, or a dict for a task without state.
    """

    #: Calls that raise are made again here; else everything goes back to a checkpoint.
    repeats = True

    def __init__(
        self, task: int, emitter: Emitter, env: TaskEnv, kept: MutableMapping[int, Rows]
    ) -> None:
        self._emitter = emitter
        self._env = env
        self._roots = RootSource(task, env.draw)
        self._kept = kept
        # What stood for calls that had failed: a restored task makes them by itself.
        for root in [root for root, rows in kept.items() if not rows]:
            del kept[root]
        self._frames = {(f.key[1], f.key[2]): f for f in emitter.frames}
        #: root -> number of attempts so far.
        self._attempts: dict[int, int] = {}
        #: The watermark that the task has sent on, which must not pass what may come again; None:
        #: there is no event time, or nothing comes again.
        self.sent_on: int | None = None
        #: root -> what ``sent_on`` was when its rows went out first.
        self._before: dict[int, int] = {}
        #: How many messages, and calls that had failed, are worked through so far; and durable.
        self.ended = self.released = 0
        #: Roots that are worked through and wait for a round; those that the round at work froze.
        self._worked: set[int] = set()
        self._frozen: set[int] = set()
        self._round = 0
        #: (due, root) of failed messages that wait for their back-off.
        self._retries: list[tuple[float, int]] = []
        #: Nothing keeps state: worked through is durable. Set when the worker was built.
        self.durable_at_once = True
        self.bury: BuryRow = lambda root, row, attempts, failure: self.completed(root)
        self.bury_call: BuryCall = lambda root, what, values, attempts, failure: self.buried(root)
        self.bury_values: BuryCall = lambda root, *letter: self.buried(root)
        #: Root -> what is to be done once its dead letter is stored.
        self.when_buried: dict[int, Callable[[], None]] = {}
        #: Roots of what was on its way to the task when its checkpoint was cut (channel_log.py);
        #: it has not had all its input before these are worked through.
        self.logged: set[int] = set()

    @property
    def pending(self) -> int:
        """Return how many own messages are not worked through."""
        return len(self._kept) - len(self._worked) - len(self._frozen)

    def emit(self, call: Callable[[], Any], now: float) -> None:
        """Run ``call``; what it emits is one message with a root of its own.

        When the call raises, what it had emitted is taken back, unless only parts of it failed or
        it is not made again (at most once). The error goes on.
        """
        emitter = self._emitter
        emitter.close_run(emitter.roots)
        if not self._env.tracked:
            emitter.roots = ()
            try:
                call()
            finally:
                emitter.close_run(())
            return
        root = self._roots.next()
        emitter.roots = (root,)
        try:
            self._call(call)
        finally:
            self._track(root, 1, now, self.sent_on)
            emitter.roots = ()

    def _call(self, call: Callable[[], Any]) -> None:
        try:
            call()
        except PartsFailed:
            raise
        except BaseException:
            self._emitter.take_back()
            raise

    # Calls that failed.

    def stand_in(self) -> int:
        """Return a root that stands for a call that failed: pending, without any row."""
        root = self._roots.next(again=True)
        self._kept[root] = []
        if self.sent_on is not None:
            self._before[root] = self.sent_on
        return root

    def gives_up(self, call: OwnCall, attempts: int, failure: Failure, now: float) -> int:
        """Return after how many attempts a call that has raised becomes a dead letter; 0: not."""
        attempts_max: int = self._env.settings.attempts_max
        return attempts if attempts >= attempts_max else 0

    @property
    def counting(self) -> bool:
        """Whether ``left_out`` and ``came_through`` have anything to do."""
        return False

    def left_out(self, id: Any) -> Failure | None:
        """Return why a call is not made (any more); None: it is made."""
        return None

    def came_through(self, id: Any) -> None:
        """A call did not raise."""

    def completed(self, root: int) -> None:
        """A message is worked through, or its dead letter is stored: forget it once that lasts."""
        if root not in self._kept:
            return
        self._attempts.pop(root, None)
        self.ended += 1
        if self.durable_at_once:
            self._forget(root)
        else:
            self._worked.add(root)

    def _forget(self, root: int) -> None:
        del self._kept[root]
        self._before.pop(root, None)
        self.released += 1

    def held_back(self) -> int | None:
        """Return the watermark that holds for what is not durable; None: there is nothing."""
        return min(self._before.values(), default=None)

    def failed(self, failure: Failure, now: float) -> None:
        """Emit a failed message again, after a back-off."""
        root = failure.root
        if root not in self._kept:
            return
        settings, attempts = self._env.settings, self._attempts.get(root, 1)
        if attempts >= settings.attempts_max and len(self._kept[root]) == 1:
            self.bury(root, self._kept[root][0], attempts, failure)
            return
        self._attempts[root] = attempts + 1
        heappush(self._retries, (now + backoff_s(settings, attempts, root), root))

    def buried(self, root: int) -> None:
        """The dead letter of a row or a call is stored."""
        self.when_buried.pop(root, _nothing)()
        self.completed(root)

    def retry(self, now: float, blocked: Callable[[], bool]) -> None:
        """Emit what is due again, in parts, for one slice. Called in each turn.

        Args:
            blocked: says whether the outbox is full: what is due waits then.
        """
        until = self._env.clock() + RETRY_S if self._retries else 0.0
        while self._retries and self._retries[0][0] <= now and not blocked():
            root = heappop(self._retries)[1]
            rows, attempts = self._kept.pop(root), self._attempts.pop(root)
            before = self._before.pop(root, None)
            size = -(-len(rows) // PARTS)
            for start in range(0, len(rows), size):
                self._again(rows[start : start + size], attempts, now, before)
            if self._env.clock() >= until:
                return

    def next_due(self, now: float) -> float:
        """Return the seconds until ``retry`` has something to do, or a long time."""
        return max(self._retries[0][0] - now, 0.0) if self._retries else 3600.0

    def freeze(self, round_: int) -> None:
        """Freeze what is worked through, as ledgers do: it is durable when the round is."""
        self.abort()
        self._round, self._frozen, self._worked = round_, self._worked, set()

    def durable(self, round_: int) -> None:
        """The round is complete: forget what it froze."""
        if round_ == self._round:
            for root in self._frozen:
                self._forget(root)
            self._frozen, self._round = set(), 0

    def abort(self) -> None:
        """The round was given up: what it froze waits for the next one."""
        self._worked |= self._frozen
        self._frozen, self._round = set(), 0

    def again_all(self, now: float) -> None:
        """Emit all that is not durable again: a new epoch, or a restored task."""
        done = self._worked | self._frozen
        self._worked, self._frozen, self._round = set(), set(), 0
        self._retries = []
        kept, attempts = dict(self._kept), dict(self._attempts)
        self._kept.clear()
        self._attempts.clear()
        self._before.clear()
        # Nobody below knows of a watermark any more: none is sent before these are durable.
        before = None if self.sent_on is None else MIN_WATERMARK
        for root, rows in kept.items():
            if rows:
                self._again(rows, attempts.get(root, 1), now, before)
            elif root not in done:
                self._kept[root] = rows
                if before is not None:
                    self._before[root] = before

    def _again(self, rows: Rows, attempt: int, now: float, before: int | None) -> None:
        root = self._roots.next(attempt > 1)
        self._emitter.close_run(self._emitter.roots)
        for stream, target, row in rows:
            frame = self._frames.get((stream, target))
            if frame is not None:
                frame.rows.append(row)
        self._track(root, attempt, now, before)

    def _track(self, root: int, attempt: int, now: float, before: int | None) -> None:
        self._emitter.close_run((root,))
        # An emit with anchors closes runs on its way: rows of the root may stand between others.
        rows = [
            [frame.key[1], frame.key[2], row]
            for frame in self._emitter.frames
            if root in frame.roots
            for row in rows_of(frame, root)
        ]
        if not rows:
            return
        guard = self._env.open_root(root, now)
        self._kept[root] = rows
        self._attempts[root] = attempt
        if before is not None:
            self._before[root] = before
        self._env.drop_guard(root, guard)


def _nothing() -> None:
    """Stand in for what nobody waits for."""


def rows_of(frame: OpenFrame, root: int) -> Iterator[Any]:
    """Yield the rows of a frame that descend from ``root``."""
    start = 0
    rows = frame.all_rows() if frame.blocks else frame.rows
    for count, roots in frame.runs:
        if root in roots:
            yield from rows[start : start + count]
        start += count
