"""A frame settles per distinct root, with the last run that carries it."""

from __future__ import annotations

from collections import deque
from itertools import islice
from operator import length_hint

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.bolts.frame_work import FrameWork
from waterspout.topology.columns import Columns
from waterspout.topology.frames import Run
from waterspout.topology.tuples import tuple_class

ANY = tuple_class("s", "default", ("x",))
EDGE = 9


def work(*runs: Run) -> FrameWork:
    rows = [[n] for n in range(sum(count for count, _ in runs))]
    return FrameWork((1, 0, 2), ANY, EDGE, list(runs), rows, remote=False)


def settled(frame: FrameWork) -> list[set[int]]:
    """Return the roots that each run settled."""
    out = []
    while frame.next_run():
        toggles: dict[int, int] = {}
        frame.settle_run(toggles)
        assert set(toggles.values()) <= {EDGE}
        out.append(set(toggles))
    return out


def test_a_frame_of_one_run_settles_its_roots_at_the_end() -> None:
    assert settled(work((3, (1, 2)))) == [{1, 2}]


def test_a_root_in_several_runs_settles_with_the_last_of_them() -> None:
    #  run    0      1     2      3
    #  roots  1 2    2     3 1    -
    frame = work((1, (1, 2)), (2, (2,)), (1, (3, 1)), (4, ()))
    assert settled(frame) == [set(), {2}, {3, 1}, set()]


@given(st.lists(st.tuples(st.integers(1, 3), st.lists(st.integers(1, 5), unique=True).map(tuple))))
def test_every_root_settles_exactly_once_also_when_runs_share_roots(runs: list[Run]) -> None:
    each = [root for roots in settled(work(*runs)) for root in roots]
    assert sorted(each) == sorted({root for _, roots in runs for root in roots})


def test_settling_toggles_on_top_of_what_waits_already() -> None:
    frame, toggles = work((1, (1,))), {1: 5}
    frame.next_run()
    frame.settle_run(toggles)
    assert toggles == {1: 5 ^ EDGE}


def test_what_is_vouched_for_is_the_run_at_work_and_all_later_ones() -> None:
    frame = work((1, (1,)), (1, (2,)), (1, (3,)))
    assert frame.all_roots() == {1, 2, 3}
    frame.next_run()
    assert frame.all_roots() == {1, 2, 3}
    frame.next_run()
    assert frame.all_roots() == {2, 3}


def test_rows_are_taken_as_they_came_or_apart() -> None:
    by_row, by_column = work((20, (1,))), work((20, (1,)))
    by_column = FrameWork(by_row.channel, ANY, EDGE, by_row.runs,
                          Columns([list(range(20))]), remote=False)  # fmt: skip
    for frame, kind in ((by_row, list), (by_column, Columns)):
        part = frame.take(5)
        assert isinstance(part, kind) and part == [[n] for n in range(5)]
        frame.take_apart()
        assert length_hint(frame.counter) == 15
        assert [next(frame.source)[0] for _ in range(4)] == list(range(5, 9))
        assert length_hint(frame.counter) == 11
        assert [row[0] for row in frame.source] == list(range(9, 20))


def test_columns_that_are_taken_apart_give_rows_and_say_how_many_are_left() -> None:
    columns = Columns([[1, 2, 3], ["a", "b", "c"]])
    frame = FrameWork((1, 0, 2), ANY, EDGE, [(3, (1,))], columns, remote=False)
    frame.take_apart()
    assert (next(frame.source), length_hint(frame.counter)) == ((1, "a"), 2)
    assert (list(frame.source), length_hint(frame.counter)) == ([(2, "b"), (3, "c")], 0)


def test_rows_of_a_stream_without_fields_are_taken_apart_too() -> None:
    rows = Columns.of_rows([[]] * 20, 0)
    frame = FrameWork((1, 0, 2), tuple_class("a", "default", ()), EDGE, [(20, (1,))], rows,
                      remote=False)  # fmt: skip
    frame.take_apart()
    assert (next(frame.source), length_hint(frame.counter)) == ((), 19)


def test_the_rest_is_what_is_left_of_the_run_at_work_and_all_behind_it() -> None:
    frame = work((3, (1,)), (1, (2,)), (2, (3, 1)))
    frame.next_run()
    frame.run_left = 2
    assert frame.rest() == [(2, (1,)), (1, (2,)), (2, (3, 1))]
    assert (frame.run_left, frame.roots, frame.next_run()) == (0, (3, 1), 0)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("columns", [False, True])
def test_what_remains_is_told_and_stays(columns: bool, apart: bool) -> None:
    frame = work((3, (1,)), (1, (2,)), (2, (3, 1)))
    if columns:
        rows = Columns([list(range(6))])
        frame = FrameWork(frame.channel, ANY, EDGE, frame.runs, rows, remote=False)
    if apart:
        frame.take_apart()
    assert frame.remaining()[0] == frame.runs
    frame.next_run()
    deque(islice(frame.source, 2), maxlen=0)
    frame.run_left = 1
    for _ in range(2):
        runs, left = frame.remaining()
        assert runs == [(1, (1,)), (1, (2,)), (2, (3, 1))]
        assert [list(row) for row in left] == [[2], [3], [4], [5]]
        assert (frame.run_left, length_hint(frame.counter)) == (1, 4)
    assert [list(row) for row in frame.source] == [[2], [3], [4], [5]]
    assert length_hint(frame.counter) == 0
