"""Tumbling and sliding windows, as far as they are the same: a row goes into one pane.

    open   key -> (number, .., pane, acc.., pane, acc..)      in the order of time

``number`` is the key's place in the order of arrival. Rows that are in time only touch the panes at
the end of this record, however long windows are. See tumbling.py and sliding.py for what follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any, ClassVar

from ..records import Record, in_order
from .aggregates import Aggregate, Folded
from .folding import Accs, fold_all
from .logic import Added, Firing, MapNamed, Options, Rows, WindowLogic
from .schedule import Schedule
from .windowers import Aligned


class Changes:
    """What a call of ``add`` is about to put into the state."""

    __slots__ = ("fresh", "late", "numbers", "older", "opened")

    def __init__(self) -> None:
        self.opened: dict[Any, Record] = {}
        #: Of sliding windows: records of older panes, and the keys that had late rows.
        self.older: dict[Any, Record] = {}
        self.late: dict[Any, None] = {}
        #: (key, pane) of each new pane of rows that are in time.
        self.fresh: list[tuple[Any, int]] = []
        #: How many keys came for the first time.
        self.numbers = 0


class AlignedLogic(WindowLogic):
    """Base of the logics whose windows are of one size for all keys."""

    #: Where the panes of a record begin.
    begin: ClassVar[int] = 1

    def __init__(
        self, windower: Aligned, aggregates: Sequence[Aggregate], options: Options,
        maps: MapNamed, watermark: int,
    ) -> None:  # fmt: skip
        super().__init__(aggregates, options, watermark)
        self.windower = windower
        self._width = 1 + len(aggregates)
        self._open = maps("open")
        self._schedule = Schedule()

    # Rows come in.

    def add(self, rows: Rows) -> Added:
        added, changes = Added(), Changes()
        if not rows.keys:
            return added
        windower = self.windower
        low, high = windower.pane(min(rows.times)), windower.pane(max(rows.times))
        if not self._in_time(low):
            panes = windower.panes(rows.times)
            late = [at for at, pane in enumerate(panes) if not self._in_time(pane)]
            self._add_late(rows.at(late), late, changes, added)
            gone = set(late)
            rows = rows.at([at for at in range(len(panes)) if at not in gone])
        if windower.slide_ms > windower.size_ms:
            covered = [at for at, time in enumerate(rows.times) if windower.covers(time)]
            added.outside += len(rows.times) - len(covered)
            rows = rows.at(covered)
        if self.options.early_every:
            self._add_each(rows, changes, added)
        elif rows.keys:
            self._add_many(rows, low == high, changes)
        self._keep(changes)
        return added

    def _in_time(self, pane: int) -> bool:
        """Say whether the first window of a pane has still to fire."""
        return self.windower.first_end(pane) - 1 > self.watermark

    def _add_many(self, rows: Rows, one_pane: bool, changes: Changes) -> None:
        if one_pane:
            each = zip(self.aggregates, rows.inputs, strict=True)
            folded = [a.fold(rows.keys, inputs, rows.times) for a, inputs in each]
            self._into_one_pane(folded, self.windower.pane(rows.times[0]), changes)
            return
        groups = list(zip(rows.keys, self.windower.panes(rows.times), strict=True))
        folded_all = fold_all(self.aggregates, groups, rows.inputs, rows.times)
        for (key, pane), accs in folded_all.items():
            self._into_open(key, pane, accs, changes)

    def _into_one_pane(self, folded: list[Folded], pane: int, changes: Changes) -> None:
        """The usual case: all rows are of one pane, mostly the newest one of their keys.

        By column where every key has that pane and no other: 0.3 us a key, where a loop takes 0.6.
        """
        width, begin, opened = self._width, self.begin, changes.opened
        records = list(map(self._open.get, folded[0]))
        lengths = {0} if None in records or self.limited else set(map(len, records))
        if lengths == {begin + width} and set(map(itemgetter(begin), records)) == {pane}:
            head = [map(itemgetter(at), records) for at in range(begin)]
            merged = [
                map(aggregate.merge, map(itemgetter(begin + at), records), each.values())
                for at, (aggregate, each) in enumerate(zip(self.aggregates, folded, strict=True), 1)
            ]
            made = zip(*head, repeat(pane), *merged, strict=False)
            opened.update(zip(folded[0], made, strict=False))
            return
        merge, most = self.merge, begin + width * (self.options.panes_max - 1)
        each_accs = zip(*[each.values() for each in folded], strict=True)
        for key, record, accs in zip(folded[0], records, each_accs, strict=True):
            # Without panes, or where the newest is behind this one, it is looked at more closely.
            known = record is not None and begin < len(record) <= most and not self.limited
            if known and record[-width] == pane:
                opened[key] = record[: 1 - width] + merge(record[1 - width :], accs)
            elif known and record[-width] < pane:
                opened[key] = (*record, pane, *accs)
                changes.fresh.append((key, pane))
            else:
                self._into_open(key, pane, accs, changes)

    def _into_open(self, key: Any, pane: int, accs: Accs, changes: Changes) -> Accs:
        """Put ``accs`` into an open pane; return what is in it then."""
        record = changes.opened.get(key) or self._open.get(key) or self._begun(changes)
        record, at, fresh = self._with_pane(key, record, self.begin, pane, accs)
        if fresh:
            changes.fresh.append((key, pane))
        changes.opened[key] = record
        return record[at + 1 : at + self._width]

    def _add_each(self, rows: Rows, changes: Changes, added: Added) -> None:
        """Row by row, as windows fire after every so many."""
        size, every = self.windower.size_ms, self.options.early_every
        for key, time, lifted in zip(rows.keys, rows.times, self.lifted(rows), strict=True):
            pane = self.windower.pane(time)
            accs = self._into_open(key, pane, lifted, changes)
            if accs[-1] % every == 0:
                added.firings.append((key, pane, pane + size, accs))

    def _with_pane(
        self, key: Any, record: Record, begin: int, pane: int, accs: Accs
    ) -> tuple[Record, int, bool]:
        """Return ``record`` with ``accs`` in a pane, where that stands, and whether it is new."""
        width = self._width
        at = len(record)
        while at > begin and record[at - width] >= pane:
            at -= width
        fresh = at == len(record) or record[at] != pane
        after = at
        if not fresh:
            after = at + width
            accs = self.merge(record[at + 1 : after], accs)
        elif len(record) >= begin + width * self.options.panes_max:
            raise self.too_many(key)
        if self.limited:
            self.check(accs)
        return (*record[:at], pane, *accs, *record[after:]), at, fresh

    def _begun(self, changes: Changes) -> Record:
        """Return the record of a key that comes for the first time."""
        changes.numbers += 1
        return (self.number + changes.numbers - 1,)

    def _keep(self, changes: Changes) -> None:
        """Put what was prepared into the state; nothing raises from here on."""
        self.number += changes.numbers
        opened, put = changes.opened, self._schedule.put
        self._open.put_all(opened)
        ends: dict[int, int] = {}
        for key, pane in changes.fresh:
            end = ends.get(pane)
            if end is None:
                end = ends[pane] = self.windower.first_end(pane)
            put(key, end, opened[key][0])

    def _add_late(self, rows: Rows, places: list[int], changes: Changes, added: Added) -> None:
        """Add rows of panes that have fired.

        Args:
            places: of the rows in their batch.
        """
        raise NotImplementedError

    # Time goes on.

    def advance(self, watermark: int) -> Iterator[list[Firing]]:
        before = self.watermark
        while (due := self._schedule.next()) is not None and due - 1 <= watermark:
            time, keys = self._schedule.take(self.options.step_keys)
            # What was due before a restore does not take time back.
            self.watermark = max(self.watermark, time - 1)
            if firings := self._step(time, keys):
                yield firings
        self.watermark = max(self.watermark, watermark)
        yield from self.steps(self._early(before))

    def _step(self, time: int, keys: list[Any]) -> list[Firing]:
        """Do what is due at ``time`` for some keys; return what fires."""
        raise NotImplementedError

    def _early(self, before: int) -> list[Firing]:
        """Fire all that is open when time has passed another multiple of ``early_ms``."""
        every, size, width = self.options.early_ms, self.windower.size_ms, self._width
        if not every or (before + 1) // every == (self.watermark + 1) // every:
            return []
        return [
            (key, record[at], record[at] + size, record[at + 1 : at + width])
            for key, record in in_order(self._open)
            for at in range(self.begin, len(record), width)
            # A window that has fired waits for late rows only; one of the future has nothing yet.
            if self._in_time(record[at]) and record[at] <= self.watermark
        ]

    def next_due(self) -> int | None:
        return self._schedule.next()

    def open_keys(self) -> int:
        return len(self._schedule)
