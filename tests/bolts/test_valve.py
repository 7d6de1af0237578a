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


def of_spouts(*channels: Channel) -> Valve:
    """Return the valve of a bolt right below several spout tasks."""
    return Valve({channel: frozenset({channel[0]}) for channel in channels})


def idle_at(valve: Valve, *channels: Channel, at: int = 20) -> None:
    """Have channels come so far, and be idle."""
    for channel in channels:
        valve.on_watermark(channel, at)
    for channel in channels:
        valve.on_idle(channel, at)


def out(*values: int) -> list[Mark]:
    """Return watermarks."""
    return [Mark(WATERMARK, value) for value in values]


def test_the_channel_that_is_furthest_behind_decides() -> None:
    #   a  10      30
    #   b      12      31
    #   out    10  12  30
    valve = of_spouts(A, B)
    assert valve.on_watermark(A, 10) == []
    assert valve.on_watermark(B, 12) == out(10)
    assert valve.behind() == A
    assert valve.on_watermark(A, 30) == out(12)
    assert valve.on_watermark(B, 31) == out(30)


def test_a_channel_that_goes_back_is_ignored() -> None:
    valve = of_spouts(A)
    assert valve.on_watermark(A, 10) == out(10)
    assert valve.on_watermark(A, 5) == []
    assert valve.on_watermark(A, 10) == []
    assert valve.watermark_of(A) == 10


def test_a_mark_of_an_unknown_channel_is_ignored() -> None:
    valve = of_spouts(A)
    assert valve.on_watermark(B, 10) == valve.on_idle(B, 10) == []


def test_an_idle_channel_holds_nobody_back() -> None:
    #   a  10  20      30
    #   b          idle
    #   out        20  30
    valve = of_spouts(A, B)
    valve.on_watermark(A, 10)
    valve.on_watermark(A, 20)
    assert valve.on_idle(B, MIN_WATERMARK) == out(20)
    assert valve.idle_channels() == [B]
    assert valve.on_watermark(A, 30) == out(30)


def test_a_channel_that_comes_back_counts_once_it_has_caught_up() -> None:
    #   a  10       20      40              50
    #   b  10 idle      15       25 (<40)       45
    #   out 10      20      40                  45
    valve = of_spouts(A, B)
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
    valve = of_spouts(A, B)
    valve.on_watermark(A, 50)
    valve.on_watermark(B, 10)
    assert valve.on_idle(B, 10) == out(50)
    assert valve.on_idle(A, 50) == [Mark(IDLE, 50)]
    assert valve.on_idle(A, 50) == []


def test_the_largest_goes_out_whichever_channel_is_idle_last() -> None:
    valve = of_spouts(A, B)
    valve.on_watermark(A, 50)
    valve.on_watermark(B, 10)
    assert valve.on_idle(A, 50) == []
    assert valve.on_idle(B, 10) == [*out(50), Mark(IDLE, 50)]


def test_idle_brings_the_watermark_that_it_took_the_place_of() -> None:
    valve = of_spouts(A)
    assert valve.on_idle(A, 70) == [*out(70), Mark(IDLE, 70)]
    assert valve.on_idle(A, 80) == out(80)


def test_a_channel_that_falls_idle_counts_up_to_what_idle_brings() -> None:
    #   a   15 idle          16 (<18)
    #   b   15       18          idle(20)
    #   out 15       18          20
    valve = of_spouts(A, B)
    idle_at(valve, A, at=15)
    assert valve.on_watermark(B, 18) == out(18)
    assert valve.on_watermark(A, 16) == []
    assert valve.on_idle(B, 20) == out(20)
    assert (valve.behind(), valve.idle) == (None, False)


def test_an_idle_channel_is_not_what_holds_the_task_back() -> None:
    valve = of_spouts(A, B)
    idle_at(valve, A)
    valve.on_watermark(B, 20)
    assert valve.behind() == B


def test_the_first_to_come_back_says_so_downstream() -> None:
    valve = of_spouts(A, B)
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
    valve = of_spouts(A, B)
    valve.on_watermark(A, 50)
    valve.on_watermark(B, 10)
    valve.on_idle(A, 50)
    valve.on_idle(B, 10)
    assert valve.on_watermark(A, MAX_WATERMARK) == []
    assert (valve.out, valve.idle) == (50, True)
    assert valve.on_watermark(B, MAX_WATERMARK) == out(MAX_WATERMARK)
    assert not valve.idle


