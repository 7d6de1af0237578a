"""Ticks and the end of the input: calls of a bolt that no tuple causes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from waterspout.bolts.contract import Bolt
from waterspout.topology.tuples import Tuple

from .rig import Rig


class Clockwork(Bolt):
    """Emits at each tick and counts them."""

    outputs = ("x",)
    ticks = 0
    bad = False

    def process_tick(self, tup: Tuple) -> None:
        assert tup.is_tick()
        self.ticks += 1
        self.emit([self.ticks])
        if self.bad:
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


def test_a_tick_that_raises_is_noted_and_what_it_emitted_goes_out() -> None:
    rig = Rig(Clockwork(), tick_interval_s=1.0)
    rig.bolt.bad = True
    rig.executor.own_calls.tick(100)
    rig.executor.own_calls.tick(101)
    rig.flush()
    assert [each["text"] for each in rig.env.take_errors()] == ["ValueError: tick"]
    assert rig.take()[1] == [1]


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
    rig.own.retry(rig.now + 1)
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


@pytest.mark.parametrize("count", [0, 1, 1023, 1024, 1025, 3000])
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
    rig = Rig(Last(10, bad=["two", "values"]))
    assert finish(rig) == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    assert "EmitError" in rig.env.take_errors()[0]["text"]


@pytest.mark.parametrize("plain", [True, False])
def test_a_finish_that_raises_is_noted_and_ends(plain: bool) -> None:
    class Broken(Bolt):
        outputs = ("x",)

        def finish(self) -> Any:
            if plain:
                self.emit(["early"])
                raise ValueError("end")
            return self.rows()

        def rows(self) -> Iterator[Any]:
            yield ["lost"]
            raise ValueError("end")

    rig = Rig(Broken())
    assert finish(rig) == (["early"] if plain else [])
    assert [each["text"] for each in rig.env.take_errors()] == ["ValueError: end"]
