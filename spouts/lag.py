"""How far a source task is behind: asked on the data thread, shown by the control thread.

``end_position`` may ask a broker or a file system, and is called between two reads. A task with
many partitions therefore asks for a few in a turn, for each at most once per interval, and less
often when the answers take long, so that all of it costs at most ``SHARE`` of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import index

from .contract import Source
from .partitions import Partition

#: Partitions that are asked for in one turn.
ASKED_MAX = 16
#: Characters of a unit; what a class says beyond is cut.
UNIT_CHARS_MAX = 20
#: Share of the time that may go into asking.
SHARE = 0.01


class Lag:
    """The ends of the partitions of one task, as far as they are known.

    Args:
        source: of the task.
        interval_s: how often a partition is asked for.
        clock: monotonic seconds.
    """

    def __init__(self, source: Source, interval_s: float, clock: Callable[[], float]) -> None:
        self._source, self._interval_s, self._clock = source, interval_s, clock
        self._unit = str(source.position_unit)[:UNIT_CHARS_MAX]
        #: Sources that cannot say cost nothing.
        self._known = type(source).end_position is not Source.end_position
        self._ends: dict[str, int] = {}
        self._asking: list[str] = []
        self._took_s = 0.0
        self._due = 0.0

    def ask(self, partitions: Iterable[Partition], now: float) -> None:
        """Ask for some ends when it is time. Called in each turn, on the data thread."""
        if not self._known or (now < self._due and not self._asking):
            return
        began = self._clock()
        if not self._asking:
            self._asking = [partition.name for partition in partitions]
            self._took_s = 0.0
            there = set(self._asking)
            self._ends = {name: end for name, end in self._ends.items() if name in there}
            if not there:
                return
        for _ in range(min(ASKED_MAX, len(self._asking))):
            self._ask_for(self._asking.pop())
        self._took_s += self._clock() - began
        if not self._asking:
            self._due = now + max(self._interval_s, self._took_s / SHARE)

    def _ask_for(self, name: str) -> None:
        try:
            end = self._source.end_position(name)
            end = None if end is None else index(end)
        except (Exception, SystemExit):
            end = None  # Only shown; what is wrong is said when it is read.
        if end is None:
            self._ends.pop(name, None)
        else:
            self._ends[name] = end

    def total(self, partitions: Iterable[Partition]) -> tuple[int, str] | None:
        """Return how far the readers are behind, and what that counts; None: not known.

        Called by the control thread; only reads.
        """
        ends = self._ends
        behind = [
            max(ends[partition.name] - (partition.position or 0), 0)
            for partition in partitions
            if partition.name in ends
        ]
        return (sum(behind), self._unit) if behind else None
