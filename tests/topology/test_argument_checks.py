"""Wrong arguments are collected, and say where they stand."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.topology.argument_checks import (
    Checks,
    argument_of,
    checked,
    checked_keys,
    field_names,
    list_of_fields,
    place_of,
)
from waterspout.topology.errors import UserError, WrongArguments

from ..each_case import each_case


def refuse(*found: str) -> None:
    raise WrongArguments(found) if len(found) > 1 else UserError(found[0])


def test_what_is_wrong_is_said_together_and_what_is_right_is_returned() -> None:
    check = Checks()
    assert check(int, "5") == 5 and not check.failed
    check.end()
    assert [check(refuse, "A: a: x"), check(refuse, "A: b: y", "A: c: z")] == [None, None]
    assert check.failed
    with pytest.raises(WrongArguments, match="A: a: x; A: b: y; A: c: z") as caught:
        check.end()
    assert caught.value.found == ("A: a: x", "A: b: y", "A: c: z")


def test_an_error_that_is_not_about_an_argument_is_not_collected() -> None:
    with pytest.raises(ZeroDivisionError):
        Checks()(lambda: 1 / 0)


@each_case(
    "text, place",
    [
        ("Window: sliding.size: a duration", "sliding.size"),
        ("Table: key[0]: no field", "key[0]"),
        ("Window: exactly one of a, b expected", ""),
        ("Window: the output: twice", ""),
        ("no owner", ""),
    ],
)
def test_a_text_says_where_it_belongs(text: str, place: str) -> None:
    assert place_of(text) == place
    assert argument_of(text) == place.replace(".", "[").partition("[")[0]


class Box:
    def __init__(self, size: int, name: str = "", depth: Any = 0) -> None:
        check = Checks()
        for argument, value in (("size", size), ("depth", depth)):
            if not isinstance(value, int):
                check(refuse, f"Box: {argument}: a number expected")
        check.end()
        self.size, self.name = size, name.upper()


def test_a_constructor_checks_the_arguments_that_it_knows() -> None:
    assert checked(Box, {"size": 5, "nmae": "x"}).size == 5
    with pytest.raises(WrongArguments) as caught:
        checked(Box, {"size": "5", "depth": "6"})
    assert len(caught.value.found) == 2


class Crate(Box):
    def __init__(self, *args: Any, name: str = "crate", **more: Any) -> None:
        super().__init__(*args, name=name, **more)


def test_a_derived_class_may_pass_on_whatever_it_is_given() -> None:
    crate = checked(Crate, {"size": 5, "depth": 1})
    assert (crate.size, crate.name) == (5, "CRATE")
    with pytest.raises(WrongArguments, match="depth: a number expected"):
        checked(Crate, {"size": 5, "depth": "6"})


def test_what_is_missing_is_not_said_by_the_constructor_but_the_rest_is() -> None:
    with pytest.raises(WrongArguments) as caught:
        checked(Box, {"depth": "6"})
    assert caught.value.found == ("Box: depth: a number expected",)
    with pytest.raises(WrongArguments, match="do not fit") as caught:
        checked(Box, {"depth": 6})
    assert caught.value.found == ()


class Plain:
    def __init__(self, name: str) -> None:
        self.name = name.upper()


def test_a_constructor_that_expects_no_none_is_passed_over() -> None:
    with pytest.raises(WrongArguments) as caught:
        checked(Plain, {})
    assert caught.value.found == ()


def test_fields_of_an_argument_say_where_they_stand() -> None:
    assert field_names("key", "a") == {"a": "key"}
    assert field_names("key", ["a", 5, "b"]) == {"a": "key[0]", "b": "key[2]"}
    assert field_names("key", None) == field_names("key", 5) == {}


@each_case(
    "names, hint", [("a", "; a single one is written [a]"), ([5], ""), ([""], ""), (None, "")]
)
def test_a_list_of_fields_is_one(names: Any, hint: str) -> None:
    assert list_of_fields("A", "key", ["a", "b"]) == ("a", "b")
    with pytest.raises(UserError) as caught:
        list_of_fields("A", "key", names)
    assert str(caught.value) == f"A: key: a list of fields expected, got {names!r}{hint}"


@pytest.mark.parametrize(
    ("says", "found"),
    [
        (5, ["w: a mapping with size, slide expected, got 5"]),
        (
            {"size": 1, "slid": 2, "x y": 3},
            [
                "w.slid: unknown, allowed: size, slide, did you mean 'slide'?",
                "w: unknown 'x y', allowed: size, slide",
            ],
        ),
        ({"slide": 1}, ["w: 'size' is missing"]),
    ],
)
def test_keys_of_a_mapping_are_those_that_there_are(says: Any, found: list[str]) -> None:
    assert checked_keys("w", {"size": 1}, ("size", "slide"), ("size",)) == {"size": 1}
    with pytest.raises(UserError) as caught:
        checked_keys("w", says, ("size", "slide"), ("size",))
    assert str(caught.value) == "; ".join(found)
