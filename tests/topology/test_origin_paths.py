"""Rows carry origins between spouts and the bolts that ask, and nowhere else."""

from __future__ import annotations

from waterspout.topology.loader import load
from waterspout.topology.origin_paths import above, copied_inputs, origin_paths
from waterspout.topology.spec import InputSpec, TopologySpec

TEXT = """\
name: x
guarantee: %s
spouts:
  lines: {class: m:S}
  other: {class: m:S}
bolts:
  split: {class: m:B, inputs: [lines]}
  log: {class: m:B, inputs: [split]}
  count: {class: m:B, effectively_once: %s, inputs: [{from: split, grouping: fields, fields: [w]}]}
  top: {class: m:B, inputs: [count, other]}
"""


def spec_of(guarantee: str = "at-least-once", asks: str = "true") -> TopologySpec:
    loaded = load(TEXT % (guarantee, asks), "t.yaml")
    assert loaded.draft is not None, loaded.problems
    return loaded.draft


def test_only_what_lies_above_a_bolt_that_asks_has_to_do_with_it() -> None:
    paths = origin_paths(spec_of())
    assert paths.any
    assert paths.asking == {"count"}
    assert paths.taking == {"split", "count"}
    assert paths.giving == {"lines", "split"}
    assert paths.between == {"split"}


def test_nobody_asks_or_the_guarantee_is_another_and_there_are_none() -> None:
    for spec in (spec_of(asks="false"), spec_of("exactly-once"), spec_of("at-most-once")):
        paths = origin_paths(spec)
        assert not (paths.any or paths.taking or paths.giving)


def test_all_components_above_some_bolts_are_found_and_unknown_names_left_out() -> None:
    assert above(spec_of(), ["top", "nobody"]) == (
        {"top", "count", "split"}, {"lines", "other", "split", "count"},
    )  # fmt: skip


def test_inputs_of_which_every_task_gets_a_copy() -> None:
    inputs = [InputSpec("a", "s", "all"), InputSpec("b"), InputSpec("c", grouping="all")]
    assert copied_inputs(inputs) == {("a", "s"), ("c", "default")}
