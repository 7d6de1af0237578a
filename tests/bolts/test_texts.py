"""Values as text: everything that can travel can be written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from waterspout.bolts.texts import json_text, text_of, utf8

from ..each_case import each_case


@each_case(
    "value, text",
    [
        ("ü", "ü"),
        (None, ""),
        (b"\xc3\xbc", "ü"),
        (b"a\xff", "a\\xff"),
        (bytearray(b"a"), "a"),
        (1.5, "1.5"),
        (True, "True"),
        (["ü", 1, None], '["ü",1,null]'),
        ({"a": (1, b"x")}, '{"a":[1,"x"]}'),
    ],
)
def test_text_of_a_cell(value: Any, text: str) -> None:
    assert text_of(value) == text


@each_case(
    "value, back",
    [
        ([1, (2, "x")], [1, [2, "x"]]),
        (float("nan"), None),
        ({"a": [float("inf")]}, {"a": [None]}),
        ({b"k": b"\xff", (1, 2): 3}, {"k": "\\xff", "[1,2]": 3}),
        ({1: 2, "n": None}, {"1": 2, "n": None}),
    ],
)
def test_json_is_what_every_reader_takes(value: Any, back: Any) -> None:
    assert json.loads(json_text(value), parse_constant=pytest.fail) == back


def test_half_a_surrogate_pair_is_escaped_and_the_rest_is_kept() -> None:
    assert utf8("ü") == b"\xc3\xbc"
    assert utf8("a\udc80ü") == b"a\\udc80\xc3\xbc"
