"""How problems are written: one line each, quoted, cut, in the order of the file."""

from __future__ import annotations

import pytest
from waterspout.topology.problems import (
    CODES,
    PROBLEMS_MAX,
    Mark,
    Problem,
    Problems,
    did_you_mean,
    listed,
    printable,
    quote,
    with_article,
)


def test_a_problem_is_file_line_column_code_and_text() -> None:
    assert str(Problem(Mark("t.yaml", 3, 7), "E_TYPE", "what")) == "t.yaml:3:7: E_TYPE what"


def test_a_place_without_lines_is_only_its_name() -> None:
    assert str(Problem(Mark("--set a.b"), "E_SET", "what")) == "--set a.b: E_SET what"


def test_a_file_name_with_a_line_break_cannot_break_the_line() -> None:
    assert str(Mark("a\nb\x1b[31m", 1, 1)) == "a\\nb\\x1b[31m:1:1"


@pytest.mark.parametrize(
    ("code", "level"), [("E_TYPE", "error"), ("W_IDLE", "warning"), ("I_GUARANTEE", "info")]
)
def test_the_level_is_the_first_letter_of_the_code(code: str, level: str) -> None:
    problem = Problem(Mark("t.yaml", 1, 2), code, "what", "details")
    assert problem.to_json() == {
        "file": "t.yaml",
        "line": 1,
        "column": 2,
        "code": code,
        "level": level,
        "message": "what",
        "details": "details",
    }


def test_problems_come_in_the_order_of_the_file_and_those_without_a_line_last() -> None:
    problems = Problems()
    for mark in (Mark("--set x"), Mark("f", 2, 1), Mark("f", 1, 9), Mark("f", 1, 2)):
        problems.add(mark, "E_TYPE", "what")
    assert [str(each.mark) for each in problems] == ["f:1:2", "f:1:9", "f:2:1", "--set x"]


def test_only_codes_of_level_error_count_as_errors() -> None:
    problems = Problems()
    problems.add(Mark("f", 1, 1), "W_IDLE", "what")
    assert not problems.errors
    problems.add(Mark("f", 1, 1), "E_TYPE", "what")
    assert problems.errors


def test_the_same_problem_is_kept_once_and_too_many_are_counted() -> None:
    problems = Problems()
    for number in range(PROBLEMS_MAX + 5):
        problems.add(Mark("f", 1, 1), "E_TYPE", f"what {number}")
        problems.add(Mark("f", 1, 1), "E_TYPE", "what 0")
    assert len(problems) == PROBLEMS_MAX
    assert problems.dropped == 5


def test_an_unknown_code_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError):
        Problems().add(Mark("f"), "E_NOBODY", "what")


def test_every_code_has_a_level_and_a_meaning() -> None:
    assert all(code[:2] in ("E_", "W_", "I_") and meaning for code, meaning in CODES.items())


def test_quote_is_repr_cut_at_80_characters() -> None:
    assert quote("a'b\n") == '"a\'b\\n"'
    assert len(quote("x" * 10_000_000)) == 80
    assert quote("x" * 100).endswith("...'")
    assert len(quote(["x" * 100])) == 80


def test_printable_escapes_what_could_break_a_line_or_a_terminal() -> None:
    assert printable("a\x1b[0m\r\n\x85\u2028\ud800 \u00e9") == (
        "a\\x1b[0m\\r\\n\\x85\\u2028\\ud800 \u00e9"
    )


def test_did_you_mean_finds_near_names_in_any_case_and_is_silent_otherwise() -> None:
    assert did_you_mean("Splt", ["split", "count"]) == ", did you mean 'split'?"
    assert did_you_mean("nothing-like-it", ["split", "count"]) == ""


def test_no_time_goes_into_guesses_that_nobody_will_see() -> None:
    problems = Problems()
    assert problems.did_you_mean("splt", ["split"]) == ", did you mean 'split'?"
    for number in range(PROBLEMS_MAX):
        problems.add(Mark("f", 1, 1), "E_TYPE", f"what {number}")
    assert problems.did_you_mean("splt", ["split"]) == ""


def test_listed_is_cut() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed("abc", most=2) == "a, b and 1 more"


def test_a_word_has_the_article_that_is_said() -> None:
    assert [with_article(noun) for noun in ("set", "int", "OrderedDict", "UUID")] == [
        "a set", "an int", "an OrderedDict", "a UUID",
    ]  # fmt: skip
