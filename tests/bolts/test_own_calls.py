"""Ticks and the end of the input: calls of a bolt that no tuple causes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from waterspout.bolts.contract import Bolt
from waterspout.topology.tuples import Tuple

from ..each_case import each_case
from .rig import Rig


class Clockwork(Bolt):
    """Emits at each tick and counts them."""

    outputs = ("x",)
    ticks = 0
    #: So many ticks raise.
    bad = 0

    def process_tick(self, tup: Tuple) -> None:
        assert tup.is_tick()
        self.ticks += 1
        self.emit([self.ticks])
        if self.ticks <= self.bad:
            raise ValueError("tick")


def test_ticks_come_every_interval_with_a_root_of_their_own() -> None:
    #  100    101   101.5   105    106
    #  first  tick          tick   tick   (those that were missed are not made up for)
    rig = Rig(Clockwork(), tick_interval_s=1.0)
    for now, ticks in ((100, 0), (101, 1), (101.5, 1), (105, 2), (106, 3)):
        rig.executor.own_calls.tick(now)
        assert rig.bolt.ticks == ticks
    assert rig.executor.own_calls.next_tick(106.25) == 0.75
    rig.flush()
    assert rig.own.pending == 3
    assert [len(roots) for _, roots in rig.take()[0]] == [1, 1, 1]
    assert len(set(rig.done)) == 3 and rig.own.pending == 0


def tick(rig: Rig, *times: float) -> list[Any]:
    """Let some turns pass; return what was emitted."""
    for rig.now in times:
        rig.executor.own_calls.tick(rig.now)
    rig.flush()
    return rig.take()[1]


def test_a_tick_that_raises_is_made_again_after_a_while_and_others_wait_for_it() -> None:
    #  100    101     101.6  102       103.2     104
    #         raises  -      1 s: raises          ...  2 s less a part: goes well, then a usual one
    rig = Rig(Clockwork(), tick_interval_s=0.5, backoff_min_s=1.0)
    rig.bolt.bad = 2
    assert tick(rig, 100, 101) == [] and rig.own.pending == 1
    assert tick(rig, 101.6) == [] and rig.bolt.ticks == 1, "no other tick meanwhile"
    assert rig.executor.own_calls.next_tick(101.6) == pytest.approx(0.4)
    assert tick(rig, 102) == [] and rig.bolt.ticks == 2
    assert tick(rig, 104) == [3, 4] and rig.own.pending == 0
    (error,) = rig.env.take_errors()
    assert (error["text"], error["count"]) == ("process_tick: ValueError: tick", 2)


def test_a_tick_that_always_raises_becomes_a_dead_letter_and_ticks_go_on() -> None:
    rig = Rig(Clockwork(), tick_interval_s=0.5, attempts_max=2)
    rig.bolt.bad = 2
    letters: list[Any] = []
    rig.own.bury_call = lambda root, *letter: letters.append((root, *letter))
    assert tick(rig, 100, 101, 102) == [3], "the next tick does not wait for the letter"
    ((root, what, values, attempts, failure),) = letters
    assert (what, values, attempts) == ("process_tick", [], 2)
    assert failure.reason == "process_tick: ValueError: tick" and failure.component == "step"
    assert "process_tick" in failure.traceback
    assert rig.own.pending == 1
    rig.own.buried(root)
    assert rig.own.pending == 0


def test_untracked_a_tick_that_raises_is_only_noted() -> None:
    rig = Rig(Clockwork(), tick_interval_s=0.5, tracked=False)
    rig.bolt.bad = 1
    assert tick(rig, 100, 101, 102) == [1, 2]
    assert rig.own.pending == 0 and len(rig.env.take_errors()) == 1


def test_many_ticks_in_a_row_are_many_calls_for_emit_max() -> None:
    rig = Rig(Clockwork(), tick_interval_s=1.0, emit_max=2)
    for now in range(100, 120):
        rig.executor.own_calls.tick(now)
    assert rig.env.take_errors() == [] and len(rig.out.rows) == 19


def test_ticks_that_failed_or_met_a_new_epoch_are_emitted_again() -> None:
    rig = Rig(Clockwork(), tick_interval_s=1.0)
    rig.executor.own_calls.tick(100)
    rig.executor.own_calls.tick(101)
    rig.flush()
    root = next(iter(rig.kept))
    rig.out.take()
    rig.env.fail_roots((root,), "sink", 3, "why")
    rig.flush()
    rig.retry(rig.now + 1)
    assert rig.out.rows == [[1]]
    rig.acker.forget_all()
    rig.env.toggles.clear()
    rig.out.drop()
    rig.executor.new_epoch(rig.now)
    assert rig.out.rows == [[1]] and rig.bolt.ticks == 1
    rig.flush()
    rig.take()
    assert rig.own.pending == 0


def test_without_an_interval_there_are_no_ticks() -> None:
    rig = Rig(Clockwork())
    rig.executor.own_calls.tick(1e9)
    assert rig.bolt.ticks == 0 and rig.executor.own_calls.next_tick(0) > 1000


# The end.


class Last(Bolt):
    """Emits ``count`` rows at the end."""

    outputs = ("x",)

    def __init__(self, count: int, bad: Any = None) -> None:
        self.count, self.bad = count, bad

    def finish(self) -> Iterator[Any]:
        for number in range(self.count):
            yield self.bad if number == 5 and self.bad is not None else [number]


def finish(rig: Rig) -> list[Any]:
    """Call ``finish_step`` turn by turn until it has ended; return what arrived."""
    values = []
    for _ in range(20):
        ended = rig.executor.own_calls.finish_step(rig.now)
        rig.flush()
        values += rig.take()[1]
        if ended:
            return values
    raise AssertionError("finish does not end")


@each_case("count", [0, 1, 1023, 1024, 1025, 3000])
def test_all_rows_of_finish_arrive_in_order(count: int) -> None:
    assert finish(Rig(Last(count))) == [*range(count)]


def test_finish_goes_out_in_slices_and_waits_for_the_outbox() -> None:
    rig = Rig(Last(3000))
    rig.full = True
    assert not rig.executor.own_calls.finish_step(rig.now)
    assert rig.out.rows == []
    rig.full = False
    assert not rig.executor.own_calls.finish_step(rig.now)
    rig.flush()
    assert rig.executor.own_calls.finish_done and rig.own.pending == 3
    assert not rig.executor.own_calls.finish_step(rig.now), "what it emitted is not through"
    rig.take()
    assert rig.executor.own_calls.finish_step(rig.now)


def test_a_row_of_finish_that_is_refused_does_not_take_others_with_it() -> None:
    rig = Rig(Last(10, bad=["two", object]))
    letters: list[Any] = []
    rig.own.bury_values = lambda root, *letter: (letters.append(letter), rig.own.buried(root))
    assert finish(rig) == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    assert "finish: EmitError" in rig.env.take_errors()[0]["text"]
    ((what, values, attempts, failure),) = letters
    assert (what, values, attempts) == ("finish", ["two", "<class 'object'>"], 1)
    assert "yielded a row that cannot be emitted: EmitError" in failure.reason


class Broken(Bolt):
    """Raises in its first ``bad`` calls of ``finish``: at once, or as a generator."""

    outputs = ("x",)

    def __init__(self, plain: bool, bad: int) -> None:
        self.plain, self.bad, self.calls = plain, bad, 0

    def finish(self) -> Any:
        self.calls += 1
        if not self.plain:
            return self.rows()
        self.emit(["early"])
        if self.calls <= self.bad:
            raise ValueError("end")
        return None

    def rows(self) -> Iterator[Any]:
        yield ["early"]
        if self.calls <= self.bad:
            raise ValueError("end")


def finish_later(rig: Rig) -> list[Any]:
    """Call ``finish_step`` and ``tick`` while time goes by; return what arrived."""
    values = []
    for _ in range(40):
        rig.executor.own_calls.tick(rig.now)
        ended = rig.executor.own_calls.finish_step(rig.now)
        rig.flush()
        values += rig.take()[1]
        if ended:
            return values
        rig.now += 0.25
    raise AssertionError("finish does not end")


@pytest.mark.parametrize("plain", [True, False])
def test_a_finish_that_raises_begins_anew_after_a_while(plain: bool) -> None:
    rig = Rig(Broken(plain, 2), backoff_min_s=1.0)
    calls = rig.executor.own_calls
    assert not calls.finish_step(rig.now) and not calls.goes_on and calls.finishing
    assert calls.next_tick(rig.now) == 1.0
    assert finish_later(rig) == ["early"] and rig.bolt.calls == 3 and not calls.goes_on
    (error,) = rig.env.take_errors()
    assert (error["text"], error["count"]) == ("finish: ValueError: end", 2)


@pytest.mark.parametrize("plain", [True, False])
def test_a_finish_that_always_raises_ends_as_a_dead_letter(plain: bool) -> None:
    rig = Rig(Broken(plain, 100), attempts_max=2)
    letters: list[Any] = []
    rig.own.bury_call = lambda root, *letter: letters.append((root, *letter))
    with pytest.raises(AssertionError, match="does not end"):
        finish_later(rig)
    ((root, what, values, attempts, _),) = letters
    assert (what, values, attempts, rig.bolt.calls) == ("finish", [], 2, 2)
    rig.own.buried(root)
    assert finish_later(rig) == []


@pytest.mark.parametrize("plain", [True, False])
def test_untracked_a_finish_that_raises_is_noted_and_ends(plain: bool) -> None:
    rig = Rig(Broken(plain, 100), tracked=False)
    assert finish(rig) == (["early"] if plain else [])
    assert [each["text"] for each in rig.env.take_errors()] == ["finish: ValueError: end"]


def test_finish_begins_once_nothing_waits_for_another_try() -> None:
    class Both(Clockwork):
        def finish(self) -> Any:
            yield ["end"]

    rig = Rig(Both(), tick_interval_s=10.0)
    rig.bolt.bad = 1
    assert tick(rig, 100, 110) == []
    assert not rig.executor.own_calls.finish_step(rig.now) and not rig.executor.own_calls.goes_on
    assert finish_later(rig) == [2, "end"]


def test_a_finish_that_waits_is_forgotten_in_a_new_epoch() -> None:
    rig = Rig(Broken(True, 1))
    calls = rig.executor.own_calls
    assert not calls.finish_step(rig.now)
    rig.executor.new_epoch(rig.now)
    assert rig.own.pending == 0 and not calls.finishing and not calls.failed
    assert finish_later(rig) == ["early"]
