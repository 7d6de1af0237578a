"""Times out of columns, as ``TimeField`` reads them one by one."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from waterspout.bolts.windows.clocks import EventClock, ProcessingClock
from waterspout.topology.event_time import EventTimeError, TimeField

from ...each_case import each_case


@each_case(
    "unit, column",
    [
        ("s", [1, 0, -5, 10**9]),
        ("s", [1.0, 1.001, -0.0005, 1e9 + 0.9996]),
        ("s", [1, 2.5]),
        ("ms", [1, -1]),
        ("ms", [1.9, -1.1]),
        ("us", [1999, -1]),
        ("us", [1999.5]),
        ("iso", ["1970-01-01T00:00:01Z", "1970-01-01T01:00:00+01:00"]),
        ("s", []),
    ],
)
def test_a_column_is_read_as_each_of_its_values(unit: str, column: list[Any]) -> None:
    field = TimeField("ts", unit)
    assert EventClock("ts", unit).times(column) == list(map(field.ms, column))


@each_case(
    "unit, value",
    product(["s", "ms", "us"], [None, "12", True, float("nan"), float("inf"), 10**18, -(10**18)]),
)
def test_what_is_no_time_is_named(unit: str, value: Any) -> None:
    with pytest.raises(EventTimeError, match="field 'ts'"):
        EventClock("ts", unit).times([1, value])


def test_the_end_of_a_window_belongs_to_it_when_windows_are_nested() -> None:
    assert EventClock("window_end", "s", nested=True).times([60, 120]) == [59_999, 119_999]


def test_times_are_written_as_they_are_read() -> None:
    assert EventClock("ts", "iso").written(1000) == "1970-01-01T00:00:01Z"
    assert ProcessingClock("s").written(1500) == 1.5


def test_a_clock_that_is_set_back_does_not_go_back() -> None:
    clock = ProcessingClock("s")
    assert [clock.now(ms) for ms in (-5, 10, 7, 11)] == [-5, 10, 10, 11]
