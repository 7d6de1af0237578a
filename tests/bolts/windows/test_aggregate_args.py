"""What ``aggregate`` may say, and how it is told what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.bolts.windows.aggregate_args import KINDS, monoid_paths, read_aggregates
from waterspout.bolts.windows.item_aggregates import Top
from waterspout.topology.errors import UserError

from ...each_case import each_case

EVERY = {
    "n": "count",
    "total": {"sum": "amount"},
    "least": {"min": "amount"},
    "most": {"max": "amount"},
    "mean": {"mean": "amount"},
    "first": {"first": "amount"},
    "last": {"last": "amount"},
    "users": {"distinct": "user"},
    "top": {"top": {"field": "item", "n": 3, "by": "amount", "candidates": 100}},
    "own": {"combine": {"with": f"{__name__}:Own", "field": "amount"}},
    "rows": {"combine": f"{__name__}:Own"},
}


class Own:
    zero = add = merge = result = lambda self, *args: args


def test_every_kind_is_read_and_built() -> None:
    specs = read_aggregates(EVERY)
    assert [spec.name for spec in specs] == list(EVERY)
    assert {spec.kind for spec in specs} == set(KINDS)
    made = [spec.build(7) for spec in specs if spec.kind != "combine"]
    assert [each.fields for each in made][1:] == [("amount",)] * 6 + [("user",), ("item", "amount")]
    top = made[-1]
    assert isinstance(top, Top) and (top.n, top.items_max, top.candidates) == (3, 7, 100)


def test_top_shows_ten_unless_told_otherwise() -> None:
    (spec,) = read_aggregates({"t": {"top": {"field": "item"}}})
    assert spec.build(10).n == 10  # type: ignore[attr-defined]


def test_the_paths_of_users_code_are_found_without_importing_it() -> None:
    assert list(monoid_paths(EVERY)) == [f"{__name__}:Own"] * 2
    assert list(monoid_paths({"x": {"combine": {"field": 5}}, "y": 3})) == []
    assert list(monoid_paths("nonsense")) == []


@each_case(
    "given, message",
    [
        (None, "aggregate: a mapping such as {n: count, total: {sum: amount}} expected, got None"),
        ({}, "aggregate: a mapping such as {n: count, total: {sum: amount}} expected, got {}"),
        ({"a b": "count"}, "aggregate: 'a b' is not the name of a field"),
        ({5: "count"}, "aggregate: 5 is not the name of a field"),
        ({"n": "coutn"}, "aggregate.n: count, or one kind and its field such as {sum: amount} "
         "expected, got 'coutn', did you mean 'count'?"),
        ({"n": "sum"}, "got 'sum'; it needs a field, as in {sum: amount}"),
        ({"n": {"sum": "a", "min": "a"}}, "aggregate.n: count, or one kind"),
        ({"n": {"smu": "a"}}, "aggregate.n: 'smu' unknown, allowed: count, sum, min, max, mean, "
         "first, last, distinct, top, combine, did you mean 'sum'?"),
        ({"n": {"sum": 5}}, "aggregate.n.sum: the name of a field expected, got 5"),
        ({"n": {"count": "a"}}, "aggregate.n.count: counts rows and takes no field"),
        ({"n": {"top": "a"}}, "aggregate.n.top: a mapping with field, n, by, candidates expected"),
        ({"n": {"top": {"n": 3}}}, "aggregate.n.top: 'field' is missing"),
        ({"n": {"top": {"field": "a", "nn": 3}}}, "aggregate.n.top.nn: unknown, allowed: field, "
         "n, by, candidates, did you mean 'n'?"),
        ({"n": {"top": {"field": "a", "n": 0}}}, "aggregate.n.top.n: a whole number > 0"),
        ({"n": {"top": {"field": "a", "n": True}}}, "aggregate.n.top.n: a whole number > 0"),
        ({"n": {"top": {"field": "a", "by": 3}}}, "aggregate.n.top.by: the name of a field"),
        ({"n": {"top": {"field": "a", "n": 5, "candidates": 4}}}, "candidates: at least n = 5"),
        ({"n": {"combine": {"field": "a"}}}, "aggregate.n.combine: 'with' is missing"),
        ({f"n{i}": "count" for i in range(51)}, "more than 50 aggregates"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_the_path_of_it(given: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read_aggregates(given)
    assert message in str(caught.value)
