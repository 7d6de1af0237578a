"""The forms of ``event_time`` in a file, and what is refused in each."""

from __future__ import annotations

from waterspout.topology.loader import load
from waterspout.topology.spec import EventTimeSpec, TopologySpec

from ..each_case import each_case

FILE = "name: x\nspouts:\n  s:\n    class: m:S\n    event_time: "


@each_case(
    "text, expected",
    [
        ("ts", EventTimeSpec("ts")),
        ("{field: ts}", EventTimeSpec("ts")),
        (
            "{field: ts, unit: ms, lag: 5s, idle: 30s}",
            EventTimeSpec("ts", "", "ms", 5.0, 30.0),
        ),
        ("{function: m.when, unit: iso}", EventTimeSpec("", "m:when", "iso")),
    ],
)
def test_it_is_a_field_or_a_mapping_and_survives_the_wire(
    text: str, expected: EventTimeSpec
) -> None:
    spec = load(FILE + text, "t.yaml").spec
    assert spec is not None
    assert spec.spouts["s"].options.event_time == expected
    assert TopologySpec.from_wire(spec.to_wire()) == spec


def test_without_it_there_is_none() -> None:
    spec = load("name: x\nspouts: {s: {class: m:S}}", "t.yaml").spec
    assert spec is not None
    assert spec.spouts["s"].options.event_time is None
    assert TopologySpec.from_wire(spec.to_wire()) == spec


REFUSES = [
    ("{}", "5:17: E_MISSING spouts.s.event_time: 'field' is missing (the field that says when"),
    ("{lag: 5s}", "5:17: E_MISSING spouts.s.event_time: 'field' is missing"),
    ("{feild: ts}", "5:18: E_UNKNOWN_KEY spouts.s.event_time: unknown key 'feild', allowed: field"),
    ("{field: ts, function: m:f}", "E_CONFLICT spouts.s.event_time: field 'ts' and a function ex"),
    ("{field: ts, unit: sec}", "E_RANGE spouts.s.event_time.unit: 'sec' unknown, allowed: s, ms, "),
    ("{field: ts, unit: mss}", "did you mean 'ms'?"),
    ("{field: ts, lag: 5}", "E_DURATION spouts.s.event_time.lag: a duration such as 500ms"),
    ("{field: ts, idle: 0s}", "spouts.s.event_time.idle: a duration of 1ms..30d expected"),
    ("{function: when}", "E_NAME spouts.s.event_time.function: 'when' is not the path of a func"),
    ("{function: 3}", "E_TYPE spouts.s.event_time.function: a function such as module:function"),
    ("[ts]", "5:17: E_TYPE spouts.s.event_time: a mapping expected, got list"),
    ("7", "5:17: E_TYPE spouts.s.event_time: the name of a field, or a mapping with 'field',"),
]


@each_case("text, expected", REFUSES)
def test_anything_else_is_refused_once_at_its_place(text: str, expected: str) -> None:
    problems = [str(problem) for problem in load(FILE + text, "t.yaml").problems]
    assert [expected in problem for problem in problems] == [True], problems


def test_a_bolt_has_none() -> None:
    bolt = "b: {class: m:B, inputs: [s], event_time: t}"
    text = f"name: x\nspouts: {{s: {{class: m:S}}}}\nbolts: {{{bolt}}}"
    (problem,) = load(text, "t.yaml").problems
    assert "E_UNKNOWN_KEY bolts.b: unknown key 'event_time'" in str(problem)
