"""The topology against what its classes declare."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.topology.component import StreamDecl
from waterspout.topology.facts import ComponentFacts
from waterspout.topology.lint_facts import lint_facts
from waterspout.topology.loader import load

from ..each_case import each_case

TEXT = """\
name: x
guarantee: {guarantee}
spouts:
  s: {{class: m:S}}
bolts:
  b: {{class: m:B, inputs: [{input}]{more}}}
"""

SPOUT = ComponentFacts(
    "spout",
    outputs={
        "default": StreamDecl(("word", "line")),
        "errors": StreamDecl(("text",)),
        "addressed": StreamDecl(("word",), direct=True),
    },
    replay="seek",
)


def problems_of(
    item: str = "s",
    more: str = "",
    guarantee: str = "at-least-once",
    spout: ComponentFacts | None = SPOUT,
    **bolt: Any,
) -> list[str]:
    """Return the problems of a topology s -> b with these facts."""
    loaded = load(TEXT.format(input=item, more=more, guarantee=guarantee), "t.yaml")
    facts = {"b": ComponentFacts("bolt", **bolt)}
    lint_facts(loaded, {**facts, "s": spout} if spout else facts)
    return [str(problem) for problem in loaded.problems]


def test_a_topology_that_fits_its_classes_has_no_problems() -> None:
    assert problems_of() == []
    assert problems_of("s.errors") == []
    assert problems_of("{from: s.addressed, grouping: direct}") == []
    assert problems_of("{from: s, grouping: fields, fields: [line]}", stateful=True) == []


INPUTS = [
    ("s.erors", "6:28: E_REF bolts.b.inputs[0]: 's' has no stream 'erors', it has: default, "
     "errors, addressed, did you mean 'errors'?"),
    ("{from: s, grouping: fields, fields: [line, wrod]}",
     "6:71: E_GROUPING bolts.b.inputs[0].fields[1]: 'wrod' is not a field of 's' stream 'default', "
     "declared: word, line, did you mean 'word'?"),
    ("{from: s, grouping: partial-key, fields: [text]}", "E_GROUPING bolts.b.inputs[0].fields[0]"),
    ("{from: s, grouping: direct}",
     "6:48: E_GROUPING bolts.b.inputs[0].grouping: stream 'default' of 's' is not declared direct"),
    ("s.addressed", "6:28: E_GROUPING bolts.b.inputs[0].grouping: stream 'addressed' of 's' is "
     "declared direct: grouping 'direct' expected, got 'shuffle'"),
]  # fmt: skip


@each_case("item, expected", INPUTS)
def test_an_input_has_to_fit_the_stream_it_names(item: str, expected: str) -> None:
    found = problems_of(item)
    assert len(found) == 1 and expected in found[0]


def test_a_component_without_outputs_says_so() -> None:
    assert "'s' has no stream 'default', it declares no outputs" in (
        problems_of(spout=ComponentFacts("spout", replay="seek"))[0]
    )


def test_what_would_make_it_emit_is_said() -> None:
    (found,) = problems_of(spout=ComponentFacts("spout", replay="seek", outputs_hint="try this"))
    assert found.endswith("'s' has no stream 'default', it declares no outputs: try this")


def test_what_is_not_known_is_not_judged() -> None:
    assert problems_of("s.anything", spout=None) == []


OPTIONS: list[tuple[str, dict[str, Any], str]] = [
    (
        ", blocking: true",
        {"is_async": True},
        "6:42: E_CONFLICT bolts.b.blocking: 'blocking: true' and 'async def process' exclude each "
        "other: leave 'blocking' out",
    ),
    (
        ", blocking: true",
        {"has_process": False, "has_batch": True},
        "6:42: E_CONFLICT bolts.b.blocking: 'blocking: true' runs 'process', and this class has "
        "only 'process_batch': leave 'blocking' out, or move what blocks into 'def process",
    ),
    (
        ", blocking: true",
        {"has_process": False},
        "calls its function for many tuples at once on the worker's own thread: leave 'blocking' "
        "out; when the function blocks, write a bolt whose 'def process(self, tup)' calls it",
    ),
    (", concurrency: 3", {}, "6:45: W_OPTION bolts.b.concurrency: no effect"),
    (", tick_interval: 1s", {}, "6:47: W_OPTION bolts.b.tick_interval: no effect"),
    ("", {"has_tick": True}, "6:3: W_OPTION bolts.b: the class has 'process_tick', which is never"),
    (
        ", parallelism: 2",
        {"stateful": True},
        "6:28: W_GROUPING bolts.b.inputs[0]: 'b' keeps state in 2 tasks and grouping 'shuffle'",
    ),
    ("", {"sink": True}, "6:3: I_GUARANTEE bolts.b: after a failure this sink may hold some rows"),
]


@each_case("more, facts, expected", OPTIONS)
def test_options_and_facts_have_to_fit(more: str, facts: dict[str, Any], expected: str) -> None:
    found = problems_of(more=more, **facts)
    assert len(found) == 1 and expected in found[0]


def test_options_that_fit_are_silent() -> None:
    assert problems_of(more=", concurrency: 3", is_async=True) == []
    assert problems_of(more=", tick_interval: 1s", has_tick=True) == []
    assert problems_of(stateful=True) == []
    assert problems_of(more=", parallelism: 2", stateful=True, rescalable=True) == []
    keyed = problems_of(more=", parallelism: 2, args: {key: [a]}", stateful=True, rescalable=True)
    assert len(keyed) == 1 and "W_GROUPING" in keyed[0]
    assert problems_of(has_process=False, has_batch=True) == []
    assert problems_of(more=", blocking: true") == []


def test_a_file_that_could_not_be_read_is_not_judged() -> None:
    loaded = load("", "t.yaml")
    lint_facts(loaded, {"s": SPOUT})
    assert [problem.code for problem in loaded.problems] == ["E_EMPTY"]


@pytest.mark.parametrize(
    ("replay", "expected"),
    [
        ("none", "4:3: W_GUARANTEE spouts.s: 'replay: none': what fails or is under way"),
        ("re-emit", "4:3: W_GUARANTEE spouts.s: 'replay: re-emit': messages are kept in the"),
    ],
)
def test_at_least_once_is_worth_what_the_spout_can_replay(replay: str, expected: str) -> None:
    spout = ComponentFacts("spout", outputs=SPOUT.outputs, replay=replay)
    found = problems_of(spout=spout)
    assert len(found) == 1 and expected in found[0]


def test_at_most_once_says_what_is_lost_and_nothing_of_replay() -> None:
    spout = ComponentFacts("spout", outputs=SPOUT.outputs, replay="none")
    found = problems_of(guarantee="at-most-once", spout=spout, sink=True)
    assert len(found) == 1 and "2:12: I_GUARANTEE guarantee: messages that are under" in found[0]


def test_an_event_time_is_a_field_of_some_stream() -> None:
    text = TEXT.format(input="s", more="", guarantee="at-least-once")

    def found(event_time: str) -> list[str]:
        loaded = load(text.replace("m:S", f"m:S, event_time: {event_time}"), "t.yaml")
        lint_facts(loaded, {"s": SPOUT})
        return [str(problem) for problem in loaded.problems]

    assert found("line") == found("text") == found("{function: m:f}") == []
    (problem,) = found("{field: lime, unit: ms}")
    assert "E_REF spouts.s.event_time.field: 'lime' is not a field of 's', declared: wo" in problem
    assert "did you mean 'line'?" in problem
    assert "t.yaml:4:" in found("lime")[0]
