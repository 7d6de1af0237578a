"""Timers and watermarks whose call raises: made again, and the mark that goes on waits for them."""

from __future__ import annotations

from typing import Any

from waterspout.bolts.timers import Timer, Timers
from waterspout.topology.marks import WATERMARK, Mark

from .time_bench import Bench, Logs


class Fails(Logs):
    """Emits before it raises; ``bad`` says how often each of some timers and watermarks does."""

    def __init__(self, **bad: int) -> None:
        super().__init__()
        self.bad = bad

    def on_timer(self, timer: Timer) -> None:
        super().on_timer(timer)
        self.may_raise(f"t{timer.at}")

    def on_watermark(self, watermark: int) -> Any:
        super().on_watermark(watermark)
        self.may_raise("watermark")

    def may_raise(self, name: str) -> None:
        if self.bad.get(name, 0) > 0:
            self.bad[name] -= 1
            raise ValueError(name)


def later(bench: Bench, seconds: float = 60.0) -> list[Any]:
    """Let time pass; return what goes out."""
    bench.rig.now += seconds
    return bench.went_on()


def test_a_timer_that_raises_is_called_again_and_stops_no_other() -> None:
    #  10 raises, 20 goes out; the mark waits for 10, and rows do not
    bench = Bench(Fails(t10=2), held=True)
    for at in (10, 20):
        bench.timers.event(at, "x")
    bench.mark(30)
    bench.rig.feed((1, (8,)))
    assert bench.went_on() == [20, -30]
    assert bench.bolt.log[-1] == 0
    assert bench.timers.counts() == {"event": 1, "processing": 0}
    assert bench.time.status(str) == (30, "1 calls that failed wait for another try")
    assert bench.went_on() == [], "not before its time"
    assert later(bench) == [] and later(bench) == [10]
    assert later(bench) == [Mark(WATERMARK, 30)]
    assert bench.timers.counts() == {"event": 0, "processing": 0} and not bench.rig.own.pending
    (error,) = bench.rig.env.take_errors()
    assert (error["text"], error["count"]) == ("on_timer 'x': ValueError: t10", 2)
    assert bench.rig.executor.failed == 2


def test_a_timer_that_always_raises_becomes_a_dead_letter() -> None:
    bench = Bench(Fails(t10=9), held=True, attempts_max=2)
    letters: list[Any] = []
    bench.rig.own.bury_call = lambda root, *letter: letters.append((root, *letter))
    bench.timers.event(10, "x")
    bench.mark(30)
    assert (bench.went_on(), later(bench), later(bench)) == ([-30], [], [])
    ((root, what, values, attempts, failure),) = letters
    assert (what, values, attempts) == ("on_timer", ["k", 10, "x", "event"], 2)
    assert failure.reason == "on_timer 'x': ValueError: t10"
    assert bench.timers.counts()["event"] == 1 and bench.rig.own.pending == 1, "not stored yet"
    bench.rig.own.buried(root)
    assert bench.timers.counts()["event"] == 0
    assert later(bench) == [Mark(WATERMARK, 30)]


def test_a_timer_that_waits_and_is_deleted_is_not_called_again() -> None:
    bench = Bench(Fails(t10=1))
    bench.timers.event(10)
    bench.mark(30)
    bench.went_on()
    assert bench.timers.delete(10)
    assert later(bench) == [] and bench.rig.own.pending == 0
    bench.timers.event(10)
    assert later(bench) == [10]


def test_a_timer_that_waits_is_state_and_called_again_in_a_new_epoch() -> None:
    bench = Bench(Fails(t10=1), held=True)
    bench.timers.event(10)
    bench.mark(30)
    bench.went_on()
    assert Timers(bench.timers._entries, lambda: None, lambda: 0).next_at("event") == 10
    bench.rig.executor.new_epoch(bench.rig.now)
    assert bench.rig.own.pending == 1
    assert later(bench) == [10]


def test_untracked_a_timer_that_raises_is_only_noted() -> None:
    bench = Bench(Fails(t10=1), tracked=False)
    for at in (10, 20):
        bench.timers.event(at)
    bench.mark(30)
    assert bench.went_on() == [10, 20, -30, Mark(WATERMARK, 30)]
    assert later(bench) == [] and not bench.rig.own.pending


def test_on_watermark_that_raises_is_called_again_with_the_watermark_of_then() -> None:
    bench = Bench(Fails(watermark=1), held=True)
    bench.mark(10)
    assert bench.went_on() == []
    bench.mark(20)
    assert bench.went_on() == [], "it waits for its time"
    assert [each for each in bench.bolt.log if each[0] == "watermark"] == [("watermark", 10, 10)]
    assert later(bench) == [-20]
    assert later(bench) == [Mark(WATERMARK, 20)] and not bench.rig.own.pending
    bench.mark(30)
    assert bench.went_on() == [-30]


def test_on_watermark_that_always_raises_becomes_a_dead_letter_and_time_goes_on() -> None:
    bench = Bench(Fails(watermark=2), held=True, attempts_max=2)
    letters: list[Any] = []
    bench.rig.own.bury_call = lambda root, *letter: (
        letters.append(letter), bench.rig.own.buried(root),
    )  # fmt: skip
    bench.mark(10)
    assert bench.went_on() == []
    assert later(bench) == [Mark(WATERMARK, 10)]
    ((what, values, attempts, _),) = letters
    assert (what, values, attempts) == ("on_watermark", ["1970-01-01T00:00:00.010Z"], 2)
    bench.mark(20)
    assert bench.went_on() == [-20]


def test_a_generator_of_on_watermark_that_raises_begins_anew() -> None:
    class Many(Fails):
        def on_watermark(self, watermark: int) -> Any:
            for n in range(1500):
                yield [n]
            self.may_raise("watermark")

    bench = Bench(Many(watermark=1), held=True)
    bench.mark(30)
    assert bench.went_on() == [*range(1024)], "the first part was out"
    assert later(bench) == [*range(1500)]
    assert later(bench) == [Mark(WATERMARK, 30)]


def test_a_new_epoch_forgets_a_watermark_that_waits() -> None:
    bench = Bench(Fails(watermark=1), held=True)
    bench.mark(10)
    bench.went_on()
    bench.rig.executor.new_epoch(bench.rig.now)
    assert not bench.rig.own.pending and later(bench) == []
