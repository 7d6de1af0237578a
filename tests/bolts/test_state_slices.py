"""Single keys and values packed, and slices made of what was packed before."""

from __future__ import annotations

import os
from typing import Any

import pytest
from waterspout.bolts.state_slices import (
    VALUE_BYTES_MAX,
    array_of,
    pack_key,
    pack_keys,
    pack_slices,
    pack_value,
    unpack,
    unpack_value,
)
from waterspout.topology.errors import StateError

from ..each_case import each_case


@pytest.mark.parametrize("equal", [(1, 1.0, True), (0, False, -0.0), ((1, "a"), (True, "a"))])
def test_keys_that_are_equal_are_packed_alike(equal: tuple[Any, ...]) -> None:
    assert len(set(map(pack_key, equal))) == 1


@each_case("value", [None, "x", 1.5, [1, (2, [3])], {"a": (1,)}, (), b"\xff"])
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    assert repr(unpack_value(pack_value(value))) == repr(value)


@each_case("wrong", [2**64, object(), {1}, [{1}]])
def test_what_has_no_wire_form_is_refused_with_its_text(wrong: Any) -> None:
    with pytest.raises(StateError, match="value"):
        pack_value(wrong)
    with pytest.raises(StateError, match="key"):
        pack_key(wrong)
    with pytest.raises(StateError, match="at most"):
        pack_value(os.urandom(VALUE_BYTES_MAX))


@each_case("count", [0, 1, 15, 16, 70_000])
def test_an_array_is_put_together_from_what_is_packed(count: int) -> None:
    keys = [f"k{number}" for number in range(count)]
    packed = array_of(count, b"".join(map(pack_key, keys)))
    assert packed == pack_keys(keys)
    assert unpack(packed, True) == keys


def test_slices_of_one_map_remember_what_its_keys_look_like() -> None:
    shapes: set[bool] = set()
    list(pack_slices("step", "keyed", "m", {"a": 1}, shapes))
    with pytest.raises(StateError, match="plain keys and tuple keys"):
        list(pack_slices("step", "keyed", "m", {("a",): 1}, shapes))
