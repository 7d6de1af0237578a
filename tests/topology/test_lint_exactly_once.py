"""What exactly-once refuses, by name, and what lint says it is worth."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.topology.component import StreamDecl
from waterspout.topology.facts import ComponentFacts
from waterspout.topology.lint import lint_spec
from waterspout.topology.lint_facts import lint_facts
from waterspout.topology.loader import load

TEXT = """\
name: x
guarantee: exactly-once
spouts:
  s: {class: m:S}
bolts:
  b: {class: m:B, inputs: [{from: s, grouping: fields, fields: [word]}]}
settings: {%s}
"""
OUT = {"default": StreamDecl(("word",))}


def problems_of(settings: str = "", replay: str = "seek", **bolt: Any) -> list[str]:
    """Return the problems of a topology s -> b under exactly-once."""
    loaded = load(TEXT % settings, "t.yaml")
    spout = ComponentFacts("spout", outputs=OUT, replay=replay)
    lint_facts(loaded, {"s": spout, "b": ComponentFacts("bolt", **bolt)})
    return [str(problem) for problem in loaded.problems]


def test_state_behind_a_spout_that_seeks_has_no_problems() -> None:
    assert problems_of(stateful=True) == []
    assert problems_of(outputs=OUT) == []


@pytest.mark.parametrize("replay", ["re-emit", "none"])
def test_a_spout_that_cannot_seek_is_refused(replay: str) -> None:
    (problem,) = problems_of(replay=replay, stateful=True)
    assert f"4:3: E_GUARANTEE spouts.s: 'replay: {replay}'" in problem


def test_a_bolt_that_acks_by_hand_is_refused() -> None:
    (problem,) = problems_of(auto_ack=False, stateful=True)
    assert "6:3: E_GUARANTEE bolts.b: 'auto_ack = False'" in problem


@pytest.mark.parametrize("facts", [{"sink_kind": "append"}, {"sink": True}])
def test_a_sink_that_can_neither_commit_nor_upsert_is_refused(facts: dict[str, Any]) -> None:
    (problem,) = problems_of(**facts)
    assert "E_GUARANTEE bolts.b: 'b' can neither commit in two phases nor upsert" in problem


@pytest.mark.parametrize(
    ("kind", "said"), [("transactional", "visible once"), ("upsert", "under the same keys")]
)
def test_lint_says_what_the_guarantee_is_worth_with_a_sink(kind: str, said: str) -> None:
    (problem,) = problems_of(sink_kind=kind, sink=True)
    assert "I_GUARANTEE bolts.b" in problem and said in problem


def test_c9_effects_outside_of_the_snapshot_are_warned_of() -> None:
    (problem,) = problems_of()
    assert "W_GUARANTEE bolts.b" in problem and "done again after a restore" in problem


def test_c10_a_circle_of_bolts_is_refused_for_every_guarantee() -> None:
    text = TEXT.replace("from: s", "from: b") % ""
    loaded = load(text, "t.yaml")
    lint_spec(loaded)
    assert any("E_CYCLE" in str(problem) for problem in loaded.problems)


def test_settings_of_other_guarantees_are_named() -> None:
    found = problems_of("message_timeout: 10s, round_interval: 2s", stateful=True)
    assert len(found) == 2 and all("W_OPTION settings." in each for each in found)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ("checkpoint_alignment_timeout: 20m", "20m is over checkpoint_timeout 10m"),
        (
            "checkpoint_alignment_timeout: 5s, fail_to_dead_letter: true",
            "a message that failed would come again",
        ),
    ],
)
def test_an_alignment_timeout_names_what_it_does_not_go_with(settings: str, what: str) -> None:
    loaded = load(TEXT % settings, "t.yaml")
    lint_spec(loaded)
    (problem,) = loaded.problems
    assert "E_CONFLICT settings.checkpoint_alignment_timeout" in str(problem)
    assert what in str(problem)


def test_a_limit_of_logs_that_nobody_makes_is_named() -> None:
    (problem,) = problems_of("checkpoint_log_max: 1MiB", stateful=True)
    assert "W_OPTION settings.checkpoint_log_max: no effect without" in problem
    both = "checkpoint_log_max: 1MiB, checkpoint_alignment_timeout: 5s"
    assert problems_of(both, stateful=True) == []
