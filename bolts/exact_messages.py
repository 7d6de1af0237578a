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

from .failed_calls import OwnCall
from .own_messages import OwnMessages, Rows, rows_of

#: For so long a failure counts against the next one.
FAILURES_S = 3600.0
#: So many times ``attempts_max`` failures of a task in that time that nothing came through after,
#: and whatever fails next becomes a dead letter at once: its rows differ from try to try.
MANY = 10
#: Rows and calls whose failures are counted, and characters that they are told apart by.
ROWS_MAX = 1000
KEY_MAX = 2000

#: Takes the failure of an own message or call: have all taken back to the last checkpoint.
AskRestore = Callable[[Failure], None]


class OwnFailures:
    """Failures of the own messages and calls of one task; outlives the task in its worker."""

    def __init__(self) -> None:
        #: (when, which) of those that did not come through since.
        self._open: deque[tuple[float, str]] = deque()
        self._last = -FAILURES_S
        #: A row or call as text -> how often it failed alone.
        self._counts: dict[str, int] = {}
        #: Calls that are left out -> why.
        self._left_out: dict[str, Failure] = {}

    def any(self, now: float) -> bool:
        """Whether something failed in the last hour."""
        if now - self._last <= FAILURES_S:
            return True
        self._open.clear()
        self._counts.clear()
        self._left_out.clear()
        return False

    def note(self, which: str, attempts_max: int, now: float) -> int:
        """Note a failure; return which attempt of this row or call it was: one too many, if there
        were many failures.

        Args:
            which: row or call as text; "": several rows, of which it is not known which failed.
        """
        self._last = now
        while self._open and self._open[0][0] < now - FAILURES_S:
            self._open.popleft()
        self._open.append((now, which))
        if len(self._open) > MANY * attempts_max:
            self._open.popleft()
            return attempts_max + 1
        if not which:
            return 1
        if which not in self._counts and len(self._counts) >= ROWS_MAX:
            del self._counts[next(iter(self._counts))]
        self._counts[which] = self._counts.get(which, 0) + 1
        return self._counts[which]

    def came_through(self, which: str) -> None:
        """A row or call that had failed did not this time: others may fail as well."""
        if which in self._counts:
            self._open = deque(each for each in self._open if each[1] != which)

    def given_up(self, which: str) -> None:
        """There is a dead letter of a call: another one like it begins anew."""
        self.came_through(which)
        self._counts.pop(which, None)
        self._left_out.pop(which, None)

    def leave_out(self, which: str, failure: Failure) -> None:
        """Have a call left out the next time."""
        if len(self._left_out) < ROWS_MAX:
            self._left_out[which] = failure

    def left_out(self, which: str) -> Failure | None:
        """Return why a call is left out; None: it is not."""
        return self._left_out.get(which)

    @property
    def counting(self) -> bool:
        """Whether any row or call has failed."""
        return bool(self._counts)


def text_of(row: Any) -> str:
    """Return what a row or the id of a call is told apart by."""
    return repr(row)[:KEY_MAX]


