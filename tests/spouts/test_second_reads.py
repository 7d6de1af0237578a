"""Second reads: where a message lies, of any source that gives the same again."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from waterspout.spouts.contract import Messages, Reader
from waterspout.spouts.groups import Group
from waterspout.spouts.remains import Part
from waterspout.spouts.second_reads import place_of, values_of

from ..each_case import each_case
from .rig import NumberReader, Numbers


class Gaps(Numbers):
    """Message n lies at [10 n + 3, 10 n + 10); a read brings few, and stops before what is void."""

    few = 2

    def reader(self, partition: str, position: int | None) -> Reader:
        super().reader(partition, position)
        return GapReader(self, position or 0)


class GapReader(NumberReader):
    def __init__(self, source: Gaps, position: int) -> None:
        super().__init__(source, 0)
        self.at = position // 10

    def read(self, limit: int) -> tuple[Messages, int] | None:
        got = super().read(min(limit, Gaps.few))
        return got and (got[0], self.at * 10)


@given(st.integers(1, 9), st.integers(0, 8), st.integers(0, 3))
def test_each_message_of_a_part_is_found(rows: int, row: int, first: int) -> None:
    row %= rows
    part = Part(first, 10 * first, 10 * (first + rows) + 3, rows)
    source = Gaps(size=20)
    start, end = place_of(source, "p", part, first + row) or (0, 0)
    assert start == 10 * (first + row)
    # With the last one goes what lies behind it and holds no message.
    assert end == (part.end if row == rows - 1 else start + 10)
    assert source.readers == 0


@each_case(
    "size, error, part, row",
    [
        (3, None, Part(0, 0, 6, 6), 4),  # there are fewer now
        (6, ValueError("gone"), Part(0, 0, 6, 6), 4),
        (6, SystemExit(1), Part(0, 0, 6, 6), 0),
        (9, None, Part(0, 0, 3, 6), 4),  # there are more now
    ],
)
def test_a_source_that_gives_something_else_has_no_place(
    size: int, error: Any, part: Part, row: int
) -> None:
    source = Numbers(size=size)
    source.errors = [error] if error else []
    assert place_of(source, "p", part, row) is None
    assert source.readers == 0


def test_a_reader_that_has_nothing_now_or_gives_too_much_has_no_place() -> None:
    class Odd(Numbers):
        gives: tuple[Messages, int] = ([], 0)

        def reader(self, partition: str, position: int | None) -> Reader:
            reader = super().reader(partition, position)
            reader.read = lambda limit: self.gives  # type: ignore[method-assign]
            return reader

    source, part = Odd(), Part(0, 0, 6, 6)
    assert place_of(source, "p", part, 4) is None
    assert place_of(source, "p", part, 0) is None
    source.gives = [[0]] * 5, 5
    assert place_of(source, "p", part, 4) is None


def test_values_are_read_again_unless_they_are_kept_or_gone() -> None:
    source = Numbers(size=4)
    assert values_of(source, Group("p", 2, 3, 1, 0.0)) == [2]
    assert values_of(source, Group("p", 4, 5, 1, 0.0)) is None
    source.errors = [ValueError("gone")]
    assert values_of(source, Group("p", 2, 3, 1, 0.0)) is None
    assert values_of(source, Group("p", 2, 3, 1, 0.0, kept=[(0, "s", ["k"])])) == ["k"]
    assert source.readers == 0


def test_what_holds_no_message_behind_a_message_does_not_keep_its_values_away() -> None:
    source = Gaps(size=4)
    assert values_of(source, Group("p", 20, 33, 1, 0.0)) == [2]
    assert values_of(source, Group("p", 20, 29, 1, 0.0)) is None
