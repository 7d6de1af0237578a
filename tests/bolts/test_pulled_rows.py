"""Rows of a generator: in parts, in order, and what raises ends it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from waterspout.bolts.contract import Bolt
from waterspout.bolts.pulled_rows import ROWS_MAX, PulledRows

from ..each_case import each_case
from .rig import Rig


class Plain(Bolt):
    """Does nothing."""

    outputs = ("x",)


def pulled(result: Any) -> tuple[Rig, PulledRows]:
    rig = Rig(Plain())
    return rig, PulledRows(rig.executor, "finish", result)


@each_case("count", [0, 1, ROWS_MAX, ROWS_MAX + 1])
def test_rows_come_in_parts_and_in_order(count: int) -> None:
    rig, rows = pulled([n] for n in range(count))
    parts = 0
    while not rows.ended:
        rows.pull()
        parts += 1
    assert [row[0] for row in rig.out.rows] == [*range(count)]
    assert parts == count // ROWS_MAX + 1


def test_nothing_has_no_rows_and_none_is_no_row() -> None:
    rig, rows = pulled(None)
    assert rows.ended
    rig, rows = pulled([None, ["a"]])
    rows.pull()
    assert rows.ended and rig.out.rows == [["a"]]


def test_what_the_generator_raises_ends_it() -> None:
    def two() -> Iterator[Any]:
        yield ["a"]
        raise ValueError("why")

    rig, rows = pulled(two())
    with pytest.raises(ValueError, match="why"):
        rows.pull()
    assert rows.ended and rig.out.rows == []


def test_a_row_that_is_refused_takes_no_other_along() -> None:
    rig, rows = pulled([["a"], ["b", "c"], ["d"]])
    letters: list[Any] = []
    rig.own.bury_values = lambda *letter: letters.append(letter)
    rows.pull()
    assert rig.out.rows == [["a"], ["d"]] and letters[0][1:3] == ("finish", ["b", "c"])
