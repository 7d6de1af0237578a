"""Watermarks of a spout task, on a drawn timeline of partitions."""

from __future__ import annotations

import random

import pytest
from waterspout.spouts.watermarks import Watermarks
from waterspout.topology.marks import MAX_WATERMARK, MIN_WATERMARK

from ..each_case import each_case


def made(*partitions: str, lag_ms: int = 0, idle_s: float | None = None) -> Watermarks:
    """Return watermarks that know some partitions."""
    watermarks = Watermarks(lag_ms, idle_s)
    watermarks.looked = True
    for name in partitions:
        watermarks.opened(name)
    return watermarks


def test_there_is_none_before_every_partition_had_rows() -> None:
    #   a  . 5 .
    #   b  . . 3
    watermarks = made("a", "b")
    assert watermarks.advance(0.0) == MIN_WATERMARK
    watermarks.seen("a", 5)
    assert watermarks.advance(0.0) == MIN_WATERMARK
    watermarks.seen("b", 3)
    assert watermarks.advance(0.0) == 2


def test_the_partition_that_is_furthest_behind_decides_less_the_lag() -> None:
    watermarks = made("a", "b", lag_ms=100)
    watermarks.seen("a", 5000)
    watermarks.seen("b", 3000)
    assert watermarks.advance(0.0) == 2899
    assert watermarks.behind(0.0) == ("b", 3000)


def test_rows_out_of_order_do_not_take_it_back() -> None:
    watermarks = made("a")
    watermarks.seen("a", 50)
    watermarks.seen("a", 20)
    assert watermarks.advance(0.0) == 49


def test_it_does_not_go_back_for_a_partition_that_is_found_later() -> None:
    watermarks = made("a")
    watermarks.seen("a", 50)
    watermarks.advance(0.0)
    watermarks.opened("b")
    watermarks.seen("b", 10)
    assert watermarks.advance(0.0) == 49
    watermarks.seen("a", 90)
    assert watermarks.advance(0.0) == 49
    watermarks.seen("b", 60)
    assert watermarks.advance(0.0) == 59


def test_a_partition_that_is_silent_for_long_is_left_out_until_it_speaks() -> None:
    #   a  10        90            95
    #   b  20 ......(idle)   30
    watermarks = made("a", "b", idle_s=30)
    watermarks.seen("a", 10)
    watermarks.seen("b", 20)
    watermarks.silent("b", 100.0)
    watermarks.seen("a", 90)
    assert watermarks.advance(129.9) == 19
    assert watermarks.next_change(129.0) == pytest.approx(1.0)
    assert watermarks.advance(130.0) == 89
    assert watermarks.idle_partitions(130.0) == 1
    assert watermarks.behind(130.0) == ("a", 90)
    watermarks.seen("b", 30)
    watermarks.seen("a", 95)
    assert watermarks.advance(130.0) == 89


def test_silence_counts_from_the_first_time_that_it_had_nothing() -> None:
    # Not from its last row: a full outbox, for which nobody is asked, is no silence.
    watermarks = made("a", idle_s=30)
    watermarks.seen("a", 10)
    watermarks.silent("a", 100.0)
    watermarks.silent("a", 129.0)
    assert not watermarks.idle(129.0)
    assert watermarks.idle(130.0)


def test_without_idle_silence_holds_back_for_ever() -> None:
    watermarks = made("a", "b")
    watermarks.seen("a", 10)
    watermarks.silent("b", 0.0)
    assert watermarks.advance(1e9) == MIN_WATERMARK
    assert not watermarks.idle(1e9)
    assert watermarks.next_change(1e9) == 3600.0


def test_when_all_are_silent_it_goes_as_far_as_the_furthest() -> None:
    watermarks = made("a", "b", lag_ms=5, idle_s=30)
    watermarks.seen("a", 100)
    watermarks.seen("b", 50)
    watermarks.silent("a", 0.0)
    watermarks.silent("b", 10.0)
    assert (watermarks.advance(30.0), watermarks.idle(30.0)) == (44, False)
    assert (watermarks.advance(40.0), watermarks.idle(40.0)) == (94, True)


def test_a_task_without_partitions_is_idle() -> None:
    watermarks = made()
    assert watermarks.idle(0.0)
    assert watermarks.advance(0.0) == MIN_WATERMARK
    assert watermarks.behind(0.0) is None


def test_a_task_that_could_not_look_for_partitions_is_not_idle() -> None:
    watermarks = Watermarks(0)
    assert not (watermarks.known or watermarks.idle(0.0))
    watermarks.opened("a")
    assert watermarks.known and not watermarks.idle(0.0)


def test_a_partition_that_has_ended_holds_nobody_back() -> None:
    watermarks = made("a", "b")
    watermarks.seen("a", 100)
    watermarks.seen("b", 50)
    watermarks.closed("b", 0.0)
    assert watermarks.advance(0.0) == 99


def test_the_last_partition_counts_when_it_ends() -> None:
    watermarks = made("a")
    watermarks.seen("a", 100)
    watermarks.closed("a", 0.0)
    assert (watermarks.advance(0.0), watermarks.idle(0.0)) == (99, True)


def test_the_end_of_the_input_is_the_end_of_time() -> None:
    watermarks = made("a")
    watermarks.seen("a", 100)
    watermarks.closed("a", 0.0)
    watermarks.ended()
    assert watermarks.advance(0.0) == MAX_WATERMARK
    assert not watermarks.idle(0.0)


def test_reading_again_starts_from_nothing() -> None:
    watermarks = made("a")
    watermarks.seen("a", 100)
    watermarks.ended()
    watermarks.advance(0.0)
    watermarks.again(())
    assert watermarks.advance(0.0) == MAX_WATERMARK
    watermarks.again(["a"])
    assert watermarks.advance(0.0) == MIN_WATERMARK
    watermarks.seen("a", 7)
    assert watermarks.advance(0.0) == 6


@each_case("seed", range(20))
def test_with_rows_no_further_out_of_order_than_the_lag_none_is_late(seed: int) -> None:
    rng = random.Random(seed)
    watermarks = made("a", "b", lag_ms=20)
    for step in range(200):
        row = step * 10 - rng.randint(0, 20)
        name = rng.choice("ab")
        assert row > watermarks.reached
        watermarks.seen(name, row)
        if rng.random() < 0.3:
            before = watermarks.reached
            assert watermarks.advance(0.0) >= before
