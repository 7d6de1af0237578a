"""What a tap shows: comparisons of fields, put together; and no text is ever run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.supervisor.cluster.tap_filter import (
    TapFilterError,
    check_fields,
    shown_fields,
    tap_filter,
)

from ...each_case import each_case
from ..plans import NUMBERS, plan_of

ROW: dict[str, Any] = {
    "user": "ada", "age": 36, "vip": True, "note": None, "tags": ["a", "b"], "x.y": 1.5,
}  # fmt: skip


@each_case(
    "text, shown",
    [
        ("", True), ("  ", True), ("user == 'ada'", True), ('user = "ada"', True),
        ("user != 'ada'", False), ("age > 35", True), ("age >= 36.0", True), ("age < 36", False),
        ("age <= -36", False), ("vip == true", True), ("vip == false", False),
        ("note == null", True), ("note != null", False), ("user contains 'd'", True),
        ("tags contains 'b'", True), ("age contains 3", False), ("x.y == 1.5", True),
        ("x.y == 15e-1", True), ("user < 3", False), ("user == age", None),
        ("none == 1", False), ("none != 1", False), ("not none == 1", True),
        ("age > 30 and user == 'ada'", True), ("age > 40 and user == 'ada'", False),
        ("age > 40 or user == 'ada'", True), ("not age > 40", True), ("not not age > 40", False),
        # "and" binds more tightly than "or".
        ("age > 30 or age > 40 and age > 50", True), ("(age > 30 or age > 40) and age > 50", False),
        ("user=='ada'and age>35", True), ("user == ''", False),
    ],
)  # fmt: skip
def test_a_text_says_what_is_shown(text: str, shown: bool | None) -> None:
    if shown is None:
        with pytest.raises(TapFilterError):
            tap_filter(text)
    else:
        assert tap_filter(text)(ROW) is shown


@each_case(
    "text, problem",
    [
        ("user", "at 5: one of == != .* is expected, not the end"),
        ("user ==", "at 8: a number, a 'text', .* not the end"),
        ("user == ada", "at 9: .* not 'ada'"), ("== 1", "at 1: the name of a field"),
        ("a == 1 b == 2", "at 8: and, or, or the end is expected, not 'b'"),
        ("(a == 1", r"at 8: '\)' is expected"), ("a == 1)", "at 7: and, or"),
        ("a == 1 and", "at 11: the name of a field"), ("and == 1", "at 1: the name of a field"),
        ("a == 'x", 'at 6: "\'" is not understood'), ("a == 1; b", "at 7: ';'"),
        ("__import__('os')", "at 11: one of =="), ("a == 1x", "at 6: '1' is not understood"),
        ("a" * 2001, "2001 characters"), ("(" * 30 + "a == 1" + ")" * 30, "20 levels"),
        ("not " * 30 + "a == 1", "20 levels"),
        (" or ".join(["a == 1"] * 51), "50 comparisons"),
    ],
)  # fmt: skip
def test_what_is_no_filter_is_refused_with_the_place(text: str, problem: str) -> None:
    with pytest.raises(TapFilterError, match=problem):
        tap_filter(text)


class Rude:
    """A value that cannot be compared."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = None  # type: ignore[assignment]


def test_values_that_break_when_they_are_compared_do_not_match() -> None:
    assert tap_filter("a == 1")({"a": Rude()}) is False


@given(st.text(alphabet="ab ()'\"=<>!1.ornd\n", max_size=60))
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    try:
        found = tap_filter(text)
    except TapFilterError:
        return
    assert found({"a": 1, "b": "x"}) in (True, False)


def test_fields_are_checked_by_what_the_component_shows(tmp_path: Path) -> None:
    plan = plan_of(NUMBERS, tmp_path)
    assert shown_fields(plan, "numbers") == {"n"}
    assert shown_fields(plan, "count") >= {"n"}
    assert "n" in shown_fields(plan, None)
    check_fields("", frozenset())
    check_fields("word == 'x' and (word < 9 or not word == 5)", {"word"})
    with pytest.raises(TapFilterError, match="no field 'wrod', did you mean 'word'") as found:
        check_fields("word == 'x' or wrod == 1", {"word", "n"})
    assert str(found.value).endswith("; there are n, word")
    with pytest.raises(TapFilterError, match="there are none"):
        check_fields("n == 1", frozenset())
    with pytest.raises(TapFilterError, match="is expected"):
        check_fields("n ==", {"n"})
