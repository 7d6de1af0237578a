"""A user's own aggregate, and keeping all rows without copying them over and over."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.bolts.windows.row_aggregates import ROW, Monoid, Rows
from waterspout.topology.errors import UserError


class Spread:
    """Keeps [least, most]; ``add`` changes what it was given."""

    def zero(self) -> list[Any]:
        return []

    def add(self, acc: list[Any], value: Any) -> list[Any]:
        acc.append(value)
        acc[:] = [min(acc), max(acc)]
        return acc

    def merge(self, one: list[Any], other: list[Any]) -> list[Any]:
        return [min(one[0], other[0]), max(one[1], other[1])]

    def result(self, acc: list[Any]) -> Any:
        return acc[1] - acc[0]


def test_a_users_own_aggregate_is_added_to_from_zero_and_merged() -> None:
    for made in (Spread, Spread()):
        spread = Monoid("s", "v", made)
        assert spread.fields == ("v",)
        accs = spread.fold(["a", "b", "a"], [[3, 9, 8]], [0, 0, 0])
        assert accs == {"a": [3, 8], "b": [9, 9]}
        assert spread.result(spread.merge(accs["a"], accs["b"])) == 6


def test_without_a_field_it_gets_rows() -> None:
    assert Monoid("s", None, Spread).fields == (ROW,)


def test_what_lacks_a_method_is_refused() -> None:
    with pytest.raises(UserError, match=r"aggregate 's': .* has no zero\(\); needed: zero, add"):
        Monoid("s", "v", dict)


def test_rows_come_back_in_the_order_of_their_times_and_then_as_they_came() -> None:
    rows = Rows(100)
    one = rows.fold(["k", "k"], [["b", "a"]], [5, 1])["k"]
    acc = rows.merge(one, rows.fold(["k"], [["c"]], [5])["k"])
    assert rows.result(acc) == ["a", "b", "c"]


def test_adding_one_by_one_copies_each_row_a_few_times_only() -> None:
    rows, copied = Rows(10_000), 0
    acc: Any = rows.fold(["k"], [[0]], [0])["k"]
    for number in range(1, 4096):
        known = {id(stretch) for stretch in acc}
        acc = rows.merge(acc, [[(number, number)]])
        copied += sum(len(stretch) for stretch in acc if id(stretch) not in known)
    assert rows.result(acc) == list(range(4096))
    assert copied < 14 * 4096 and len(acc) <= 13


def test_too_many_rows_are_refused() -> None:
    rows = Rows(2)
    rows.check([[1], [2]])
    with pytest.raises(UserError, match="more than rows_max = 2 rows in one pane of a key"):
        rows.check([[1, 2], [3]])
