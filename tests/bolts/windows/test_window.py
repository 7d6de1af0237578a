"""Window as a YAML names it: its arguments, what it imports, what lint says."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.bolts.windows import Span, Window
from waterspout.supervisor.classfacts import Finding, inspect_component
from waterspout.topology.classes import AllowList
from waterspout.topology.component import Needs
from waterspout.topology.errors import UserError

from ...each_case import each_case
from .test_windowed import FIELDS, TUMBLING, feed, finished, start


def spread(key: Any, window: Span, rows: list[dict[str, Any]]) -> Any:
    values = [row["amount"] for row in rows]
    yield [max(values) - min(values), len(rows)]


def test_a_function_gets_all_rows_of_a_window(bench: Any) -> None:
    args = {**TUMBLING, "aggregate": None, "function": f"{__name__}:spread", "fields": ["s", "n"]}
    bolt = start(bench, **args)
    feed(bench, bolt, ["a", 1, 5], ["a", 2, 9], ["b", 1, 1])
    assert finished(bench, bolt) == [["a", 0, 10, 4, 2], ["b", 0, 10, 0, 1]]
    fields = Window.declare_outputs(args)["default"]
    assert fields == ["user", "window_start", "window_end", "s", "n"]


def test_every_row_of_a_function_has_all_fields_of_its_tuple(bench: Any) -> None:
    bolt = start(
        bench, **{**TUMBLING, "aggregate": None}, fields=["row"],
        function=f"{__name__}:rows_of",
    )  # fmt: skip
    feed(bench, bolt, ["a", 1, 5])
    assert finished(bench, bolt) == [["a", 0, 10, dict(zip(FIELDS, ["a", 1, 5], strict=True))]]


def rows_of(key: Any, window: Span, rows: list[dict[str, Any]]) -> Any:
    return rows


def test_all_that_it_imports_is_known_before() -> None:
    args = {"function": "a:b", "aggregate": {"x": {"combine": "c:d"}, "y": "count"}}
    assert list(Window.import_paths(args)) == [("function", "a:b"), ("aggregate", "c:d")]


def test_errors_name_the_class_and_the_argument() -> None:
    with pytest.raises(UserError, match=r"^Window: unit: 'sec' unknown"):
        Window(tumbling="1s", unit="sec", aggregate={"n": "count"})
    with pytest.raises(UserError, match=r"^Window: exactly one of"):
        Window.declare_outputs({"aggregate": {"n": "count"}})


GOOD: dict[str, Any] = {"time": "n", "tumbling": "5s", "aggregate": {"c": "count"}}


@each_case(
    "args, expected",
    [
        (GOOD, []),
        (
            {"time": "n", "tumbling": "5s", "agregate": {"c": "count"}},
            ["Window(...): unexpected 'agregate', did you mean 'aggregate'?"],
        ),
        ({**GOOD, "tumbling": 5}, ["expected, got 5; a number needs its unit: 5s"]),
        ({**GOOD, "aggregate": {"c": {"sun": "n"}}}, ["'sun' unknown, allowed: count, sum"]),
        (
            {**GOOD, "aggregate": {"c": {"combine": "os:system"}}},
            ["'os' is the standard library, which is never allowed"],
        ),
        (
            {"tumbling": "5s", "function": "os:system", "fields": ["a"]},
            ["'os' is the standard library, which is never allowed"],
        ),
    ],
)
def test_lint_says_what_is_wrong(args: dict[str, Any], expected: list[str]) -> None:
    path = "waterspout.bolts.windows.window:Window"
    component = {"id": "w", "kind": "bolt", "class_path": path, "args": args, "customs": []}
    findings: list[Finding] = []
    facts = inspect_component(component, AllowList(), findings)
    assert len(findings) == len(expected), findings
    for part, finding in zip(expected, findings, strict=True):
        assert part in finding.text
    assert facts is None or facts.stateful


def test_lint_knows_which_fields_it_reads_and_for_whom() -> None:
    args = {**GOOD, "key": ["a", "b"], "aggregate": {"t": {"top": {"field": "x", "by": "y"}}}}
    needs = Window.declare_needs(args)
    top = "aggregate.t.top"
    fields = {"x": f"{top}.field", "y": f"{top}.by", "a": "key[0]", "b": "key[1]", "n": "time"}
    assert needs == Needs(fields, ("a", "b"), "time")
    assert Window.declare_needs({"count": 5, "aggregate": {"n": "count"}}) == Needs()
    nested = {"nested": True, "tumbling": "5s", "aggregate": {"n": "count"}}
    assert Window.declare_needs(nested) == Needs({"window_end": "nested"}, None, "nested")
