"""Checks of fields: what passes, what does not, and that nothing a peer sends raises."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from waterspout.supervisor.cluster.field_checks import (
    anything,
    blob,
    cut,
    flag,
    integer,
    items,
    listed,
    mapped,
    name,
    number,
    one_of,
    optional,
    problem_of,
    row,
    text,
)

from ...each_case import each_case

RIGHT_AND_WRONG: list[tuple[Any, list[Any], list[Any]]] = [
    (flag, [True, False], [1, 0, None, "true"]),
    (integer(1, 5), [1, 5], [0, 6, True, 1.0, "1", None]),
    (number(0, 5), [0, 4.5], [-1, 5.1, float("nan"), float("inf"), True, "1", None]),
    (text(3), ["", "abc"], ["abcd", b"a", None]),
    (name, ["a", "x" * 100], ["", "x" * 101, "a\nb", "\x00", None, 7]),
    (blob(2), [b"", b"ab"], [b"abc", "ab", None]),
    (one_of("a", "b"), ["a"], ["c", ["a"], None]),
    (listed(flag, 2), [[], [True, False], (True,)], [[True] * 3, [1], "ab", None]),
    (items(flag, text(3)), [[True, "a"]], [[True], [True, "a", 1], ["a", True], None]),
    (mapped(text(1), flag, 1), [{}, {"a": True}], [{"a": 1}, {1: True}, {"a": True, "b": True}]),
    (optional(flag), [None, True], [1]),
    (row({"a": flag}), [{"a": True}, {"a": True, "b": 1}], [{}, {"a": 1}, [], None]),
    (anything, [None, object()], []),
]


@each_case("check, right, wrong", RIGHT_AND_WRONG)
def test_a_check_passes_what_is_right_and_nothing_else(
    check: Any, right: list[Any], wrong: list[Any]
):
    assert [value for value in right if not check(value)] == []
    assert [value for value in wrong if check(value)] == []


def test_the_first_wrong_field_is_named_in_a_short_line():
    table = {"go": {"a": flag, "b": text(3)}}
    assert problem_of({"kind": "go", "a": True, "b": "abc"}, table) is None
    assert problem_of({"kind": "go", "a": True, "b": "x" * 9000}, table) == (
        "go: b is '" + "x" * 39
    )
    assert problem_of({"kind": "stay"}, table) == "unknown kind 'stay'"


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda each: st.lists(each) | st.dictionaries(st.text() | st.integers(), each),
    max_leaves=8,
)


@given(ANY)
def test_no_value_makes_a_check_raise(value: Any):
    for check, _right, _wrong in RIGHT_AND_WRONG:
        assert check(value) in (True, False)


def test_a_long_text_is_cut_to_its_end():
    assert cut("abc", 3) == "abc"
    assert cut("abcdef", 5) == "..def"
