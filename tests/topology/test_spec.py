"""The spec survives the wire unchanged."""

from __future__ import annotations

import msgpack
import pytest
from waterspout.topology.settings import Settings
from waterspout.topology.spec import ComponentOptions, ComponentSpec, InputSpec, TopologySpec


def spec() -> TopologySpec:
    lines = ComponentSpec("lines", "spout", "waterspout.spouts:Files", {"paths": "*.py"})
    count = ComponentSpec(
        "count",
        "bolt",
        "mine:Count",
        {"top": [1, {"a": None}]},
        parallelism=2,
        inputs=(InputSpec("lines", grouping="fields", fields=("word",)),),
        options=ComponentOptions(tick_interval_s=1.5),
    )
    return TopologySpec(
        "wordcount",
        "at-least-once",
        2,
        {"lines": lines},
        {"count": count},
        Settings(message_timeout_s=3.0),
        "/somewhere",
    )


def test_a_spec_comes_back_from_msgpack_equal_to_what_was_sent() -> None:
    packed = msgpack.packb(spec().to_wire())
    assert TopologySpec.from_wire(msgpack.unpackb(packed)) == spec()


def test_components_yields_spouts_before_bolts() -> None:
    assert [component.id for component in spec().components()] == ["lines", "count"]


def test_component_finds_by_id_and_raises_for_an_unknown_one() -> None:
    assert spec().component("count").parallelism == 2
    with pytest.raises(KeyError):
        spec().component("nobody")
