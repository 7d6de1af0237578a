"""Frames over the limit are halved until they fit; nothing is lost and the order stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.topology.frame_split import pack_parts, runs_without, split_runs
from waterspout.topology.frames import DATA_HEADER_BYTES, BodyPacker, FrameTooLarge, Run
from waterspout.topology.trails import Trail

runs_of_rows = st.lists(
    st.tuples(st.integers(1, 5), st.lists(st.integers(1, 9), max_size=2).map(tuple)),
    min_size=1,
    max_size=6,
)


def row_by_row(runs: list[Run]) -> list[tuple[int, ...]]:
    """Return the roots of each row."""
    return [roots for count, roots in runs for _ in range(count)]


@given(runs=runs_of_rows, data=st.data())
def test_every_row_keeps_its_roots_and_every_frame_fits(
    runs: list[Run], data: st.DataObject
) -> None:
    owners = row_by_row(runs)
    rows = [[i, "x" * data.draw(st.integers(0, 60))] for i in range(len(owners))]
    parts = pack_parts(BodyPacker(), runs, rows, 200)
    assert [row for part in parts for row in part.rows] == rows
    assert [roots for part in parts for roots in row_by_row(part.runs)] == owners
    for part in parts:
        assert part.body == BodyPacker().pack(part.runs, part.rows)
        assert DATA_HEADER_BYTES + len(part.body) <= 200


def test_what_fits_is_packed_once() -> None:
    runs: list[Run] = [(2, (5,))]
    (part,) = pack_parts(BodyPacker(), runs, [["a"], ["b"]], 1000)
    assert (part.runs, part.rows) == (runs, [["a"], ["b"]])


def test_what_does_not_fit_goes_without_its_trails() -> None:
    runs: list[Run] = [(2, (5,)), (1, (6,))]
    rows = [["a" * 40], ["b" * 40], ["c"]]
    trails = {5: Trail(2, None, 0, 0, [1, 2]), 6: Trail(200, None, 0, 0, [0] * 199 + [1])}
    (part,) = pack_parts(BodyPacker(), runs, rows, 1000, trails)
    assert part.body == BodyPacker().pack(runs, rows, trails)
    (part,) = pack_parts(BodyPacker(), runs, rows, 200, trails)
    assert part.body == BodyPacker().pack(runs, rows)
    first, second = pack_parts(BodyPacker(), runs, rows, 150, trails)
    assert [first.body, second.body] == [
        BodyPacker().pack(part.runs, part.rows) for part in (first, second)
    ]


def test_a_row_over_the_limit_alone_is_too_large() -> None:
    with pytest.raises(FrameTooLarge) as caught:
        pack_parts(BodyPacker(), [(3, ())], [["a"], ["b" * 500], ["c"]], 200)
    assert caught.value.size_bytes > 500


@given(runs=runs_of_rows, data=st.data())
def test_runs_are_cut_where_their_rows_are(runs: list[Run], data: st.DataObject) -> None:
    owners = row_by_row(runs)
    rows = data.draw(st.integers(0, len(owners)))
    first, second = split_runs(runs, rows)
    assert row_by_row(first) == owners[:rows]
    assert row_by_row(second) == owners[rows:]
    assert all(count > 0 for count, _ in first + second)


@given(runs=runs_of_rows, data=st.data())
def test_runs_without_some_rows_are_those_of_the_others(
    runs: list[Run], data: st.DataObject
) -> None:
    owners = row_by_row(runs)
    dropped = data.draw(st.sets(st.integers(0, len(owners) - 1)))
    left = runs_without(runs, sorted(dropped))
    assert row_by_row(left) == [o for i, o in enumerate(owners) if i not in dropped]
    assert all(count > 0 for count, _ in left)
