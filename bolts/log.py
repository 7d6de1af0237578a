"""Log: tuples to the log, to look at what flows."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Literal

from waterspout.topology.argument_checks import Checks, checked
from waterspout.topology.errors import UserError
from waterspout.topology.problems import did_you_mean, listed
from waterspout.topology.tuples import Tuple

from .contract import Bolt

#: What ``level`` may be.
LEVELS = ("debug", "info", "warning", "error")
#: Characters of one value that are logged.
VALUE_CHARS_MAX = 200


class Log(Bolt):
    """Log each tuple, or each n-th one. Emits nothing.

    The lines are in the log of the task's worker: ``logs/worker-N.log`` in the state directory,
    which ``run`` names. Values are shown as Python literals, cut at 200 characters, so that no
    newline or escape code of a value gets into the log.
    """

    def __init__(
        self, level: Literal["debug", "info", "warning", "error"] = "info", every: int = 1
    ) -> None:
        """Choose how much is logged.

        Args:
            level: level of the lines.
            every: log one tuple of so many.

        Raises:
            UserError: another level; every is not a number >= 1.
        """
        check = Checks()
        check(_check_level, level)
        check(_check_every, every)
        check.end()
        self._level = logging.getLevelName(level.upper())
        self._every = every
        self._left = 1

    @classmethod
    def declare_outputs(cls, args: Mapping[str, Any]) -> Any:
        """Return nothing, after checking ``args``."""
        checked(cls, args)
        return cls.outputs

    def process(self, tup: Tuple) -> Any:
        """Log one tuple, when it is its turn."""
        self._left -= 1
        if self._left:
            return
        self._left = self._every
        pairs = (f"{name}={_shown(value)}" for name, value in zip(tup.fields, tup, strict=True))
        line = f"tuple from={tup.component}/{tup.stream} {' '.join(pairs)}"
        self.context.log.log(self._level, line)


def _check_level(level: Any) -> None:
    if level not in LEVELS:
        near = did_you_mean(level, LEVELS) if isinstance(level, str) else ""
        raise UserError(f"Log: level: one of {listed(LEVELS)} expected, got {level!r:.80}{near}")


def _check_every(every: Any) -> None:
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise UserError(f"Log: every: a number >= 1 expected, got {every!r:.80}")


def _shown(value: Any) -> str:
    # A long str or bytes is cut before repr has to walk all of it.
    if isinstance(value, (str, bytes)):
        return repr(value[:VALUE_CHARS_MAX])
    return f"{value!r:.{VALUE_CHARS_MAX}}"
