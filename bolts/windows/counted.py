"""Count windows: of each key, so many rows in the order in which they came.

    counted   key -> (number, rows, acc.., acc..)       the accs of the last panes, newest last

A window ends with every ``slide``-th row of its key and has the last ``size`` rows, or fewer at the
beginning; so did Storm's and Flink's. Start and end are numbers of rows: [start, end). A key is
kept for good, as its next row may come at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..records import Record, in_order
from .aggregates import Aggregate
from .folding import Accs
from .logic import Added, Firing, MapNamed, Options, Rows, Unmerged, WindowLogic
from .windowers import Counted

#: Where the panes of a record begin.
_BEGIN = 2


class CountedLogic(WindowLogic):
    """Windows of each key for itself, without time."""

    def __init__(
        self, windower: Counted, aggregates: Sequence[Aggregate], options: Options,
        maps: MapNamed, watermark: int,
    ) -> None:  # fmt: skip
        super().__init__(aggregates, options, watermark)
        self.windower = windower
        self._width = len(aggregates)
        self._counted = maps("counted")
        for _, record in self._counted.items():
            self.number = max(self.number, record[0] + 1)

    def add(self, rows: Rows) -> Added:
        added = Added()
        records: dict[Any, Record] = {}
        number, slide = self.number, self.windower.slide
        rows.times = self._numbers(rows.keys)
        for key, accs, count in zip(rows.keys, self.lifted(rows), rows.times, strict=True):
            record = records.get(key) or self._counted.get(key)
            if record is None:
                record = (number, 0)
                number += 1
            record = (record[0], count, *self._with(record, accs))
            if count % slide == 0:
                added.firings.append(self._firing(key, record, count))
                record = record[:_BEGIN] + record[_BEGIN:][self._gone(record, count) :]
            records[key] = record
        self._counted.put_all(records)
        self.number = number
        return added

    def _numbers(self, keys: Sequence[Any]) -> list[int]:
        """Return each row's number within its key; it stands for the time of the row."""
        counts: dict[Any, int] = {}
        numbers = []
        for key in keys:
            count = counts.get(key)
            if count is None:
                record = self._counted.get(key)
                count = 0 if record is None else record[1]
            counts[key] = count = count + 1
            numbers.append(count)
        return numbers

    def _with(self, record: Record, accs: Accs) -> Record:
        """Return the panes of a record with another row."""
        if record[1] % self.windower.pane:
            accs = self.merge(record[-self._width :], accs)
            kept = record[_BEGIN : -self._width]
        else:
            kept = record[_BEGIN:]
        if self.limited:
            self.check(accs)
        return (*kept, *accs)

    def _firing(self, key: Any, record: Record, end: int) -> Firing:
        """Return the window that ends with, or would end after, the last row."""
        key, begin, until, panes = self._window(key, record, end)
        found = panes[0]
        for accs in panes[1:]:
            found = self.merge(found, accs)
        return key, begin, until, found

    def _window(self, key: Any, record: Record, end: int) -> tuple[Any, int, int, list[Accs]]:
        """Return the window that ends with, or would end after, the last row, by panes."""
        count, width = record[1], self._width
        begin = max(end - self.windower.size, 0)
        # Panes are full but the last; so many of them are before the window.
        panes = (len(record) - _BEGIN) // width
        before = begin // self.windower.pane - (-(-count // self.windower.pane) - panes)
        first = _BEGIN + max(before, 0) * width
        found = [record[at : at + width] for at in range(first, len(record), width)]
        assert found, (key, record)
        return key, begin, min(end, count), found

    def _gone(self, record: Record, count: int) -> int:
        """Return how many values of panes no later window has."""
        begin = max(count + self.windower.slide - self.windower.size, 0)
        panes = (len(record) - _BEGIN) // self._width
        first = count // self.windower.pane - panes
        return min(max(begin // self.windower.pane - first, 0), panes) * self._width

    def advance(self, watermark: int) -> Iterator[list[Firing]]:
        """Nothing: rows alone let windows end."""
        return iter(())

    def close(self) -> Iterator[list[Firing]]:
        """Fire what rows came since the last firing of each key."""
        slide = self.windower.slide
        firings: list[Firing] = []
        for key, record in in_order(self._counted):
            self._counted.drop(key)
            end = -(-record[1] // slide) * slide
            if max(end - self.windower.size, 0) < record[1] < end:
                try:
                    firings.append(self._firing(key, record, end))
                except Exception:
                    # Users' code raised; the key is dropped, so its panes go out as they are.
                    *window, panes = self._window(key, record, end)
                    firings.append((*window, Unmerged(panes)))
            if len(firings) == self.options.step_keys:
                yield firings
                firings = []
        if firings:
            yield firings

    def open_keys(self) -> int:
        return len(self._counted)
