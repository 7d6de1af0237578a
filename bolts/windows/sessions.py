"""Session windows: of each key, stretches of rows with no gap of ``gap_ms`` between two of them.

    sessions   key -> (number, first, last, acc.., first, last, acc..)     in the order of time

A session ends ``gap_ms`` after its last row. A row that lies between two sessions may bridge them:
both and the row are one session then, also when one of them has fired already and is kept for
late rows. Rows are added one by one, as what a row does depends on those before it.

    gap    |----|
    rows   x  x      x           two sessions
    row          y
           x  x  y   x           one
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..records import Record, in_order
from .aggregates import Aggregate
from .folding import Accs
from .logic import Added, Firing, MapNamed, Options, Rows, WindowLogic
from .schedule import Schedule
from .windowers import Session

#: Where the sessions of a record begin.
_BEGIN = 1


class SessionLogic(WindowLogic):
    """Windows of each key for itself."""

    def __init__(
        self, windower: Session, aggregates: Sequence[Aggregate], options: Options,
        maps: MapNamed, watermark: int,
    ) -> None:  # fmt: skip
        super().__init__(aggregates, options, watermark)
        self.windower = windower
        self._width = 2 + len(aggregates)
        self._sessions = maps("sessions")
        self._schedule = Schedule()
        for key, record in self._sessions.items():
            self.number = max(self.number, record[0] + 1)
            self._schedule.put(key, self._next(record), record[0])

    def add(self, rows: Rows) -> Added:
        added = Added()
        records: dict[Any, Record] = {}
        number = self.number
        each = zip(rows.keys, rows.times, self.lifted(rows), strict=True)
        for at, (key, time, lifted) in enumerate(each):
            record = records.get(key) or self._sessions.get(key)
            if record is None:
                record = (number,)
                number += 1
            begin, end = self._touched(record, time)
            last = max(time, record[end - self._width + 1]) if begin < end else time
            over = last + self.windower.gap_ms - 1
            if over + self.options.lateness_ms <= self.watermark:
                added.late.append(at)
                continue
            first = min(time, record[begin]) if begin < end else time
            accs, early = self._merged(record, begin, end, lifted)
            records[key] = self._replaced(key, record, begin, end, (first, last, *accs))
            if early or over <= self.watermark:
                added.firings.append((key, first, over + 1, accs))
        self._keep(records, number)
        return added

    def _touched(self, record: Record, time: int) -> tuple[int, int]:
        """Return where the sessions begin and end that a row belongs to: none, one or two."""
        width, joins = self._width, self.windower.joins
        end = len(record)
        while end > _BEGIN and record[end - width] > time and not (
            joins(record[end - width], record[end - width + 1], time)
        ):
            end -= width
        begin = end
        while begin > _BEGIN and joins(record[begin - width], record[begin - width + 1], time):
            begin -= width
        return begin, end

    def _merged(self, record: Record, begin: int, end: int, accs: Accs) -> tuple[Accs, bool]:
        """Return the accs with those of the sessions touched, and whether an early firing is due.

        It is when their number of rows passes another multiple of ``early_every``.
        """
        found: Accs | None = None
        before = 0
        every = self.options.early_every
        for at in range(begin, end, self._width):
            known = record[at + 2 : at + self._width]
            if every:
                before = max(before, known[-1] // every)
            found = known if found is None else self.merge(found, known)
        found = accs if found is None else self.merge(found, accs)
        if self.limited:
            self.check(found)
        return found, bool(every and found[-1] // every > before)

    def _replaced(
        self, key: Any, record: Record, begin: int, end: int, session: Record
    ) -> Record:
        if begin == end and len(record) >= _BEGIN + self._width * self.options.panes_max:
            raise self.too_many(key)
        return (*record[:begin], *session, *record[end:])

    def _keep(self, records: dict[Any, Record], number: int) -> None:
        self._sessions.put_all(records)
        self.number = number
        for key, record in records.items():
            self._schedule.put(key, self._next(record), record[0])

    def _next(self, record: Record) -> int:
        """Return when a key has something to do: a session to fire, or one to be dropped."""
        gap, lateness = self.windower.gap_ms, self.options.lateness_ms
        nexts = []
        for at in range(_BEGIN, len(record), self._width):
            end: int = record[at + 1] + gap
            nexts.append(end if end - 1 > self.watermark else end + lateness)
        return min(nexts)

    def advance(self, watermark: int) -> Iterator[list[Firing]]:
        before = self.watermark
        while (due := self._schedule.next()) is not None and due - 1 <= watermark:
            time, keys = self._schedule.take(self.options.step_keys)
            firings = self._step(time, keys)
            self.watermark = max(self.watermark, time - 1)
            for key in keys:
                record = self._sessions.get(key)
                if record is not None:
                    self._schedule.put(key, self._next(record), record[0])
            if firings:
                yield firings
        self.watermark = max(self.watermark, watermark)
        yield from self.steps(self._early(before))

    def _step(self, time: int, keys: list[Any]) -> list[Firing]:
        """Fire the sessions that end at ``time``, drop those that no late row can change."""
        gap, lateness, width = self.windower.gap_ms, self.options.lateness_ms, self._width
        firings = []
        for key in keys:
            record = self._sessions.get(key)
            kept: Record = ()
            for at in range(_BEGIN, len(record), width):
                end = record[at + 1] + gap
                if end == time:
                    firings.append((key, record[at], end, record[at + 2 : at + width]))
                if end + lateness > time:
                    kept += record[at : at + width]
            if not kept:
                self._sessions.drop(key)
            elif len(kept) < len(record) - _BEGIN:
                self._sessions.put(key, (record[0], *kept))
        return firings

    def _early(self, before: int) -> list[Firing]:
        """Fire all that is open when time has passed another multiple of ``early_ms``."""
        every, gap, width = self.options.early_ms, self.windower.gap_ms, self._width
        if not every or (before + 1) // every == (self.watermark + 1) // every:
            return []
        return [
            (key, record[at], record[at + 1] + gap, record[at + 2 : at + width])
            for key, record in in_order(self._sessions)
            for at in range(_BEGIN, len(record), width)
            if record[at + 1] + gap - 1 > self.watermark >= record[at]
        ]

    def next_due(self) -> int | None:
        return self._schedule.next()

    def open_keys(self) -> int:
        return len(self._schedule)
