"""The ``Timer`` source: one message per interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from waterspout.topology.argument_checks import Checks
from waterspout.topology.component import Context

from .arguments import INTEGER_MAX, declared, integer, seconds
from .contract import Reader, Replay, Source


class Timer(Source):
    """Emits ``[n, time]`` every ``interval``: n counts from 0, time is the context's clock.

    A time that has passed cannot come again: what fails is not replayed. Ticks that came due
    while nothing was read (``max_pending``, a drain) are one tick, not many.

    Args:
        interval: a duration such as ``1s``, or seconds; the first tick comes after it.
        count: how many ticks; without it they do not end.

    Raises:
        WrongArguments: an argument is wrong.
    """

    outputs = ("n", "time")
    replay: Replay = "none"

    def __init__(self, interval: str | float, count: int | None = None) -> None:
        check = Checks()
        self._interval_s = check(seconds, "Timer", "interval", interval)
        ticks = INTEGER_MAX if count is None else count
        self._count = check(integer, "Timer", "count", ticks, 0)
        check.end()

    @classmethod
    def declare_outputs(cls, args: Mapping[str, Any]) -> list[str]:
        """Return the fields, after checking ``args``."""
        return declared(cls, args, ["n", "time"])

    def open(self, context: Context) -> None:
        """Take the clock."""
        self._clock = context.clock

    def partitions(self) -> Sequence[str]:
        """Return the one partition."""
        return ["ticks"]

    def reader(self, partition: str, position: int | None) -> Reader:
        """Return the timer; after a restart ``n`` goes on."""
        return TimerReader(self._interval_s, position or 0, self._count, self._clock)


class TimerReader(Reader):
    """The ticks; the position is the number of ticks so far."""

    def __init__(
        self, interval_s: float, position: int, count: int, clock: Callable[[], float]
    ) -> None:
        self._interval_s = interval_s
        self._position = position
        self._count = count
        self._clock = clock
        self._due = clock() + interval_s

    def read(self, limit: int) -> tuple[list[list[Any]], int] | None:
        """Return the tick that is due, if one is."""
        if self._position >= self._count:
            return None
        now = self._clock()
        if now < self._due or limit < 1:
            return [], self._position
        # The next one stays on the beat of the first, however late this one is.
        self._due += self._interval_s * (1 + (now - self._due) // self._interval_s)
        self._position += 1
        return [[self._position - 1, now]], self._position

    def wait_s(self) -> float:
        """Return the seconds until the next tick."""
        return self._due - self._clock()
