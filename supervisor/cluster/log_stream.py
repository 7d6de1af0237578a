"""Lines of logs as a stream of answers: questions and answers go between hosts and LogFollow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from .log_follow import LogFollow

#: Lines in one answer.
LINES_MAX = 1000

#: Asks a host: host, what, fields, what takes the answer (None: there is none), now.
Ask = Callable[
    [str, str, Mapping[str, Any], Callable[[Mapping[str, Any] | None], None], float], None
]


class LogStream:
    """The answers to one ``logs`` request.

    Args:
        follow: what to ask, and the lines that come of it.
        ask: how hosts are asked.
    """

    def __init__(self, follow: LogFollow, ask: Ask) -> None:
        self._follow, self._ask = follow, ask

    def turn(self, now: float) -> tuple[list[dict[str, Any]], bool]:
        """Ask for what is next, and return the lines that have come."""
        for host, fields in self._follow.asks(now):
            what = fields.pop("what")
            self._ask(host, what, fields, partial(self._follow.answered, host), now)
        lines = [[*line] for line in self._follow.take()]
        pieces = [lines[at : at + LINES_MAX] for at in range(0, len(lines), LINES_MAX)]
        done = self._follow.done
        if done and not pieces:
            pieces.append([])
        return [{"lines": piece} for piece in pieces], done

    def close(self, now: float) -> None:
        """Answers that still come are dropped."""
