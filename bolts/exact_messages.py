"""Messages that a bolt itself starts, under exactly-once: ticks, timers, ``finish``.

They are no state and are never emitted again: what a call of the bolt emitted before the cut is
in the checkpoint with its effects, and what came after it is emitted by the same call made again
after a restore. They are tracked all the same, so that a checkpoint in which one failed is not
complete.

One that fails has everything taken back. After that each row goes out under a root of its own
for a while, so that it is known which one fails; a row that failed ``attempts_max`` times becomes
a dead letter, or it would take the topology back for ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from waterspout.topology.control_frames import Failure
from waterspout.topology.emitter import Emitter
from waterspout.topology.task_env import TaskEnv

from .own_messages import OwnMessages, Rows, rows_of

#: For so long a failure counts against the next one.
FAILURES_S = 3600.0
#: So many times ``attempts_max`` failures of a task in that time, and whatever fails next becomes
#: a dead letter at once: its rows differ from try to try.
MANY = 10
#: Rows whose failures are counted, and characters that they are told apart by.
ROWS_MAX = 1000
KEY_MAX = 2000

#: Takes the failure of an own message: have everything taken back to the last checkpoint.
AskRestore = Callable[[Failure], None]


class OwnFailures:
    """Failures of the own messages of one task; outlives the task in its worker."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()
        #: A row as text -> how often it failed alone.
        self._rows: dict[str, int] = {}

    def any(self, now: float) -> bool:
        """Whether something failed in the last hour."""
        while self._times and self._times[0] < now - FAILURES_S:
            self._times.popleft()
        if not self._times:
            self._rows.clear()
        return bool(self._times)

    def note(self, rows: Rows, attempts_max: int, now: float) -> int:
        """Note a failure; return which attempt of these rows it was."""
        self._times.append(now)
        if len(self._times) > MANY * attempts_max:
            self._times.popleft()
            return attempts_max
        if len(rows) > 1:
            return 1
        key = repr(rows[0])[:KEY_MAX]
        if key not in self._rows and len(self._rows) >= ROWS_MAX:
            del self._rows[next(iter(self._rows))]
        self._rows[key] = self._rows.get(key, 0) + 1
        return self._rows[key]


class ExactOwnMessages(OwnMessages):
    """The own messages of one bolt task, each emitted once.

    Args:
        failures: of this task, in this worker.
    """

    ask_restore: AskRestore

    def __init__(
        self, task: int, emitter: Emitter, env: TaskEnv, failures: OwnFailures
    ) -> None:
        super().__init__(task, emitter, env, {})
        self._failures = failures
        #: Roots that were not worked through at the cut of each checkpoint.
        self._open: dict[int, list[int]] = {}

    def emit(self, call: Callable[[], Any], now: float) -> None:
        """Run ``call``; what it emits is one message, or one for each row after a failure."""
        if not self._failures.any(now):
            super().emit(call, now)
            return
        emitter = self._emitter
        emitter.close_run(emitter.roots)
        root = self._roots.next(again=True)
        emitter.roots = (root,)
        try:
            call()
        finally:
            self._track_rows(root, now)
            emitter.roots = ()

    def _track_rows(self, root: int, now: float) -> None:
        """Give each row of the call that is over a root of its own."""
        emitter, env = self._emitter, self._env
        for frame in emitter.frames:
            stream, target = frame.key[1:]
            for row in list(frame.all_rows()[frame.mark :]):
                single = self._roots.next(again=True)
                guard = self._keep(single, [[stream, target, row]], now)
                emitter.emitted += 1
                frame.note_run(1, (single,), env.toggles, env.draw)
                env.drop_guard(single, guard)
        # Emits with anchors closed runs on their way.
        if rows := list(self._closed_rows(root)):
            env.drop_guard(root, self._keep(root, rows, now))
        emitter.close_run(())

    def _closed_rows(self, root: int) -> Iterator[list[Any]]:
        for frame in self._emitter.frames:
            if root in frame.roots:
                for row in rows_of(frame, root):
                    yield [frame.key[1], frame.key[2], row]

    def _keep(self, root: int, rows: Rows, now: float) -> int:
        self._kept[root], self._attempts[root] = rows, 1
        return self._env.open_root(root, now)

    def failed(self, failure: Failure, now: float) -> None:
        """Take a failed message: everything goes back, or its rows become dead letters."""
        rows, settings = self._kept.get(failure.root), self._env.settings
        if rows is None:
            return
        if settings.fail_to_dead_letter:
            self._bury_all(failure, 1)
            return
        attempts = self._failures.note(rows, settings.attempts_max, now)
        if attempts >= settings.attempts_max:
            self._bury_all(failure, attempts)
        else:
            self.ask_restore(failure)

    def _bury_all(self, failure: Failure, attempts: int) -> None:
        """Make a dead letter of each row; all of them together stand for the message."""
        rows = self._kept.pop(failure.root)
        roots = [self._roots.next() for _ in rows]
        for open_ in self._open.values():
            if failure.root in open_:
                open_ += roots
        for root, row in zip(roots, rows, strict=True):
            self._kept[root] = [row]
        for root, row in zip(roots, rows, strict=True):
            self.bury(root, row, attempts, failure)

    def cut(self, number: int) -> None:
        """Note what was emitted before checkpoint ``number``."""
        self._open[number] = list(self._kept)

    def settled(self, number: int) -> bool:
        """Say whether all that was emitted before the cut is worked through, or buried."""
        open_ = self._open.get(number, [])
        while open_:
            if open_[-1] in self._kept:
                return False
            open_.pop()
        return True

    def durable(self, number: int) -> None:
        """Checkpoint ``number`` is complete."""
        self._open = {n: roots for n, roots in self._open.items() if n > number}

    def abort(self) -> None:
        """A checkpoint was given up: the next one notes everything anew."""

    def again_all(self, now: float) -> None:
        """Nothing is emitted again."""

    def completed(self, root: int) -> None:
        """A message is worked through, or its dead letter is stored."""
        if root in self._kept:
            del self._kept[root]
            self._attempts.pop(root, None)
