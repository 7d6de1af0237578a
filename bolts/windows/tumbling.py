"""Tumbling windows without late rows: a window is a pane, and is forgotten once it has fired.

    open   key -> (number, pane, acc.., pane, acc..)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .aggregates import Aggregate
from .aligned import AlignedLogic, Changes
from .logic import Added, Firing, MapNamed, Options, Rows
from .windowers import Aligned


class TumblingLogic(AlignedLogic):
    """Windows that follow each other, with a lateness of 0."""

    def __init__(
        self, windower: Aligned, aggregates: Sequence[Aggregate], options: Options,
        maps: MapNamed, watermark: int,
    ) -> None:  # fmt: skip
        assert windower.tumbling and not options.lateness_ms
        super().__init__(windower, aggregates, options, maps, watermark)
        for key, record in self._open.items():
            self._schedule.put(key, windower.first_end(record[1]), record[0])
            self.number = max(self.number, record[0] + 1)

    def _add_late(self, rows: Rows, places: list[int], changes: Changes, added: Added) -> None:
        added.late.extend(places)

    def _step(self, time: int, keys: list[Any]) -> list[Firing]:
        """Fire the windows that end at ``time``, and forget them."""
        start, width = time - self.windower.size_ms, self._width
        get, drop = self._open.get, self._open.drop
        firings: list[Firing] = []
        for key in keys:
            record = get(key)
            firings.append((key, start, time, record[2 : 1 + width]))
            if len(record) == 1 + width:
                drop(key)
            else:
                self._open.put(key, (record[0], *record[1 + width :]))
                self._schedule.put(key, self.windower.first_end(record[1 + width]), record[0])
        return firings
