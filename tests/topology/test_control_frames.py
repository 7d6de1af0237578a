"""Toggles, fails, vouches, credits: round trips and strict reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgpack import packb
from waterspout.topology.control_frames import (
    DECODERS,
    CreditFrame,
    FailFrame,
    Failure,
    ToggleFrame,
    VouchFrame,
    control_frame,
    decode_credit,
    decode_empty,
    decode_fails,
    decode_toggles,
    decode_vouch,
    pack_credit,
    pack_fails,
    pack_toggles,
    pack_vouch,
)
from waterspout.topology.errors import WireError
from waterspout.topology.frame_header import BYE, KINDS, TOGGLES, Header, decode_header
from waterspout.topology.wire_limits import (
    CONTROL_BYTES_MAX,
    CREDIT_CHANNELS_MAX,
    E_FRAME_SIZE,
    E_FRAME_TYPE,
    FAILS_MAX,
    REASON_CHARS_MAX,
    TOGGLES_MAX,
    TRACEBACK_CHARS_MAX,
)

from ..each_case import each_case

HEADER = Header(TOGGLES, 1, 2, 3)
FAILURE = Failure(5, "split", 7, "ValueError: no", "Traceback ...")
ids = st.integers(1, (1 << 64) - 1)


def framed(body: bytes) -> bytes:
    return control_frame(HEADER, body)


def code_of(decode: Callable[[bytes], Any], body: bytes) -> str:
    with pytest.raises(WireError) as caught:
        decode(framed(body))
    return caught.value.code


@given(pairs=st.lists(st.tuples(ids, st.integers(0, (1 << 64) - 1)), min_size=1))
def test_toggles_survive_the_round_trip(pairs: list[tuple[int, int]]) -> None:
    assert decode_header(framed(b"")) == HEADER
    assert decode_toggles(framed(pack_toggles(pairs))) == ToggleFrame(pairs)


@given(roots=st.lists(ids, min_size=1))
def test_vouches_survive_the_round_trip(roots: list[int]) -> None:
    assert decode_vouch(framed(pack_vouch(roots))) == VouchFrame(tuple(roots))


@given(number=ids, returned=st.lists(st.tuples(st.tuples(*[st.integers(0, 99)] * 3), ids)))
def test_credits_survive_the_round_trip(number: int, returned: list[Any]) -> None:
    credit = CreditFrame(number, returned)
    assert decode_credit(framed(pack_credit(credit))) == credit


def test_failures_survive_the_round_trip() -> None:
    failures = [FAILURE, FAILURE._replace(root=6, traceback=""), FAILURE._replace(row=3, rows=4)]
    (body,) = pack_fails(failures, 10_000)
    assert decode_fails(framed(body)) == FailFrame(failures)


def test_long_failures_are_cut_and_spread_over_frames() -> None:
    long = Failure(1, "c" * 999, 7, "r\ud800" * 9999, "first" + "t" * 20_000 + "ValueError")
    bodies = list(pack_fails([long._replace(root=i + 1) for i in range(FAILS_MAX)], 50_000))
    assert all(len(body) <= 50_000 for body in bodies)
    frames = [decode_fails(framed(body)) for body in bodies]
    assert [f.root for frame in frames for f in frame.failures] == list(range(1, FAILS_MAX + 1))
    kept = frames[0].failures[0]
    assert len(kept.reason) == REASON_CHARS_MAX and kept.reason.startswith("r?")
    assert len(kept.traceback) == TRACEBACK_CHARS_MAX and kept.traceback.endswith("ValueError")


def test_the_longest_control_frames_fit_into_any_link() -> None:
    wide = "\U0001f300" * 20_000
    (body,) = pack_fails([Failure((1 << 64) - 1, wide, 1 << 31, wide, wide)], 1)
    assert len(framed(body)) <= CONTROL_BYTES_MAX
    channel = ((1 << 32) - 1, (1 << 16) - 1, (1 << 32) - 1)
    credit = CreditFrame((1 << 64) - 1, [(channel, (1 << 64) - 1)] * CREDIT_CHANNELS_MAX)
    assert len(framed(pack_credit(credit))) <= CONTROL_BYTES_MAX


@each_case("size", [0, 1, 8, 15, 24])
def test_toggles_are_whole_pairs(size: int) -> None:
    assert code_of(decode_toggles, b"\x01" * size) == E_FRAME_TYPE


@pytest.mark.parametrize("size", [0, 7, 9])
def test_vouches_are_whole_roots(size: int) -> None:
    assert code_of(decode_vouch, b"\x01" * size) == E_FRAME_TYPE


def test_root_0_is_no_root() -> None:
    assert code_of(decode_toggles, pack_toggles([(1, 1), (0, 5)])) == E_FRAME_TYPE
    assert code_of(decode_vouch, pack_vouch([1, 0])) == E_FRAME_TYPE
    (body,) = pack_fails([FAILURE._replace(root=0)], 1000)
    assert code_of(decode_fails, body) == E_FRAME_TYPE


def test_more_records_than_allowed_are_refused() -> None:
    assert code_of(decode_toggles, b"\x01" * 16 * (TOGGLES_MAX + 1)) == E_FRAME_SIZE
    assert code_of(decode_vouch, b"\x01" * 8 * (TOGGLES_MAX + 1)) == E_FRAME_SIZE
    assert code_of(decode_fails, packb([FAILURE] * (FAILS_MAX + 1))) == E_FRAME_SIZE
    many = CreditFrame(1, [((1, 0, 2), 1)] * (CREDIT_CHANNELS_MAX + 1))
    assert code_of(decode_credit, pack_credit(many)) == E_FRAME_SIZE


@each_case(
    "body",
    [
        5,
        {},
        ["fail"],
        [[]],
        [[5, "split", 7, "no", "t", 0]],
        [[5, "split", 7, "no", b"t", 0, 0]],
        [["5", "split", 7, "no", "t", 0, 0]],
        [[5, "split", True, "no", "t", 0, 0]],
        [[5, "split", 7, "no", "t", 0, False]],
        [[-5, "split", 7, "no", "t", 0, 0]],
        [[5, "split", -1, "no", "t", 0, 0]],
        [[5, "split", 7, "no", "t", 1, 0]],
        [[5, "split", 7, "no", "t", 4, 4]],
        [[5, "split", 7, "no", "t", -1, 4]],
        [[5, "split", 7, "no", "t", 0, 1 << 32]],
    ],
)
def test_a_failure_has_seven_fields_of_their_types(body: Any) -> None:
    assert code_of(decode_fails, packb(body)) == E_FRAME_TYPE


@each_case("size", [0, 7, 9, 27, 29, 47])
def test_a_credit_is_a_number_and_whole_records(size: int) -> None:
    assert code_of(decode_credit, b"\0" * size) == E_FRAME_TYPE


def test_reserved_bytes_of_a_credit_are_0() -> None:
    body = pack_credit(CreditFrame(1, [((1, 0, 2), 3)]))
    assert code_of(decode_credit, body[:18] + b"\1" + body[19:]) == E_FRAME_TYPE


def test_what_has_no_body_has_none() -> None:
    decode_empty(control_frame(Header(BYE, 1, 2, 3)))
    assert code_of(decode_empty, b"x") == E_FRAME_TYPE


def test_every_kind_has_a_decoder() -> None:
    assert set(DECODERS) == set(KINDS)
