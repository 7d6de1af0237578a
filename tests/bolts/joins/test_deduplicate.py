"""Deduplicate: the first of each key, for a time."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.bolts.joins.deduplicate import Deduplicate
from waterspout.topology.component import Needs
from waterspout.topology.errors import UserError, WrongArguments


def test_the_first_row_of_a_key_passes_and_others_are_counted(task) -> None:
    step = task(lambda: Deduplicate(["b", "a"]))
    for number, key in enumerate("xxyx"):
        step.row("in", key, a=number, b=key)
        step.die()
    assert step.take() == [["x", 0], ["y", 2]]
    step.row("in", "y", a=9, b="y")
    assert (step.take(), step.count("duplicates")) == ([], 1)


def test_after_its_time_a_key_is_new_again_however_often_it_came(task) -> None:
    step = task(lambda: Deduplicate(["a"], within="10s"))
    for number, ms in enumerate([0, 9_000, 9_999, 10_000]):
        step.wall = 1_000_000 + ms
        step.row("in", "k", a=number)
    assert step.take() == [[0], [3]]


def test_a_row_that_lacks_a_field_fails_and_is_not_taken_for_seen(task) -> None:
    step = task(lambda: Deduplicate(["a"]))
    with pytest.raises(UserError, match="step: fields: in has no field 'a'"):
        step.row("in", "k", b=1)
    step.row("in", "k", a=1)
    assert step.take() == [[1]]


def test_a_row_that_could_not_be_emitted_is_not_taken_for_seen(task) -> None:
    step = task(lambda: Deduplicate(["a"]))
    emit, step.bolt.emit = step.bolt.emit, _refuse
    with pytest.raises(ValueError, match="refused"):
        step.row("in", "k", a=1)
    step.bolt.emit = emit
    step.row("in", "k", a=1)
    assert step.take() == [[1]]


def _refuse(row: Any) -> None:
    raise ValueError("refused")


@pytest.mark.parametrize("fields", ["a", [1], None])
def test_arguments_that_cannot_be_are_refused_together(fields: Any) -> None:
    with pytest.raises(WrongArguments) as caught:
        Deduplicate(fields, within="soon")
    one, other = caught.value.found
    assert one.startswith("Deduplicate: fields: a list of fields expected, got ")
    assert other.startswith("Deduplicate: within: a span such as '1h' expected, got 'soon'")


def test_the_fields_are_needed_of_the_input() -> None:
    assert Deduplicate.declare_needs({"fields": ["a", "b"]}) == Needs(
        {"a": "fields[0]", "b": "fields[1]"}, keyed=True
    )
