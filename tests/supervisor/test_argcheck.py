"""``args`` against a constructor's signature, without calling it."""

from __future__ import annotations

from typing import Any, Literal, Optional

from waterspout.supervisor.argcheck import check_args, fits

from ..each_case import each_case


class Plain:
    """No constructor of its own."""


class Split:
    def __init__(self, sep: str, limit: int = 3, *, rate: float | None = None) -> None:
        raise AssertionError("the constructor is never called")


class Anything:
    def __init__(self, first: int, **more: Any) -> None: ...


class Unknown:
    def __init__(self, thing: NotThere) -> None: ...  # type: ignore[name-defined]  # noqa: F821


CASES: list[tuple[type[Any], dict[str, Any], list[str]]] = [
    (Plain, {}, []),
    (Plain, {"a": 1}, ["a: Plain(): unexpected 'a'"]),
    (Split, {"sep": ","}, []),
    (Split, {"sep": ",", "limit": 1, "rate": 2}, []),
    (Split, {"sep": ",", "rate": None}, []),
    (
        Split,
        {"spe": ","},
        [
            "spe: Split(sep, limit, rate): unexpected 'spe', did you mean 'sep'?",
            "sep: Split(sep, limit, rate): 'sep' is missing",
        ],
    ),
    (Split, {"sep": 5}, ["sep: a text expected, got 5"]),
    (Split, {"sep": None}, ["sep: a text expected, got nothing"]),
    (
        Split,
        {"sep": "", "limit": True},
        ["limit: a whole number expected, got True"],
    ),
    (Anything, {"first": 1, "b": 2}, []),
    (Anything, {"b": 2}, ["first: Anything(first, more): 'first' is missing"]),
    (Unknown, {"thing": object()}, []),
]


@each_case("cls, args, expected", CASES)
def test_arguments_are_held_against_the_signature(
    cls: type[Any], args: dict[str, Any], expected: list[str]
) -> None:
    assert [f"{name}: {text}" for name, text in check_args(cls, args)] == expected


FITS: list[tuple[Any, Any, bool]] = [
    (1, int, True),
    (True, int, False),
    (1, float, True),
    ("1", float, False),
    (None, Optional[int], True),  # noqa: UP045
    (None, int, False),
    (["a"], list[str], True),
    (["a", 1], list[str], False),
    ("a", list[str], False),
    ({"a": 1}, dict[str, int], True),
    ({"a": "b"}, dict[str, int], False),
    ("a", str | list[str], True),
    (["a"], str | list[str], True),
    (5, str | list[str], False),
    ("a", Literal["a", "b"], True),
    ("c", Literal["a", "b"], False),
    (5, Any, True),
    (5, object, True),
]


@each_case("value, hint, expected", FITS)
def test_a_value_fits_its_annotation_or_not(value: Any, hint: Any, expected: bool) -> None:
    assert fits(value, hint) is expected


class Many:
    def __init__(self, first_of_them: int = 0, second_of_them: int = 0, word: Literal["append", "new"] = "new", third_of_all_of_them: int = 0) -> None: ...  # noqa: E501


def test_a_long_list_of_arguments_is_left_out_where_the_right_one_is_named() -> None:
    ((_, text),) = check_args(Many, {"wrod": "new"})
    assert text == "Many(...): unexpected 'wrod', did you mean 'word'?"
    ((_, text),) = check_args(Many, {"x": "new"})
    assert text.startswith("Many(first_of_them, second_of_them, word, third_of_all_of_them): ")


WORDS: list[tuple[Any, Any, str]] = [
    (Literal["on", "new"], "nwe", "one of on, new expected, got 'nwe', did you mean 'new'?"),
    (str | None, 5, "a text expected, got 5"),
    (str | list[str], 5, "a text or a list of texts expected, got 5"),
    (dict[str, Any], [], "a mapping expected, got []"),
    (bool, "yes", "true or false expected, got 'yes'"),
    (list, "x", "a list expected, got 'x'"),
    (float, "1", "a number expected, got '1'"),
]


@each_case("hint, value, expected", WORDS)
def test_a_type_is_said_in_the_words_of_a_yaml(hint: Any, value: Any, expected: str) -> None:
    class Typed:
        def __init__(self, x: Any) -> None: ...

    Typed.__init__.__annotations__ = {"x": hint}
    assert list(check_args(Typed, {"x": value})) == [("x", expected)]
