"""Messages that a bolt itself starts, under exactly-once: ticks, timers, ``finish``.

They are no state and are never emitted again: what a call of the bolt emitted before the cut is
in the checkpoint with its effects, and what came after it is emitted by the same call made again
after a restore. They are tracked all the same, so that a checkpoint in which one failed is not
complete. One that fails has everything taken back; when that happened too often in the last hour
its rows become dead letters, or a row that always fails would take the topology back for ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from waterspout.topology.control_frames import Failure
from waterspout.topology.emitter import Emitter
from waterspout.topology.task_env import TaskEnv

from .own_messages import OwnMessages

#: For so long a failure counts against the next one.
FAILURES_S = 3600.0
#: Takes the failure of an own message: have everything taken back to the last checkpoint.
AskRestore = Callable[[Failure], None]


class ExactOwnMessages(OwnMessages):
    """The own messages of one bolt task, each emitted once.

    Args:
        failures: when own messages of this task failed; outlives the task in its worker.
    """

    ask_restore: AskRestore

    def __init__(
        self, task: int, emitter: Emitter, env: TaskEnv, failures: deque[float]
    ) -> None:
        super().__init__(task, emitter, env, {})
        self._failures = failures
        #: Roots that were not worked through at the cut of each checkpoint.
        self._open: dict[int, list[int]] = {}

    def failed(self, failure: Failure, now: float) -> None:
        """Take a failed message: everything goes back, or its rows become dead letters."""
        rows = self._kept.get(failure.root)
        if rows is None:
            return
        self._failures.append(now)
        while self._failures[0] < now - FAILURES_S:
            self._failures.popleft()
        tried, settings = len(self._failures), self._env.settings
        if settings.fail_to_dead_letter or tried >= settings.attempts_max:
            self._bury_all(failure, 1 if settings.fail_to_dead_letter else tried)
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
