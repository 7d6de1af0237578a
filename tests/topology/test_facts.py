"""Facts survive JSON."""

from __future__ import annotations

import json

import pytest
from waterspout.topology.component import Needs, Side, StreamDecl
from waterspout.topology.facts import ComponentFacts


def test_facts_come_back_from_json_equal() -> None:
    facts = ComponentFacts(
        "spout", outputs={"default": StreamDecl(("a", "b"), direct=True)}, replay="seek"
    )
    assert ComponentFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts


def test_what_a_bolt_needs_comes_back_from_json_equal() -> None:
    side = Side("left", "a", fields={"id": "on"})
    needs = Needs(
        {"f": "key"}, ("f",), "time", (side,), ("names", 2), keyed=True, arity=(1, None),
        one_task=("path", "it is one file"),
    )  # fmt: skip
    facts = ComponentFacts("bolt", needs=needs)
    assert ComponentFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts


def test_a_bolt_that_acks_by_hand_or_awaits_may_hold_tuples() -> None:
    assert ComponentFacts("bolt", auto_ack=False).holds
    assert ComponentFacts("bolt", is_async=True).holds
    assert not ComponentFacts("bolt").holds


def test_an_unknown_fact_is_refused() -> None:
    with pytest.raises(TypeError):
        ComponentFacts.from_json({"kind": "bolt", "outputs": {}, "colour": "red"})
