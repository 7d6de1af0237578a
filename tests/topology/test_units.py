"""Times and sizes, read and written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.topology.units import format_duration, format_size, parse_duration, parse_size

from ..each_case import each_case

DURATIONS = [
    ("500ms", 0.5), ("30s", 30.0), ("5m", 300.0), ("1.5h", 5400.0), ("2d", 172_800.0),
    ("250us", 0.00025), ("0s", 0.0),
]  # fmt: skip


@each_case("text, seconds", DURATIONS)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@each_case("text", ["30", "30 s", "-5s", "s", ".5s", "1e3s", "5S", "9" * 40 + "s"])
def test_anything_else_is_no_duration(text: str) -> None:
    assert parse_duration(text) is None


SIZES = [("64B", 64), ("512KiB", 524_288), ("1MiB", 1_048_576), ("1.5KB", 1500), ("2GiB", 2**31)]


@each_case("text, size_bytes", SIZES)
def test_a_size_is_a_number_and_a_unit(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@each_case("text", ["1", "1 MiB", "-1B", "1mib", "1K"])
def test_anything_else_is_no_size(text: str) -> None:
    assert parse_size(text) is None


@each_case(
    "seconds, text",
    [(0, "0s"), (0.01, "10ms"), (60, "1m"), (90, "1.5m"), (100, "100s"), (604_800, "7d")],
)
def test_a_duration_is_written_in_a_unit_that_keeps_it_exact(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@each_case("size_bytes, text", [(1024, "1KiB"), (1536, "1536B"), (3 * 2**20, "3MiB"), (0, "0B")])
def test_a_size_is_written_in_the_largest_unit_that_divides_it(size_bytes: int, text: str) -> None:
    assert format_size(size_bytes) == text


@given(st.integers(0, 10**9))
def test_what_is_written_is_read_back(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, rel=1e-6)


@given(st.integers(0, 2**40))
def test_a_size_that_is_written_is_read_back(size_bytes: int) -> None:
    assert parse_size(format_size(size_bytes)) == size_bytes
