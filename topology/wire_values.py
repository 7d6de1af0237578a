"""Values of tuples on the wire: which have a form there, and what they look like after it.

Rows are packed at C speed and trusted until packing fails; only then the offender is looked
for. The **normal form** is what a value looks like when it has been over the wire: None,
bool, int of 64 bits, float, str, bytes, tuple, dict of these. Rows that stay in their worker
are brought to the same form, so that a bolt cannot tell a local tuple from a remote one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from msgpack import ExtType, Packer, Timestamp

from .columns import Columns, types_of
from .errors import WaterspoutError
from .wire_limits import INT_MAX, INT_MIN, VALUE_DEPTH_MAX

#: Types that are in normal form whatever they hold.
_SCALARS = frozenset({str, int, float, bool, bytes, type(None)})


class Unpackable(NamedTuple):
    """One value with no wire form: where it is, and what is wrong in words for the user."""

    row: int
    field: int
    type_name: str


class NotPackable(WaterspoutError):
    """Some value of a body has no wire form; ``find_unpackables`` says which."""


def scan_rows(rows: Sequence[Sequence[Any]]) -> bool:
    """Say whether all values of ``rows`` are plain scalars, so that nothing needs normalising.

    Called for every local hand-over: about 15 ns per value of rows of one value, 30 of longer
    ones, 8 of columns. Columns keep the answer, so that what is passed on unchanged is not
    looked at again.
    """
    if isinstance(rows, Columns):
        rows.normal = rows.normal or all(map(_are_scalars, rows.values))
        return rows.normal
    if rows and len(rows[0]) == 1:
        return _are_scalars([value for (value,) in rows])
    return set(map(type, chain.from_iterable(rows))) <= _SCALARS


def _are_scalars(values: list[Any]) -> bool:
    return types_of(values) <= _SCALARS


def normalise_rows(rows: Iterable[Sequence[Any]]) -> tuple[list[Sequence[Any]], list[Unpackable]]:
    """Bring rows to normal form, and report those that have none.

    Called for local rows that ``scan_rows`` refused. Returns as many rows as it got, in
    order; those with a problem (one is reported per row) are given back as they were.
    """
    normal: list[Sequence[Any]] = []
    problems: list[Unpackable] = []
    for position, row in enumerate(rows):
        values, problem = _normal_row(position, row)
        normal.append(values)
        if problem is not None:
            problems.append(problem)
    return normal, problems


def find_unpackables(rows: Iterable[Sequence[Any]]) -> list[Unpackable]:
    """Return the first value without a wire form of every row that holds one.

    Called after packing failed.
    """
    return normalise_rows(rows)[1]


def find_oversized(rows: Iterable[Sequence[Any]], tuple_bytes_max: int) -> list[tuple[int, int]]:
    """Return (row, bytes) of every row whose wire form is over ``tuple_bytes_max``.

    Called when a whole body is larger than that, which a single row may be to blame for.
    """
    return [(i, size) for i, size in enumerate(row_sizes(rows)) if size > tuple_bytes_max]


def row_sizes(rows: Iterable[Sequence[Any]]) -> list[int]:
    """Return the bytes that each row takes in a body."""
    pack = Packer().pack
    return [sum(map(len, map(pack, row))) for row in rows]


def _normal_row(position: int, row: Sequence[Any]) -> tuple[Sequence[Any], Unpackable | None]:
    values = []
    for index, value in enumerate(row):
        try:
            values.append(_normal(value, 1))
        except _NoWireForm as problem:
            return row, Unpackable(position, index, str(problem))
    return values, None


class _NoWireForm(Exception):
    """Its text names the innermost value that cannot be packed."""


def _normal(value: Any, depth: int) -> Any:
    convert = _CONVERT.get(type(value)) or _CONVERT.get(_packed_as(value))
    if convert is None:
        raise _NoWireForm(type(value).__name__)
    return convert(value, depth)


def _packed_as(value: Any) -> type | None:
    """Return the base type that msgpack packs an instance of a subclass as."""
    if isinstance(value, (ExtType, Timestamp)):
        return None
    return next((base for base in _BASES if isinstance(value, base)), None)


def _normal_int(value: int, depth: int) -> int:
    if not INT_MIN <= value <= INT_MAX:
        raise _NoWireForm("int over 64 bits")
    return int.__int__(value)


def _normal_str(value: str, depth: int) -> str:
    try:
        str.encode(value)
    except UnicodeEncodeError:
        raise _NoWireForm("str with a lone surrogate") from None
    return str.__str__(value)


def _normal_view(value: memoryview, depth: int) -> bytes:
    if not value.c_contiguous:
        raise _NoWireForm("memoryview that is not contiguous")
    return bytes(value)


def _normal_sequence(value: Iterable[Any], depth: int) -> tuple[Any, ...]:
    below = _deeper(depth)
    return tuple([_normal(item, below) for item in value])


def _normal_dict(value: dict[Any, Any], depth: int) -> dict[Any, Any]:
    below = _deeper(depth)
    return {_normal_key(key, below): _normal(item, below) for key, item in value.items()}


def _normal_key(key: Any, depth: int) -> Any:
    normal = _normal(key, depth)
    try:
        hash(normal)
    except TypeError:
        raise _NoWireForm(f"dict key of type {type(key).__name__}") from None
    return normal


def _deeper(depth: int) -> int:
    if depth > VALUE_DEPTH_MAX:
        raise _NoWireForm(f"value nested deeper than {VALUE_DEPTH_MAX} levels")
    return depth + 1


#: What becomes of a value of each type on the wire and back.
_CONVERT: dict[type | None, Callable[[Any, int], Any]] = {
    type(None): lambda value, depth: value,
    bool: lambda value, depth: value,
    int: _normal_int,
    float: lambda value, depth: float.__float__(value),
    str: _normal_str,
    bytes: lambda value, depth: bytes(value),
    bytearray: lambda value, depth: bytes(value),
    memoryview: _normal_view,
    tuple: _normal_sequence,
    list: _normal_sequence,
    dict: _normal_dict,
}
_BASES = (int, float, str, bytes, bytearray, dict, list, tuple)
