"""Tumbling and sliding windows: a row goes into one pane, a firing merges the panes of its window.

    open     key -> (number, pane, acc.., pane, acc..)           panes that have not fired yet
    closed   key -> (number, border, pane, acc.., pane, acc..)   the others, while they are needed

``number`` is the key's place in the order of arrival; ``border`` is the end of the last window
that was due: all panes of ``closed`` are before it, all of ``open`` behind. Rows that are in time
only touch ``open``, a record of few panes however long windows are. When a window fires, the panes
before its end move to ``closed``; a running value (running.py) has what those in the window amount
to. A late row changes ``closed``, and fires the windows again that it is in.

                      watermark
    panes      |  a  |  b  |  c  |  d  |  e  |  f  |  g  |
                   closed        |         open
                               border
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any

from .aggregates import Aggregate, Folded
from .folding import Accs, fold_all
from .kept import Record, in_order
from .logic import Added, Firing, MapNamed, Options, Rows, WindowLogic
from .running import RunningSum, TwoStacks, ints
from .schedule import Schedule
from .windowers import Aligned

#: Where the panes of a record begin.
OPEN, CLOSED = 1, 2
#: Of a record of one pane.
_NUMBER, _PANE = itemgetter(0), itemgetter(OPEN)


class Sliding:
    """Of one key: the running value, and where its panes begin among those that are kept."""

    __slots__ = ("before", "value")

    def __init__(self, value: RunningSum | TwoStacks) -> None:
        self.value, self.before = value, 0

    def push(self, accs: Accs) -> bool:
        """Let a pane come in; False: what it has cannot be subtracted again."""
        if type(self.value) is RunningSum and not ints(accs):
            return False
        self.value.push(accs)
        return True


class Changes:
    """What a call of ``add`` is about to put into the state."""

    __slots__ = ("closed", "fresh", "numbers", "opened")

    def __init__(self) -> None:
        self.opened: dict[Any, Record] = {}
        self.closed: dict[Any, Record] = {}
        #: (key, pane) of each new open pane.
        self.fresh: list[tuple[Any, int]] = []
        #: How many keys came for the first time.
        self.numbers = 0


class AlignedLogic(WindowLogic):
    """Windows of one size for all keys."""

    def __init__(
        self, windower: Aligned, aggregates: Sequence[Aggregate], options: Options,
        maps: MapNamed, watermark: int,
    ) -> None:  # fmt: skip
        super().__init__(aggregates, options, watermark)
        self.windower = windower
        self._width = 1 + len(aggregates)
        self._open, self._closed = maps("open"), maps("closed")
        self._invertible = all(aggregate.invertible for aggregate in aggregates)
        #: Whether a pane is needed no more once its only window has fired.
        self._plain = windower.tumbling and not options.lateness_ms
        self._schedule = Schedule()
        self._sliding: dict[Any, Sliding] = {}
        self._restore()

    def _restore(self) -> None:
        """Make the schedule from what the maps hold."""
        for key, record in in_order(self._open):
            self._schedule.put(key, self.windower.first_end(record[OPEN]), record[0])
            self.number = record[0] + 1
        for key, record in in_order(self._closed):
            self.watermark = max(self.watermark, record[1] - 1)
            self._schedule.put(key, self._next(record, None), record[0])
            self.number = max(self.number, record[0] + 1)

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
            self._add_late(rows, late, changes, added)
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
        width, opened = self._width, changes.opened
        records = list(map(self._open.get, folded[0]))
        lengths = {0} if None in records else set(map(len, records))
        if not self.limited and lengths == {OPEN + width} and set(map(_PANE, records)) == {pane}:
            merged = [
                map(aggregate.merge, map(itemgetter(OPEN + at), records), each.values())
                for at, (aggregate, each) in enumerate(zip(self.aggregates, folded, strict=True), 1)
            ]
            made = zip(map(_NUMBER, records), repeat(pane), *merged, strict=False)
            opened.update(zip(folded[0], made, strict=False))
            return
        merge, most = self.merge, OPEN + width * (self.options.panes_max - 1)
        each_accs = zip(*[each.values() for each in folded], strict=True)
        for key, record, accs in zip(folded[0], records, each_accs, strict=True):
            if record is None or self.limited or record[-width] > pane or len(record) > most:
                self._into_open(key, pane, accs, changes)
            elif record[-width] == pane:
                opened[key] = record[: 1 - width] + merge(record[1 - width :], accs)
            else:
                opened[key] = (*record, pane, *accs)
                changes.fresh.append((key, pane))

    def _into_open(self, key: Any, pane: int, accs: Accs, changes: Changes) -> Accs:
        """Put ``accs`` into an open pane; return what is in it then."""
        record = changes.opened.get(key) or self._open.get(key)
        if record is None:
            known = changes.closed.get(key) or (None if self._plain else self._closed.get(key))
            record = (self._numbered(changes) if known is None else known[0],)
        record, at, fresh = self._with_pane(key, record, OPEN, pane, accs)
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

    def _numbered(self, changes: Changes) -> int:
        changes.numbers += 1
        return self.number + changes.numbers - 1

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
        if changes.closed:
            self._closed.put_all(changes.closed)
            for key, record in changes.closed.items():
                # What its panes amount to is made anew when it fires next.
                self._sliding.pop(key, None)
                put(key, self._next(record, None), record[0])

    # Late rows.

    def _add_late(self, rows: Rows, late: list[int], changes: Changes, added: Added) -> None:
        """Add rows of panes that have fired, one by one."""
        size, lateness, watermark = self.windower.size_ms, self.options.lateness_ms, self.watermark
        rows = rows.at(late)
        each = zip(late, rows.keys, rows.times, self.lifted(rows), strict=True)
        for place, key, time, lifted in each:
            pane = self.windower.pane(time)
            ends = self.windower.ends(pane)
            live = [end for end in ends if end - 1 + lateness > watermark]
            if not ends:
                added.outside += 1
            elif not live:
                added.late.append(place)
            else:
                record = self._into_closed(key, pane, lifted, changes)
                for end in live:
                    if end - 1 <= watermark:
                        added.firings.append((key, end - size, end, self._merged(record, end)))

    def _into_closed(self, key: Any, pane: int, accs: Accs, changes: Changes) -> Record:
        record = changes.closed.get(key) or self._closed.get(key)
        # All windows up to there were due; without rows of this key they did not come up.
        border = self.windower.last_end(self.watermark + 1)
        if record is None:
            opened = self._open.get(key)
            record = (self._numbered(changes) if opened is None else opened[0], border)
        record = (record[0], border, *record[CLOSED:])
        record, _, _ = self._with_pane(key, record, CLOSED, pane, accs)
        changes.closed[key] = record
        return record

    def _merged(self, closed: Record, end: int) -> Accs:
        """Return what the panes of a window amount to, one by one."""
        found: Accs | None = None
        for pane, accs in self._panes(closed):
            if end - self.windower.size_ms <= pane < end:
                found = accs if found is None else self.merge(found, accs)
        assert found is not None, (closed, end)
        return found

    def _panes(self, closed: Record) -> Iterator[tuple[int, Accs]]:
        for at in range(CLOSED, len(closed), self._width):
            yield closed[at], closed[at + 1 : at + self._width]

    # Time goes on.

    def advance(self, watermark: int) -> Iterator[list[Firing]]:
        before = self.watermark
        while (due := self._schedule.next()) is not None and due - 1 <= watermark:
            time, keys = self._schedule.take(self.options.step_keys)
            # What was due before a restore does not take time back.
            self.watermark = max(self.watermark, time - 1)
            step = self._fire if self._plain else self._slide_all
            if firings := step(time, keys):
                yield firings
        self.watermark = max(self.watermark, watermark)
        yield from self.steps(self._early(before))

    def _fire(self, end: int, keys: list[Any]) -> list[Firing]:
        """Fire tumbling windows, and forget them."""
        get, start, width = self._open.get, end - self.windower.size_ms, self._width
        firings = []
        for key in keys:
            record = get(key)
            firings.append((key, start, end, record[2 : 1 + width]))
            if len(record) == 1 + width:
                self._open.drop(key)
            else:
                self._open.put(key, (record[0], *record[1 + width :]))
                self._schedule.put(key, self.windower.first_end(record[1 + width]), record[0])
        return firings

    def _slide_all(self, time: int, keys: list[Any]) -> list[Firing]:
        firings = [self._slide(key, time) for key in keys]
        return [firing for firing in firings if firing is not None]

    def _slide(self, key: Any, time: int) -> Firing | None:
        """Fire a key's window that ends at ``time``, if one does, and drop what is not needed.

        One function of 40 lines: in five of ten it took 5 us, which every firing pays.
        """
        size, width = self.windower.size_ms, self._width
        border = self.windower.last_end(time)
        opened, closed = self._open.get(key), self._closed.get(key)
        sliding = self._sliding.get(key)
        number: int = (opened or closed)[0]
        kept: Record = closed[CLOSED:] if closed is not None else ()
        following = None
        if opened is not None:
            at = OPEN
            while at < len(opened) and opened[at] < border:
                if sliding is not None and not sliding.push(opened[at + 1 : at + width]):
                    sliding = None
                at += width
            if at == len(opened):
                self._open.drop(key)
            else:
                following = self.windower.first_end(opened[at])
                if at > OPEN:
                    self._open.put(key, (number, *opened[at:]))
            if at > OPEN:
                kept += opened[OPEN:at]
        if sliding is None:
            sliding = self._sliding[key] = Sliding(self._begin(kept))
        start, before = time - size, sliding.before
        while before < len(kept) and kept[before] < start:
            sliding.value.pop(kept[before + 1 : before + width])
            before += width
        firing = None
        if before < len(kept) and border == time:
            firing = (key, start, time, sliding.value.value())
        oldest = start - self.options.lateness_ms
        gone = 0
        while gone < len(kept) and kept[gone] <= oldest:
            if gone == before:
                sliding.value.pop(kept[gone + 1 : gone + width])
                before += width
            gone += width
        sliding.before = before - gone
        if gone < len(kept):
            record = (number, border, *kept[gone:])
            self._closed.put(key, record)
            due = self._next(record, following)
        else:
            del self._sliding[key]
            if closed is not None:
                self._closed.drop(key)
            if following is None:
                return firing
            due = following
        self._schedule.put(key, due, number)
        return firing

    def _begin(self, kept: Record) -> RunningSum | TwoStacks:
        """Return the running value of some panes."""
        width = self._width
        found = [kept[at + 1 : at + width] for at in range(0, len(kept), width)]
        if self._invertible and all(map(ints, found)):
            return RunningSum(found)
        return TwoStacks(self.merge, found)

    def _next(self, closed: Record, following: int | None) -> int:
        """Return when a key has something to do: a window, or panes to be dropped.

        Args:
            following: the end of the first window of its open panes.
        """
        size, newest = self.windower.size_ms, closed[-self._width]
        due: int = closed[1] + self.windower.slide_ms
        if due - size > newest:
            due = newest + size + self.options.lateness_ms
        return due if following is None or due < following else following

    def _early(self, before: int) -> list[Firing]:
        """Fire all that is open when time has passed another multiple of ``early_ms``."""
        every, size, width = self.options.early_ms, self.windower.size_ms, self._width
        if not every or (before + 1) // every == (self.watermark + 1) // every:
            return []
        return [
            (key, record[at], record[at] + size, record[at + 1 : at + width])
            for key, record in in_order(self._open)
            for at in range(OPEN, len(record), width)
            if record[at] <= self.watermark
        ]

    def next_due(self) -> int | None:
        return self._schedule.next()

    def open_keys(self) -> int:
        return len(self._schedule)
