"""How far a task is behind: asked seldom, told from what was heard."""

from __future__ import annotations

import pytest
from waterspout.spouts.contract import Source
from waterspout.spouts.lag import ASKED_MAX, UNIT_CHARS_MAX, Lag
from waterspout.spouts.partitions import Partition


class Topics(Source):
    """Every partition ends at ``end``; each answer takes ``took_s``."""

    def __init__(self, end: int | None = 100, took_s: float = 0.0) -> None:
        self.end, self.took_s = end, took_s
        self.now = 0.0
        self.asked: list[str] = []
        self.error: BaseException | None = None

    def end_position(self, partition: str) -> int | None:
        self.asked.append(partition)
        self.now += self.took_s
        if self.error is not None:
            raise self.error
        return self.end

    def clock(self) -> float:
        return self.now


def partitions(*positions: int | None) -> list[Partition]:
    return [Partition(f"p{n}", position, 0.0) for n, position in enumerate(positions)]


def test_lag_is_the_sum_over_partitions_and_never_negative() -> None:
    source, there = Topics(), partitions(30, None, 120)
    lag = Lag(source, 1.0, source.clock)
    assert lag.total(there) is None, "nobody was asked yet"
    lag.ask(there, 0.0)
    assert lag.total(there) == (70 + 100 + 0, "positions")
    there[0].position = 90
    assert lag.total(there) == (110, "positions"), "readers move on without a question"


def test_the_source_says_what_its_positions_count_and_what_is_too_long_is_cut() -> None:
    for unit, shown in (("bytes", "bytes"), ("x" * 1000, "x" * UNIT_CHARS_MAX), (7, "7")):
        source, there = Topics(), partitions(30)
        source.position_unit = unit
        lag = Lag(source, 1.0, source.clock)
        lag.ask(there, 0.0)
        assert lag.total(there) == (70, shown)


def test_each_partition_is_asked_for_once_per_interval() -> None:
    source, there = Topics(), partitions(0)
    lag = Lag(source, 1.0, source.clock)
    for now in (0.0, 0.5, 0.999, 1.0, 1.5, 2.0):
        lag.ask(there, now)
    assert len(source.asked) == 3


def test_many_partitions_are_asked_for_a_few_in_a_turn() -> None:
    source, there = Topics(), partitions(*[0] * (2 * ASKED_MAX + 1))
    lag = Lag(source, 1.0, source.clock)
    counts = []
    for turn in range(4):
        lag.ask(there, turn / 100)
        counts.append(len(source.asked))
    assert counts == [ASKED_MAX, 2 * ASKED_MAX, 2 * ASKED_MAX + 1, 2 * ASKED_MAX + 1]
    assert len(set(source.asked)) == len(there)


def test_slow_answers_are_asked_for_less_often() -> None:
    #  two answers of 50 ms: 1 % of 10 s
    source, there = Topics(took_s=0.05), partitions(0, 0)
    lag = Lag(source, 1.0, source.clock)
    lag.ask(there, 0.0)
    lag.ask(there, 9.9)
    assert len(source.asked) == 2
    lag.ask(there, 10.1)
    assert len(source.asked) == 4


def test_what_cannot_be_told_or_raises_is_not_known() -> None:
    source, there = Topics(), partitions(0)
    lag = Lag(source, 1.0, source.clock)
    lag.ask(there, 0.0)
    source.end = None
    lag.ask(there, 1.0)
    assert lag.total(there) is None
    source.end, source.error = 50, OSError("broker")
    lag.ask(there, 2.0)
    assert lag.total(there) is None
    source.error, source.end = None, "the end"  # type: ignore[assignment]
    lag.ask(there, 2.5 + 1.0)
    assert lag.total(there) is None
    source.end = 50
    lag.ask(there, 5.0)
    assert lag.total(there) == (50, "positions")


def test_a_partition_that_has_ended_is_forgotten() -> None:
    source, there = Topics(), partitions(0, 0)
    lag = Lag(source, 1.0, source.clock)
    lag.ask(there, 0.0)
    ended = there.pop()
    lag.ask(there, 1.0)
    assert lag.total([ended]) is None and lag.total(there) == (100, "positions")


def test_a_source_that_never_knows_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(Source):
        pass

    asked: list[str] = []
    monkeypatch.setattr(Source, "end_position", lambda self, partition: asked.append(partition))
    lag = Lag(Silent(), 1.0, lambda: 0.0)
    lag.ask(partitions(0), 0.0)
    assert asked == [] and lag.total(partitions(0)) is None


def test_partitions_that_are_found_later_are_asked_for_at_once() -> None:
    source = Topics()
    lag = Lag(source, 1.0, source.clock)
    lag.ask([], 0.0)
    lag.ask(partitions(0), 0.01)
    assert lag.total(partitions(0)) == (100, "positions")
