"""Every way in which bytes are not msgpack of ours has its code."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgpack import ExtType, Timestamp, packb
from waterspout.topology.errors import WireError
from waterspout.topology.unpacking import unpack_body
from waterspout.topology.wire_limits import (
    E_FRAME_DECODE,
    E_FRAME_DEPTH,
    E_FRAME_ENCODING,
    E_FRAME_TYPE,
)

from ..each_case import each_case


@each_case(
    "body, code",
    [
        (b"", E_FRAME_DECODE),
        (b"\xc1", E_FRAME_DECODE),
        (b"\x92\x01", E_FRAME_DECODE),
        (b"\x01\x02", E_FRAME_DECODE),
        (b"\xdd\xff\xff\xff\xff", E_FRAME_DECODE),
        (b"\xdf\xff\xff\xff\xff", E_FRAME_DECODE),
        (b"\xdb\xff\xff\xff\xff", E_FRAME_DECODE),
        (b"\x91" * 5000 + b"\x01", E_FRAME_DEPTH),
        (b"\x81\x01" * 5000 + b"\x01", E_FRAME_DEPTH),
        (packb(ExtType(5, b"abc")), E_FRAME_TYPE),
        (b"\xc7\x00\x05", E_FRAME_TYPE),
        (packb(Timestamp(1)), E_FRAME_TYPE),
        (b"\xc7\x05\xff12345", E_FRAME_TYPE),
        (b"\xc7\x00\xff", E_FRAME_TYPE),
        (b"\x81\x80\x01", E_FRAME_TYPE),
        (b"\xa1\xff", E_FRAME_ENCODING),
        (b"\xa3\xed\xa0\x80", E_FRAME_ENCODING),
    ],
)
def test_what_is_wrong_has_a_code(body: bytes, code: str) -> None:
    with pytest.raises(WireError) as caught:
        unpack_body(body)
    assert caught.value.code == code
    assert str(caught.value).startswith(code + ": ")


def test_sequences_come_out_as_tuples_and_keys_may_be_of_any_type() -> None:
    value = {1: [1, [2]], (1, 2): None, "a": b"x"}
    assert unpack_body(packb(value)) == {1: (1, (2,)), (1, 2): None, "a": b"x"}


def test_names_only_where_they_are_asked_for() -> None:
    with pytest.raises(WireError) as caught:
        unpack_body(packb({1: 2}), strict_map_key=True)
    assert caught.value.code == E_FRAME_TYPE


@given(body=st.binary(max_size=200))
def test_random_bytes_raise_nothing_else(body: bytes) -> None:
    with contextlib.suppress(WireError):
        unpack_body(body)
