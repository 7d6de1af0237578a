"""Lines of logs as a stream of answers: questions and answers go between hosts and LogFollow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
        hosts: gives the hosts that the workers are on now; those that are new are followed, too.
    """

    def __init__(
        self, follow: LogFollow, ask: Ask, hosts: Callable[[], Iterable[str]] = tuple
    ) -> None:
        self._follow, self._ask, self._hosts = follow, ask, hosts

    def turn(self, now: float) -> tuple[list[dict[str, Any]], bool]:
        """Ask for what is next, and return the lines that have come."""
        for host in self._hosts():
            self._follow.add_host(host)
        for host, fields in self._follow.asks(now):
            what = fields.pop("what")
            self._ask(host, what, fields, partial(self._follow.answered, host), now)
        lines = [[*line] for line in self._follow.take()]
        pieces = [lines[at : at + LINES_MAX] for at in range(0, len(lines), LINES_MAX)]
        marks = [[*mark] for mark in self._follow.take_marks()]
        done = self._follow.done
        if not pieces and (done or marks):
            pieces.append([])
        answers: list[dict[str, Any]] = [{"lines": piece} for piece in pieces]
        if answers:
            # They are true once all lines before them were shown; also says that those are whole.
            answers[-1]["marks"] = marks
        return answers, done

    def close(self, now: float) -> None:
        """Answers that still come are dropped."""
