"""The part file: everything comes back as it was, and no damage goes unseen."""

from __future__ import annotations

import contextlib
import hashlib
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.bolts import snapshots
from waterspout.bolts.snapshots import MapCopy, StateCopy, decode_part, encode_part, part_sha256
from waterspout.bolts.state_slices import SLICE_BYTES_AIM, SLICE_KEYS_MAX, VALUE_BYTES_MAX
from waterspout.topology.errors import CorruptSnapshot, StateError

from ..each_case import each_case

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(), max_size=8)
    | st.binary(max_size=8)
)
KEYS = SCALARS | st.tuples(SCALARS, SCALARS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=8,
)


def part_of(entries: dict[Any, Any], kind: Any = "task", name: str = "m") -> bytes:
    return b"".join(encode_part(StateCopy("step", 3, (MapCopy(kind, name, entries),))))


def typed(value: Any) -> Any:
    """Return ``value`` with the type of each part, so that 1, 1.0 and True differ."""
    if isinstance(value, (list, tuple)):
        return type(value), [typed(v) for v in value]
    if isinstance(value, dict):
        return dict, [(typed(k), typed(v)) for k, v in value.items()]
    return type(value), value


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_every_key_and_value_comes_back_with_its_type_and_order(entries: dict[Any, Any]) -> None:
    back = decode_part(part_of(entries)).task.get("m", {})
    assert typed(back) == typed(entries)


@given(st.lists(st.tuples(SCALARS, SCALARS) | st.just(()), max_size=6))
def test_tuples_of_scalars_come_back_as_they_were(values: list[Any]) -> None:
    entries = dict(enumerate(values))
    back = decode_part(part_of(entries)).task.get("m", {})
    assert typed(back) == typed(entries)


def test_text_that_is_no_unicode_comes_back_too() -> None:
    entries = {"\udc80": ["\ud800"], ("\udfff", b"\xff"): ("\udc80",)}
    assert decode_part(part_of(entries)).task["m"] == entries


def test_a_part_knows_whose_it_is_and_keeps_keyed_and_task_maps_apart() -> None:
    maps = (MapCopy("keyed", "m", {"a": 1}), MapCopy("task", "m", {"a": 2}))
    part = decode_part(b"".join(encode_part(StateCopy("count", 5, maps))))
    assert (part.component, part.index) == ("count", 5)
    assert (part.keyed, part.task) == ({"m": {"a": 1}}, {"m": {"a": 2}})


def test_state_without_maps_is_a_part_too() -> None:
    part = decode_part(b"".join(encode_part(StateCopy("count", 0, ()))))
    assert (part.keyed, part.task) == ({}, {})


def test_many_keys_are_packed_in_slices_that_let_other_threads_run() -> None:
    entries = {f"word{i}": i for i in range(3 * SLICE_KEYS_MAX)}
    pieces = list(encode_part(StateCopy("step", 0, (MapCopy("keyed", "m", entries),))))
    assert len(pieces) > 5
    assert max(map(len, pieces)) < 2 * SLICE_BYTES_AIM
    assert decode_part(b"".join(pieces)).keyed["m"] == entries


def test_big_values_make_small_slices() -> None:
    entries = {i: bytes(50_000) for i in range(1000)}
    pieces = list(encode_part(StateCopy("step", 0, (MapCopy("task", "m", entries),))))
    assert max(map(len, pieces[6:])) <= 2 * SLICE_BYTES_AIM


def test_each_flipped_byte_is_found() -> None:
    data = part_of({"a": 1, "b": [1, (2, b"x")], ("k", 1): None})
    for position in range(len(data)):
        for bit in (0x01, 0x80):
            broken = bytearray(data)
            broken[position] ^= bit
            with pytest.raises(CorruptSnapshot, match="where"):
                decode_part(bytes(broken), "where")


def test_each_truncation_and_each_added_byte_is_found() -> None:
    data = part_of({"a": 1, "b": 2})
    for length in range(len(data)):
        with pytest.raises(CorruptSnapshot):
            decode_part(data[:length])
    for extra in (b"\0", b"x" * 40, data):
        with pytest.raises(CorruptSnapshot, match=f"{len(data) + len(extra)} bytes, its end says"):
            decode_part(data + extra)


def resealed(data: bytes) -> bytes:
    """Return ``data`` with a digest that fits: damage that is not damage of the disk."""
    return data[:-32] + hashlib.sha256(data[:-32]).digest()


def test_another_version_is_refused_by_number() -> None:
    data = bytearray(part_of({"a": 1}))
    struct.pack_into("<H", data, 4, snapshots.VERSION + 1)
    with pytest.raises(CorruptSnapshot, match=f" {snapshots.VERSION + 1}, this is"):
        decode_part(resealed(bytes(data)))


def test_a_sealed_part_with_a_nonsense_body_is_corrupt_and_nothing_else() -> None:
    data = part_of({"a": 1, "b": [1, (2, b"x")]})
    for position in range(10, len(data) - 44):
        for byte in (0x00, 0xC1, 0xC7, 0xDF, 0xFF):
            broken = bytearray(data)
            broken[position] = byte
            with contextlib.suppress(CorruptSnapshot):
                decode_part(resealed(bytes(broken)))


def test_the_digest_of_a_part_stands_in_its_last_piece() -> None:
    pieces = list(encode_part(StateCopy("step", 0, (MapCopy("task", "m", {1: 2}),))))
    assert part_sha256(pieces[-1]) == part_sha256(b"".join(pieces))
    assert len(part_sha256(pieces[-1])) == 64


def cyclic() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


class Unknown:
    pass


@each_case(
    "value, why",
    [
        ({1, 2}, "'set'"),
        ([1, {"deep": Unknown()}], "'Unknown'"),
        ((1, {3}), "'set'"),
        (2**64, "64 bits"),
        (cyclic(), "holds itself"),
        (bytes(VALUE_BYTES_MAX + 1), f"at most {VALUE_BYTES_MAX}"),
    ],
)
def test_a_value_without_a_wire_form_is_named_with_bolt_map_and_key(value: Any, why: str) -> None:
    with pytest.raises(StateError) as caught:
        part_of({"fine": 1, "bad": value, "later": 2}, name="seen")
    assert str(caught.value).startswith("step: state 'seen', key 'bad': ")
    assert why in str(caught.value)


@each_case("key", [frozenset([1]), Unknown(), 2**70, ("a", Unknown())])
def test_a_key_without_a_wire_form_is_named(key: Any) -> None:
    with pytest.raises(StateError, match=r"step: state 'seen', key .*keys are str"):
        part_of({"fine": 1, key: 1}, name="seen")


def test_a_keyed_map_whose_keys_changed_from_plain_to_tuples_is_refused() -> None:
    entries: dict[Any, int] = {f"word{i}": i for i in range(SLICE_KEYS_MAX)}
    entries["a", "b"] = 1
    with pytest.raises(StateError, match=r"state 'm', key \('a', 'b'\): .*--fresh"):
        part_of(entries, kind="keyed")
    assert len(decode_part(part_of(entries, kind="task")).task["m"]) == SLICE_KEYS_MAX + 1
