"""Rows that are returned in place of emitted are said, and not lost without a word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from waterspout.topology.errors import UserError
from waterspout.topology.returned import refuse_rows

from ..each_case import each_case


def rows() -> Iterator[Any]:
    yield [1]


@pytest.mark.parametrize(
    ("made", "text"),
    [
        ([[1, 2]], r"^b: process returned \[\[1, 2\]\], which goes nowhere: call self\.emit"),
        ((1,), r"^b: process returned \(1,\), which goes nowhere"),
        (rows(), "^b: process returned a generator, whose rows go nowhere"),
    ],
)
def test_rows_are_refused_by_the_name_of_the_method(made: Any, text: str) -> None:
    with pytest.raises(UserError, match=text):
        refuse_rows("b", "process", made)


@each_case("made", [True, 5, "a", {"a": 1}, [], ()])
def test_what_is_no_row_is_left_alone(made: Any) -> None:
    refuse_rows("b", "process", made)


async def later() -> None:
    pass


@pytest.mark.parametrize(
    ("made", "text"),
    [
        ([1], r"^s: next_tuple returned \[1\], which goes nowhere: call self\.emit\(row\)$"),
        (rows(), r"^s: next_tuple returned a generator, .*: call self\.emit\(row\)$"),
        (later(), "^s: next_tuple returned a coroutine, which nobody awaits$"),
    ],
)
def test_where_nothing_can_be_yielded_that_is_not_advised(made: Any, text: str) -> None:
    with pytest.raises(UserError, match=text):
        refuse_rows("s", "next_tuple", made, yields=False)
