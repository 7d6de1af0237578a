"""What bolts say at the end of a run: only plain values get through, over all tasks as one."""

from __future__ import annotations

import math
from typing import Any

from waterspout.supervisor.summaries import (
    NAMES_MAX,
    TASKS_MAX,
    TEXT_MAX,
    TOP_MAX,
    checked,
    merged_tops,
    merged_values,
)

from ..each_case import each_case
from .fleet import StandInPlan

#: Bolt ``count`` has tasks 3 and 4.
PLAN = StandInPlan(workers=2, spouts=2, bolts=2)


@each_case("said, fault", [
    ([1], "it is a dict of names and values, got list"),
    (5, "it is a dict of names and values, got int"),
    ({"top": 5}, "'top' is a list of [key, count], got 5"),
    ({"top": [["a"]]}, "'top' is a list of [key, count], got [['a']]"),
    ({"top": [["a", "b"]]}, "'top' is a list of [key, count], got [['a', 'b']]"),
    ({1: 2}, "names are str, got 1"),
])  # fmt: skip
def test_what_is_no_summary_is_left_out_and_told_in_a_line(said: Any, fault: str) -> None:
    assert checked(said) == ({}, [fault])
    if isinstance(said, dict):
        assert checked({**said, "n": 1}) == ({"n": 1}, [fault])


def test_plain_values_get_through_and_others_as_short_texts() -> None:
    assert checked(None) == ({}, [])
    said = {"n": 1, "x": 0.5, "on": True, "no": None, "s": "a", "top": [("a", 2), [("b", 1), 1]]}
    top = {"top": [["a", 2], ['["b",1]', 1]]}
    assert checked(said) == ({**said, **top}, [])
    others = {"l": [1, "a"], "s": "y" * 1000, "nan": math.nan, "big": 2**70}
    shown = {"l": '[1,"a"]', "s": "y" * TEXT_MAX, "nan": "nan", "big": str(2**70)}
    assert checked(others) == (shown, [])


def test_there_are_only_so_many_names() -> None:
    found, (fault,) = checked({f"n{number}": 1 for number in range(NAMES_MAX + 1)})
    assert len(found) == NAMES_MAX
    assert fault == "21 names, the first 20 are shown"


def test_tops_of_tasks_are_merged_highest_first_and_cut() -> None:
    summaries = {
        3: {"top": [["a", 9], ["b", 1]]},
        4: {"top": [["c", 5], *[[f"x{n}", 3] for n in range(20)]]},
    }
    (rows,) = merged_tops(PLAN, summaries).values()
    assert rows[:3] == [["a", 9], ["c", 5], ["x0", 3]]
    assert len(rows) == TOP_MAX
    assert merged_tops(PLAN, {}) == {}


def test_numbers_of_tasks_are_summed_and_other_values_listed() -> None:
    said = {
        3: {"n": 1, "x": 0.5, "on": True, "mode": "a", "top": []}, 4: {"n": 2, "x": 1, "mode": 3},
    }  # fmt: skip
    values = {"n": 3, "x": 1.5, "on": [True], "mode": ["a", 3]}
    assert merged_values(PLAN, said) == {PLAN.tasks[2].component: values}
    assert merged_values(PLAN, {}) == merged_values(PLAN, {3: {"top": [["a", 1]]}}) == {}
    many = StandInPlan(workers=2, spouts=1, bolts=TASKS_MAX + 5)
    said = {task.task: {"mode": "a"} for task in many.tasks[1:]}
    (values,) = merged_values(many, said).values()
    assert values == {"mode": ["a"] * TASKS_MAX}
