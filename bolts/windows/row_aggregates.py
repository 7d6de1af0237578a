"""Aggregates that users' code works on: their own monoid, and all rows for a window function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .aggregates import Aggregate, Folded, Groups, Inputs

#: In place of a field: the whole row as a dict.
ROW = ""
_PARTS = ("zero", "add", "merge", "result")


class Monoid(Aggregate):
    """``{combine: "module:name"}``: a user's own aggregate.

    The name is a class, or a function that makes an object, with ``zero()``, ``add(acc, value)``,
    ``merge(acc, acc)`` and ``result(acc)``. ``add`` may change and return what it was given,
    ``merge`` must not. Accs are what state may be: scalars, lists, tuples, dicts. With no
    ``field``, ``add`` gets the row as a dict.
    """

    def __init__(self, name: str, field: str | None, monoid: Any) -> None:
        super().__init__(name, [ROW] if field is None else [field])
        self._monoid = monoid() if callable(monoid) else monoid
        missing = [part for part in _PARTS if not callable(getattr(self._monoid, part, None))]
        if missing:
            raise self.wrong(f"{monoid!r:.80} has no {missing[0]}(); needed: {', '.join(_PARTS)}")

    def fold(self, groups: Groups, inputs: Inputs, times: Sequence[int]) -> Folded:
        """Add row by row to a fresh zero of each group."""
        found: Folded = {}
        for group, value in zip(groups, inputs[0], strict=True):
            acc = found[group] if group in found else self._monoid.zero()
            found[group] = self._monoid.add(acc, value)
        return found

    def merge(self, one: Any, other: Any) -> Any:
        """Let the user's code merge."""
        return self._monoid.merge(one, other)

    def result(self, acc: Any) -> Any:
        """Let the user's code say."""
        return self._monoid.result(acc)


class Rows(Aggregate):
    """All rows, for a function of the whole window; as (time, row), in stretches.

    A stretch is at least twice as long as the one behind it, so that adding n rows one by one
    copies each only log2(n) times though no stretch is ever changed.

    Args:
        rows_max: rows that a pane may have.
    """

    def __init__(self, rows_max: int) -> None:
        super().__init__("rows", [ROW])
        self.rows_max = rows_max

    def fold(self, groups: Groups, inputs: Inputs, times: Sequence[int]) -> Folded:
        """Collect the rows of each group."""
        found: dict[Any, list[Any]] = {}
        for group, time, row in zip(groups, times, inputs[0], strict=True):
            found.setdefault(group, []).append((time, row))
        return {group: [rows] for group, rows in found.items()}

    def merge(self, one: Any, other: Any) -> Any:
        """Put the rows of ``other`` behind those of ``one``."""
        merged = [*one, *other]
        while len(merged) > 1 and len(merged[-2]) < 2 * len(merged[-1]):
            merged[-2:] = [merged[-2] + merged[-1]]
        return merged

    def result(self, acc: Any) -> Any:
        """Return the rows in the order of their times."""
        rows = [entry for stretch in acc for entry in stretch]
        rows.sort(key=_time_of)
        return [row for _, row in rows]

    def check(self, acc: Any) -> None:
        """Refuse more than ``rows_max`` rows."""
        if sum(map(len, acc)) > self.rows_max:
            raise self.wrong(f"more than rows_max = {self.rows_max} rows in one pane of a key")


def _time_of(entry: tuple[int, Any]) -> int:
    return entry[0]
