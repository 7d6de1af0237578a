"""What windows are, without any cleverness: every row is kept in each of its windows.

Works on one row after the other, as Flink's WindowOperator does; tests compare the logics with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from waterspout.bolts.records import Records
from waterspout.bolts.windows.aggregates import Aggregate, CountRows, Max, Min, Sum
from waterspout.bolts.windows.item_aggregates import Distinct
from waterspout.bolts.windows.logic import Firing, Rows
from waterspout.topology.marks import MIN_WATERMARK

#: (key, start, end, values of its rows, sorted)
Fired = tuple[Any, int, int, list[int]]


@dataclass
class Windows:
    """Windows by (key, start, end), each with its rows; and what has fired."""

    lateness: int
    watermark: int = MIN_WATERMARK
    rows: dict[tuple[Any, int, int], list[int]] = field(default_factory=dict)
    fired: set[tuple[Any, int, int]] = field(default_factory=set)
    late: list[tuple[Any, int, int]] = field(default_factory=list)
    outside: int = 0

    def is_over(self, end: int) -> bool:
        return end - 1 <= self.watermark

    def is_gone(self, end: int) -> bool:
        return end - 1 + self.lateness <= self.watermark

    def fire(self, window: tuple[Any, int, int]) -> Fired:
        self.fired.add(window)
        return (*window, sorted(self.rows[window]))

    def advance(self, watermark: int) -> list[Fired]:
        """Fire what is over by now; by end, keys in any order."""
        self.watermark = max(self.watermark, watermark)
        due = [w for w in self.rows if self.is_over(w[2]) and w not in self.fired]
        found = [self.fire(window) for window in sorted(due, key=lambda w: (w[2], repr(w[0])))]
        for window in [w for w in self.rows if self.is_gone(w[2])]:
            del self.rows[window]
            self.fired.discard(window)
        return found


class AlignedOracle(Windows):
    """Tumbling and sliding windows, from Flink's definition of a window's start."""

    def __init__(self, size: int, slide: int, offset: int, lateness: int) -> None:
        super().__init__(lateness)
        self.size, self.slide, self.offset = size, slide, offset

    def windows(self, time: int) -> list[tuple[int, int]]:
        last = time - (time - self.offset) % self.slide
        starts = range(last, time - self.size, -self.slide)
        return sorted((start, start + self.size) for start in starts)

    def add(self, key: Any, time: int, value: int) -> list[Fired]:
        windows = self.windows(time)
        live = [w for w in windows if not self.is_gone(w[1])]
        if not windows:
            self.outside += 1
        elif not live:
            self.late.append((key, time, value))
        for start, end in live:
            self.rows.setdefault((key, start, end), []).append(value)
        return [self.fire((key, *w)) for w in live if self.is_over(w[1])]


class SessionOracle(Windows):
    """Sessions by merging whatever touches, as Flink's MergingWindowSet does."""

    def __init__(self, gap: int, lateness: int) -> None:
        super().__init__(lateness)
        self.gap = gap

    def add(self, key: Any, time: int, value: int) -> list[Fired]:
        start, end = time, time + self.gap
        touched = [w for w in self.rows if w[0] == key and w[1] <= end and w[2] >= start]
        merged = (key, min([start, *(w[1] for w in touched)]), max([end, *(w[2] for w in touched)]))
        if self.is_gone(merged[2]):
            self.late.append((key, time, value))
            return []
        values = [value]
        for window in touched:
            values += self.rows.pop(window)
            self.fired.discard(window)
        self.rows[merged] = values
        return [self.fire(merged)] if self.is_over(merged[2]) else []


def aggregates(number: int = 5) -> list[Aggregate]:
    """Return some of each sort: invertible, not, and with an acc that grows; or the first few."""
    return [
        CountRows("n"), Sum("total", ["v"]), Min("least", ["v"]), Max("most", ["v"]),
        Distinct("different", "v", 1000),
    ][:number]  # fmt: skip


def expected(fired: Fired, number: int = 5) -> tuple[Any, ...]:
    """Return what ``aggregates`` make of a window."""
    values = fired[3]
    found = [len(values), sum(values), min(values), max(values), len(set(values))]
    return (*fired[:3], found[:number])


def seen(firing: Firing, made: list[Aggregate] | None = None) -> tuple[Any, ...]:
    """Return a firing as ``expected`` has it."""
    pairs = zip(made or aggregates(), firing[3], strict=False)
    return (*firing[:3], [aggregate.result(acc) for aggregate, acc in pairs])


def rows_of(rows: list[tuple[Any, int, int]], made: list[Aggregate] | None = None) -> Rows:
    """Return (key, time, value) rows as the logics take them."""
    keys, times, values = (list(column) for column in zip(*rows, strict=True))
    columns = [[values for _ in aggregate.fields] for aggregate in made or aggregates()]
    return Rows(keys, times, columns)


class Maps:
    """The state of a task: maps by name, which a new logic may take over."""

    def __init__(self) -> None:
        self.maps: dict[str, dict[Any, Any]] = {}

    def __call__(self, name: str) -> Records:
        return Records(self.maps.setdefault(name, {}))

    def empty(self) -> bool:
        return not any(self.maps.values())


def by_end(fired: list[Any]) -> list[Any]:
    """Return firings by end, and by key within; what order keys have is another test's."""
    return sorted(fired, key=lambda f: (f[2], repr(f[0]), repr(f)))
