"""Columns: rows by field, which stand wherever rows are expected."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.topology.columns import ColumnCursor, Columns, joined, types_of

from ..each_case import each_case

ROWS = st.integers(0, 3).flatmap(
    lambda width: st.lists(st.lists(st.integers(), min_size=width, max_size=width), max_size=9).map(
        lambda rows: (width, rows)
    )
)


@given(ROWS)
def test_rows_made_columns_are_the_same_rows_in_every_form(given: tuple[int, Any]) -> None:
    width, rows = given
    columns = Columns.of_rows(rows, width)
    assert (len(columns), list(columns), columns) == (len(rows), rows, rows)
    assert columns.tuples() == list(map(tuple, rows))
    assert columns.flat() == [value for row in rows for value in row]
    assert [columns[n] for n in range(len(rows))] == rows
    assert bool(columns) == bool(rows)


@given(ROWS, st.slices(9))
def test_a_slice_of_columns_is_the_columns_of_the_slice(given: Any, part: slice) -> None:
    width, rows = given
    columns = Columns.of_rows(rows, width)
    columns.normal = True
    cut = columns[part]
    assert isinstance(cut, Columns)
    assert (list(cut), len(cut), cut.normal) == (rows[part], len(rows[part]), True)


def test_what_is_no_list_becomes_one_so_that_columns_can_be_read_again() -> None:
    columns = Columns(iter([(1, 2), range(2)]))
    assert columns.values == ([1, 2], [0, 1])
    assert columns == [[1, 0], (2, 1)]


def test_an_array_gives_its_values_as_python_objects() -> None:
    class Array(list[int]):
        def tolist(self) -> list[str]:
            return list(map(str, self))

    assert Columns([array("d", [1, 2]), Array([3, 4])]).values == ([1.0, 2.0], ["3", "4"])


@pytest.mark.parametrize("columns", [[], [[1], []], [[1], [1, 2], [1]]])
def test_no_column_and_columns_of_different_lengths_are_refused(columns: Any) -> None:
    with pytest.raises(ValueError, match=r"at least one column|different lengths: \[1, "):
        Columns(columns)


@each_case(
    "other", [Columns([[1], [3]]), Columns([[1, 1]]), [[1]], [[1, 3]], [], "ab", None, ((1, 2),)]
)
def test_columns_differ_from_other_rows_and_from_what_is_no_list_of_rows(other: Any) -> None:
    assert Columns([[1], [2]]) != other
    assert "Columns([[1], [2]])" in repr(Columns([[1], [2]]))


def values(columns: Iterable[Any]) -> list[Any]:
    return [row[0] for row in columns]


def test_blocks_are_joined_in_order_and_stay_as_they_were() -> None:
    blocks = [Columns([[n], [str(n)]]) for n in range(4)]
    assert joined(blocks[:1]) is blocks[0]
    assert joined(blocks) == [[n, str(n)] for n in range(4)]
    assert list(map(len, blocks)) == [1] * 4


@pytest.mark.parametrize("known", [True, False])
def test_joined_blocks_are_known_to_be_normal_only_when_all_are(known: bool) -> None:
    blocks = [Columns.of(([1],), 1, normal=True), Columns.of(([1],), 1, normal=known)]
    assert joined(blocks).normal is known


def test_a_cursor_gives_all_rows_once_by_parts_and_one_by_one() -> None:
    columns = Columns([list(range(6))])
    cursor = ColumnCursor(columns)
    assert cursor.__length_hint__() == 6
    assert values(cursor.take(2)) == [0, 1]
    assert next(cursor) == [2]
    assert cursor.__length_hint__() == 3
    assert values(cursor.take(99)) == [3, 4, 5]
    assert values(cursor) == [] and values(cursor.take(1)) == []


def test_a_cursor_hands_out_whole_columns_without_a_copy() -> None:
    columns = Columns([[1, 2]])
    assert ColumnCursor(columns).take(2) is columns


@each_case(
    "values, types",
    [([], set()), ([1], {int}), ([1, True, 1], {int, bool}), (["a", "b", "c"], {str}),
     (["a", "b", None], {str, type(None)}), ([None, None], {type(None)})],
)  # fmt: skip
def test_the_types_of_a_column_are_those_of_its_values(values: list[Any], types: Any) -> None:
    assert types_of(values) == types
