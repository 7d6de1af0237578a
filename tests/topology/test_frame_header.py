"""The header of every frame, and the refusal of what does not begin with one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.topology.errors import WireError
from waterspout.topology.frame_header import (
    BYE,
    DATA,
    HEADER_BYTES,
    HELLO,
    KINDS,
    REJECT,
    Header,
    check_parts,
    decode_header,
    pack_header,
)
from waterspout.topology.wire_limits import (
    E_FRAME_DECODE,
    E_FRAME_PARTS,
    E_FRAME_SIZE,
    E_FRAME_STATE,
    E_FRAME_TYPE,
    E_FRAME_VERSION,
    FRAMES_MAX,
)

GOOD = pack_header(BYE, 7, 9, 3)
U32, U64 = st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 64) - 1)


def code_of(data: bytes, frame_bytes_max: int = 100) -> str:
    with pytest.raises(WireError) as caught:
        decode_header(data, frame_bytes_max)
    return caught.value.code


@given(kind=st.sampled_from(list(KINDS)), epoch=U32, incarnation=U64, seq=U64)
def test_a_header_survives_the_round_trip(
    kind: int, epoch: int, incarnation: int, seq: int
) -> None:
    data = pack_header(kind, epoch, incarnation, seq)
    assert len(data) == HEADER_BYTES == 24
    assert decode_header(data) == Header(kind, epoch, incarnation, seq)


def test_the_layout_is_the_drawn_one() -> None:
    assert GOOD == b"W\x01\x0b\x00" + b"\x07\0\0\0" + b"\x09" + b"\0" * 7 + b"\x03" + b"\0" * 7


@pytest.mark.parametrize("size", [0, 1, 23])
def test_too_short_for_a_header(size: int) -> None:
    assert code_of(GOOD[:size]) == E_FRAME_DECODE


def test_a_frame_at_the_limit_is_read_and_one_byte_more_is_not() -> None:
    assert decode_header(GOOD + b"x" * 76, 100).kind == BYE
    assert code_of(GOOD + b"x" * 77, 100) == E_FRAME_SIZE


def test_another_magic_is_not_a_frame() -> None:
    assert code_of(b"X" + GOOD[1:]) == E_FRAME_DECODE


@pytest.mark.parametrize("kind", [0, KINDS.stop, 255])
def test_an_unknown_kind_has_no_place(kind: int) -> None:
    assert code_of(pack_header(kind, 1, 1, 1)) == E_FRAME_STATE


def test_flags_that_nobody_knows_are_refused() -> None:
    assert code_of(GOOD[:3] + b"\x01" + GOOD[4:]) == E_FRAME_TYPE


def test_another_version_is_refused_but_for_greetings() -> None:
    def versioned(kind: int) -> bytes:
        return GOOD[:1] + bytes([9, kind]) + GOOD[3:]

    assert code_of(versioned(DATA)) == E_FRAME_VERSION
    assert decode_header(versioned(HELLO)).kind == HELLO
    assert decode_header(versioned(REJECT)).kind == REJECT


@pytest.mark.parametrize("parts", [0, FRAMES_MAX + 1, 5000])
def test_a_message_of_no_part_or_too_many_is_not_looked_into(parts: int) -> None:
    with pytest.raises(WireError) as caught:
        check_parts([GOOD] * parts)
    assert caught.value.code == E_FRAME_PARTS


def test_frames_may_travel_together() -> None:
    for parts in (1, FRAMES_MAX):
        check_parts([GOOD] * parts)
