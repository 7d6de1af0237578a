"""left, right, select: what they may say, and what rows come of it."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.bolts.joins.sides import (
    LEFT,
    RIGHT,
    Sides,
    needs_of_sides,
    of_kind,
    read_select,
)
from waterspout.topology.component import Needs, Side
from waterspout.topology.errors import UserError, WrongArguments
from waterspout.topology.tuples import tuple_class

from ...each_case import each_case

SELECT = {"a": "right.x", "b": "left.y", "c": "right.y"}
L = tuple_class("l", "default", ("x", "y"))
R = tuple_class("r", "other", ("y", "x"))


def test_a_pair_becomes_the_selected_fields_in_their_order() -> None:
    sides = Sides("Join", "l", "r.other", SELECT)
    left, right = L((1, 2)), R((3, 4))
    assert (sides.side(left), sides.side(right)) == (LEFT, RIGHT)
    assert (sides.kept(left), sides.kept(right)) == ((2,), (4, 3))
    assert sides.outputs == ["a", "b", "c"]
    assert sides.row(sides.kept(left), sides.kept(right)) == [4, 2, 3]
    assert sides.row(None, (4, 3)) == [4, None, 3]
    assert sides.row((2,), None) == [None, 2, None]


def test_a_tuple_of_neither_side_or_without_a_field_is_refused_by_name() -> None:
    sides = Sides("Join", "l", "r.other", SELECT)
    with pytest.raises(UserError, match=r"Join: r is neither left \(l\) nor right \(r\.other\)"):
        sides.side(tuple_class("r", "default", ("x", "y"))((1, 2)))
    short = tuple_class("r", "other", ("yy", "x"))
    with pytest.raises(UserError, match=r"right \(r\.other\) has no field 'y', did you mean 'yy'"):
        sides.kept(short((1, 2)))


@each_case(
    "left, right, select, text",
    [
        ("a", "a", SELECT, "right: the same stream as left"),
        ("a", "a.default", SELECT, "right: the same stream as left"),
        (1, "b", SELECT, "left: a component, or component.stream, expected: 1"),
        ("a", "", SELECT, "right: a component"),
        ("a", "b", {}, "select: output fields expected, as in {out: left.field}"),
        ("a", "b", ["x"], "select: output fields expected"),
        ("a", "b", {"x": "y"}, "select.x: left.field or right.field expected, got 'y'"),
        ("a", "b", {"x": "middle.y"}, "left.field or right.field expected"),
        ("a", "b", {"x": "left."}, "left.field or right.field expected"),
        ("a", "b", {"x": 1}, "left.field or right.field expected, got 1"),
    ],
)
def test_arguments_that_cannot_be_are_refused(
    left: Any, right: Any, select: Any, text: str
) -> None:
    with pytest.raises(UserError) as caught:
        Sides("Join", left, right, select)
    assert str(caught.value).startswith("Join: ") and text in str(caught.value)


def test_select_of_other_names_and_words() -> None:
    assert read_select("J", {"a": "table.x"}, ("row", "table")) == (["a"], [(1, "x")])
    assert of_kind("J", "kind", "left", ("inner", "left")) == "left"
    with pytest.raises(UserError, match=r"J: kind: .*'lefft', did you mean 'left'"):
        of_kind("J", "kind", "lefft", ("inner", "left"))
    with pytest.raises(UserError, match="J: kind: one of inner, left expected, got 1"):
        of_kind("J", "kind", 1, ("inner", "left"))


def test_all_that_is_wrong_with_the_sides_is_said_at_once() -> None:
    with pytest.raises(WrongArguments) as caught:
        Sides("Join", 1, "b", {"x": "righ.y", "y": "left.a", "z": 5})
    assert list(caught.value.found) == [
        "Join: left: a component, or component.stream, expected: 1",
        "Join: select.x: left.field or right.field expected, got 'righ.y', did you mean 'right.y'?",
        "Join: select.z: left.field or right.field expected, got 5",
    ]


@pytest.mark.parametrize(
    ("time", "places"),
    [("t", ["time", "time"]), ({"left": "t", "right": "t"}, ["time.left", "time.right"])],
)
def test_each_side_has_needs_of_its_own(time: Any, places: list[str]) -> None:
    args = {"left": "a", "right": "b.late", "select": {"x": "left.f", "y": "right.g"}, "time": time}
    left = Side("left", "a", "default", {"f": "select.x", "t": places[0]})
    right = Side("right", "b", "late", {"g": "select.y", "t": places[1]})
    assert needs_of_sides(args, timed=True) == Needs(
        sides=(left, right), event_time="time", keyed=True
    )
    assert [side.fields for side in needs_of_sides(args).sides] == [
        {"f": "select.x"}, {"g": "select.y"},
    ]  # fmt: skip
    assert needs_of_sides({**args, "left": 5}) == Needs(keyed=True)
