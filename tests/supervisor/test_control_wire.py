"""Control messages survive whatever users put into ids, metrics and values."""

from __future__ import annotations

import pytest
from waterspout.supervisor.control_wire import pack, unpack


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


@pytest.mark.parametrize("data", [b"", b"\x01", b"\xc1", b"\x81\xa1a", b"\x80\x80"])
def test_what_is_no_map_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a control message"):
        unpack(data)
