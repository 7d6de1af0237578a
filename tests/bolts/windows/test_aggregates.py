"""Aggregates of numbers and single values: what folding and merging in any cut amounts to."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.bolts.windows.aggregates import (
    Aggregate,
    CountRows,
    First,
    Last,
    Max,
    Mean,
    Min,
    Sum,
)
from waterspout.topology.errors import UserError

from ...each_case import each_case

#: (group, time, value)
ROWS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.integers(-9, 9)), min_size=1, max_size=20
)


def first(rows: list[Any]) -> Any:
    return min(rows, key=lambda row: row[1])[2]


def last(rows: list[Any]) -> Any:
    return max(enumerate(rows), key=lambda entry: (entry[1][1], entry[0]))[1][2]


#: Aggregate -> what it makes of the rows of one group.
CASES: dict[type[Aggregate], Callable[[list[Any]], Any]] = {
    CountRows: len,
    Sum: lambda rows: sum(row[2] for row in rows),
    Mean: lambda rows: sum(row[2] for row in rows) / len(rows),
    Min: lambda rows: min(row[2] for row in rows),
    Max: lambda rows: max(row[2] for row in rows),
    First: first,
    Last: last,
}


def fold(aggregate: Aggregate, rows: list[Any]) -> dict[Any, Any]:
    groups, times, values = (list(column) for column in zip(*rows, strict=True))
    return aggregate.fold(groups, [values] * len(aggregate.fields), times)


@pytest.mark.parametrize("kind", CASES)
@given(ROWS, st.integers(1, 20))
def test_however_rows_are_cut_the_result_is_that_of_all(
    kind: type[Aggregate], rows: list[Any], size: int
) -> None:
    aggregate = kind("x", [] if kind is CountRows else ["v"])
    parts = [fold(aggregate, rows[at : at + size]) for at in range(0, len(rows), size)]
    for group in {row[0] for row in rows}:
        accs = [part[group] for part in parts if group in part]
        found = aggregate.result(reduce(aggregate.merge, accs))
        assert found == CASES[kind]([row for row in rows if row[0] == group])


@each_case("kind", CASES)
def test_groups_come_in_the_order_of_their_first_rows(kind: type[Aggregate]) -> None:
    aggregate = kind("x", [] if kind is CountRows else ["v"])
    rows = [("b", 0, 1), ("a", 0, 1), ("b", 0, 1), ("c", 0, 1)]
    assert list(fold(aggregate, rows)) == ["b", "a", "c"]


@each_case("kind, value", product([Sum, Mean, Min, Max], [None, "5", [1]]))
def test_what_cannot_be_aggregated_is_named(kind: type[Aggregate], value: Any) -> None:
    if kind in (Min, Max) and value == "5":
        return
    with pytest.raises(UserError, match=r"aggregate 'x': field 'v' holds .*; a number"):
        fold(kind("x", ["v"]), [("a", 0, 1), ("a", 0, value)])


def test_least_and_most_order_numbers_before_texts_and_never_raise() -> None:
    least, most = Min("x", ["v"]), Max("x", ["v"])
    assert fold(least, [("a", 0, "b"), ("a", 0, "a")]) == {"a": "a"}
    for one, other in [(5, "a"), ("a", 5)]:
        assert (least.merge(one, other), most.merge(one, other)) == (5, "a")


def test_the_base_promises_what_the_others_do() -> None:
    base = Aggregate("x")
    with pytest.raises(NotImplementedError):
        base.fold([], [], [])
    with pytest.raises(NotImplementedError):
        base.merge(1, 2)
    base.check(1)
    assert base.result(5) == 5
