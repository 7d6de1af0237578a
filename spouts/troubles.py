"""What a spout task fails at again and again: shown by ``status`` until it succeeds.

An error of a source is told once with the others, and counted. That a source gives nothing because
of it, and since when, nobody would see there: one that always raises would look like one that has
nothing to give.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from waterspout.topology.task_env import TaskEnv, reason_of
from waterspout.topology.tracebacks import user_traceback

#: Troubles of a task that a report tells, those that last longest.
TOLD_MAX = 5
#: Said of a StopIteration, which many an iterator ends with.
_NO_END = "; the input ends when read returns None, or next_tuple raises EndOfInput"


class Troubles:
    """Owned by one executor; the data thread changes it, the control thread reads ``rows``.

    Attributes:
        found: what failed the last time that it was tried -> [text, times in a row, since when];
            the oldest first. There is one at most for each partition and thing to do.

    Args:
        env: of the worker, which takes errors and has the clock.
        component, task: whose troubles.
    """

    def __init__(self, env: TaskEnv, component: str, task: int) -> None:
        self._env, self._component, self._task = env, component, task
        self.found: dict[str, list[Any]] = {}

    def note(self, doing: str, error: BaseException) -> None:
        """Tell an error that has no consequence for what is read."""
        text = f"{doing}: {_reason(error)}"
        self._env.note_error(self._component, self._task, text, user_traceback(error))

    def failed(self, doing: str, error: BaseException) -> None:
        """Tell an error, and that there is trouble until the same succeeds."""
        self.note(doing, error)
        trouble = self.found.setdefault(doing, ["", 0, self._env.clock()])
        trouble[0], trouble[1] = _reason(error), trouble[1] + 1

    def over(self, doing: str) -> None:
        """It succeeded. Called when anything is ``found``, so that it costs nothing else."""
        self.found.pop(doing, None)

    def clear(self) -> None:
        """A new epoch begins, where all is tried anew."""
        self.found.clear()

    def rows(self, now: float) -> list[list[Any]]:
        """Return [doing, text, times in a row, seconds since the first time] for the report."""
        return [
            [doing, text, times, max(now - since, 0.0)]
            for doing, (text, times, since) in islice(self.found.items(), TOLD_MAX)
        ]


def _reason(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"called sys.exit({error.code!r:.40})"
    return reason_of(error) + (_NO_END if isinstance(error, StopIteration) else "")
