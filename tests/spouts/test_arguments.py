"""Wrong arguments are one line that names the spout, the argument and what was got."""

import pytest
from waterspout.spouts.arguments import declared, integer, positive, seconds, text, texts
from waterspout.spouts.sequence import Sequence
from waterspout.topology.errors import UserError

from ..each_case import each_case


def test_good_values_come_back():
    assert integer("S", "n", 3, 0) == 3
    assert integer("S", "n", 10, 0, 10) == 10
    assert positive("S", "x", 2) == 2.0
    assert seconds("S", "t", "500ms") == 0.5
    assert seconds("S", "t", 2) == 2.0
    assert texts("S", "p", "a") == ["a"]
    assert texts("S", "p", ["a", "b"]) == ["a", "b"]
    assert texts("S", "p", [], empty=True) == []


@each_case("value", [True, 1.0, "1", None, -1, 11])
def test_what_is_no_integer_within_the_limits_is_refused(value):
    with pytest.raises(UserError, match=r"S: n: expected an integer of 0 to 10, got"):
        integer("S", "n", value, 0, 10)


@each_case("value", [True, 0, -1, float("nan"), float("inf"), "1", None])
def test_what_is_no_finite_number_over_0_is_refused(value):
    with pytest.raises(UserError, match=r"S: x: expected a finite number over 0, got"):
        positive("S", "x", value)


@each_case("value", ["30 sec", "1", "0s", "", 0, -1, float("nan"), float("inf"), True, None])
def test_what_is_no_duration_over_0_is_refused(value):
    with pytest.raises(UserError, match=r"S: t: expected a duration over 0"):
        seconds("S", "t", value)


@each_case("value", [[], "", [""], [1], None, 3, {"a": 1}])
def test_what_is_no_list_of_texts_is_refused(value):
    with pytest.raises(UserError, match="S: p: expected "):
        texts("S", "p", value)


@each_case("value", ["", 3, None, ["a"]])
def test_what_is_no_text_is_refused(value):
    assert text("S", "p", "a") == "a"
    with pytest.raises(UserError, match="S: p: expected a text that is not empty, got "):
        text("S", "p", value)


def test_a_long_value_is_cut_in_the_message():
    with pytest.raises(UserError) as caught:
        integer("S", "n", "x" * 1000, 0)
    assert len(str(caught.value)) < 200


def test_declared_checks_values_and_leaves_names_to_the_signature_check():
    assert declared(Sequence, {"counted": 3}, ["n"]) == ["n"]
    with pytest.raises(UserError, match="Sequence: count"):
        declared(Sequence, {"count": -3}, ["n"])
