"""All aggregates of a window at once: their accs are one tuple per group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .aggregates import Aggregate, Groups, Inputs

#: The accs of all aggregates of a group.
Accs = tuple[Any, ...]


def merger(aggregates: Sequence[Aggregate]) -> Callable[[Accs, Accs], Accs]:
    """Return the function that merges the accs of a pane with those of a later one."""
    if len(aggregates) == 1:
        merge = aggregates[0].merge
        return lambda one, other: (merge(one[0], other[0]),)
    merges = [aggregate.merge for aggregate in aggregates]
    return lambda one, other: tuple([m(a, b) for m, a, b in zip(merges, one, other, strict=True)])


def finisher(aggregates: Sequence[Aggregate]) -> Callable[[Accs], list[Any]]:
    """Return the function that makes a list of results of a pane's accs."""
    if all(type(a).result is Aggregate.result for a in aggregates):
        return list
    results = [aggregate.result for aggregate in aggregates]
    return lambda accs: [result(acc) for result, acc in zip(results, accs, strict=True)]


def lift_all(
    aggregates: Sequence[Aggregate], inputs: Sequence[Inputs], times: Sequence[int]
) -> list[Accs]:
    """Return the accs of all aggregates for each row alone."""
    lifted = [a.lift(given, times) for a, given in zip(aggregates, inputs, strict=True)]
    return list(zip(*lifted, strict=True))


def fold_all(
    aggregates: Sequence[Aggregate], groups: Groups, inputs: Sequence[Inputs], times: Sequence[int]
) -> dict[Any, Accs]:
    """Return the accs of all aggregates for each group, groups in the order they first came in."""
    folded = [a.fold(groups, given, times) for a, given in zip(aggregates, inputs, strict=True)]
    if len(folded) == 1:
        return dict(zip(folded[0], zip(folded[0].values()), strict=True))
    # Each counts the groups in the same order, by whom they first came.
    return dict(zip(folded[0], zip(*[each.values() for each in folded], strict=True), strict=True))
