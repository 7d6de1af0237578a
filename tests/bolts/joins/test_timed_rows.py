"""TimedRows: sorted by time whatever the order they come in, and found without a walk."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from waterspout.bolts.joins.timed_rows import TimedRows
from waterspout.bolts.snapshots import decode_part, encode_part
from waterspout.bolts.state import TaskState


class Side:
    """The rows of one side, of key ``k``, and the state that they are in."""

    def __init__(self, *times: int) -> None:
        self.state = TaskState("join")
        self.state.key = "k"
        self.rows = TimedRows(self.state.value("left"))
        for number, time in enumerate(times):
            self.rows.add(time, (number,), matched=False)

    def numbers(self, first: int, last: int) -> list[int]:
        return [number for _, (number,), _ in self.rows.between(first, last)]

    def changed(self) -> Any:
        """Return what a snapshot holds of them, beside what the ones before it do."""
        copy = self.state.snapshot_begin()
        data = b"".join(encode_part(copy))
        self.state.snapshot_written(copy, Written(data))
        return decode_part(data).keyed.get("value:left", {}).get("k")


class Written:
    """What a store says of a part."""

    def __init__(self, data: bytes) -> None:
        self.file, self.bytes, self.sha256 = "part", len(data), data[-32:].hex()


#   time     10      20      30      40
#   number    2   1, 3, 4     0       5


@pytest.fixture
def side() -> Side:
    return Side(30, 20, 10, 20, 20, 40)


def test_rows_are_in_order_of_time_and_those_of_one_time_as_they_came(side: Side) -> None:
    assert side.numbers(0, 100) == [2, 1, 3, 4, 0, 5]
    assert len(side.rows) == 6


def test_both_ends_of_an_interval_are_in_it(side: Side) -> None:
    assert side.numbers(20, 30) == [1, 3, 4, 0]
    assert side.numbers(20, 20) == [1, 3, 4]
    assert (side.numbers(21, 29), side.numbers(41, 99), side.numbers(0, 9)) == ([], [], [])
    assert side.numbers(30, 20) == []


def test_a_match_is_noted_of_all_rows_of_an_interval(side: Side) -> None:
    side.rows.match(20, 30)
    side.rows.match(30, 30)
    matched = [number for _, (number,), matched in side.rows.between(0, 100) if matched]
    assert matched == [1, 3, 4, 0]


def test_rows_are_forgotten_up_to_a_time(side: Side) -> None:
    assert [row[0] for row in side.rows.until(20)] == [10, 20, 20, 20]
    assert side.rows.until(9) == []
    side.rows.forget(20)
    assert side.numbers(0, 100) == [0, 5]
    side.rows.forget(40)
    assert (len(side.rows), side.rows.until(99), side.numbers(0, 100)) == (0, [], [])
    assert side.changed() is None


def test_each_key_has_rows_of_its_own(side: Side) -> None:
    side.state.key = "other"
    assert (len(side.rows), side.rows.until(99), side.numbers(0, 100)) == (0, [], [])
    side.rows.add(20, ("other",), matched=True)
    assert side.rows.between(0, 100) == [(20, ("other",), True)]
    side.state.key = "k"
    assert len(side.rows) == 6


@pytest.mark.parametrize("seed", range(4))
def test_any_interval_has_the_rows_that_a_walk_finds(seed: int) -> None:
    rng = random.Random(seed)
    times = [rng.randrange(60) for _ in range(80)]
    side = Side(*times)
    for _ in range(60):
        first, last = rng.randrange(-5, 65), rng.randrange(-5, 65)
        walked = [(time, n) for n, time in enumerate(times) if first <= time <= last]
        assert side.numbers(first, last) == [number for _, number in sorted(walked)]


class CountedTime(int):
    """A time that counts how often one is compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        CountedTime.compared += 1
        return int(self) == other

    def __lt__(self, other: int) -> bool:
        CountedTime.compared += 1
        return int(self) < other

    def __hash__(self) -> int:
        return super().__hash__()


def test_what_is_looked_for_is_found_in_few_steps() -> None:
    side = Side(*map(CountedTime, range(10_000)))
    CountedTime.compared = 0
    assert side.numbers(5000, 5001) == [5000, 5001]
    side.rows.add(2500, ("late",), matched=False)
    side.rows.match(5000, 5000)
    assert len(side.rows.until(9)) == 10
    side.rows.forget(9)
    assert 0 < CountedTime.compared < 200


def test_rows_that_are_only_looked_at_are_not_in_the_next_snapshot(side: Side) -> None:
    assert len(side.changed()) == 6
    assert (side.numbers(20, 30), len(side.rows.until(20)), len(side.rows)) == ([1, 3, 4, 0], 4, 6)
    assert side.changed() is None
    side.rows.forget(30)
    assert side.changed() == [(40, (5,), False)]


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.add(25, ("late",), matched=True),
        lambda rows: rows.match(10, 40),
        lambda rows: rows.forget(10),
    ],
)
def test_a_snapshot_that_is_being_written_holds_the_rows_of_its_cut(
    side: Side, change: Callable[[TimedRows], None]
) -> None:
    before = side.rows.between(0, 100)
    cut = side.state.snapshot_begin()
    change(side.rows)
    assert side.rows.between(0, 100) != before
    assert decode_part(b"".join(encode_part(cut))).keyed["value:left"] == {"k": before}
