"""A reader that says where each message ends, the same in whatever group it comes."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from waterspout.spouts.contract import Messages, Reader
from waterspout.spouts.message_ends import EndsReader
from waterspout.topology.columns import Columns
from waterspout.topology.errors import UserError

from ..each_case import each_case


class Lines(Reader):
    """Messages that end at the given positions; None in between: nothing now, once."""

    opened = closed = 0

    def __init__(
        self, ends: list[int | None], position: int, *, columns: bool = False, knows: bool = False
    ) -> None:
        self.ends, self.position, self.columns, self.knows = ends, position, columns, knows
        self.last: list[int] = []
        Lines.opened += 1

    def read(self, limit: int) -> tuple[Messages, int] | None:
        rows: list[list[int]] = []
        while len(rows) < limit:
            following = [end for end in self.ends if end is not None and end > self.position]
            if not following:
                self.last = [row[0] for row in rows]
                return (self._messages(rows), self.position) if rows else None
            self.position = following[0]
            rows.append([following[0]])
        self.last = [row[0] for row in rows]
        return self._messages(rows), self.position

    def message_ends(self) -> list[int] | None:
        return self.last if self.knows else None

    def _messages(self, rows: list[list[int]]) -> Messages:
        return Columns.of_rows(rows, 1) if self.columns else rows

    def wait_s(self) -> float | None:
        return 7.0

    def close(self) -> None:
        Lines.closed += 1


def all_of(
    ends: list[int], limit: int, start: int = 0, columns: bool = False, knows: bool = False
) -> list[int]:
    """Read all in groups of a size; return the end that each message was said to have."""
    found: list[int] = []
    reader = EndsReader(
        lambda at: Lines(list(ends), at, columns=columns, knows=knows), start, singly=False,
        noted=lambda reader: found.extend(reader.ends),
    )  # fmt: skip
    position = start
    while (got := reader.read(limit)) is not None:
        rows, position = got
        assert [row[0] for row in rows] == reader.ends
        assert position == reader.ends[-1]
    return found


@each_case(
    "ends, limit, knows, columns",
    product(
        [[1, 2, 3, 4, 5], [3, 10, 11, 12, 40], [1, 2, 9, 10], [5]],
        [1, 2, 3, 64], [False, True], [False, True],
    ),
)  # fmt: skip
def test_ends_do_not_depend_on_the_group(
    ends: list[int], limit: int, knows: bool, columns: bool
) -> None:
    assert all_of(ends, limit, columns=columns, knows=knows) == ends
    assert all_of(ends, limit, start=ends[0], columns=columns, knows=knows) == ends[1:]


def test_messages_of_one_position_each_are_read_as_they_come() -> None:
    Lines.opened = 0
    all_of(list(range(1, 30)), 8)
    assert Lines.opened == 1


def test_others_are_read_one_by_one_from_then_on() -> None:
    Lines.opened = Lines.closed = 0
    reader = EndsReader(lambda at: Lines([3, 6, 9, 12], at), 0, singly=False, noted=lambda r: None)
    assert reader.read(2) == ([[3], [6]], 6) and reader.singly
    assert (Lines.opened, Lines.closed) == (2, 1)
    assert reader.read(2) == ([[9], [12]], 12)
    assert Lines.opened == 2
    reader.close()
    assert Lines.closed == 2 and reader.wait_s() == 7.0


def test_a_reader_that_knows_the_ends_is_read_group_by_group() -> None:
    Lines.opened = 0
    reader = EndsReader(
        lambda at: Lines([3, 6, 9], at, knows=True), 0, singly=False, noted=lambda r: None
    )
    assert reader.read(2) == ([[3], [6]], 6) and reader.ends == [3, 6]
    assert reader.read(2) == ([[9]], 9) and reader.ends == [9]
    assert (reader.read(2), reader.ends) == (None, [])
    assert (Lines.opened, reader.singly) == (1, False)


def test_a_reader_that_says_too_few_ends_is_named() -> None:
    lines = Lines([3, 6], 0, knows=True)
    lines.message_ends = lambda: [3]  # type: ignore[method-assign]
    reader = EndsReader(lambda at: lines, 0, singly=False, noted=lambda r: None)
    with pytest.raises(UserError, match=r"Lines.message_ends: 1 ends for 2 messages"):
        reader.read(2)


@each_case("ends", [["3", "6"], [3, 7], [0, 6], [6, 3], [3.0, 6.0]])
def test_ends_that_are_no_positions_of_what_was_read_are_shown(ends: list[Any]) -> None:
    lines = Lines([3, 6], 0, knows=True)
    lines.message_ends = lambda: ends  # type: ignore[method-assign]
    reader = EndsReader(lambda at: lines, 0, singly=False, noted=lambda r: None)
    with pytest.raises(UserError, match=r"Lines\.message_ends: expected ints over 0 and up to 6"):
        reader.read(2)


class Given(Reader):
    """Answers what it was told to."""

    def __init__(self, got: Any) -> None:
        self.got = got

    def read(self, limit: int) -> Any:
        return self.got


@pytest.mark.parametrize("singly", [False, True])
def test_a_wrong_answer_is_shown(singly: bool) -> None:
    reader = EndsReader(lambda at: Given([[1]]), 0, singly=singly, noted=lambda r: None)
    with pytest.raises(UserError, match=r"^read returned \[\[1\]\], expected \(messages, posit"):
        reader.read(2)


def test_a_message_that_is_no_list_is_left_to_fail_by_itself() -> None:
    reader = EndsReader(lambda at: Given(([7], 9)), 0, singly=True, noted=lambda r: None)
    assert reader.read(1) == ([7], 9)


class Slow(Reader):
    """Has a message, then nothing for one read that moves on, then another, then ends."""

    def __init__(self) -> None:
        self.gives: list[tuple[list[list[int]], int] | None] = [
            ([[4]], 4), ([], 8), ([[12]], 12), None,
        ]  # fmt: skip

    def read(self, limit: int) -> tuple[Messages, int] | None:
        assert limit == 1
        return self.gives.pop(0)


def test_what_comes_so_far_is_given_when_there_is_no_more_now() -> None:
    reader = EndsReader(lambda at: Slow(), 0, singly=True, noted=lambda r: None)
    assert reader.read(5) == ([[4]], 4)
    assert reader.read(5) == ([[12]], 12) and reader.ends == [12]
    assert reader.read(5) is None and reader.ends == []


def test_nothing_but_passed_over_positions_is_told() -> None:
    slow = Slow()
    slow.gives = [([], 8), None]
    reader = EndsReader(lambda at: slow, 0, singly=True, noted=lambda r: None)
    assert reader.read(5) == ([], 8)
    assert reader.read(5) is None
