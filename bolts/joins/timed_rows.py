"""Rows that wait for others of their key, by time: what is looked for is found by bisection.

One list per key, sorted by time; of equal times the row that came first is first. A row mostly
comes near the end of it, and what is over stands at its beginning.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from ..state_handles import ValueHandle
from .sides import Kept

#: Time in ms, what is kept of the row, whether it had a match.
TimedRow = tuple[int, Kept, bool]


class TimedRows:
    """The rows of one side that wait, those of the key at work.

    Args:
        rows: a handle of ``context.state`` that holds nothing else.
    """

    def __init__(self, rows: ValueHandle) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._looked_at())

    def add(self, time: int, kept: Kept, *, matched: bool) -> None:
        """Have a row wait, behind those of the same time."""
        row = (time, kept, matched)
        if len(self):
            rows = self._rows.get()
            rows.insert(_first_after(rows, time), row)
        else:
            self._rows.set([row])

    def between(self, first: int, last: int) -> list[TimedRow]:
        """Return the rows of ``first`` to ``last`` ms, both included."""
        rows = self._looked_at()
        begin = _first_at(rows, first)
        return rows[begin : _first_after(rows, last, begin)]

    def until(self, last: int) -> list[TimedRow]:
        """Return the rows up to ``last`` ms, that included."""
        rows = self._looked_at()
        return rows[: _first_after(rows, last)]

    def match(self, first: int, last: int) -> None:
        """Note that the rows of ``first`` to ``last`` ms, of which there is one, had a match."""
        rows = self._rows.get()
        begin = _first_at(rows, first)
        for at in range(begin, _first_after(rows, last, begin)):
            time, kept, _ = rows[at]
            rows[at] = (time, kept, True)

    def forget(self, last: int) -> None:
        """Forget the rows up to ``last`` ms, that included, of which there is one."""
        rows = self._rows.get()
        del rows[: _first_after(rows, last)]
        if not rows:
            self._rows.clear()

    def _looked_at(self) -> list[TimedRow]:
        # Not ``get``: the rows would count as changed, and be in the next snapshot.
        rows: list[TimedRow] = self._rows.peek() or []
        return rows


def _first_at(rows: list[Any], time: int) -> int:
    """Return the place of the first row of ``time`` or after."""
    # A tuple of only the first value comes before all that begin with it.
    return bisect_left(rows, (time,))


def _first_after(rows: list[Any], time: int, begin: int = 0) -> int:
    """Return the place of the first row after ``time``."""
    return bisect_left(rows, (time + 1,), begin)
