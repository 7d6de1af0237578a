"""A table of cases as one test: every case is run, and every failure is told with its case."""

from __future__ import annotations

import pytest

from .each_case import each_case


def test_every_case_is_run_and_every_failure_told() -> None:
    seen = []

    @each_case("number, square", [(1, 1), (2, 5), (3, 9), (4, 15)])
    def test_squares(number: int, square: int) -> None:
        seen.append(number)
        assert number * number == square

    with pytest.raises(ExceptionGroup, match="2 of 4 cases") as found:
        test_squares()
    assert seen == [1, 2, 3, 4]
    notes = [error.__notes__ for error in found.value.exceptions]
    assert notes == [["case: {'number': 2, 'square': 5}"], ["case: {'number': 4, 'square': 15}"]]


def test_a_single_name_takes_values_as_they_are() -> None:
    seen = []
    each_case("pair", [(1, 2), (3, 4)])(lambda pair: seen.append(pair))()
    assert seen == [(1, 2), (3, 4)]


def test_an_error_that_was_expected_and_did_not_come_is_told_with_its_case() -> None:
    @each_case("number", [1, 0, 2])
    def test_division(number: int) -> None:
        with pytest.raises(ZeroDivisionError):
            1 / number

    with pytest.raises(BaseExceptionGroup, match="2 of 3 cases") as found:
        test_division()
    assert [error.__notes__ for error in found.value.exceptions] == [
        ["case: {'number': 1}"], ["case: {'number': 2}"],
    ]  # fmt: skip


def test_what_would_test_nothing_is_refused() -> None:
    with pytest.raises(AssertionError, match="tests nothing"):
        each_case("a", [])
    with pytest.raises(AssertionError, match="the names"):
        each_case("a, b", [(1, 2)])(lambda a: None)
    with pytest.raises(ExceptionGroup):
        each_case("a, b", [(1, 2, 3)])(lambda a, b: None)()
