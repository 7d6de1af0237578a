"""The ``Sequence`` source: numbers, for tests, benchmarks and load."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Sequence as Names
from typing import Any

from waterspout.topology.argument_checks import Checks
from waterspout.topology.columns import Columns
from waterspout.topology.component import Context

from .arguments import INTEGER_MAX, declared, integer, positive
from .contract import Messages, Reader, Source

#: A spout that fell behind its rate catches up by at most what is due in this time.
BURST_MAX_S = 1.0


class Sequence(Source):
    """Emits the numbers ``start``, ``start + 1`` ... in the field ``n``.

    Partition p of k gets every k-th number, so that each is emitted once.

    Args:
        count: how many numbers in all; without it they do not end.
        start: the first number.
        partitions: number of partitions; at least the parallelism, or tasks have nothing to do.
        rate: messages per second over all partitions; without it as fast as they are taken.

    Raises:
        WrongArguments: an argument is wrong.
    """

    outputs = ("n",)
    position_unit = "messages"

    def __init__(
        self,
        count: int | None = None,
        start: int = 0,
        partitions: int = 1,
        rate: float | None = None,
    ) -> None:
        check = Checks()
        numbers = INTEGER_MAX if count is None else count
        self._count = check(integer, "Sequence", "count", numbers, 0)
        self._start = check(integer, "Sequence", "start", start, -INTEGER_MAX)
        self._partitions = check(integer, "Sequence", "partitions", partitions, 1, 10_000)
        whole_rate = None if rate is None else check(positive, "Sequence", "rate", rate)
        check.end()
        self._rate = None if whole_rate is None else whole_rate / partitions
        self._paces: dict[str, Pace] = {}

    @classmethod
    def declare_outputs(cls, args: Mapping[str, Any]) -> list[str]:
        """Return the field, after checking ``args``."""
        return declared(cls, args, ["n"])

    def open(self, context: Context) -> None:
        """Take the clock."""
        self._clock = context.clock

    def partitions(self) -> Names[str]:
        """Return a name per partition; it holds their number, which decides what is in it."""
        width = len(str(self._partitions - 1))
        return [f"{n:0{width}d}-of-{self._partitions}" for n in range(self._partitions)]

    def reader(self, partition: str, position: int | None) -> Reader:
        """Return a reader of every k-th number."""
        first = int(partition.partition("-")[0])
        numbers = range(first, self._count, self._partitions)
        return SequenceReader(numbers, self._start, position or 0, self._pace(partition))

    def _pace(self, partition: str) -> Pace | None:
        if self._rate is None:
            return None
        return self._paces.setdefault(partition, Pace(self._rate, self._clock))

    def end_position(self, partition: str) -> int | None:
        """Return how many numbers a partition has; None when they do not end."""
        if self._count == INTEGER_MAX:
            return None
        first = int(partition.partition("-")[0])
        return len(range(first, self._count, self._partitions))


class SequenceReader(Reader):
    """The numbers of one partition; the position is the index of the next one."""

    def __init__(self, numbers: range, start: int, position: int, pace: Pace | None) -> None:
        self._numbers = numbers
        self._start = start
        self._position = position
        self._pace = pace

    def read(self, limit: int) -> tuple[Messages, int] | None:
        """Return the next numbers, as many as ``limit`` and the rate allow."""
        position = self._position
        if position >= len(self._numbers):
            return None
        if self._pace is not None:
            limit = self._pace.allow(position, limit)
        numbers = self._numbers[position : position + limit]
        self._position = position + len(numbers)
        start, step = numbers.start + self._start, numbers.step
        values = list(range(start, start + step * len(numbers), step))
        return Columns([values]), self._position

    def wait_s(self) -> float | None:
        """Return the seconds until the next number is due."""
        return None if self._pace is None else self._pace.wait_s()


class Pace:
    """How many messages of one partition are due, by its rate; what is read again is free."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._began = clock()
        self._given = 0
        #: Position after the newest message that was due: below it only replays read.
        self._newest = 0

    def allow(self, position: int, limit: int) -> int:
        """Return how many messages may be given from ``position``, and count them as given."""
        if position < self._newest:
            return min(limit, self._newest - position)
        due = 1 + int((self._clock() - self._began) * self._rate) - self._given
        burst_max = max(1, int(BURST_MAX_S * self._rate))
        if due > burst_max:
            self._began += (due - burst_max) / self._rate
            due = burst_max
        count = max(0, min(limit, due))
        self._given += count
        self._newest = position + count
        return count

    def wait_s(self) -> float:
        """Return the seconds until one more is due."""
        return self._began + self._given / self._rate - self._clock()
