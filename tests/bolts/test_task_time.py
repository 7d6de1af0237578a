"""What a watermark sets off in a bolt task, in which order, and what goes on downstream."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.bolts.task_time import TIMERS_MAX, TaskTime
from waterspout.bolts.timers import Timer, Timers
from waterspout.topology.marks import IDLE, MAX_WATERMARK, MIN_WATERMARK, WATERMARK, Mark

from .rig import TASK, Rig
from .time_bench import CHANNEL, OTHER, Bench, Logs


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_timers_then_on_watermark_then_the_mark(bench: Bench) -> None:
    for at in (20, 10, 31):
        bench.timers.event(at)
    bench.mark(30)
    assert bench.went_on() == [10, 20, -30, Mark(WATERMARK, 30)]
    assert bench.bolt.log == [("timer", 10, 30), ("timer", 20, 30), ("watermark", 30, 30)]
    bench.mark(31)
    assert bench.went_on() == [31, -31, Mark(WATERMARK, 31)]


def test_a_mark_takes_its_turn_between_frames(bench: Bench) -> None:
    bench.rig.feed((2, (7,)))
    bench.mark(30)
    bench.rig.feed((1, (8,)))
    bench.went_on()
    assert bench.bolt.log == [0, 1, ("watermark", 30, 30), 0]


def test_what_they_emit_has_roots_of_its_own(bench: Bench) -> None:
    bench.timers.event(10)
    bench.mark(30)
    bench.rig.executor.run()
    runs, rows = bench.rig.take()
    assert bench.out[:2] == [10, -30]
    assert rows == [] and runs == []
    assert len(bench.rig.done) == 2 and all(root >> 48 == TASK for root in bench.rig.done)


def test_a_timer_of_a_time_that_is_over_fires_in_the_next_turn(bench: Bench) -> None:
    bench.mark(30)
    bench.went_on()
    bench.timers.event(30)
    assert bench.time.wakeup() == 0.0
    assert bench.went_on() == [30]


def test_processing_timers_fire_by_the_clock(bench: Bench) -> None:
    bench.timers.processing(6000)
    assert bench.time.wakeup() == 1.0
    assert bench.went_on() == []
    bench.wall = 6000
    assert bench.time.wakeup() == 0.0
    assert bench.went_on() == [6000]
    assert bench.bolt.log == [("timer", 6000, None)]


def test_timers_set_by_timers_fire_before_the_mark_goes_on(bench: Bench) -> None:
    def again(timer: Timer) -> None:
        bench.bolt.emit([timer.at])
        if timer.at < 15:
            bench.timers.event(timer.at + 1)

    bench.bolt.on_timer = again
    bench.timers.event(12)
    bench.mark(30)
    assert bench.went_on() == [12, 13, 14, 15, -30, Mark(WATERMARK, 30)]


def test_while_the_outbox_is_full_the_mark_and_all_behind_it_wait(bench: Bench) -> None:
    class Full(Logs):
        def on_timer(self, timer: Timer) -> None:
            super().on_timer(timer)
            bench.rig.full = len(self.log) % TIMERS_MAX == 0

    bench = Bench(Full())
    for at in range(TIMERS_MAX + 5):
        bench.timers.event(at)
    bench.mark(500)
    bench.rig.feed((1, (8,)))
    bench.rig.run()
    assert len(bench.bolt.log) == TIMERS_MAX
    assert bench.rig.executor.paused and not bench.rig.executor.idle
    assert bench.time.wakeup() == 3600.0
    bench.rig.full = False
    out = bench.went_on()
    assert out == [*range(TIMERS_MAX + 5), -500, Mark(WATERMARK, 500)]
    assert bench.bolt.log[-1] == 0
    assert bench.rig.executor.idle


def test_a_watermark_works_for_one_slice_at_a_time() -> None:
    bench = Bench()
    bench.rig.env.clock = lambda: bench.rig.now  # type: ignore[method-assign]

    def slow(timer: Timer) -> None:
        bench.bolt.log.append(timer.at)
        bench.rig.now += 0.001

    bench.bolt.on_timer = slow
    for at in range(3 * TIMERS_MAX):
        bench.timers.event(at)
    bench.mark(500)
    bench.rig.executor.run()
    assert len(bench.bolt.log) == TIMERS_MAX
    bench.rig.executor.run()
    assert len(bench.bolt.log) == 2 * TIMERS_MAX


def test_on_watermark_may_be_a_generator_of_many_rows() -> None:
    class Many(Logs):
        def on_watermark(self, watermark: int) -> Any:
            for n in range(3000):
                yield [n]
            yield None

    bench = Bench(Many())
    bench.mark(30)
    out = bench.went_on()
    assert out == [*range(3000), Mark(WATERMARK, 30)]
    assert len(bench.rig.done) == 3


def test_under_at_least_once_the_mark_waits_for_what_the_bolt_emitted() -> None:
    bench = Bench(held=True)
    bench.rig.own.durable_at_once = False
    bench.mark(10)
    assert bench.went_on() == [-10]
    bench.mark(30)
    assert bench.went_on() == [-30]
    bench.rig.own.freeze(1)
    assert bench.went_on() == []
    assert bench.time.wakeup() == 3600.0
    bench.rig.own.durable(1)
    assert bench.time.wakeup() == 0.0
    assert bench.went_on() == [Mark(WATERMARK, 30)]


def test_what_failed_holds_until_it_came_again() -> None:
    bench = Bench(held=True)
    bench.mark(10)
    bench.rig.run()
    (root,) = bench.rig.own._kept
    _, first, _, _ = bench.rig.out.take()
    bench.rig.env.fail_roots((first[0][1][0],), "b", 9, "no")
    bench.rig.flush()
    assert root == first[0][1][0]
    bench.rig.now += 60
    bench.rig.executor.own_calls.tick(bench.rig.now)
    assert bench.out == []
    assert bench.rig.own.held_back() == MIN_WATERMARK
    assert bench.went_on() == [-10]
    assert bench.went_on() == [Mark(WATERMARK, 10)]


def test_what_is_emitted_later_does_not_hold_what_went_on_before() -> None:
    bench = Bench(held=True)
    bench.mark(10)
    bench.went_on()
    assert bench.went_on() == [Mark(WATERMARK, 10)]
    bench.rig.own.durable_at_once = False
    bench.timers.processing(0)
    assert bench.went_on() == [0]
    assert bench.rig.own.held_back() == 10


def test_idle_goes_on_and_active_again(bench: Bench) -> None:
    bench.mark(10)
    bench.went_on()
    bench.rig.executor.enqueue_mark(CHANNEL, Mark(IDLE, 12))
    assert bench.went_on() == [-12, Mark(IDLE, 12)]
    bench.mark(12)
    assert bench.went_on() == [Mark(WATERMARK, 12)]


def test_the_end_of_the_input_is_the_end_of_time_before_finish(bench: Bench) -> None:
    bench.bolt.finish = lambda: bench.bolt.log.append("finish")
    bench.timers.event(10)
    bench.timers.processing(10**9)
    bench.rig.executor.own_calls.finish_step(bench.rig.now)
    assert [each if isinstance(each, str) else each[0] for each in bench.bolt.log] == [
        "timer", "watermark", "finish",
    ]  # fmt: skip
    assert bench.bolt.log[0] == ("timer", 10, MAX_WATERMARK)
    # It is not due before its time; it is kept for the next run.
    assert bench.timers.counts() == {"event": 0, "processing": 1}


def test_a_new_epoch_starts_from_nothing_and_keeps_timers(bench: Bench) -> None:
    bench.timers.event(40)
    bench.mark(30)
    bench.went_on()
    bench.rig.executor.new_epoch(bench.rig.now)
    assert bench.bolt.context.watermark is None
    assert bench.time.watermark == MIN_WATERMARK
    bench.rig.executor.enqueue_mark(OTHER, Mark(IDLE, MIN_WATERMARK))
    bench.mark(20)
    assert Mark(WATERMARK, 20) in bench.went_on()
    bench.mark(40)
    assert bench.went_on()[0] == 40


def test_in_a_new_epoch_nothing_goes_on_before_what_is_emitted_again() -> None:
    bench = Bench(held=True)
    bench.rig.own.durable_at_once = False
    bench.mark(30)
    bench.went_on()
    bench.rig.executor.new_epoch(bench.rig.now)
    bench.rig.executor.enqueue_mark(OTHER, Mark(IDLE, MIN_WATERMARK))
    bench.mark(30)
    assert bench.went_on() == [-30, -30]
    assert bench.rig.own.held_back() == MIN_WATERMARK


def test_a_bolt_without_watermarks_has_processing_timers_only() -> None:
    bolt = Logs()
    rig = Rig(bolt)
    timers = Timers({}, lambda: "k", lambda: 50)
    time = rig.executor.time = TaskTime(
        rig.executor, None, timers, lambda mark: None, lambda: 50, held=False
    )
    timers.processing(50)
    rig.executor.own_calls.tick(rig.now)
    assert bolt.log == [("timer", 50, None)]
    assert time.end()


def test_the_end_goes_on_only_behind_all_that_it_sets_off() -> None:
    class Yields(Logs):
        def on_watermark(self, watermark: int) -> Any:
            for number in range(3000):
                bench.rig.full = True
                yield [number]

    bench = Bench(Yields())
    while not bench.time.end():
        bench.time.turn(bench.rig.now)
        bench.rig.full = False
    assert bench.went_on() == [*range(3000), Mark(WATERMARK, MAX_WATERMARK)]


def test_its_status_names_the_input_that_is_behind(bench: Bench) -> None:
    def said() -> Any:
        return bench.time.status(lambda channel: f"source.{channel[1]}")

    assert said() == (MIN_WATERMARK, "source.0 sent no watermark yet")
    bench.mark(2000)
    bench.went_on()
    why = "source.0 sent 1970-01-01T00:00:02Z, 1 of its inputs left out as idle"
    assert said() == (2000, why)
    bench.rig.executor.enqueue_mark(CHANNEL, Mark(IDLE, 2000))
    bench.went_on()
    idle = 2000, "all its inputs are idle or at their end"
    assert said() == idle
    bench.rig.executor.enqueue_mark(OTHER, Mark(WATERMARK, MAX_WATERMARK))
    bench.went_on()
    assert said() == idle
    bench.mark(MAX_WATERMARK)
    bench.went_on()
    assert said() == (MAX_WATERMARK, "")


def test_its_status_says_when_it_is_at_work(bench: Bench) -> None:
    bench.mark(10)
    bench.timers.event(5)
    bench.rig.full = True
    bench.rig.executor.run()
    status = bench.time.status(str)
    assert status == (MIN_WATERMARK, "its timers and windows are at work")


def test_each_timer_finds_its_own_key(bench: Bench) -> None:
    for key in ("a", "b", "a"):
        bench.bolt.context.state.key = key
        bench.timers.event(10 if key == "a" else 5)
    bench.bolt.context.state.key = "c"
    bench.mark(30)
    # ``Logs.on_timer`` compares the key at work with the timer's.
    assert bench.went_on()[:2] == [5, 10]
    assert bench.rig.executor.failed == 0
