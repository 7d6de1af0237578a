"""Spans and times of joins."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.bolts.joins.sides import LEFT, RIGHT
from waterspout.bolts.joins.spans import Times, span_ms
from waterspout.topology.errors import UserError
from waterspout.topology.tuples import tuple_class

from ...each_case import each_case


@each_case(
    "text, ms", [("10s", 10_000), ("-5m", -300_000), ("0s", 0), ("-1.5s", -1500), ("1ms", 1)]
)
def test_spans_may_be_below_zero(text: str, ms: int) -> None:
    assert span_ms("J", "lower", text) == ms


@each_case("given", ["10", 10, "s", "--5s", "", None, "999999999d", "- 5s"])
def test_what_is_no_span_is_refused_by_name(given: Any) -> None:
    with pytest.raises(UserError, match="J: lower: a span such as '10s' expected"):
        span_ms("J", "lower", given)


def test_a_span_may_have_a_least() -> None:
    assert span_ms("J", "size", "1ms", least=1) == 1
    for text in ("0s", "-1s"):
        with pytest.raises(UserError, match="too short"):
            span_ms("J", "size", text, least=1)


def test_each_side_has_its_field() -> None:
    times = Times("J", {"left": "t", "right": "at"}, "ms")
    left, right = tuple_class("l", "default", ("t",)), tuple_class("r", "default", ("x", "at"))
    assert times.ms(LEFT, left((5,))) == 5
    assert times.ms(RIGHT, right((1, 7))) == 7
    assert Times("J", "t", "s").ms(LEFT, left((5,))) == 5000
    assert Times("J", "t", "s").written(5500) == 5.5
    with pytest.raises(UserError, match=r"J: time: left \(r\) has no field 't'"):
        times.ms(LEFT, right((1, 2)))
    with pytest.raises(UserError, match="'t' is missing"):
        times.ms(LEFT, left((None,)))


@each_case(
    "time, text",
    [
        (1, "J: time: a field, or {left: field, right: field} expected, got 1"),
        (None, "J: time: a field, or"),
        ("", "J: time: a field, or"),
        ({"left": "t"}, "J: time: 'right' is missing"),
        ({"left": "t", "rigth": "u"}, "J: time.rigth: unknown, allowed: left, right, did you mean"),
        ({"left": "t", "right": 5}, "J: time.right: a field expected, got 5"),
    ],
)
def test_what_names_no_fields_is_refused(time: Any, text: str) -> None:
    with pytest.raises(UserError) as caught:
        Times("J", time, "s")
    assert str(caught.value).startswith(text)


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(UserError, match="J: unit: one of"):
        Times("J", "t", "h")
