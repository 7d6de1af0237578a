"""Trails: each row leads to the message it descends from, or to none, and never to another."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.topology.errors import WireError
from waterspout.topology.frames import Run
from waterspout.topology.trails import (
    ROWS_MAX,
    STEPS_MAX,
    Trail,
    trails_from_wire,
    trails_to_wire,
)
from waterspout.topology.wire_limits import E_FRAME_TYPE

from ..each_case import each_case

#: How many rows each of the messages came to, and each of those, and so on.
WAYS = st.lists(st.integers(0, 3), min_size=1, max_size=8).flatmap(
    lambda counts: st.tuples(
        st.just(counts), st.lists(st.integers(0, 3), min_size=sum(counts), max_size=sum(counts))
    )
)


def trail_of(counts: list[int], above: Trail | None = None, base: int = 0) -> Trail:
    """Return the trail of a step that made ``counts`` rows of each row."""
    ends = [base + end for end in accumulate(counts)]
    return Trail(len(counts), above, 0, base, ends)


@given(WAYS, st.integers(0, 5))
def test_each_row_leads_to_its_message_over_two_bolts(
    way: tuple[list[int], list[int]], base: int
) -> None:
    counts, further = way
    first = trail_of(counts, base=base)
    messages = [number for number, count in enumerate(counts) for _ in range(count)]
    assert [first.message(row, first.length) for row in range(first.length)] == [
        (message, len(counts)) for message in messages
    ]
    if further:
        second = trail_of(further, first, base)
        assert [second.message(row, second.length) for row in range(second.length)] == [
            (message, len(counts))
            for message, count in zip(messages, further, strict=True)
            for _ in range(count)
        ]


@given(WAYS, st.integers(0, 5), st.data())
def test_what_comes_over_the_wire_leads_to_the_same_messages(
    way: tuple[list[int], list[int]], base: int, data: st.DataObject
) -> None:
    counts, further = way
    trail = trail_of(counts, base=base)
    if further and data.draw(st.booleans()):
        trail = trail_of(further, trail, base)
    if not trail.length:
        return
    runs: list[Run] = [(2, (1,)), (trail.length, (7,)), (1, (8, 9))]
    wire = trails_to_wire(runs, {7: trail, 1: None, 8: trail})
    assert [number for number, *_ in wire] == [1]
    (root, read), = trails_from_wire(wire, runs).items()
    assert root == 7 and read is not None and read.depth() == trail.depth()
    for row in range(trail.length):
        assert read.message(row, trail.length) == trail.message(row, trail.length)


def test_of_a_run_that_lost_rows_nothing_is_said() -> None:
    trail = trail_of([2, 1])
    assert trail.message(0, 3) == (0, 2)
    assert trail.message(0, 2) is None and trail.message(0, 4) is None
    assert trails_to_wire([(2, (7,))], {7: trail}) == []
    assert trail_of([1, 1, 1], trail_of([2, 2])).message(0, 3) is None  # as four came from above


def test_a_trail_goes_on_with_the_next_rows_of_its_run_and_with_no_others() -> None:
    above = trail_of([1] * 6)
    trail = Trail(6, above, 0, 10, [11, 13])
    assert trail.go_on(Trail(6, above, 2, 13, [13, 14]))
    # Number 4 came to nothing.
    assert trail.go_on(Trail(6, above, 5, 14, [16]))
    found = [trail.message(row, 6) for row in range(6)]
    assert found == [(n, 6) for n in (0, 1, 1, 3, 5, 5)]
    ends = list(trail.ends)
    for later in (
        Trail(6, None, 6, 16, [17]),  # of another run
        Trail(7, above, 6, 16, [17]),
        Trail(6, above, 6, 17, [18]),  # rows between them are of somebody else
        Trail(6, above, 5, 16, [17]),  # of a row that is there
    ):
        assert not trail.go_on(later)
    assert trail.ends == ends


@each_case(
    "steps, runs",
    [
        ([], [(1, (7,))]),
        ([[1, 0]], [(1, (7,))]),
        ([[1, 0, 1], 5], [(1, (7,))]),
        ([[1, 0, "a"]], [(1, (7,))]),
        ([[1, 0, True]], [(1, (7,))]),
        ([[1, -1, 1]], [(1, (7,))]),
        ([[1, 0, -1]], [(1, (7,))]),
        ([[2, 0, 2, 1]], [(1, (7,))]),
        ([[1, 1, 1]], [(1, (7,))]),
        ([[1, 0, 2]], [(1, (7,))]),
        ([[1, 0, 1]], [(1, (7, 8))]),
        ([[1, 0, 1]], [(1, ())]),
        ([[1, 0, 1], [3, 0, 2]], [(1, (7,))]),
        ([[1, 0, 1]] * (STEPS_MAX + 1), [(1, (7,))]),
        ([[ROWS_MAX + 1, 0, *range(1, ROWS_MAX + 2)]], [(ROWS_MAX + 1, (7,))]),
    ],
)
def test_steps_that_are_none_are_refused(steps: Any, runs: Any) -> None:
    with pytest.raises(WireError) as caught:
        trails_from_wire([[0, *steps]], runs)
    assert caught.value.code == E_FRAME_TYPE


@each_case(
    "wire",
    [5, "abc", [5], [[]], [["a"]], [[1, [1, 0, 1]]], [[-1, [1, 0, 1]]], [[True, [1, 0, 1]]],
     [[0, [1, 0, 1]], [0, [1, 0, 1]]]],
)  # fmt: skip
def test_a_trail_of_no_run_is_refused(wire: Any) -> None:
    with pytest.raises(WireError) as caught:
        trails_from_wire(wire, [(1, (7,))])
    assert caught.value.code == E_FRAME_TYPE
    assert trails_from_wire([[0, [1, 0, 1]]], [(1, (7,))])[7] is not None