class ExactOwnMessages(OwnMessages):
    """The own messages of one bolt task, each emitted once.

    Args:
        failures: of this task, in this worker.
    """

    repeats = False
    ask_restore: AskRestore

    def __init__(
        self, task: int, emitter: Emitter, env: TaskEnv, failures: OwnFailures
    ) -> None:
        super().__init__(task, emitter, env, {})
        self._failures = failures
        #: Roots that were not worked through at the cut of each checkpoint.
        self._open: dict[int, list[int]] = {}
        #: Calls that were left out, by now and at the cut of each checkpoint.
        self._left_out: list[str] = []
        self._left_out_at: dict[int, list[str]] = {}

    def emit(self, call: Callable[[], Any], now: float) -> None:
        """Run ``call``; what it emits is one message, or one for each row after a failure."""
        if not self._failures.any(now):
            super().emit(call, now)
            return
        emitter = self._emitter
        emitter.close_run(emitter.roots)
        root = self._roots.next(again=True)
        emitter.roots = (root,)
        emitter.keeping = lambda: self._track_each(now)
        try:
            self._call(call)
        finally:
            emitter.keeping = None
            self._track_rows(root, now)
            emitter.roots = ()

    def _track_each(self, now: float) -> None:
        """Give each row since the last one that was tracked a root of its own."""
        emitter, env = self._emitter, self._env
        for frame in emitter.frames:
            stream, target = frame.key[1:]
            for row in list(frame.all_rows()[frame.mark :]):
                single = self._roots.next(again=True)
                guard = self._keep(single, [[stream, target, row]], now)
                emitter.emitted += 1
                frame.note_run(1, (single,), env.toggles, env.draw)
                env.drop_guard(single, guard)

    def _track_rows(self, root: int, now: float) -> None:
        """Give each row of the call that is over a root of its own."""
        self._track_each(now)
        emitter, env = self._emitter, self._env
        # Emits with anchors closed runs on their way.
        if rows := list(self._closed_rows(root)):
            env.drop_guard(root, self._keep(root, rows, now))
        emitter.close_run(())

    def _closed_rows(self, root: int) -> Iterator[list[Any]]:
        for frame in self._emitter.frames:
            if root in frame.roots:
                for row in rows_of(frame, root):
                    yield [frame.key[1], frame.key[2], row]

    # What a checkpoint's log holds.

    def one_by_one(self, now: float) -> bool:
        """Say whether each row is to have a root of its own, as something failed lately."""
        return self._failures.any(now)

    def take_in(self, rows: Rows, now: float) -> tuple[int, int]:
        """Begin a message of rows that were on their way to the task; return root and guard edge.

        Their spout has them behind its position: here they are tracked, and given up on.

        Args:
            rows: [input, task, values] of each; ``input`` as a topology file says it.
        """
        root = self._roots.next(again=self.one_by_one(now))
        self.logged.add(root)
        return root, self._keep(root, rows, now)

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
        which = text_of(rows[0]) if len(rows) == 1 else ""
        attempts = self._failures.note(which, settings.attempts_max, now)
        if attempts >= settings.attempts_max:
            self._bury_all(failure, min(attempts, settings.attempts_max))
        else:
            self.ask_restore(failure)

    def gives_up(self, call: OwnCall, attempts: int, failure: Failure, now: float) -> int:
        """Return after how many attempts a call that has raised becomes a dead letter now.

        0: all is taken back instead.
        """
        settings = self._env.settings
        if settings.fail_to_dead_letter:
            return attempts
        which = text_of(call.id)
        attempts = self._failures.note(which, settings.attempts_max, now)
        if attempts >= settings.attempts_max:
            if not call.skips or attempts > settings.attempts_max:
                # Until that is durable it would be given up again, not tried.
                self._left_out.append(which)
                return int(settings.attempts_max)
            # Once more back, and it is left out: so it has no effect at all.
            self._failures.leave_out(which, failure)
        self.ask_restore(failure)
        return 0

    def left_out(self, id: Any) -> Failure | None:
        """Return why a call is not made (any more); None: it is made."""
        which = text_of(id)
        failure = self._failures.left_out(which)
        if failure is not None:
            self._left_out.append(which)
        return failure

    @property
    def counting(self) -> bool:
        """Whether ``left_out`` and ``came_through`` have anything to do."""
        return self._failures.counting

    def came_through(self, id: Any) -> None:
        """A call did not raise."""
        self._failures.came_through(text_of(id))

    def _bury_all(self, failure: Failure, attempts: int) -> None:
        """Make a dead letter of each row; all of them together stand for the message."""
        rows = self._kept.pop(failure.root)
        roots = [self._roots.next() for _ in rows]
        for open_ in self._open.values():
            if failure.root in open_:
                open_ += roots
        if failure.root in self.logged:
            self.logged.discard(failure.root)
            self.logged.update(roots)
        for root, row in zip(roots, rows, strict=True):
            self._kept[root] = [row]
        for root, row in zip(roots, rows, strict=True):
            self.bury(root, row, attempts, failure)

    def cut(self, number: int) -> None:
        """Note what was emitted before checkpoint ``number``."""
        self._open[number] = list(self._kept)
        self._left_out_at[number] = list(self._left_out)

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
        for which in self._left_out_at.get(number, ()):
            self._failures.given_up(which)
        self._left_out_at = {n: left for n, left in self._left_out_at.items() if n > number}

    def abort(self) -> None:
        """A checkpoint was given up: the next one notes everything anew."""

    def again_all(self, now: float) -> None:
        """Nothing is emitted again."""

    def completed(self, root: int) -> None:
        """A message is worked through, or its dead letter is stored."""
        rows = self._kept.pop(root, None)
        if rows is not None:
            self._attempts.pop(root, None)
            self.logged.discard(root)
            self.ended += 1
            if len(rows) == 1 and self._failures.counting:
                self._failures.came_through(text_of(rows[0]))
