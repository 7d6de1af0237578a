"""Count windows against slices of all rows of a key.

    size 4, slide 2     rows 0 1 2 3 4 5 6
    windows                [0 1]               the first ones are short
                           [0 1 2 3]
                               [2 3 4 5]
                                   [4 5 6]     at the end of the input
"""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.bolts.windows.aggregates import Aggregate, CountRows, First, Last
from waterspout.bolts.windows.counted import CountedLogic
from waterspout.bolts.windows.logic import Options
from waterspout.bolts.windows.windowers import Counted
from waterspout.topology.errors import UserError
from waterspout.topology.marks import MIN_WATERMARK

from .oracle import Maps, aggregates, expected, rows_of, seen

ROWS = st.lists(st.tuples(st.sampled_from("ab"), st.just(0), st.integers(0, 9)), max_size=40)
SHAPES = st.sampled_from([(1, 1), (3, 3), (4, 2), (6, 4), (5, 2), (2, 5), (7, 1)])


def logic(
    size: int, slide: int = 0, *, maps: Any = None, made: list[Aggregate] | None = None
) -> CountedLogic:
    windower = Counted(size, slide or size)
    return CountedLogic(windower, made or aggregates(), Options(), maps or Maps(), MIN_WATERMARK)


def wanted(rows: list[Any], size: int, slide: int) -> tuple[list[Any], list[Any]]:
    """Return what fires while rows come, and at the end."""
    values: dict[str, list[int]] = defaultdict(list)
    fired, last = [], []
    for key, _, value in rows:
        values[key].append(value)
        end = len(values[key])
        if end % slide == 0:
            begin = max(end - size, 0)
            fired.append(expected((key, begin, end, values[key][begin:end])))
    for key, known in values.items():
        end = -(-len(known) // slide) * slide
        begin = max(end - size, 0)
        if begin < len(known) < end:
            last.append(expected((key, begin, len(known), known[begin:])))
    return fired, last


@given(SHAPES, ROWS, st.randoms(use_true_random=False))
def test_they_fire_slices_of_all_rows_however_these_are_cut_and_restored(
    shape: tuple[int, int], rows: list[Any], draw: random.Random
) -> None:
    fired, last = wanted(rows, *shape)
    maps = Maps()
    found: list[Any] = []
    start = 0
    while start < len(rows):
        size = draw.randrange(1, 6)
        found += logic(*shape, maps=maps).add(rows_of(rows[start : start + size])).firings
        start += size
    assert list(map(seen, found)) == fired
    ended = [firing for step in logic(*shape, maps=maps).close() for firing in step]
    assert list(map(seen, ended)) == last
    assert maps.empty()


def test_only_the_panes_that_a_window_needs_are_kept() -> None:
    maps = Maps()
    tested = logic(4, 2, maps=maps, made=[CountRows("n")])
    for _ in range(101):
        tested.add(rows_of([("k", 0, 0)], tested.aggregates))
    assert maps.maps["counted"] == {"k": (0, 101, 2, 1)}


def test_the_first_and_the_last_row_are_those_that_came_so() -> None:
    tested = logic(3, made=[First("f", ["v"]), Last("l", ["v"])])
    added = tested.add(rows_of([("k", 0, n) for n in range(6)], tested.aggregates))
    assert [tuple(acc[1] for acc in f[3]) for f in added.firings] == [(0, 2), (3, 5)]


def test_time_lets_nothing_end() -> None:
    tested = logic(3)
    tested.add(rows_of([("k", 0, 0)]))
    assert list(tested.advance(10**15)) == []
    assert tested.next_due() is None and tested.open_keys() == 1


def test_a_batch_that_raises_changes_nothing() -> None:
    maps = Maps()
    tested = logic(3, maps=maps)
    with pytest.raises(UserError, match="field 'v' holds 'x'"):
        tested.add(rows_of([("a", 0, 1), ("b", 0, "x")]))  # type: ignore[list-item]
    assert maps.empty()


def test_at_the_end_a_key_whose_next_window_has_not_begun_has_none() -> None:
    #   size 2, slide 5:   . . . [3 4] . . . [8 9]
    tested = logic(2, 5, made=[CountRows("n")])
    rows = [("a", 0, 0)] * 3 + [("b", 0, 0)] * 4
    assert tested.add(rows_of(rows, tested.aggregates)).firings == []
    assert [firing[:3] for step in tested.close() for firing in step] == [("b", 3, 4)]
