"""Timers: when they fall due, what they are kept as, and what a restore makes of it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from waterspout.bolts.state import TaskState
from waterspout.bolts.state_slices import is_flat
from waterspout.bolts.timers import KEY_TIMERS_MAX, STALE_MIN, STATE_MAP, NoTimers, Timer, Timers
from waterspout.topology.errors import StateError

from ..each_case import each_case


class Bench:
    """Timers over a dict, with a key and a clock that a test moves."""

    def __init__(self, entries: dict[Any, Any] | None = None) -> None:
        self.entries = {} if entries is None else entries
        self.key: Any = "k"
        self.wall = 1000
        self.timers = Timers(self.entries, lambda: self.key, lambda: self.wall)

    def fired(self, until: int, kind: Any = "event") -> list[tuple[Any, int, str]]:
        """Return (key, at, name) of what is due, in order."""
        found = []
        while (timer := self.timers.due(kind, until)) is not None:
            assert timer.kind == kind
            found.append((timer.key, timer.at, timer.name))
        return found


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_timers_fall_due_in_the_order_of_their_times(bench: Bench) -> None:
    for at in (30, 10, 20):
        bench.timers.event(at)
    assert bench.fired(9) == []
    assert bench.fired(20) == [("k", 10, ""), ("k", 20, "")]
    assert bench.fired(100) == [("k", 30, "")]
    assert bench.entries == {}


def test_equal_times_fall_due_in_the_order_in_which_they_were_set(bench: Bench) -> None:
    # Keys of different types cannot be compared, and are not.
    for key in ("b", None, 3, ("x", 1), "a"):
        bench.key = key
        bench.timers.event(10)
    assert [key for key, _, _ in bench.fired(10)] == ["b", None, 3, ("x", 1), "a"]


def test_setting_a_timer_twice_is_setting_it_once(bench: Bench) -> None:
    for _ in range(3):
        bench.timers.event(10)
    bench.timers.event(10, "other")
    bench.timers.processing(10)
    assert bench.timers.counts() == {"event": 2, "processing": 1}
    assert bench.fired(10) == [("k", 10, ""), ("k", 10, "other")]
    assert bench.fired(10, "processing") == [("k", 10, "")]


def test_a_deleted_timer_does_not_fire_and_can_be_set_again(bench: Bench) -> None:
    bench.timers.event(10)
    assert bench.timers.delete(10)
    assert not bench.timers.delete(10)
    assert bench.fired(10) == []
    bench.timers.event(10)
    bench.timers.delete(10)
    bench.timers.event(10)
    assert bench.fired(10) == [("k", 10, "")]


def test_only_the_timer_of_the_key_at_work_is_deleted(bench: Bench) -> None:
    bench.timers.event(10)
    bench.key = "other"
    assert not bench.timers.delete(10)
    assert not bench.timers.delete(10, kind="processing")
    assert bench.fired(10) == [("k", 10, "")]


def test_what_was_deleted_does_not_fill_the_memory(bench: Bench) -> None:
    for at in range(10 * STALE_MIN):
        bench.timers.event(at)
        bench.timers.delete(at)
    assert len(bench.timers._heaps[0]) <= STALE_MIN + 1


def test_a_key_has_a_limited_number_of_timers(bench: Bench) -> None:
    for at in range(KEY_TIMERS_MAX):
        bench.timers.event(at)
    with pytest.raises(StateError, match="key 'k' has 1000 already"):
        bench.timers.event(5000)
    bench.key = "other"
    bench.timers.event(5000)


@pytest.mark.parametrize("at", [1.5, "10", None, True, 10**18])
def test_a_time_that_is_none_is_refused(bench: Bench, at: Any) -> None:
    with pytest.raises(StateError, match="timers: "):
        bench.timers.event(at)
    assert bench.entries == {}


def test_a_name_that_is_no_text_is_refused(bench: Bench) -> None:
    with pytest.raises(StateError, match="a name is a text, got 7"):
        bench.timers.event(1, 7)  # type: ignore[arg-type]


def test_event_timers_are_refused_where_no_event_time_comes(bench: Bench) -> None:
    bench.timers.event_time = False
    with pytest.raises(StateError, match="no spout above this bolt has 'event_time'"):
        bench.timers.event(10)
    bench.timers.processing(10)


def test_the_next_time_is_known(bench: Bench) -> None:
    assert bench.timers.next_at("processing") is None
    bench.timers.processing(1500)
    assert bench.timers.next_at("processing") == 1500
    assert bench.timers.now_ms() == 1000


def test_what_is_kept_costs_no_packing_at_the_cut(bench: Bench) -> None:
    for at in (1, 2):
        bench.timers.event(at, "n")
    assert bench.entries == {"k": (0, 1, "n", 0, 2, "n")}
    assert is_flat(bench.entries.values())


def test_a_restored_task_has_the_timers_of_its_keys() -> None:
    state = TaskState("bolt")
    bench = Bench(state.keyed(STATE_MAP))
    for bench.key, at in (("a", 30), ("b", 10)):
        bench.timers.event(at)
        bench.timers.processing(at + 1)
    again = Bench(dict(state.keyed(STATE_MAP)))
    assert again.timers.counts() == {"event": 2, "processing": 2}
    assert again.fired(100) == [("b", 10, ""), ("a", 30, "")]
    assert again.fired(100, "processing") == [("b", 11, ""), ("a", 31, "")]


@each_case("seed", range(20))
def test_random_timers_equal_a_plain_set(seed: int) -> None:
    rng = random.Random(seed)
    bench, plain = Bench(), set()
    for step in range(300):
        bench.key = rng.choice("abc")
        at, name = rng.randint(step, step + 50), rng.choice(("", "x"))
        choice = rng.random()
        if choice < 0.6:
            bench.timers.event(at, name)
            plain.add((bench.key, at, name))
        elif choice < 0.9:
            assert bench.timers.delete(at, name) is ((bench.key, at, name) in plain)
            plain.discard((bench.key, at, name))
        elif choice < 0.95:
            bench = Bench(dict(bench.entries))
        else:
            due = {each for each in plain if each[1] <= step}
            fired = bench.fired(step)
            assert set(fired) == due
            assert [at for _, at, _ in fired] == sorted(at for _, at, _ in fired)
            plain -= due
    assert bench.timers.counts()["event"] == len(plain)


def test_a_timer_says_what_it_is(bench: Bench) -> None:
    bench.timers.event(10, "flush")
    assert bench.timers.due("event", 10) == Timer("k", 10, "flush", "event")


def test_a_bolt_without_on_timer_hears_so_when_it_sets_a_timer() -> None:
    timers = NoTimers("b: timers: no on_timer")
    for call in ("event", "processing", "delete", "now_ms"):
        with pytest.raises(StateError, match="b: timers: no on_timer"):
            getattr(timers, call)(1)


def test_a_timer_that_was_put_back_is_state_and_falls_due_for_nobody_but_who_takes_it(
    bench: Bench,
) -> None:
    bench.timers.event(10, "x")
    timer = bench.timers.due("event", 10)
    assert timer is not None and bench.entries == {}
    bench.timers.put_back(timer)
    assert bench.timers.counts() == {"event": 1, "processing": 0}
    assert bench.fired(100) == [] and bench.timers.next_at("event") is None
    assert Bench(dict(bench.entries)).fired(10) == [("k", 10, "x")], "a restored task calls it"
    bench.timers.event(10, "x")
    assert bench.fired(100) == [], "it is set already"
    assert bench.timers.take(timer) and not bench.timers.take(timer)
    assert bench.entries == {} and bench.timers.counts() == {"event": 0, "processing": 0}
    bench.timers.event(10, "x")
    assert bench.fired(100) == [("k", 10, "x")]


def test_a_timer_that_was_put_back_can_be_deleted(bench: Bench) -> None:
    bench.timers.event(10)
    timer = bench.timers.due("event", 10)
    assert timer is not None
    bench.timers.put_back(timer)
    assert bench.timers.delete(10) and not bench.timers.take(timer)
    assert bench.entries == {}


def test_many_deleted_timers_do_not_let_one_that_was_put_back_fall_due(bench: Bench) -> None:
    bench.timers.event(10)
    timer = bench.timers.due("event", 10)
    assert timer is not None
    bench.timers.put_back(timer)
    for n in range(STALE_MIN + 10):
        bench.key = n
        bench.timers.event(20)
        bench.timers.delete(20)
    assert bench.fired(100) == [] and bench.timers.counts()["event"] == 1
    assert bench.timers.take(timer)


def test_an_entry_of_a_timer_that_was_deleted_and_set_anew_calls_nobody_twice(
    bench: Bench,
) -> None:
    bench.timers.event(10)
    bench.timers.delete(10)
    bench.timers.event(10)
    timer = bench.timers.due("event", 10)
    assert timer is not None
    bench.timers.put_back(timer)
    assert bench.fired(100) == []
