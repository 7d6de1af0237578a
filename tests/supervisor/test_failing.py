"""What spouts fail at, by the newest reports."""

from __future__ import annotations

from typing import Any

from waterspout.supervisor.failing import ROWS_MAX, failing_rows, is_failing
from waterspout.supervisor.tallies import Tally


def tally(*failing: Any) -> Tally:
    made = Tally(1, "lines", "spout")
    made.update({"failing": list(failing)}, 1, 10.0)
    return made


def test_rows_name_the_task_and_go_on_counting_the_time_between_reports() -> None:
    tallies = [tally(), tally(["reading a", "OSError", 3, 2.5]), tally(["next_tuple", "E", 9, 8])]
    assert failing_rows(tallies, 11.0) == [
        {"task": 2, "doing": "next_tuple", "error": "E", "times": 9, "since_s": 9.0},
        {"task": 1, "doing": "reading a", "error": "OSError", "times": 3, "since_s": 3.5},
    ]
    assert is_failing(tallies)


def test_without_a_report_or_trouble_nothing_fails() -> None:
    tallies = [Tally(1, "lines", "spout"), tally()]
    assert failing_rows(tallies, 11.0) == []
    assert not is_failing(tallies)


def test_those_that_have_lasted_longest_are_shown() -> None:
    many = [tally([f"reading {n}", "E", 1, float(n)]) for n in range(ROWS_MAX + 4)]
    rows = failing_rows(many, 10.0)
    assert [row["task"] for row in rows] == list(range(ROWS_MAX + 3, 3, -1))
