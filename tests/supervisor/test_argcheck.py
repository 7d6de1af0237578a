"""``args`` against a constructor's signature, without calling it."""

from __future__ import annotations

from typing import Any, Literal, Optional

import pytest
from waterspout.supervisor.argcheck import check_args, fits


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
    (Split, {"sep": 5}, ["sep: Split(sep, limit, rate): 'sep' has to be str, got int"]),
    (Split, {"sep": None}, ["sep: Split(sep, limit, rate): 'sep' has to be str, got nothing"]),
    (
        Split,
        {"sep": "", "limit": True},
        ["limit: Split(sep, limit, rate): 'limit' has to be int, got bool"],
    ),
    (Anything, {"first": 1, "b": 2}, []),
    (Anything, {"b": 2}, ["first: Anything(first, more): 'first' is missing"]),
    (Unknown, {"thing": object()}, []),
]


@pytest.mark.parametrize(("cls", "args", "expected"), CASES)
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


@pytest.mark.parametrize(("value", "hint", "expected"), FITS)
def test_a_value_fits_its_annotation_or_not(value: Any, hint: Any, expected: bool) -> None:
    assert fits(value, hint) is expected
