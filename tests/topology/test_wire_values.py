"""What a value looks like after the wire, and finding the one that cannot go over it."""

from __future__ import annotations

import enum
from collections import Counter, OrderedDict, namedtuple
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgpack import ExtType, Packer, Timestamp
from waterspout.topology.columns import Columns
from waterspout.topology.errors import WireError
from waterspout.topology.frames import BodyPacker
from waterspout.topology.unpacking import unpack_body
from waterspout.topology.wire_limits import INT_MAX, INT_MIN, VALUE_DEPTH_MAX
from waterspout.topology.wire_values import (
    NotPackable,
    Unpackable,
    find_oversized,
    find_unpackables,
    normalise_rows,
    row_sizes,
    scan_rows,
)

from ..each_case import each_case


class Colour(enum.IntEnum):
    RED = 3


class Name(str):
    __slots__ = ()


Point = namedtuple("Point", "x y")

scalars = (
    st.none()
    | st.booleans()
    | st.integers(INT_MIN, INT_MAX)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
)
#: Some values that go over the wire, and some that do not.
values = st.recursive(
    scalars
    | st.integers(-(1 << 70), 1 << 70)
    | st.sampled_from(["\ud800", {1}, 1j, object, Colour.RED, Name("n"), bytearray(b"ab")]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(scalars | st.tuples(scalars), inner, max_size=3)
    ),
    max_leaves=6,
)


def over_the_wire(value: Any) -> Any:
    return unpack_body(Packer().pack([value]))[0]


def types_of(value: Any) -> Any:
    if isinstance(value, dict):
        return dict, [(types_of(k), types_of(v)) for k, v in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [types_of(item) for item in value]
    return type(value)


@given(value=values)
def test_a_local_value_looks_like_one_that_came_over_the_wire(value: Any) -> None:
    rows, problems = normalise_rows([[value]])
    try:
        BodyPacker().pack([(1, ())], [[value]])
    except NotPackable:
        assert problems and problems == find_unpackables([[value]])
        assert rows == [[value]]
    else:
        assert problems == []
        assert rows[0][0] == over_the_wire(value)
        assert types_of(rows[0][0]) == types_of(over_the_wire(value))


@each_case(
    "value, normal",
    [
        ([1, [2]], (1, (2,))),
        (Point(1, 2), (1, 2)),
        (Colour.RED, 3),
        (Name("n"), "n"),
        (OrderedDict(a=[1]), {"a": (1,)}),
        (Counter("aa"), {"a": 2}),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"ab"), b"ab"),
        ({(1, (2,)): None}, {(1, (2,)): None}),
    ],
)
def test_subclasses_and_sequences_come_out_as_plain_types(value: Any, normal: Any) -> None:
    assert normalise_rows([[value]]) == ([[normal]], [])
    assert types_of(normalise_rows([[value]])[0][0][0]) == types_of(normal)
    assert over_the_wire(value) == normal


@each_case(
    "value, name",
    [
        ({1}, "set"),
        ([1, {"a": [datetime(2026, 1, 1)]}], "datetime"),
        (1 << 64, "int over 64 bits"),
        (INT_MIN - 1, "int over 64 bits"),
        ("a\ud800", "str with a lone surrogate"),
        ({"\udfff": 1}, "str with a lone surrogate"),
        (object(), "object"),
        ({frozenset(): 1}, "frozenset"),
        (memoryview(b"abcd")[::2], "memoryview that is not contiguous"),
        (ExtType(4, b"x"), "ExtType"),
        (Timestamp(1), "Timestamp"),
    ],
)
def test_the_offender_is_named_with_row_and_field(value: Any, name: str) -> None:
    rows = [["a", 1], ["b", value], [object(), 2]]
    assert find_unpackables(rows) == [Unpackable(1, 1, name), Unpackable(2, 0, "object")]
    assert normalise_rows(rows)[0] == rows, "a row with a problem is given back as it was"


def test_a_list_in_itself_is_nested_too_deeply() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(NotPackable):
        BodyPacker().pack([(1, ())], [[loop]])
    text = f"value nested deeper than {VALUE_DEPTH_MAX} levels"
    assert find_unpackables([[loop]]) == [Unpackable(0, 0, text)]


def test_rows_that_can_be_packed_have_no_offender() -> None:
    assert find_unpackables([["a", 1], ["b", [None]]]) == []


@each_case(
    "rows, plain",
    [
        ([["a", 1, 2.0, True, None, b"x"]], True),
        ([("a",)], True),
        ([], True),
        ([["a"], [["b"]]], False),
        ([[{}]], False),
        ([[Colour.RED]], False),
    ],
)
def test_the_scan_tells_scalars_from_all_else(rows: list[Any], plain: bool) -> None:
    assert scan_rows(rows) is plain
    columns = Columns.of_rows(rows, len(rows[0]) if rows else 1)
    assert [scan_rows(columns), columns.normal, scan_rows(columns)] == [plain] * 3


def test_columns_that_are_known_to_be_normal_are_not_looked_at() -> None:
    assert scan_rows(Columns.of(([(1,)],), 1, normal=True))


def test_rows_over_the_tuple_limit_are_found() -> None:
    rows = [["a" * 10], ["b" * 100], ["c"]]
    assert row_sizes(rows) == [11, 102, 2]
    assert find_oversized(rows, 101) == [(1, 102)]
    assert find_oversized(rows, 102) == []


def test_a_broken_value_of_a_peer_is_a_wire_error() -> None:
    with pytest.raises(WireError):
        unpack_body(b"\xc1")