def test_a_channel_at_its_end_counts_no_more() -> None:
    valve = of_spouts(A, B)
    assert valve.on_watermark(A, MAX_WATERMARK) == []
    assert valve.behind() == B
    assert valve.on_watermark(B, 10) == out(10)
    assert valve.on_idle(B, 12) == [*out(12), Mark(IDLE, 12)]
    assert valve.on_watermark(B, 30) == [*out(12), *out(30)], "it is back"
    assert valve.on_watermark(B, MAX_WATERMARK) == out(MAX_WATERMARK)


def test_one_that_ends_leaves_the_others_idle() -> None:
    valve = of_spouts(A, B)
    valve.on_watermark(A, 50)
    assert valve.on_idle(B, MIN_WATERMARK) == out(50)
    assert valve.on_watermark(A, MAX_WATERMARK) == [Mark(IDLE, 50)]


def test_a_new_epoch_starts_from_nothing() -> None:
    valve = of_spouts(A, B)
    valve.on_watermark(A, 50)
    valve.on_idle(B, 3)
    valve.reset()
    assert (valve.out, valve.idle, valve.idle_channels()) == (MIN_WATERMARK, False, [])
    assert valve.on_watermark(A, 20) == []
    assert valve.on_watermark(B, 10) == out(10)


@each_case("seed", range(30))
def test_it_never_goes_back_nor_past_an_active_channel_that_kept_up(seed: int) -> None:
    rng = random.Random(seed)
    valve = of_spouts(A, B, C)
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


# Channels below the same spout tasks.

S1, S2 = frozenset({1}), frozenset({2})
BOTH = S1 | S2


def test_where_one_task_of_a_bolt_wakes_the_others_are_waited_for() -> None:
    #   a   20 idle                 20  30
    #   b   20 idle     20  30
    #   out 20 idle     20              30
    valve = Valve({A: S1, B: S1})
    idle_at(valve, A, B)
    assert (valve.out, valve.idle) == (20, True)
    assert valve.idle_channels() == [A, B]
    assert valve.on_watermark(B, 20) == out(20)
    assert valve.on_watermark(B, 30) == []
    assert (valve.behind(), valve.idle_channels()) == (A, [])
    assert valve.on_watermark(A, 20) == []
    assert valve.on_watermark(A, 30) == out(30)


def test_a_task_that_is_idle_again_before_another_has_woken_takes_nobody_past_that_one() -> None:
    #   a   20 idle                             20  30
    #   b   20 idle     20  30  idle
    #   out 20 idle     20      idle(20)        20  30
    valve = Valve({A: S1, B: S1})
    idle_at(valve, A, B)
    assert valve.on_watermark(B, 20) == out(20)
    assert valve.on_watermark(B, 30) == []
    assert valve.on_idle(B, 30) == [Mark(IDLE, 20)]
    assert valve.on_watermark(A, 20) == out(20)
    assert valve.on_watermark(A, 30) == out(30)
    assert valve.on_idle(A, 30) == [Mark(IDLE, 30)]


def test_tasks_of_a_bolt_that_come_back_count_once_one_has_caught_up() -> None:
    #   a   20 idle                                 60       115
    #   b   20 idle              50      110
    #   c   20              100      105     120
    #   out 20              100      105                     115
    valve = Valve({A: S1, B: S1, C: S2})
    valve.on_watermark(C, 20)
    idle_at(valve, A, B)
    assert valve.on_watermark(C, 100) == out(100)
    assert valve.on_watermark(B, 50) == []
    assert valve.on_watermark(C, 105) == out(105)
    assert valve.on_watermark(B, 110) == []
    assert valve.on_watermark(C, 120) == []
    assert valve.behind() == A
    assert valve.on_watermark(A, 60) == []
    assert valve.on_watermark(A, 115) == out(110)
    assert valve.on_watermark(B, 130) == out(115)


