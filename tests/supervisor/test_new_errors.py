"""Errors of components are told once and not without end; why a run is degraded always is."""

from __future__ import annotations

from typing import Any

from waterspout.supervisor.new_errors import (
    ERRORS_SAID_MAX,
    NewErrors,
    error_line,
    error_text,
    of_the_run,
)


def row(component: str, text: str, task: int | None = None) -> dict[str, Any]:
    return {"component": component, "text": text, "task": task}


FULL = row("dead letters", "3 dead letters are kept")


def test_an_error_of_a_component_is_told_once() -> None:
    errors = NewErrors()
    error = row("split", "ValueError: 1", 2)
    assert errors.take([error]) == [error]
    assert errors.take([error]) == []


def test_only_so_many_errors_of_components_are_told() -> None:
    errors = NewErrors()
    many = [row("split", f"ValueError: {number}", 2) for number in range(2 * ERRORS_SAID_MAX)]
    assert len(errors.take(many)) == ERRORS_SAID_MAX


def test_what_is_wrong_with_the_run_is_told_each_time_it_begins() -> None:
    errors = NewErrors()
    told = [len(errors.take(each)) for each in ([FULL], [FULL], [], [FULL])]
    assert told == [1, 0, 0, 1]


def test_a_component_of_that_name_is_a_component() -> None:
    assert of_the_run(FULL)
    assert not of_the_run(row("rounds", "ValueError: 1", 2))


def test_a_component_is_not_named_twice() -> None:
    assert error_text(row("x", "EmitError: x: emit to 'y': no")) == "EmitError: emit to 'y': no"
    assert error_text(row("x", "x: no")) == "no"
    assert error_text(row("x", "KeyError: 'x: '")) == "KeyError: 'x: '"
    assert error_line(row("", "exit code 1")) == "worker: exit code 1"
