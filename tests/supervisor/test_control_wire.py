"""Control messages survive whatever users put into ids, metrics and values."""

from __future__ import annotations

import pytest
from waterspout.supervisor.control_wire import join, pack, peek, unpack

from ..each_case import each_case


def test_a_message_comes_back_with_keys_that_are_numbers() -> None:
    message = {"kind": "frozen", "positions": {3: {"a.txt": [7, [[9, 11]]]}}, "none": None}
    assert unpack(pack(message)) == message


def test_tuples_come_back_as_lists() -> None:
    assert unpack(pack({"parts": (1, (2, 3))})) == {"parts": [1, [2, 3]]}


def test_a_value_without_a_wire_form_is_shown_and_costs_nothing_else() -> None:
    message = {"values": [1 << 70, {1, 2} - {2}, "ok"], "ids": {(1, 2): object}}
    found = unpack(pack(message))
    assert found["values"] == [repr(1 << 70), "{1}", "ok"]
    assert found["ids"] == {"(1, 2)": "<class 'object'>"}


def test_text_with_a_lone_surrogate_survives() -> None:
    assert unpack(pack({"text": "a\ud800"})) == {"text": "a\ud800"}


@each_case("data", [b"", b"\x01", b"\xc1", b"\x81\xa1a", b"\x80\x80"])
def test_what_is_no_map_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a control message"):
        unpack(data)


@each_case("count", [0, 1, 10, 16, 70_000])
def test_a_head_is_put_before_a_packed_message_of_any_size(count: int) -> None:
    body = {f"key {n}": n for n in range(count)}
    head = {"boot": 7, "n": 3}
    assert list(unpack(join(head, pack(body))).items()) == [*head.items(), *body.items()]


def test_the_first_entries_are_read_without_the_rest() -> None:
    data = pack({"worker": 3, "skipped": [1, {2: 3}], "incarnation": 77, "kind": "report"})
    assert peek(data[:-12], ("worker", "incarnation")) == {"worker": 3, "incarnation": 77}
    assert peek(data, ("kind", "absent")) == {"kind": "report"}


@each_case("data", [b"", b"\x01", b"\xc1", b"\x91\x01", b"\x82\xa6worker\x03"])
def test_nobody_peeks_into_what_is_no_map(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a control message"):
        peek(data, ("worker", "n"))


@each_case(
    "data",
    [
        pack({"kind": "x" * 100}),
        pack({"kind": list(range(21))}),
        pack({n: n for n in range(21)}),
        b"\x81\xa1a\xdd\xff\xff\xff\xff",
        b"\x81\xa1a\xd4\x01\x00",
    ],
)
def test_what_is_too_large_or_foreign_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a control message"):
        unpack(data, bytes_max=90, elements_max=20)
