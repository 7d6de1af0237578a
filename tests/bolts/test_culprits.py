"""The message at fault: told by its row where rows are messages, and only as often as it pays."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.bolts.contract import Bolt, ColumnBolt, Made
from waterspout.bolts.culprits import CULPRITS_MAX, Culprits
from waterspout.bolts.frame_work import FrameWork
from waterspout.topology.columns import Columns
from waterspout.topology.frames import NO_TRAILS
from waterspout.topology.trails import Trail
from waterspout.topology.tuples import Tuple

from .rig import IN, SOURCE, TASK, Rig


class Bad(Bolt):
    """Emits n; raises at the numbers in ``bad``."""

    outputs = ("x",)

    def __init__(self, *bad: int) -> None:
        self.bad, self.seen = set(bad), list[int]()

    def check(self, number: int) -> None:
        self.seen.append(number)
        if number in self.bad:
            raise ValueError(number)

    def process(self, tup: Tuple) -> Any:
        self.check(tup[0])
        self.emit([tup[0]])


class BadGenerator(Bad):
    def process(self, tup: Tuple) -> Iterator[Any]:
        self.check(tup[0])
        yield [tup[0]]


class BadColumns(Bad, ColumnBolt):
    def columns(self, cls: type[Tuple], columns: Columns, runs: list[int]) -> Made:
        for number in columns.values[0]:
            self.check(number)
        return columns, runs


KINDS = {"process": Bad, "generator": BadGenerator, "columns": BadColumns}


def rig_of(kind: str, *bad: int, sources: Any = (SOURCE,)) -> Rig:
    rig = Rig(KINDS[kind](*bad), kind)
    rig.executor.culprits = Culprits(sources)
    # As the spout would: the rest of the root goes on.
    rig.acker._failed_message = lambda failure, now: rig.failures.append(failure) is None
    return rig


def work_of(source: int, trails: Any = NO_TRAILS) -> FrameWork:
    return FrameWork((source, 0, TASK), IN, 1, [], [], trails, remote=False)


def test_a_run_of_several_messages_of_a_source_has_culprits_and_no_other() -> None:
    culprits, work = Culprits({7}), work_of(7)
    assert culprits.told(work, (1,), 2, 5) == (2, 5)
    assert culprits.told(work_of(8), (1,), 2, 5) is None  # a bolt: its rows may be of any message
    assert culprits.told(work, (1,), 0, 1) is None  # no other message to spare
    assert culprits.told(work, (), 2, 5) is None  # nobody waits for it
    assert culprits.told(work, (1, 2), 2, 5) is None
    assert Culprits().told(work, (1,), 2, 5) is None


def test_behind_another_bolt_the_trail_of_the_run_says_which_message_it_was() -> None:
    # Three messages, of which the first and the last came to two rows each.
    trails = {1: Trail(3, None, 0, 0, [2, 2, 4]), 2: None}
    culprits, work = Culprits({7}), work_of(8, trails)
    assert [culprits.told(work, (1,), row, 4) for row in range(4)] == [
        (0, 3), (0, 3), (2, 3), (2, 3),
    ]  # fmt: skip
    assert culprits.told(work, (1,), 0, 3) is None  # a row was lost on the way
    assert culprits.known(work, (1,), 4) and not culprits.known(work, (1,), 3)
    assert culprits.told(work, (2,), 0, 4) is None  # its root stands in two runs
    assert culprits.told(work, (3,), 0, 4) is None
    assert culprits.told(work, (1, 3), 0, 4) is None


def test_of_many_culprits_in_one_run_all_are_at_fault_and_the_next_run_counts_anew() -> None:
    culprits, work = Culprits({7}), work_of(7)
    told = [culprits.told(work, (1,), row, 64) for row in range(CULPRITS_MAX + 1)]
    assert told == [*((row, 64) for row in range(CULPRITS_MAX)), None]
    assert culprits.told(work, (2,), 0, 64) == (0, 64)


@pytest.mark.parametrize("kind", KINDS)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
    st.sets(st.integers(0, 30), max_size=6),
    st.integers(1, 40),
)
def test_only_the_messages_at_fault_fail_and_all_others_go_on(
    kind: str, counts: list[int], bad: set[int], slice_rows: int
) -> None:
    rig = rig_of(kind, *bad)
    rig.executor.slice_rows = slice_rows
    rig.feed(*((count, (root,)) for root, count in enumerate(counts, 1)))
    rig.run()
    first, told, whole, good = 0, set(), set(), set()
    for root, count in enumerate(counts, 1):
        rows = range(first, first + count)
        at_fault = [n for n in rows if n in bad]
        if at_fault and (count == 1 or len(at_fault) > CULPRITS_MAX):
            whole.add(root)
        else:
            good |= set(rows) - bad
        if count > 1:
            told |= {(root, n - first, count) for n in at_fault[:CULPRITS_MAX]}
        first += count
    named = {(each.root, each.row, each.rows) for each in rig.failures if each.rows}
    assert named == told
    assert {each.root for each in rig.failures if not each.rows} == whole
    assert rig.executor.failed == len(rig.failures)
    _, values = rig.take()
    assert good <= set(values) <= set(range(first)) - bad
    assert rig.done == sorted(set(range(1, len(counts) + 1)) - whole)
    assert rig.executor.queued_rows == 0 and not rig.executor.queue


@pytest.mark.parametrize("kind", KINDS)
def test_the_rest_of_a_run_with_too_many_culprits_is_not_begun(kind: str) -> None:
    rig = rig_of(kind, *range(20))
    rig.feed((64, (1,)))
    rig.run()
    assert [each.rows for each in rig.failures] == [64] * CULPRITS_MAX + [0]
    assert rig.bolt.seen[-1] == CULPRITS_MAX


@pytest.mark.parametrize("kind", KINDS)
def test_behind_a_bolt_the_whole_run_fails(kind: str) -> None:
    rig = rig_of(kind, 1, sources=())
    rig.feed((3, (1,)))
    rig.run()
    assert [(each.root, each.rows) for each in rig.failures] == [(1, 0)]


def test_functions_over_columns_tell_a_message_by_its_trail() -> None:
    for counts, bad, told in (([2, 0, 3], 4, (2, 3)), ([0, 0, 1], 0, (2, 3))):
        rig = rig_of("columns", bad, sources=())
        rows = sum(counts)
        rig.feed((rows, (1,))).trails = {1: Trail(3, None, 0, 0, [*accumulate(counts)])}
        rig.run()
        assert [(each.row, each.rows) for each in rig.failures] == [told]
        assert rig.take()[1] == [n for n in range(rows) if n != bad]


class TooMany(Bad, ColumnBolt):
    """Emits three rows for each number in ``bad``."""

    def columns(self, cls: type[Tuple], columns: Columns, runs: list[int]) -> Made:
        made, counts, numbers = [], [], iter(columns.values[0])
        for count in runs:
            before = len(made)
            for number in islice(numbers, count):
                made += [number] * (3 if number in self.bad else 1)
            counts.append(len(made) - before)
        return Columns.of((made,), len(made)), counts


def test_the_last_row_of_a_run_that_was_begun_is_told_when_what_it_emits_is_refused() -> None:
    rig = Rig(TooMany(2), "columns", emit_max=2)
    rig.executor.culprits = Culprits((SOURCE,))
    rig.acker._failed_message = lambda failure, now: rig.failures.append(failure) is None
    rig.executor.slice_rows = 2
    rig.feed((3, (1,)), (1, (2,)))
    rig.run()
    assert [(each.root, each.row, each.rows) for each in rig.failures] == [(1, 2, 3)]
    assert rig.take()[1] == [0, 1, 3]


def test_functions_over_columns_are_given_halves_until_one_row_is_at_fault() -> None:
    rig = rig_of("columns", 5)
    rig.feed((8, (1,)))
    rig.run()
    calls = [range(6), range(4), [4, 5], [4, 5], [4], [5], [6, 7]]  # each up to what raised
    assert rig.bolt.seen == [n for call in calls for n in call]
    runs, values = rig.take()
    assert values == [0, 1, 2, 3, 4, 6, 7]
    assert {roots for _, roots in runs} == {(1,)}
