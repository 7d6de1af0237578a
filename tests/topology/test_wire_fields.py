"""Maps of another version are refused by the name that does not fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from waterspout.topology.plan import Plan
from waterspout.topology.wire_fields import OtherVersion, made

from ..each_case import each_case
from .test_plan import plan, spec


@dataclass
class Point:
    x: int
    y: int = 0


def test_a_map_that_fits_becomes_its_dataclass():
    assert made(Point, {"x": 1}, "a point") == Point(1, 0)


@pytest.mark.parametrize(
    ("parts", "name", "text"),
    [
        ({"x": 1, "z": 2}, "z", "a point has 'z', which is not known here"),
        ({"y": 1}, "x", "a point has no 'x', which is needed here"),
    ],
)
def test_what_does_not_fit_is_named(parts: dict[str, Any], name: str, text: str):
    with pytest.raises(OtherVersion) as found:
        made(Point, parts, "a point")
    assert found.value.name == name
    assert str(found.value) == f"{text}; the versions of waterspout differ"


PLACES = [
    (("spec",), "the topology"),
    (("spec", "settings"), "settings"),
    (("spec", "spouts", 0), "s"),
    (("spec", "bolts", 0, "options"), "b"),
    (("spec", "bolts", 0, "inputs", 0), "an input of b"),
    (("facts", "b"), "b"),
    (("facts", "b", "needs"), "b"),
]


@each_case("where, what", PLACES)
def test_a_plan_with_a_field_of_a_later_version_says_where_it_is(
    where: tuple[str | int, ...], what: str
):
    wire = plan(spec()).to_wire()
    assert Plan.from_wire(wire).to_wire() == wire
    inner: Any = wire
    for step in where:
        inner = inner[step]
    inner["later"] = 1
    with pytest.raises(OtherVersion, match=f"^{what} has 'later', which is not known here"):
        Plan.from_wire(wire)
