"""Sliding windows, and all that take late rows: a firing merges the panes of its window.

    open    key -> (number, border, pane, acc.., pane, acc..)
    older   key -> (pane, acc.., pane, acc..)                     all before those of ``open``

``border`` is the end of the last window that was due: panes before it have fired. They stay in
``open`` until there are a few, and go to ``older`` together then, so that what a firing writes is
short: about the square root of the number of panes of a window. The running value (running.py) has
what the panes in the window amount to. A late row goes into a pane that has fired, and fires the
windows again that it is in.

                                         watermark
    panes      |  a  |  b  |  c  |  d  |  e  |  f  |  g  |
               |   older   |           open              |
                                       border
               |-- not needed --|- in the window -|
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isqrt
from typing import Any, ClassVar

from waterspout.topology.marks import MIN_WATERMARK

from ..records import Record
from .aggregates import Aggregate
from .aligned import AlignedLogic, Changes
from .folding import Accs
from .logic import Added, Firing, MapNamed, Options, Rows, Unmerged
from .running import RunningSum, TwoStacks, ints
from .windowers import Aligned

#: Panes that have fired and stay in ``open``, at least.
STAY_MIN = 4


class Sliding:
    """Of one key: the running value, and where its panes begin.

    Attributes:
        before: length of what stands before them, in ``older`` and then ``open``.
        sums: only ints may come in.
    """

    __slots__ = ("before", "sums", "value")

    def __init__(self, value: RunningSum | TwoStacks) -> None:
        self.value, self.before = value, 0
        self.sums = type(value) is RunningSum


class SlidingLogic(AlignedLogic):
    """Windows of many panes, or with a lateness."""

    begin: ClassVar[int] = 2

    def __init__(
        self, windower: Aligned, aggregates: Sequence[Aggregate], options: Options,
        maps: MapNamed, watermark: int,
    ) -> None:  # fmt: skip
        super().__init__(windower, aggregates, options, maps, watermark)
        self._older = maps("older")
        self._invertible = all(aggregate.invertible for aggregate in aggregates)
        panes = (windower.size_ms + options.lateness_ms) // windower.pane_ms
        #: Length of the panes that have fired and stay in ``open``.
        self._stay = max(STAY_MIN, isqrt(panes)) * self._width
        self._sliding: dict[Any, Sliding] = {}
        for key, record in self._open.items():
            self.watermark = max(self.watermark, record[1] - 1)
            self.number = max(self.number, record[0] + 1)
            self._put_next(key, record, self._older.get(key) or ())

    def _begun(self, changes: Changes) -> Record:
        return (*super()._begun(changes), self._due_end())

    def _due_end(self) -> int:
        """Return the end of the last window that was due, for any key."""
        if self.watermark == MIN_WATERMARK:
            # Nothing was; an end before that would be no int of 64 bits.
            return MIN_WATERMARK
        return self.windower.last_end(self.watermark + 1)

    def _keep(self, changes: Changes) -> None:
        super()._keep(changes)
        self._older.put_all(changes.older)
        for key in changes.late:
            # What its panes amount to is made anew when it fires next.
            self._sliding.pop(key, None)
            self._put_next(key, changes.opened[key], self._older.get(key) or ())

    # Late rows.

    def _add_late(self, rows: Rows, places: list[int], changes: Changes, added: Added) -> None:
        """Add rows of panes that have fired, one by one."""
        size, lateness, watermark = self.windower.size_ms, self.options.lateness_ms, self.watermark
        each = zip(places, rows.keys, rows.times, self.lifted(rows), strict=True)
        for place, key, time, lifted in each:
            pane = self.windower.pane(time)
            ends = self.windower.ends(pane)
            live = [end for end in ends if end - 1 + lateness > watermark]
            if not ends:
                added.outside += 1
            elif not live:
                added.late.append(place)
            else:
                self._into_fired(key, pane, lifted, changes)
                for end in live:
                    if end - 1 <= watermark:
                        found = self._merged(key, end, changes)
                        added.firings.append((key, end - size, end, found))

    def _into_fired(self, key: Any, pane: int, accs: Accs, changes: Changes) -> None:
        record = changes.opened.get(key) or self._open.get(key) or self._begun(changes)
        # All windows up to there were due; without rows of this key they did not come up.
        record = (record[0], self._due_end(), *record[2:])
        older = changes.older.get(key) or self._older.get(key) or ()
        if older and pane <= older[-self._width]:
            older, _, _ = self._with_pane(key, older, 0, pane, accs)
            changes.older[key] = older
        else:
            record, _, _ = self._with_pane(key, record, 2, pane, accs)
        changes.opened[key] = record
        changes.late[key] = None

    def _merged(self, key: Any, end: int, changes: Changes) -> Accs:
        """Return what the panes of a window amount to, one by one."""
        found: Accs | None = None
        older = changes.older.get(key) or self._older.get(key) or ()
        for panes in (older, changes.opened[key][2:]):
            for pane, accs in self._panes(panes):
                if end - self.windower.size_ms <= pane < end:
                    found = accs if found is None else self.merge(found, accs)
        assert found is not None, (key, end)
        return found

    def _panes(self, panes: Record) -> Iterator[tuple[int, Accs]]:
        for at in range(0, len(panes), self._width):
            yield panes[at], panes[at + 1 : at + self._width]

    # Time goes on.

    def _step(self, time: int, keys: list[Any]) -> list[Firing]:
        border = self.windower.last_end(time)
        firings = []
        for key in keys:
            try:
                firing = self._slide(key, time, border)
            except Exception:
                # Users' code raised; of what is kept nothing has changed.
                firing = self._unmerged(key, time, border)
            if firing is not None:
                firings.append(firing)
        return firings

    def _slide(self, key: Any, time: int, border: int) -> Firing | None:
        """Fire a key's window that ends at ``time``, if one does, and drop what is not needed.

        One long function, as every firing pays for its calls.

        Args:
            border: end of the last window that is due by ``time``.
        """
        width, start = self._width, time - self.windower.size_ms
        record: Record = self._open.get(key)
        older: Record = self._older.get(key) or ()
        old_border, length = record[1], len(record)
        sliding = self._sliding.get(key)
        fired = 2
        while fired < length and record[fired] < border:
            if sliding is not None and record[fired] >= old_border:
                accs = record[fired + 1 : fired + width]
                if sliding.sums and not ints(accs):
                    sliding = None
                else:
                    sliding.value.push(accs)
            fired += width
        if sliding is None:
            sliding = self._sliding[key] = Sliding(self._begin(older + record[2:fired]))
        self._pop_before(sliding, start, older, record, fired)
        firing = None
        if sliding.before < len(older) + fired - 2 and border == time:
            firing = (key, start, time, sliding.value.value())
        oldest = start - self.options.lateness_ms
        if oldest == start:
            self._pop_before(sliding, start + 1, older, record, fired)
        self._trim(key, (record[0], border, *record[2:]), older, fired, oldest)
        return firing

    def _unmerged(self, key: Any, time: int, border: int) -> Firing | None:
        """Do as ``_slide`` without a running value: the window's panes are left as they are."""
        self._sliding.pop(key, None)
        record, older = self._open.get(key), self._older.get(key) or ()
        assert record is not None
        start, fired = time - self.windower.size_ms, 2
        while fired < len(record) and record[fired] < border:
            fired += self._width
        panes = [accs for pane, accs in self._panes(older + record[2:fired]) if pane >= start]
        oldest = start - self.options.lateness_ms
        self._trim(key, (record[0], border, *record[2:]), older, fired, oldest)
        return (key, start, time, Unmerged(panes)) if panes and border == time else None

    def _pop_before(
        self, sliding: Sliding, start: int, older: Record, record: Record, fired: int
    ) -> None:
        """Let the panes before ``start`` go out of the running value."""
        before, split, width = sliding.before, len(older), self._width
        total = split + fired - 2
        while before < total:
            panes, at = (older, before) if before < split else (record, before - split + 2)
            if panes[at] >= start:
                break
            sliding.value.pop(panes[at + 1 : at + width])
            before += width
        sliding.before = before

    def _trim(self, key: Any, record: Record, older: Record, fired: int, oldest: int) -> None:
        """Drop panes that no window needs, move those that have fired if they are many; keep all.

        Args:
            fired: where the panes of ``record`` begin that have not fired.
            oldest: panes up to this one are not needed; the running value is without them.
        """
        width, had, gone = self._width, len(older), 0
        if not older or older[-width] <= oldest:
            # None of the older ones is needed; of the others, those from here on.
            gone, older, at = len(older), (), 2
            while at < fired and record[at] <= oldest:
                at += width
            gone += at - 2
            record, fired = record[:2] + record[at:], fired - at + 2
        if fired - 2 > self._stay:
            at = 0
            while at < len(older) and older[at] <= oldest:
                at += width
            gone += at
            older, record = older[at:] + record[2:fired], record[:2] + record[fired:]
            self._older.put(key, older)
        elif had and not older:
            self._older.drop(key)
        if (sliding := self._sliding.get(key)) is not None:
            sliding.before -= gone
        if len(record) > 2 or older:
            self._open.put(key, record)
            self._put_next(key, record, older)
        else:
            self._open.drop(key)
            self._sliding.pop(key, None)

    def _begin(self, panes: Record) -> RunningSum | TwoStacks:
        """Return the running value of some panes."""
        found = [accs for _, accs in self._panes(panes)]
        if self._invertible and all(map(ints, found)):
            return RunningSum(found)
        return TwoStacks(self.merge, found)

    def _put_next(self, key: Any, record: Record, older: Record) -> None:
        """Have a key come up when it has something to do: a window, or panes to be dropped."""
        width, border, size = self._width, record[1], self.windower.size_ms
        at = 2
        while at < len(record) and record[at] < border:
            at += width
        due = None
        if at > 2 or older:
            newest = record[at - width] if at > 2 else older[-width]
            due = border + self.windower.slide_ms
            if due - size > newest:
                due = newest + size + self.options.lateness_ms
        if at < len(record):
            following = self.windower.first_end(record[at])
            due = following if due is None or following < due else due
        if due is not None:
            self._schedule.put(key, due, record[0])
