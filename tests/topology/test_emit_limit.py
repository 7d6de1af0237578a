"""The countdown of emit_max never fails a call within the limit, and ends one without end."""

from __future__ import annotations

import pytest
from waterspout.topology.emit_limit import STEPS, EmitLimit, begin_ticks
from waterspout.topology.errors import EmitOverflow

from ..each_case import each_case


class Caller:
    """Counts down as ``emit`` does; ``call`` is changed by hand."""

    def __init__(self, emit_max: int) -> None:
        self.call = 0
        self.limit = EmitLimit("split", emit_max, lambda: self.call)
        self.ticks = begin_ticks(self.limit)

    def emit(self, count: int) -> int:
        """Emit up to ``count`` times; return after how many it was refused, or count."""
        for number in range(count):
            if next(self.ticks, "dry") == "dry":
                try:
                    self.ticks = begin_ticks(self.limit, "default")
                except EmitOverflow:
                    return number
        return count


@each_case("emit_max", [1, 3, 7, 8, 9, 100, 1000])
def test_calls_of_exactly_emit_max_tuples_are_never_refused(emit_max: int) -> None:
    caller = Caller(emit_max)
    for caller.call in range(30):
        assert caller.emit(emit_max) == emit_max


@each_case("emit_max", [1, 3, 7, 8, 9, 100, 1000])
def test_a_call_without_end_is_refused_within_two_steps_of_the_limit(emit_max: int) -> None:
    caller = Caller(emit_max)
    caller.emit(emit_max // 2)
    caller.call += 1
    emitted = caller.emit(10 * emit_max + 10)
    assert emit_max <= emitted <= emit_max + 2 * caller.limit.step


def test_small_limits_are_exact() -> None:
    caller = Caller(STEPS)
    assert caller.emit(100) == STEPS


def test_a_call_that_goes_on_after_a_refusal_is_refused_again() -> None:
    caller = Caller(3)
    assert [caller.emit(10), caller.emit(10)] == [3, 0]
    caller.call += 1
    assert caller.emit(3) == 3


def test_emits_of_other_forms_are_counted_exactly_and_per_call() -> None:
    call = 0
    limit = EmitLimit("split", 10, lambda: call)
    limit.add(10, "side")
    with pytest.raises(EmitOverflow, match=r"split: emit to stream 'side'.*emit_max = 10"):
        limit.add(1, "side")
    call = 1
    limit.add(10, "side")


def test_without_a_limit_the_countdown_never_runs_dry() -> None:
    ticks = begin_ticks(None)
    assert [next(ticks, "dry") for _ in range(1000)] == [None] * 1000
