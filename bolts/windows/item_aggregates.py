"""Aggregates over the different items of a window: how many there are, and which came most often.

Their accs grow with the number of items, which has a named limit; see aggregates.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from .aggregates import NUMBERS, Aggregate, Folded, Groups, Inputs


class Distinct(Aggregate):
    """``{distinct: field}``: how many different values there are.

    Args:
        items_max: different values that a pane may have.
    """

    def __init__(self, name: str, field: str, items_max: int) -> None:
        super().__init__(name, [field])
        self.items_max = items_max

    def fold(self, groups: Groups, inputs: Inputs, times: Sequence[int]) -> Folded:
        """Collect the values as keys of a dict: a set has no wire form."""
        found: dict[Any, dict[Any, None]] = {}
        for group, value in zip(groups, inputs[0], strict=True):
            items = found.get(group)
            if items is None:
                found[group] = {value: None}
            else:
                items[value] = None
        return found

    def merge(self, one: Any, other: Any) -> Any:
        """Return the values of both."""
        return {**one, **other}

    def result(self, acc: Any) -> Any:
        """Return their number."""
        return len(acc)

    def check(self, acc: Any) -> None:
        """Refuse more than ``items_max`` values."""
        if len(acc) > self.items_max:
            raise self.wrong(
                f"more than items_max = {self.items_max} different values in one pane of a key"
            )


class Top(Aggregate):
    """``{top: {field: item, n: 3}}``: the ``n`` items that came most often, as [item, count].

    With ``by``, the sum of that field counts, not the number of rows. Items of equal count are in
    the order of their texts, so that the result does not depend on who came first.

    Args:
        items_max: different items that a pane may have.
        candidates: keep only so many items; counts are then too low by at most the total by
            (candidates + 1). None: exact.

    Source of the bound: Agarwal and others, Mergeable Summaries, PODS 2012 (Misra-Gries).
    """

    def __init__(
        self, name: str, field: str, n: int, items_max: int, by: str | None = None,
        candidates: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, [field] if by is None else [field, by])
        self.n, self.items_max, self.candidates = n, items_max, candidates

    def fold(self, groups: Groups, inputs: Inputs, times: Sequence[int]) -> Folded:
        """Count items per group."""
        found: dict[Any, Any] = {}
        if len(self.fields) == 1:
            pairs: Iterable[Any] = Counter(zip(groups, inputs[0], strict=True)).items()
        else:
            _check_weights(self, inputs[1])
            pairs = zip(zip(groups, inputs[0], strict=True), inputs[1], strict=True)
        for (group, item), weight in pairs:
            items = found.setdefault(group, {})
            items[item] = items.get(item, 0) + weight
        if self.candidates is None:
            return found
        return {group: self._cut(items) for group, items in found.items()}

    def merge(self, one: Any, other: Any) -> Any:
        """Add the counts of both."""
        merged = dict(one)
        get = merged.get
        for item, weight in other.items():
            merged[item] = get(item, 0) + weight
        return merged if self.candidates is None else self._cut(merged)

    def result(self, acc: Any) -> Any:
        """Return the largest."""
        ranked = sorted(acc.items(), key=_by_weight)
        return [[item, weight] for item, weight in ranked[: self.n]]

    def check(self, acc: Any) -> None:
        """Refuse more than ``items_max`` items."""
        if len(acc) > self.items_max:
            raise self.wrong(
                f"more than items_max = {self.items_max} different items in one pane of a key; "
                "with 'candidates' the counts are approximate and the size is bounded"
            )

    def _cut(self, items: dict[Any, Any]) -> dict[Any, Any]:
        keep = self.candidates
        if keep is None or len(items) <= keep:
            return items
        less = sorted(items.values(), reverse=True)[keep]
        return {item: weight - less for item, weight in items.items() if weight > less}


def _check_weights(top: Top, column: list[Any]) -> None:
    for value in column if not set(map(type, column)) <= NUMBERS else ():
        if type(value) not in NUMBERS:
            raise top.wrong(f"field {top.fields[1]!r} holds {value!r:.60}; a number expected")
    if top.candidates is not None and column and min(column) < 0:
        raise top.wrong(f"field {top.fields[1]!r} holds {min(column)!r}; with 'candidates' >= 0")


def _by_weight(entry: tuple[Any, Any]) -> tuple[Any, str, str]:
    item, weight = entry
    return -weight, str(item), type(item).__name__
