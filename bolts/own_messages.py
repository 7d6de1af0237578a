"""Messages that a bolt itself starts: emits from ticks and from ``finish``.

Each has a root of its own, tracked by the acker of the bolt's worker, and its rows are kept
until its tree is worked through; a failure emits them again under a fresh root. The kept rows
are part of the bolt's state, so that a restored task emits them again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from waterspout.topology.emitter import Emitter
from waterspout.topology.task_env import RootSource, TaskEnv

#: Name of the map in the task's state that holds what waits.
STATE_MAP = "__emitted"
Rows = list[list[Any]]


class OwnMessages:
    """The own messages of one bolt task.

    Args:
        kept: dict in the task's state, or a plain one for a task without state.
    """

    def __init__(
        self, task: int, emitter: Emitter, env: TaskEnv, kept: dict[Any, Any]
    ) -> None:
        self._emitter = emitter
        self._env = env
        self._roots = RootSource(task, env.draw)
        self._kept = kept
        self._frames = {(f.key[1], f.key[2]): f for f in emitter.frames}
        #: root -> number of attempts so far.
        self._attempts: dict[int, int] = {}

    @property
    def pending(self) -> int:
        """Return how many own messages are not worked through."""
        return len(self._kept)

    def emit(self, call: Callable[[], Any], now: float) -> None:
        """Run ``call``; what it emits is one message with a root of its own.

        When the call raises, what it had emitted is sent all the same, and the error goes on.
        """
        emitter = self._emitter
        emitter.close_run(emitter.roots)
        if not self._env.tracked:
            emitter.roots = ()
            call()
            emitter.close_run(())
            return
        root = self._roots.next()
        emitter.roots = (root,)
        try:
            call()
        finally:
            self._track(root, 1, now)
            emitter.roots = ()

    def completed(self, root: int) -> None:
        """Forget a message that is worked through."""
        self._kept.pop(root, None)
        self._attempts.pop(root, None)

    def failed(self, root: int, now: float) -> None:
        """Emit a failed message again."""
        rows = self._kept.pop(root, None)
        if rows is not None:
            self._again(rows, self._attempts.pop(root, 1) + 1, now)

    def again_all(self, now: float) -> None:
        """Emit everything again: a new epoch, or a restored task."""
        kept, attempts = dict(self._kept), dict(self._attempts)
        self._kept.clear()
        self._attempts.clear()
        for root, rows in kept.items():
            self._again(rows, attempts.get(root, 1), now)

    def _again(self, rows: Rows, attempt: int, now: float) -> None:
        root = self._roots.next()
        self._emitter.close_run(self._emitter.roots)
        for stream, target, row in rows:
            frame = self._frames.get((stream, target))
            if frame is not None:
                frame.rows.append(row)
        self._track(root, attempt, now)

    def _track(self, root: int, attempt: int, now: float) -> None:
        rows = [
            [frame.key[1], frame.key[2], row]
            for frame in self._emitter.frames
            for row in frame.rows[frame.mark :]
        ]
        if not rows:
            return
        guard = self._env.open_root(root, now)
        self._kept[root] = rows
        self._attempts[root] = attempt
        self._emitter.close_run((root,))
        self._env.drop_guard(root, guard)


