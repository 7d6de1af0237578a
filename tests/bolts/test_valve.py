"""The valve, on drawn timelines; random ones against the rules written down plainly."""

from __future__ import annotations

import random

from waterspout.bolts.valve import Valve
from waterspout.topology.frames import Channel
from waterspout.topology.marks import IDLE, MAX_WATERMARK, MIN_WATERMARK, WATERMARK, Mark

from ..each_case import each_case

A: Channel = (1, 0, 9)
B: Channel = (2, 0, 9)
C: Channel = (3, 0, 9)


def out(*values: int) -> list[Mark]:
    """Return watermarks."""
    return [Mark(WATERMARK, value) for value in values]


def test_the_channel_that_is_furthest_behind_decides() -> None:
    #   a  10      30
    #   b      12      31
    #   out    10  12  30
    valve = Valve([A, B])
    assert valve.on_watermark(A, 10) == []
    assert valve.on_watermark(B, 12) == out(10)
    assert valve.behind() == A
    assert valve.on_watermark(A, 30) == out(12)
    assert valve.on_watermark(B, 31) == out(30)


def test_a_channel_that_goes_back_is_ignored() -> None:
    valve = Valve([A])
    assert valve.on_watermark(A, 10) == out(10)
    assert valve.on_watermark(A, 5) == []
    assert valve.on_watermark(A, 10) == []
    assert valve.watermark_of(A) == 10


def test_a_mark_of_an_unknown_channel_is_ignored() -> None:
    valve = Valve([A])
    assert valve.on_watermark(B, 10) == valve.on_idle(B, 10) == []


def test_an_idle_channel_holds_nobody_back() -> None:
    #   a  10  20      30
    #   b          idle
    #   out        20  30
    valve = Valve([A, B])
    valve.on_watermark(A, 10)
    valve.on_watermark(A, 20)
    assert valve.on_idle(B, MIN_WATERMARK) == out(20)
    assert valve.idle_channels() == [B]
    assert valve.on_watermark(A, 30) == out(30)


def test_a_channel_that_comes_back_counts_once_it_has_caught_up() -> None:
    #   a  10       20      40              50
    #   b  10 idle      15       25 (<40)       45
    #   out 10      20      40                  45
    valve = Valve([A, B])
    valve.on_watermark(A, 10)
    assert valve.on_watermark(B, 10) == out(10)
    valve.on_idle(B, 10)
    assert valve.on_watermark(A, 20) == out(20)
    assert valve.on_watermark(B, 15) == []
    assert valve.on_watermark(A, 40) == out(40)
    assert valve.on_watermark(B, 25) == []
    assert valve.on_watermark(A, 50) == out(50)
    assert valve.on_watermark(B, 45) == []
    assert valve.on_watermark(B, 51) == []
    assert valve.on_watermark(A, 60) == out(51)


def test_when_all_are_idle_the_largest_goes_out_once_and_idle_behind_it() -> None:
    valve = Valve([A, B])
    valve.on_watermark(A, 50)
    valve.on_watermark(B, 10)
    assert valve.on_idle(B, 10) == out(50)
    assert valve.on_idle(A, 50) == [Mark(IDLE, 50)]
    assert valve.on_idle(A, 50) == []


def test_the_largest_goes_out_whichever_channel_is_idle_last() -> None:
    valve = Valve([A, B])
    valve.on_watermark(A, 50)
    valve.on_watermark(B, 10)
    assert valve.on_idle(A, 50) == []
    assert valve.on_idle(B, 10) == [*out(50), Mark(IDLE, 50)]


def test_idle_brings_the_watermark_that_it_took_the_place_of() -> None:
    valve = Valve([A])
    assert valve.on_idle(A, 70) == [*out(70), Mark(IDLE, 70)]
    assert valve.on_idle(A, 80) == out(80)


def test_the_first_to_come_back_says_so_downstream() -> None:
    valve = Valve([A, B])
    valve.on_watermark(A, 50)
    valve.on_idle(A, 50)
    valve.on_idle(B, MIN_WATERMARK)
    assert valve.idle
    assert valve.on_watermark(B, MIN_WATERMARK) == out(50)
    assert not valve.idle
    assert valve.on_watermark(B, 20) == []
    assert valve.on_watermark(B, 60) == out(60)


def test_the_end_waits_for_idle_channels_too() -> None:
    """What the end sets off behind an idle channel would be late: it gets the end as well."""
    valve = Valve([A, B])
    valve.on_watermark(A, 50)
    valve.on_watermark(B, 10)
    valve.on_idle(A, 50)
    valve.on_idle(B, 10)
    assert valve.on_watermark(A, MAX_WATERMARK) == []
    assert (valve.out, valve.idle) == (50, True)
    assert valve.on_watermark(B, MAX_WATERMARK) == out(MAX_WATERMARK)
    assert not valve.idle


def test_a_channel_at_its_end_counts_no_more() -> None:
    valve = Valve([A, B])
    assert valve.on_watermark(A, MAX_WATERMARK) == []
    assert valve.behind() == B
    assert valve.on_watermark(B, 10) == out(10)
    assert valve.on_idle(B, 12) == [*out(12), Mark(IDLE, 12)]
    assert valve.on_watermark(B, 30) == [*out(12), *out(30)], "it is back"
    assert valve.on_watermark(B, MAX_WATERMARK) == out(MAX_WATERMARK)


def test_one_that_ends_leaves_the_others_idle() -> None:
    valve = Valve([A, B])
    valve.on_watermark(A, 50)
    assert valve.on_idle(B, MIN_WATERMARK) == out(50)
    assert valve.on_watermark(A, MAX_WATERMARK) == [Mark(IDLE, 50)]


def test_a_new_epoch_starts_from_nothing() -> None:
    valve = Valve([A, B])
    valve.on_watermark(A, 50)
    valve.on_idle(B, 3)
    valve.reset()
    assert (valve.out, valve.idle, valve.idle_channels()) == (MIN_WATERMARK, False, [])
    assert valve.on_watermark(A, 20) == []
    assert valve.on_watermark(B, 10) == out(10)


@each_case("seed", range(30))
def test_it_never_goes_back_nor_past_an_active_channel_that_kept_up(seed: int) -> None:
    rng = random.Random(seed)
    valve = Valve([A, B, C])
    came = dict.fromkeys((A, B, C), MIN_WATERMARK)
    kept_up = dict.fromkeys((A, B, C), True)
    last = MIN_WATERMARK
    for _ in range(300):
        channel = rng.choice((A, B, C))
        if came[channel] == MAX_WATERMARK:
            continue
        if rng.random() < 0.2:
            marks = valve.on_idle(channel, came[channel])
            kept_up[channel] = False
        elif rng.random() < 0.005:
            came[channel], kept_up[channel] = MAX_WATERMARK, True
            marks = valve.on_watermark(channel, MAX_WATERMARK)
        else:
            value = came[channel] = max(came[channel], rng.randint(0, 50)) + rng.randint(0, 5)
            marks = valve.on_watermark(channel, value)
            kept_up[channel] |= value >= last
        for mark in marks:
            assert mark.value >= last
            assert mark.value < MAX_WATERMARK or set(came.values()) == {MAX_WATERMARK}
            if mark.kind == WATERMARK and mark.value > last:
                assert all(came[each] >= mark.value for each in came if kept_up[each])
            last = mark.value
