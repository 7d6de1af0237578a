"""What windows emit: rows [*key, window_start, window_end, *results] out of firings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from waterspout.topology.columns import Columns
from waterspout.topology.errors import UserError

from .aggregates import Aggregate
from .logic import Firing, Unmerged

#: A firing, and what users' code raised for it.
Failure = tuple[Firing, Exception]
#: Writes milliseconds as the time field is written.
Written = Callable[[int], Any]


class Span(NamedTuple):
    """A window as a function of all its rows gets it: ``start <= time < end``, in ``unit``."""

    start: Any
    end: Any


#: Returns the rows that are emitted for a window: (key, span, rows of the window).
WindowFunction = Callable[[Any, Span, list[dict[str, Any]]], Iterable[Any] | None]


class Output:
    """Makes rows of firings.

    Args:
        keys: number of the key's fields.
        aggregates: those that are emitted; an early firing may count with one more.
        written: of the clock; None: start and end are numbers of rows.
        function: gets all rows, which are then the only aggregate; None: there is none.
        width: number of values of a row that the function returns.
    """

    def __init__(
        self, keys: int, aggregates: Sequence[Aggregate], written: Written | None,
        function: WindowFunction | None = None, width: int = 0,
    ) -> None:  # fmt: skip
        self._keys, self._aggregates = keys, aggregates
        self._written = written or _same
        self._function, self._width = function, width

    def rows(self, firings: Sequence[Firing]) -> tuple[Columns | list[list[Any]], list[Failure]]:
        """Return the rows of some firings, and those for which users' code raised, with what.

        A firing whose result raises has no row; the others do.
        """
        if self._function is None:
            try:
                return self._columns(firings), []
            except Exception:
                # Users' code raised somewhere: one by one, so that only that firing has no row.
                return self._each(firings, self._result)
        return self._each(firings, self._called)

    def _columns(self, firings: Sequence[Firing]) -> Columns:
        keys, starts, ends, accs = zip(*firings, strict=True)
        columns: list[list[Any]] = []
        if self._keys == 1:
            columns.append(list(keys))
        elif self._keys:
            columns.extend(map(list, zip(*keys, strict=True)))
        columns += [self._times(starts), self._times(ends)]
        for at, aggregate in enumerate(self._aggregates):
            values = [acc[at] for acc in accs]
            plain = type(aggregate).result is Aggregate.result
            columns.append(values if plain else list(map(aggregate.result, values)))
        return Columns(columns)

    def _times(self, times: Sequence[int]) -> list[Any]:
        """Write times, of which most are equal."""
        written = {time: self._written(time) for time in set(times)}
        return [written[time] for time in times]

    def _each(
        self, firings: Sequence[Firing], make: Callable[[Firing], Iterable[list[Any]]]
    ) -> tuple[list[list[Any]], list[Failure]]:
        rows: list[list[Any]] = []
        failures: list[Failure] = []
        for firing in firings:
            try:
                rows.extend(make(self._merged(firing)))
            except Exception as error:
                failures.append((firing, error))
        return rows, failures

    def _merged(self, firing: Firing) -> Firing:
        """Return a firing with the accs of all its panes in one."""
        accs = firing[3]
        if not isinstance(accs, Unmerged):
            return firing
        merged, *rest = accs.panes
        for pane in rest:
            each = zip(self._aggregates, merged, pane, strict=False)
            merged = tuple([aggregate.merge(one, other) for aggregate, one, other in each])
        return (*firing[:3], merged)

    def _result(self, firing: Firing) -> list[list[Any]]:
        accs = zip(self._aggregates, firing[3], strict=False)
        return [[*self._head(firing), *(aggregate.result(acc) for aggregate, acc in accs)]]

    def _called(self, firing: Firing) -> list[list[Any]]:
        function, width = self._function, self._width
        assert function is not None
        span = Span(self._written(firing[1]), self._written(firing[2]))
        key = firing[0] if self._keys else None
        rows = function(key, span, self._aggregates[0].result(firing[3][0]))
        if isinstance(rows, (str, bytes, dict)):
            raise UserError(f"a window's function returns or yields rows, got {rows!r:.80}")
        head = self._head(firing)
        found = [[*head, row] if width == 1 else [*head, *row] for row in rows or ()]
        for row in found:
            if len(row) != len(head) + width:
                raise UserError(f"a window's function returns rows of {width} values: {row!r:.80}")
        return found

    def _head(self, firing: Firing) -> list[Any]:
        key = [firing[0]] if self._keys == 1 else [*firing[0]] if self._keys else []
        return [*key, self._written(firing[1]), self._written(firing[2])]


def _same(number: int) -> int:
    return number
