"""Open frames: runs, and an edge that is toggled once per root and frame."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.topology.channels import OpenFrame, draw_edge
from waterspout.topology.columns import Columns
from waterspout.topology.trails import Trail

RUNS = st.lists(
    st.tuples(st.integers(1, 3), st.lists(st.integers(1, 4), unique=True, max_size=3)), max_size=8
)


def opened(*runs: tuple[int, tuple[int, ...]]) -> tuple[OpenFrame, dict[int, int]]:
    """Return a frame that got these runs, and the toggles."""
    frame, toggles = OpenFrame((1, 0, 2), 0), dict[int, int]()
    draw = random.Random(1).getrandbits
    for count, roots in runs:
        frame.rows.extend([[number] for number in range(count)])
        frame.note_run(frame.count - frame.mark, roots, toggles, draw)
    return frame, toggles


def test_neighbours_of_equal_roots_are_one_run() -> None:
    frame, _ = opened((2, (7,)), (1, (7,)), (1, (8,)), (1, (7,)))
    assert frame.take()[1] == [(3, (7,)), (1, (8,)), (1, (7,))]


@given(RUNS)
def test_a_frame_toggles_its_edge_once_into_each_root(runs: list[Any]) -> None:
    frame, toggles = opened(*((count, tuple(roots)) for count, roots in runs))
    edge, taken, rows, _ = frame.take()
    assert toggles == {root: edge for _, roots in runs for root in roots}
    assert sum(count for count, _ in taken) == len(rows)
    assert bool(edge) == bool(toggles)


def test_untracked_rows_need_no_edge() -> None:
    frame, toggles = opened((3, ()))
    assert frame.take()[:2] == (0, [(3, ())])
    assert not toggles


def test_a_taken_frame_starts_anew_with_another_edge_and_the_same_list() -> None:
    frame, _ = opened((1, (7,)))
    append = frame.rows.append
    first = frame.take()
    append(["late"])
    frame.note_run(frame.count - frame.mark, (7,), toggles := {}, random.Random(2).getrandbits)
    second = frame.take()
    assert first[2] == [[0]] and second[2] == [["late"]]
    assert second[0] != first[0]
    assert toggles == {7: second[0]}


def test_rows_that_no_run_was_closed_for_leave_untracked_but_counted() -> None:
    frame, _ = opened((1, (7,)))
    frame.rows.append(["beside"])
    assert frame.take()[1] == [(1, (7,)), (1, ())]


def test_a_dropped_frame_forgets_rows_and_sealed_frames() -> None:
    frame, _ = opened((2, (7,)))
    frame.ready.append(frame.take())
    frame.rows.append([1])
    assert frame.waiting_rows() == 3
    frame.drop()
    assert frame.waiting_rows() == 0
    assert (frame.mark, frame.runs, frame.roots, frame.edge) == (0, [], set(), 0)


def test_an_edge_is_never_zero() -> None:
    drawn = iter([0, 0, 5])
    assert draw_edge(lambda bits: next(drawn)) == 5


# Columns.


def columns(*numbers: int) -> Columns:
    return Columns([list(numbers), list(map(str, numbers))])


def put(frame: OpenFrame, numbers: range, *, by_column: bool) -> list[Any]:
    """Put these rows; return them."""
    rows = [[number, str(number)] for number in numbers]
    frame.put_many(columns(*numbers) if by_column else rows)
    return rows


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans(), st.booleans()), max_size=8))
def test_rows_and_columns_leave_in_the_order_in_which_they_came(puts: list[Any]) -> None:
    frame, toggles = OpenFrame((1, 0, 2), 0), dict[int, int]()
    draw = random.Random(1).getrandbits
    kept: list[Any] = []
    for number, (count, by_column, back) in enumerate(puts):
        rows = put(frame, range(100 * number, 100 * number + count), by_column=by_column)
        if back:
            frame.take_back()
        elif rows:
            kept += rows
            frame.note_run(frame.count - frame.mark, (number + 1,), toggles, draw)
        assert frame.count == frame.mark == len(kept)
    assert frame.waiting_rows() == len(kept)
    assert list(map(list, frame.all_rows())) == kept
    _, runs, rows, _ = frame.take()
    assert list(map(list, rows)) == kept
    assert sum(count for count, _ in runs) == len(kept)
    assert (frame.count, frame.all_rows(), frame.blocks) == (0, [], [])


def test_columns_stay_columns_unless_they_are_few_or_rows_came_first() -> None:
    many, few = range(Columns.height_min), range(Columns.height_min - 1)
    for before, count, kept in ((0, many, True), (0, few, False), (1, many, False)):
        frame = OpenFrame((1, 0, 2), 0)
        frame.rows.extend([[0, "0"]] * before)
        put(frame, count, by_column=True)
        put(frame, many, by_column=True)
        assert isinstance(frame.take()[2], Columns) is kept


@pytest.mark.parametrize("few", [0, 1])
def test_many_rows_of_one_value_leave_as_a_column_and_others_as_they_are(few: int) -> None:
    frame, count = OpenFrame((1, 0, 2), 0), Columns.height_min - few
    for width in (1, 2):
        rows = [[number] * width for number in range(count)]
        frame.rows.extend(rows)
        left = frame.take()[2]
        assert left == rows
        assert isinstance(left, Columns) is (width == 1 and not few)
        assert not frame.rows


def test_a_few_rows_that_came_first_become_columns_when_many_follow() -> None:
    frame, toggles = OpenFrame((1, 0, 2), 0), dict[int, int]()
    draw = random.Random(1).getrandbits
    few = put(frame, range(3), by_column=True)
    frame.note_run(3, (1,), toggles, draw)
    many = put(frame, range(20), by_column=True)
    assert (frame.block_rows, frame.rows) == (23, [])
    frame.take_back()
    assert list(map(list, frame.all_rows())) == few
    put(frame, range(20), by_column=True)
    assert frame.take()[2] == Columns.of_rows([*few, *many], 2)


def test_rows_of_an_open_run_stay_rows_so_that_they_can_be_taken_back() -> None:
    frame = OpenFrame((1, 0, 2), 0)
    put(frame, range(3), by_column=False)
    put(frame, range(20), by_column=True)
    assert (frame.block_rows, len(frame.rows)) == (0, 23)
    frame.take_back()
    assert frame.count == 0


def test_rows_of_several_runs_are_noted_run_by_run() -> None:
    frame, toggles = OpenFrame((1, 0, 2), 0), dict[int, int]()
    draw = random.Random(1).getrandbits
    put(frame, range(20), by_column=True)
    for count, roots in ((5, (1,)), (5, (1,)), (10, (2, 1))):
        frame.note_run(count, roots, toggles, draw)
    edge, runs, _, _ = frame.take()
    assert runs == [(10, (1,)), (10, (2, 1))]
    assert toggles == {1: edge, 2: edge}


def noted(*runs: tuple[int, int, Trail | None]) -> dict[int, Trail | None]:
    """Return the trails of a frame that got (rows, root, trail), one after the other."""
    frame, draw = OpenFrame((1, 0, 2), 0), random.Random(1).getrandbits
    for count, root, trail in runs:
        frame.rows.extend([[0]] * count)
        frame.trail = trail
        frame.note_run(count, (root,) if root else (), {}, draw)
    assert frame.trail is None
    trails = frame.take()[3]
    assert frame.take()[3] == {}, "each frame has its own"
    return trails


def test_the_trail_of_a_root_is_known_while_its_rows_are_one_run_that_is_noted_whole() -> None:
    def trail(first: int = 0, base: int = 0, above: Trail | None = None) -> Trail:
        return Trail(4, above, first, base, [base + 2])

    first, other = trail(), trail(base=2)
    assert noted((2, 7, first), (2, 8, other)) == {7: first, 8: other}
    assert noted((2, 7, None), (2, 8, other)) == {8: other}
    # It goes on: two slices of one run.
    ((_, both),) = noted((2, 7, trail()), (2, 7, trail(1, 2))).items()
    assert both is not None and (both.length, len(both.ends)) == (4, 2)
    unknown = {7: None}
    assert noted((2, 7, trail()), (2, 7, None)) == unknown
    assert noted((2, 7, None), (2, 7, trail(1, 2))) == unknown
    assert noted((2, 7, trail()), (2, 7, trail(1, 3))) == unknown
    assert noted((2, 7, trail()), (2, 7, trail(1, 2)), (1, 7, None)) == unknown
    # In two runs of one frame.
    assert noted((2, 7, trail()), (1, 8, None), (2, 7, trail(1, 2))) == unknown
    assert noted((2, 7, trail()), (1, 0, None), (2, 7, None)) == unknown
    assert noted((2, 7, trail()), (1, 0, trail(0, 2)))[7] is not None


def test_a_dropped_frame_forgets_its_columns() -> None:
    frame = OpenFrame((1, 0, 2), 0)
    put(frame, range(20), by_column=True)
    frame.drop()
    assert (frame.count, frame.waiting_rows(), frame.take()[2]) == (0, 0, [])
