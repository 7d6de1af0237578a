"""What effectively_once refuses, by name and with what to do."""

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
guarantee: %s
spouts:
  s: {class: m:S}
bolts:
  split: {class: m:B, inputs: [%s]%s}
  count: {class: m:C, effectively_once: true, inputs: [%s]%s}
  top: {class: m:T, inputs: [count]}
"""
OUT = {"default": StreamDecl(("word",))}
BY_KEY = "{from: split, grouping: fields, fields: [word]}"


def problems_of(
    guarantee: str = "at-least-once", *, replay: str = "seek", split_input: str = "s",
    split_more: str = "", count_input: str = BY_KEY, count_more: str = "",
    split: dict[str, Any] | None = None, **count: Any,
) -> list[str]:  # fmt: skip
    """Return the errors of a topology s -> split -> count -> top."""
    loaded = load(TEXT % (guarantee, split_input, split_more, count_input, count_more), "t.yaml")
    assert loaded.draft is not None, [str(each) for each in loaded.problems]
    facts = {
        "s": ComponentFacts("spout", outputs=OUT, replay=replay),
        "split": ComponentFacts("bolt", **{"outputs": OUT, "deterministic": True, **(split or {})}),
        "count": ComponentFacts("bolt", **{"outputs": OUT, "stateful": True, **count}),
    }
    lint_facts(loaded, facts)
    found = [str(each) for each in loaded.problems]
    return [each for each in found if ": E_" in each]


def test_a_count_behind_a_deterministic_bolt_and_a_spout_that_seeks_has_no_problems() -> None:
    assert problems_of() == []
    assert problems_of(split_input="{from: s, grouping: all}", has_batch=True) == []
    ticks = {"own_emits": ("process_tick",)}
    assert problems_of(own_emits=("finish", "on_timer"), split=ticks) == []


@pytest.mark.parametrize(
    ("guarantee", "said"),
    [("exactly-once", "counts once in all state already"), ("at-most-once", "nothing comes again")],
)
def test_it_is_for_at_least_once(guarantee: str, said: str) -> None:
    (problem,) = problems_of(guarantee)
    assert "E_GUARANTEE bolts.count.effectively_once" in problem and said in problem


@each_case(
    "more, said",
    [
        ({"stateful": False}, "keeps no state"),
        ({"has_process": False}, "ColumnBolt"),
        ({"sink": True}, "appends to what is outside"),
        ({"is_async": True}, "not with 'async def process'"),
        ({"auto_ack": False}, "not with 'auto_ack = False'"),
        ({"auto_anchor": False}, "not with 'auto_anchor = False'"),
        ({"count_more": ", blocking: true"}, "not with 'blocking: true'"),
        ({"count_input": "split"}, "'grouping: fields' expected, got 'shuffle'"),
    ],
)
def test_a_bolt_that_cannot_ask_is_told_why(more: dict[str, Any], said: str) -> None:
    (problem,) = problems_of(**more)
    assert "E_GUARANTEE bolts.count" in problem and said in problem


def test_a_direct_stream_of_it_that_is_read_is_refused() -> None:
    found = problems_of(outputs={"default": StreamDecl(("word",), direct=True)})
    assert any("emits on the direct stream default" in problem for problem in found)


@each_case(
    "more, said",
    [
        ({"split": {"deterministic": False}}, "say 'deterministic = True' in the class"),
        ({"split": {"is_async": True}}, "not behind 'async def process'"),
        ({"split": {"auto_ack": False}}, "not behind 'auto_ack = False'"),
        ({"split": {"own_emits": ("finish",)}}, "what finish emits comes of no tuple"),
        (
            {"split": {"own_emits": ("process_tick",), "has_tick": True},
             "split_more": ", tick_interval: 1s"},
            "what process_tick emits comes of no tuple",
        ),
        ({"split_input": "{from: s, grouping: custom, class: m:G}"}, "a custom grouping"),
    ],
)  # fmt: skip
def test_a_bolt_above_it_that_may_make_other_rows_is_refused(
    more: dict[str, Any], said: str
) -> None:
    (problem,) = problems_of(**more)
    assert "E_GUARANTEE bolts.split" in problem
    assert "'count' below counts effectively once" in problem and said in problem


@pytest.mark.parametrize("replay", ["re-emit", "none"])
def test_a_spout_without_positions_is_refused(replay: str) -> None:
    (problem,) = problems_of(replay=replay)
    assert "E_GUARANTEE spouts.s" in problem and f"'replay: {replay}'" in problem
