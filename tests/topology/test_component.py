"""What spouts and bolts share: declared streams, metrics with a limit, logging."""

from __future__ import annotations

import logging
import random
from typing import Any

import pytest
from waterspout.topology.component import (
    Component,
    Context,
    Metrics,
    Stream,
    StreamDecl,
    normal_outputs,
)

from ..each_case import each_case


def context() -> Context:
    return Context(
        topology="t", component="c", task=3, index=0, parallelism=1,
        settings={}, clock=lambda: 0.0, random=random.Random(1),
    )  # fmt: skip


@each_case(
    "outputs, normal",
    [
        ((), {}),
        ([], {}),
        (["a", "b"], {"default": StreamDecl(("a", "b"))}),
        (("a",), {"default": StreamDecl(("a",))}),
        ({"x": ["a"], "y": []}, {"x": StreamDecl(("a",)), "y": StreamDecl(())}),
        ({"x": Stream(["a"], direct=True)}, {"x": StreamDecl(("a",), direct=True)}),
    ],
)
def test_every_way_to_declare_outputs_has_one_normal_form(outputs: Any, normal: Any) -> None:
    assert normal_outputs(outputs) == normal


@each_case("outputs", ["word", 7, None, [1], {"x": "word"}, {"x": [None]}])
def test_outputs_that_are_no_field_names_are_refused(outputs: Any) -> None:
    with pytest.raises(TypeError, match="expected a list of field names, got"):
        normal_outputs(outputs)


def test_outputs_may_depend_on_args() -> None:
    class Reader(Component):
        @classmethod
        def declare_outputs(cls, args: Any) -> Any:
            return args["fields"]

    assert normal_outputs(Reader.declare_outputs({"fields": ["a"]}))["default"].fields == ("a",)
    assert Component.declare_outputs({}) == ()


def test_what_args_import_is_said_by_the_names_of_import_args() -> None:
    class Reader(Component):
        import_args = ("one", "many", "none")

    args = {"one": "a:b", "many": ["c:d", 5, "e:f"], "other": "g:h"}
    assert list(Reader.import_paths(args)) == [("one", "a:b"), ("many", "c:d"), ("many", "e:f")]


def test_metrics_add_and_set() -> None:
    metrics = Metrics()
    metrics.count("lines")
    metrics.count("lines", 4)
    metrics.gauge("load", 0.5)
    metrics.gauge("load", 0.25)
    assert metrics.values == {"lines": 5, "load": 0.25}


def test_metrics_are_bounded_in_number_and_known_names_go_on() -> None:
    metrics = Metrics()
    for number in range(Metrics.NAMES_MAX):
        metrics.count(f"n{number}")
    with pytest.raises(ValueError, match="more than 100 names; 'one more' is refused"):
        metrics.gauge("one more", 1)
    metrics.count("n0")
    assert metrics.values["n0"] == 2


@pytest.mark.parametrize(
    ("level", "number"),
    [(None, logging.INFO), ("warn", logging.WARNING), ("error", logging.ERROR), ("?", 20)],
)
def test_log_takes_streamparses_levels(
    level: str | None, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    component = Component()
    component.context = context()
    with caplog.at_level(logging.DEBUG, "waterspout.user"):
        component.log("hello", level)
    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [(number, "hello")]