def test_an_idle_input_is_waited_for_while_one_is_active_that_has_less_above_it() -> None:
    """Its spout is above the idle one, too, which is idle only as long as it has not heard."""
    valve = Valve({A: BOTH, B: S2})
    idle_at(valve, A, B)
    assert valve.on_watermark(B, 20) == out(20)
    assert valve.on_watermark(B, 30) == []
    assert valve.on_watermark(A, 30) == out(30)


def test_an_idle_input_is_left_out_while_one_is_active_that_has_more_above_it() -> None:
    """What is active may be the other spout."""
    valve = Valve({A: BOTH, B: S2})
    idle_at(valve, A, B)
    assert valve.on_watermark(A, 30) == [*out(20), *out(30)]
    assert valve.idle_channels() == [B]


@each_case("of_both, of_one, wanted", [(20, 40, 20), (40, 20, 40)])
def test_when_all_are_idle_those_that_come_as_far_are_waited_for(
    of_both: int, of_one: int, wanted: int
) -> None:
    valve = Valve({A: BOTH, B: S2})
    valve.on_idle(B, of_one)
    valve.on_idle(A, of_both)
    assert (valve.out, valve.idle) == (wanted, True)
    valve.on_idle(A, 40)
    assert (valve.out, valve.idle) == (40, True)


def test_the_first_task_of_a_bolt_at_its_end_says_that_the_others_are_not_idle() -> None:
    valve = Valve({A: S1, B: S1, C: S2})
    idle_at(valve, A, B, C)
    assert valve.on_watermark(A, MAX_WATERMARK) == out(20)
    assert valve.on_watermark(C, 30) == []
    assert valve.behind() == B
    assert valve.on_watermark(B, MAX_WATERMARK) == out(30)


@each_case("seed", range(40))
def test_what_is_late_nowhere_above_is_late_nowhere_below(seed: int) -> None:
    """Spouts that fall idle and wake, two tasks between, each in its own time, one below."""
    rng = random.Random(seed)
    spouts = range(1, rng.randint(1, 3) + 1)
    # Every task has its own queue of what each spout says: all of them say the same.
    said = {spout: _says(rng) for spout in spouts}
    tasks = {
        task: Valve({(spout, 0, task): frozenset({spout}) for spout in spouts}) for task in (8, 9)
    }
    heard = dict.fromkeys([(spout, task) for spout in spouts for task in tasks], 0)
    down: dict[int, list[Mark]] = {task: [] for task in tasks}
    last = Valve(dict.fromkeys([(task, 0, 10) for task in tasks], frozenset(spouts)))
    rows = marks = 0
    while True:
        open_ = [each for each, at in heard.items() if at < len(said[each[0]])]
        waiting = [task for task, queue in down.items() if queue]
        if not open_ and not waiting:
            break
        if waiting and (not open_ or rng.random() < 0.4):
            task = rng.choice(waiting)
            kind, value = down[task].pop(0)
            if kind == ROW:
                rows += 1
                assert value > last.out
            else:
                take = last.on_watermark if kind == WATERMARK else last.on_idle
                marks += len(take((task, 0, 10), value))
            continue
        spout, task = rng.choice(open_)
        kind, value = said[spout][heard[spout, task]]
        heard[spout, task] += 1
        valve = tasks[task]
        if kind == ROW:
            if value > valve.out:
                down[task].append(Mark(ROW, value))
        elif kind == WATERMARK:
            down[task] += valve.on_watermark((spout, 0, task), value)
        else:
            down[task] += valve.on_idle((spout, 0, task), value)
    assert last.out == MAX_WATERMARK
    assert rows > 10 and marks > 3


#: Stands for a row of this time.
ROW = 100


def _says(rng: random.Random) -> list[Mark]:
    """Return the rows and marks of a spout task: idle now and then, and at last at its end."""
    said, came, sent, idle = [], 0, MIN_WATERMARK, False
    for _ in range(60):
        if rng.random() < 0.3 and came > 0:
            sent, idle = came - 1, rng.random() < 0.5
            said.append(Mark(IDLE if idle else WATERMARK, sent))
            continue
        if idle:
            said.append(Mark(WATERMARK, sent))
            idle = False
        came += rng.randint(0, 5)
        said.append(Mark(ROW, came))
    return [*said, Mark(WATERMARK, MAX_WATERMARK)]
