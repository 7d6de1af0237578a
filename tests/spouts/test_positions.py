"""The interval set under the ledger: checked range by range, and against a plain set of ints."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.spouts.positions import Positions

from ..each_case import each_case

RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), max_size=40)


def test_acks_in_order_only_move_first_unacked():
    positions = Positions()
    for start in range(0, 100, 10):
        positions.add(start, start + 10)
    assert positions.first_unacked == 100
    assert positions.ahead() == []


def test_a_range_acked_ahead_waits_for_the_gap_before_it():
    # 0    10   20   30
    # |....|====|....|
    positions = Positions()
    positions.add(10, 20)
    assert positions.to_wire() == [0, [[10, 20]]]
    positions.add(0, 10)
    assert positions.to_wire() == [20, []]


def test_a_range_that_fills_a_gap_joins_both_neighbours():
    # 0    10   20   30   40
    # |....|====|++++|====|
    positions = Positions(0, [(10, 20), (30, 40)])
    positions.add(20, 30)
    assert positions.ahead() == [(10, 40)]


def test_first_unacked_swallows_every_range_it_reaches():
    positions = Positions(0, [(10, 20), (30, 40), (50, 60)])
    positions.add(0, 35)
    assert positions.to_wire() == [40, [[50, 60]]]


def test_an_ack_that_comes_twice_changes_nothing():
    positions = Positions(5, [(10, 20)])
    for start, end in [(0, 5), (2, 4), (10, 20), (12, 15)]:
        positions.add(start, end)
    assert positions.to_wire() == [5, [[10, 20]]]


def test_an_empty_range_is_no_range():
    positions = Positions(5)
    positions.add(10, 10)
    positions.add(20, 15)
    assert positions.to_wire() == [5, []]


def test_covered_says_where_a_replay_goes_on():
    positions = Positions(5, [(10, 20)])
    assert [positions.covered(at) for at in (0, 4, 5, 9, 10, 19, 20)] == [5, 5, 5, 9, 20, 20, 20]


def test_a_copy_stays_when_the_original_moves_on():
    positions = Positions(5, [(10, 20)])
    frozen = positions.copy()
    positions.add(5, 10)
    positions.add(30, 40)
    assert frozen.to_wire() == [5, [[10, 20]]]
    assert frozen.end == 20


@given(RANGES)
def test_it_holds_what_a_set_of_ints_holds(ranges):
    positions, plain, before = Positions(), set(), 0
    for start, length in ranges:
        positions.add(start, start + length)
        plain |= set(range(start, start + length))
        first = next(n for n in range(200) if n not in plain)
        assert positions.first_unacked == first >= before
        before = first
    for at in range(80):
        assert positions.contains(at) == (at in plain)
        end = positions.covered(at)
        assert end not in plain and all(n in plain for n in range(at, end))
    bounds = [bound for pair in positions.ahead() for bound in pair]
    assert all(a < b for a, b in zip([positions.first_unacked, *bounds], bounds, strict=False))
    assert Positions.from_wire(positions.to_wire()) == positions


@given(RANGES, RANGES)
def test_merge_is_the_union(left, right):
    one, two, both = Positions(), Positions(), Positions()
    for ranges, positions in [(left, one), (right, two)]:
        for start, length in ranges:
            positions.add(start, start + length)
            both.add(start, start + length)
    one.merge(two)
    assert one == both


def test_the_order_of_acks_does_not_matter():
    pairs = [(n, n + 3) for n in range(0, 300, 3)]
    random.Random(7).shuffle(pairs)
    positions = Positions(0, pairs)
    assert positions.to_wire() == [300, []]


@each_case(
    "wire",
    [
        None,
        [],
        [1],
        [1, 2],
        [1, [3]],
        [1, [[3, 4, 5]]],
        ["1", []],
        [True, []],
        [-1, []],
        [1.0, []],
        [5, [[5, 6]]],
        [5, [[7, 7]]],
        [5, [[6, 8], [8, 9]]],
        [5, [[8, 9], [6, 7]]],
    ],
)
def test_a_wire_form_that_is_no_set_of_ranges_is_refused(wire):
    with pytest.raises(ValueError, match="positions: "):
        Positions.from_wire(wire)


def test_tuples_from_msgpack_are_as_good_as_lists():
    assert Positions.from_wire((5, ((6, 8),))).to_wire() == [5, [[6, 8]]]
