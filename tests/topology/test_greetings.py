"""HELLO, HELLO_OK and REJECT: round trips and strict reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgpack import ExtType, packb
from waterspout.topology.errors import WireError
from waterspout.topology.frame_header import HELLO, pack_header
from waterspout.topology.greetings import (
    REJECT_CODES,
    Hello,
    HelloOk,
    Reject,
    clean_text,
    decode_hello,
    decode_hello_ok,
    decode_reject,
    pack_hello,
    pack_hello_ok,
    pack_reject,
)
from waterspout.topology.wire_limits import (
    E_FRAME_DECODE,
    E_FRAME_SIZE,
    E_FRAME_TYPE,
    TEXT_CHARS_MAX,
)

from ..each_case import each_case

HEAD = pack_header(HELLO, 1, 2, 3)
HELLO_FIELDS: dict[str, Any] = Hello("words", 1, 0, 1 << 20)._asdict()


def code_of(decode: Callable[[bytes], Any], body: bytes) -> str:
    with pytest.raises(WireError) as caught:
        decode(HEAD + body)
    return caught.value.code


def test_greetings_survive_the_round_trip() -> None:
    hello = Hello("words", 1, 77, 1 << 20, 1, 4)
    assert decode_hello(HEAD + pack_hello(hello)) == hello
    answer = HelloOk(12, 3, 1 << 20)
    assert decode_hello_ok(HEAD + pack_hello_ok(answer)) == answer
    for code in REJECT_CODES:
        reject = Reject(code, "why", 4)
        assert decode_reject(HEAD + pack_reject(reject)) == reject


def test_fields_of_a_later_version_are_passed_over() -> None:
    body = packb({**HELLO_FIELDS, "zone": "eu"})
    assert decode_hello(HEAD + body) == Hello("words", 1, 0, 1 << 20)


def test_a_long_or_odd_text_is_cut_and_cleaned() -> None:
    reject = decode_reject(HEAD + pack_reject(Reject("state", "\ud800" + "x" * 9999, 1)))
    assert reject.text == "?" + "x" * (TEXT_CHARS_MAX - 1)
    assert clean_text("a\udfffb", 2) == "a?"


@each_case(
    "field, value",
    [
        ("topology", 5),
        ("topology", None),
        ("topology", b"words"),
        ("topology", "w" * 300),
        ("worker", -1),
        ("worker", 1 << 32),
        ("worker", True),
        ("worker", 1.0),
        ("peer_incarnation", float("nan")),
        ("peer_incarnation", -1),
        ("frame_bytes_max", 0),
        ("frame_bytes_max", "1MiB"),
        ("proto_min", 0),
        ("proto_max", []),
    ],
)
def test_a_field_of_the_wrong_type_or_range_is_refused(field: str, value: Any) -> None:
    assert code_of(decode_hello, packb({**HELLO_FIELDS, field: value})) == E_FRAME_TYPE


@each_case("field", list(HELLO_FIELDS))
def test_a_missing_field_is_refused(field: str) -> None:
    rest = {key: value for key, value in HELLO_FIELDS.items() if key != field}
    assert code_of(decode_hello, packb(rest)) == E_FRAME_TYPE


@each_case(
    "body",
    [
        packb([1, 2]),
        packb("hello"),
        packb(None),
        packb({1: 2}),
        packb({b"worker": 2}),
        b"\x81\x91\x01\x02",
        b"\x82\xa1a\x01\xa1a\x01",
        packb({**HELLO_FIELDS, "x": ExtType(1, b"")}),
    ],
)
def test_a_greeting_is_a_map_of_distinct_names(body: bytes) -> None:
    for decode in (decode_hello, decode_hello_ok, decode_reject):
        assert code_of(decode, body) == E_FRAME_TYPE


def test_a_field_that_comes_twice_is_refused() -> None:
    fields = packb(HELLO_FIELDS)
    twice = bytes([fields[0] + 1]) + fields[1:] + packb("worker") + packb(1)
    assert code_of(decode_hello, twice) == E_FRAME_TYPE


def test_a_greeting_is_short_and_whole() -> None:
    assert code_of(decode_hello, packb({**HELLO_FIELDS, "x": "y" * 5000})) == E_FRAME_SIZE
    assert code_of(decode_hello, packb(HELLO_FIELDS)[:-1]) == E_FRAME_DECODE
    assert code_of(decode_hello, b"") == E_FRAME_DECODE
