"""Event times: every unit, both ways, and each way a row can be wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from waterspout.topology.columns import Columns
from waterspout.topology.component import StreamDecl
from waterspout.topology.event_time import UNITS, EventTimeError, RowTimes, TimeField, iso_text
from waterspout.topology.tuples import Tuple

from ..each_case import each_case

STREAMS = {"default": StreamDecl(("user", "ts")), "other": StreamDecl(("user",))}


@each_case(
    "unit, value, ms",
    [
        ("s", 12, 12_000), ("s", 12.345, 12_345), ("s", 1.001, 1001), ("s", 9.9996, 9999),
        ("s", -0.0005, -1), ("s", 1_700_000_000.123, 1_700_000_000_123), ("ms", 12, 12),
        ("ms", 12.9, 12), ("ms", -0.5, -1), ("us", 12_345, 12), ("us", -1, -1), ("us", 2500.0, 2),
        ("iso", "1970-01-01T00:00:01Z", 1000), ("iso", "1970-01-01T00:00:01.0019", 1001),
        ("iso", "1970-01-01 01:00:00+01:00", 0), ("iso", "1969-12-31T23:59:59.999Z", -1),
        ("iso", "1970-01-02", 86_400_000),
    ],
)  # fmt: skip
def test_a_time_is_cut_to_milliseconds(unit: str, value: Any, ms: int) -> None:
    assert TimeField("ts", unit).ms(value) == ms


@each_case("unit, ms", product(UNITS, [0, 1000, 1234, -1, 1_359_633_900_000, 1_359_633_900_123]))
def test_what_is_written_reads_the_same(unit: str, ms: int) -> None:
    time = TimeField("ts", unit)
    assert time.ms(time.written(ms)) == ms


def test_whole_seconds_are_written_as_integers() -> None:
    time = TimeField("ts", "s")
    assert (time.written(60_000), time.written(60_500)) == (60, 60.5)
    assert type(time.written(60_000)) is int


@each_case("ms", [-62_135_596_800_000, -1, 0, 1_359_633_900_123, 253_402_300_799_999])
def test_iso_text_says_what_datetime_says(ms: int) -> None:
    seconds, rest = divmod(ms, 1000)
    day = datetime(1970, 1, 1, tzinfo=UTC).toordinal() + seconds // 86_400
    assert datetime.fromisoformat(iso_text(ms)).toordinal() == day
    assert TimeField("ts", "iso").ms(iso_text(ms)) == ms
    assert ("." in iso_text(ms)) is bool(rest)


@each_case(
    "unit, value, text",
    [
        ("s", None, "field 'ts' is missing (None)"),
        ("s", "soon", "holds 'soon'; a number of seconds since 1970 expected; a date as text"),
        ("s", True, "holds True; a number of seconds"),
        ("s", float("nan"), "holds nan; a number of seconds"),
        ("ms", float("inf"), "holds inf; a number of milliseconds"),
        ("us", [1], "holds [1]; a number of microseconds"),
        ("s", 1_700_000_000_000, "outside the years 1 to 9999 with 'unit: s'; is it another unit"),
        ("ms", 10**30, "outside the years"),
        ("iso", 12, "holds 12; a text such as '2013-01-31T12:05:00Z' expected (unit: iso)"),
        ("iso", "31.1.2013", "holds '31.1.2013'; a text such as"),
    ],
)  # fmt: skip
def test_what_is_no_time_is_named(unit: str, value: Any, text: str) -> None:
    with pytest.raises(EventTimeError, match="event time: field 'ts'") as caught:
        TimeField("ts", unit).ms(value)
    assert text in str(caught.value)
    good: Any = "1970-01-01" if unit == "iso" else 5
    for values in ([value, good], [good, value], [good, value, good]):
        with pytest.raises(EventTimeError) as caught:
            TimeField("ts", unit).max_ms(values)
        assert text in str(caught.value)


def test_the_largest_time_is_found_whatever_the_order() -> None:
    assert TimeField("ts", "s").max_ms([3, 7.5, 1]) == 7500
    assert TimeField("ts", "ms").max_ms([-7, -3]) == -3
    # As texts the first is larger, and it is the earlier one.
    times = ["1970-01-01T12:00:00+12:00", "1970-01-01T11:00:00Z"]
    assert TimeField("ts", "iso").max_ms(times) == 11 * 3_600_000


def test_a_row_that_is_far_too_early_is_found_among_good_ones() -> None:
    with pytest.raises(EventTimeError, match="outside the years"):
        TimeField("ts", "ms").max_ms([5, -(10**17), 6])


@pytest.mark.parametrize("by_column", [False, True])
def test_rows_are_read_by_the_field_of_their_stream(by_column: bool) -> None:
    times = RowTimes("source", STREAMS, field="ts")
    rows: Any = [["a", 3], ["b", 5], ["c", 4]]
    assert times.max_ms("default", Columns.of_rows(rows, 2) if by_column else rows) == 5000


def test_a_stream_without_the_field_has_no_time() -> None:
    times = RowTimes("source", STREAMS, field="ts")
    assert times.max_ms("other", [["a"]]) is None
    assert times.max_ms("default", []) is None


@pytest.mark.parametrize("row", [["a"], 5, None])
def test_what_is_no_row_is_left_to_the_emitter(row: Any) -> None:
    assert RowTimes("source", STREAMS, field="ts").max_ms("default", [row]) is None


def test_a_function_gets_the_row_by_name() -> None:
    def twice(row: Tuple) -> int:
        return int(row["ts"]) * 2 + len(row.component)

    times = RowTimes("source", STREAMS, function=twice, unit="ms")
    assert times.max_ms("default", [["a", 1], ["b", 4]]) == 8 + len("source")


def test_what_a_function_returns_is_checked_under_its_name() -> None:
    times = RowTimes("source", STREAMS, function=lambda row: None)
    with pytest.raises(EventTimeError, match=r"field '<lambda>' is missing"):
        times.max_ms("default", [["a", 1]])
