"""Distinct and Top against sets and Counter; what is approximate keeps its bound."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from waterspout.bolts.windows.item_aggregates import Distinct, Top
from waterspout.topology.errors import UserError


def items(count: int, seed: int = 7) -> list[str]:
    draw = random.Random(seed)
    return [f"i{int(draw.paretovariate(1)) % 60}" for _ in range(count)]


def fold(aggregate: Any, *columns: list[Any]) -> Any:
    return aggregate.fold(["k"] * len(columns[0]), columns, [0] * len(columns[0]))["k"]


def test_distinct_is_the_size_of_the_set_of_all_parts() -> None:
    distinct, values = Distinct("d", "item", 1000), items(500)
    acc = distinct.merge(fold(distinct, values[:200]), fold(distinct, values[200:]))
    assert distinct.result(acc) == len(set(values))


def test_top_is_what_counter_says_over_all_parts() -> None:
    top, values = Top("t", "item", 5, 1000), items(500)
    acc = top.merge(fold(top, values[:200]), fold(top, values[200:]))
    ranked = sorted(Counter(values).items(), key=lambda pair: (-pair[1], pair[0]))
    assert top.result(acc) == [list(pair) for pair in ranked[:5]]


def test_top_by_a_field_adds_that_field() -> None:
    top = Top("t", "item", 2, 1000, by="w")
    assert top.fields == ("item", "w")
    assert top.result(fold(top, ["a", "b", "a", "c"], [1, 5, 3, 0.5])) == [["b", 5], ["a", 4]]
    with pytest.raises(UserError, match="aggregate 't': field 'w' holds 'x'; a number expected"):
        fold(top, ["a"], ["x"])


def test_items_of_equal_count_are_in_the_order_of_their_texts() -> None:
    top = Top("t", "item", 3, 1000)
    assert top.result(fold(top, ["b", 2, "a", 10])) == [[10, 1], [2, 1], ["a", 1]]


@pytest.mark.parametrize("candidates", [5, 20])
def test_approximate_counts_are_too_low_by_no_more_than_promised(candidates: int) -> None:
    top, values = Top("t", "item", 5, 1000, candidates=candidates), items(3000)
    acc: Any = None
    for start in range(0, len(values), 50):
        part = fold(top, values[start : start + 50])
        acc = part if acc is None else top.merge(acc, part)
        assert len(acc) <= candidates
    exact = Counter(values)
    error = len(values) / (candidates + 1)
    assert all(exact[item] - error <= acc.get(item, 0) <= exact[item] for item in exact)
    assert top.result(acc)[0][0] == "i1"


def test_negative_weights_are_refused_where_counts_are_approximate() -> None:
    top = Top("t", "item", 1, 1000, by="w", candidates=3)
    with pytest.raises(UserError, match="field 'w' holds -1; with 'candidates' >= 0"):
        fold(top, ["a", "b"], [1, -1])


def test_merging_changes_neither_part() -> None:
    for aggregate in (Distinct("d", "item", 10), Top("t", "item", 2, 10)):
        one, other = fold(aggregate, ["a"]), fold(aggregate, ["a", "b"])
        before = (dict(one), dict(other))
        aggregate.merge(one, other)
        assert (one, other) == before


def test_too_many_items_are_refused_and_the_limit_is_named() -> None:
    for aggregate in (Distinct("d", "item", 2), Top("t", "item", 2, 2)):
        aggregate.check(fold(aggregate, ["a", "b", "a"]))
        with pytest.raises(UserError, match="more than items_max = 2 different"):
            aggregate.check(fold(aggregate, ["a", "b", "c"]))


def test_items_that_cannot_be_told_apart_raise() -> None:
    for aggregate in (Distinct("d", "item", 2), Top("t", "item", 2, 2), Top("t", "i", 1, 1, "w")):
        with pytest.raises(TypeError, match="unhashable"):
            fold(aggregate, [[1]], [1])
