"""What a bolt sees of a tuple: values by field, by position and by attribute; identity."""

from __future__ import annotations

import pytest
from waterspout.topology.task_env import reason_of
from waterspout.topology.tuples import Tuple, tick_tuple, tuple_class, unknown_attribute

Reading = tuple_class("sensor", "default", ("station", "amount"))


def test_values_are_found_by_field_position_attribute_and_slice() -> None:
    tup = Reading(("north", 3))
    assert (tup["station"], tup[1], tup.amount, tup[-1]) == ("north", 3, 3, 3)
    assert tup[:1] == ("north",)
    assert tup.values == ("north", 3)
    assert tup.as_dict() == {"station": "north", "amount": 3}


def test_an_unknown_field_is_named_with_the_fields_there_are() -> None:
    tup = Reading(("north", 3))
    text = (
        "stream 'default' of 'sensor' has no field 'statoin', did you mean 'station'?; "
        "it has station, amount"
    )
    with pytest.raises(KeyError) as caught:
        tup["statoin"]
    assert str(caught.value) == text
    assert tup.get("statoin") is None
    assert tup.get("statoin", 7) == 7
    assert tup.get("station") == "north"


def test_an_unknown_attribute_is_told_like_an_unknown_field() -> None:
    tup = Reading(("north", 3))
    with pytest.raises(AttributeError) as caught:
        _ = tup.statoin
    assert unknown_attribute(caught.value) == (
        "stream 'default' of 'sensor' has no field 'statoin', did you mean 'station'?; "
        "it has station, amount"
    )
    assert reason_of(caught.value) == f"AttributeError: {unknown_attribute(caught.value)}"
    with pytest.raises(AttributeError) as other:
        _ = object().statoin  # type: ignore[attr-defined]
    assert unknown_attribute(other.value) is None
    assert unknown_attribute(KeyError("statoin")) is None


def test_a_field_named_like_something_of_a_tuple_does_not_hide_it() -> None:
    odd = tuple_class("a", "s", ("values", "count", "component", "is_tick", "two words"))
    tup = odd((1, 2, 3, 4, 5))
    assert tup.component == "a"
    assert tup.values == (1, 2, 3, 4, 5)
    assert not tup.is_tick()
    assert tup["values"] == 1
    assert tup["two words"] == 5


def test_equal_values_are_two_pieces_of_work() -> None:
    one, two = Reading(("north", 3)), Reading(("north", 3))
    assert one != two
    assert one == one
    assert len({one, two}) == 2
    assert [one, two].index(two) == 1
    assert one == ("north", 3)


def test_what_a_tuple_is_of_lies_on_its_class() -> None:
    tup = Reading(("north", 3))
    assert isinstance(tup, Tuple)
    assert (tup.component, tup.stream, tup.fields) == ("sensor", "default", ("station", "amount"))
    assert tup.task == -1


def test_a_tick_is_storms_tick() -> None:
    tick = tick_tuple(2.5)
    assert tick.is_tick()
    assert (tick.component, tick.stream, tick[0]) == ("__system", "__tick", 2.5)
    assert not Reading(("north", 3)).is_tick()


def test_its_text_names_source_and_fields_and_is_cut() -> None:
    assert repr(Reading(("north", 3))) == "<sensor/default station='north', amount=3>"
    assert len(repr(Reading(("x" * 10_000, 3)))) < 150
