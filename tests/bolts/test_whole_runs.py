"""Whole runs at once: which rows fail when one raises, and whose are those that go out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.bolts.contract import Batch, Bolt, ColumnBolt, Made
from waterspout.bolts.frame_work import FrameWork
from waterspout.bolts.functions import FlatMap, Map
from waterspout.bolts.whole_runs import RUNS_MAX
from waterspout.topology.channels import OpenFrame
from waterspout.topology.columns import ColumnCursor, Columns
from waterspout.topology.component import StreamDecl
from waterspout.topology.emitter import StreamOut
from waterspout.topology.groupings import AllRoute, FieldsRoute, GlobalRoute, Route
from waterspout.topology.tuples import Tuple

from .rig import IN, Rig


class Times(ColumnBolt):
    """Emits each n as often as it is, but raises for those in ``bad``."""

    outputs = ("x",)

    def __init__(self, *bad: int) -> None:
        self.bad = set(bad)
        self.calls: list[int] = []

    def columns(self, cls: type[Tuple], columns: Columns, runs: list[int]) -> Made:
        assert sum(runs) == len(columns)
        self.calls.append(len(columns))
        values = iter(columns.values[0])
        made: list[Any] = []
        counts = []
        for count in runs:
            before = len(made)
            for n in [next(values) for _ in range(count)]:
                if n in self.bad:
                    raise ValueError(n)
                made += [n] * n
            counts.append(len(made) - before)
        return Columns([made]), counts


class AllInOne(Bolt):
    """Emits a batch as it came."""

    outputs = ("x",)

    def process_batch(self, batch: Batch) -> None:
        self.emit_many(batch.rows)


def runs_of(rig: Rig) -> list[tuple[list[int], tuple[int, ...]]]:
    """Take what was emitted; return the values of each run, and its roots."""
    runs, values = rig.take()
    rest = iter(values)
    return [([next(rest) for _ in range(count)], roots) for count, roots in runs]


ROUTES: dict[str, Any] = {
    "one task": lambda out: Route([out]),
    "fields": lambda out: FieldsRoute([out], [0]),
    "all": lambda out: AllRoute([out]),
}


@pytest.mark.parametrize("route", ROUTES)
def test_each_output_row_descends_from_the_run_of_its_input_row(route: str) -> None:
    #  rows   0 1   2     3 4        5
    #  roots  1     2     -          1 3
    rig = Rig(Times(), "columns")
    rig.emitter.streams["default"] = StreamOut(
        "default", StreamDecl(("x",)), [ROUTES[route](rig.out)]
    )
    rig.feed((2, (1,)), (1, (2,)), (2, ()), (1, (1, 3)))
    rig.run()
    assert rig.bolt.calls == [6]
    assert runs_of(rig) == [
        ([1], (1,)), ([2, 2], (2,)), ([3] * 3 + [4] * 4, ()), ([5] * 5, (1, 3)),
    ]  # fmt: skip
    assert sorted(rig.done) == [1, 2, 3]


def test_a_run_that_brings_nothing_ends_its_tree() -> None:
    rig = Rig(Times(), "columns")
    rig.feed((1, (1,)), (1, (2,)))
    rig.run()
    assert rig.done == [1]
    assert runs_of(rig) == [([1], (2,))] and rig.done == [1, 2]


@given(
    st.lists(st.tuples(st.integers(1, 4), st.sampled_from([(), (1,), (2,), (1, 3), (4,)])),
             min_size=1, max_size=8),
    st.sets(st.integers(0, 20), max_size=3),
    st.integers(1, 40),
)  # fmt: skip
def test_whatever_fails_takes_exactly_its_messages_along(
    runs: list[Any], bad: set[int], slice_rows: int
) -> None:
    rig = Rig(Times(*bad), "columns")
    rig.executor.slice_rows = slice_rows
    rig.feed(*runs)
    expected, first = [], 0
    failing = set()
    for count, roots in runs:
        numbers = range(first, first + count)
        first += count
        if bad & set(numbers):
            failing |= set(roots)
        if not roots:
            expected += [n for n in numbers if n not in bad]
    rig.run()
    assert {each.root for each in rig.failures} == failing
    got = runs_of(rig)
    assert sorted(rig.done) == sorted({r for _, roots in runs for r in roots} - failing)
    assert [n for values, roots in got if not roots for n in dict.fromkeys(values)] == [
        n for n in expected if n
    ]
    first = 0
    for count, roots in runs:
        if roots and not set(roots) & failing:
            numbers = [n for n in range(first, first + count) for _ in range(n)]
            assert numbers == [n for values, each in got if each == roots
                               for n in values if n in range(first, first + count)]  # fmt: skip
        first += count
    assert rig.executor.queued_rows == 0 and not rig.executor.queue


def test_a_long_run_is_worked_on_in_parts_and_settles_with_the_last() -> None:
    rig = Rig(Times(), "columns")
    rig.feed((100, (1,)), (1, (2,)))
    rig.executor.run()
    assert rig.bolt.calls == [64] and rig.executor.queued_rows == 37
    rig.take()
    assert rig.done == []
    rig.run()
    assert rig.bolt.calls == [64, 37]
    rig.take()
    assert sorted(rig.done) == [1, 2]


def test_the_rest_of_a_run_whose_first_part_failed_is_not_begun() -> None:
    rig = Rig(Times(5), "columns")
    rig.feed((100, (1,)), (1, (2,)))
    rig.run()
    assert rig.bolt.calls == [64, 1]
    assert [each.root for each in rig.failures] == [1] and rig.executor.queued_rows == 0
    assert runs_of(rig) == [([100] * 100, (2,))]


def test_of_a_run_without_roots_the_rest_is_worked_on_though_its_first_part_failed() -> None:
    rig = Rig(Times(5), "columns", tracked=False)
    rig.feed((70, ()))
    rig.run()
    assert set(rig.take()[1]) == set(range(1, 70)) - {5}


def with_readers(rig: Rig, *readers: Callable[[list[OpenFrame]], Route]) -> list[list[OpenFrame]]:
    """Give the rig's stream these readers, of two tasks each; return their frames."""
    frames = [[OpenFrame((2, 0, 10 * n + task), 0) for task in range(2)]
              for n in range(len(readers))]  # fmt: skip
    routes = [make(each) for make, each in zip(readers, frames, strict=True)]
    rig.emitter.streams["default"] = StreamOut("default", StreamDecl(("x",)), routes)
    rig.emitter.frames[:] = [frame for each in frames for frame in each]
    return frames


def whose(frames: list[OpenFrame]) -> dict[Any, tuple[int, ...]]:
    """Take what came to a reader; return the roots of each value, of which there is one."""
    found: dict[Any, tuple[int, ...]] = {}
    for frame in frames:
        _, runs, rows, _ = frame.take()
        rest = iter(rows)
        for count, roots in runs:
            for value in [next(rest)[0] for _ in range(count)]:
                assert value not in found
                found[value] = roots
    return found


def fields_to_one(targets: list[OpenFrame]) -> Route:
    return FieldsRoute(targets[:1], [0])


def fields(targets: list[OpenFrame]) -> Route:
    return FieldsRoute(targets, [0])


@pytest.mark.parametrize(
    "readers", [(GlobalRoute, fields_to_one), (GlobalRoute, fields), (fields,)]
)
def test_what_a_grouping_refuses_fails_alone_and_reaches_no_reader(readers: Any) -> None:
    #  rows   0 1   2 3 4   5   6 7
    #  roots  1     2       3   -
    rig = Rig(Map(lambda n: {} if n in (3, 6) else n, ["x"]), "columns")
    frames = with_readers(rig, *readers)
    rig.feed((2, (1,)), (3, (2,)), (1, (3,)), (2, ()))
    rig.run()
    assert [each.root for each in rig.failures] == [2]
    expected = "EmitError: step: emit to stream 'default': a dict cannot be a key"
    assert rig.failures[0].reason == expected
    for each in frames:
        assert whose(each) == {0: (1,), 1: (1,), 5: (3,), 7: ()}
    assert [each["count"] for each in rig.env.take_errors()] == [2]


def test_rows_of_several_runs_keep_their_roots_where_readers_divide_them() -> None:
    rig = Rig(Map(lambda n: n, ["x"]), "columns")
    frames = with_readers(rig, AllRoute, fields)
    rig.feed(*((3, (n + 1,)) for n in range(20)))
    rig.run()
    expected = {n: (n // 3 + 1,) for n in range(60)}
    assert whose(frames[1]) == expected
    assert [whose([frame]) for frame in frames[0]] == [expected] * 2


def test_rows_without_roots_are_emitted_once_though_a_grouping_refused_one_of_them() -> None:
    rig = Rig(Map(lambda n: {} if n == 2 else n, ["x"]), "columns", tracked=False)
    rig.emitter.streams["default"].routes[0] = FieldsRoute([rig.out], [0])
    rig.feed((4, ()))
    rig.run()
    assert rig.take()[1] == [0, 1, 3]
    assert [each["count"] for each in rig.env.take_errors()] == [1]


def test_without_auto_anchor_what_is_made_is_untracked() -> None:
    class Loose(Times):
        auto_anchor = False

    for runs in [(2, (1,))], [(2, (1,)), (1, (2,))]:
        rig = Rig(Loose(), "columns")
        rig.feed(*runs)
        rig.run()
        assert {roots for _, roots in runs_of(rig)} == {()}
        assert sorted(rig.done) == [n + 1 for n in range(len(runs))]


@pytest.mark.parametrize("runs", [[(2, (1,)), (1, (2,))], [(1, (1,)), (1, (5,)), (1, (2,))]])
def test_rows_beyond_emit_max_per_tuple_fail_their_run(runs: list[Any]) -> None:
    class Many(Times):
        def columns(self, cls: type[Tuple], columns: Columns, runs: list[int]) -> Made:
            made, counts = super().columns(cls, columns, runs)
            return Columns([made.values[0] * 2]), [2 * count for count in counts]

    rig = Rig(Many(), "columns", emit_max=3)
    rig.feed(*runs)
    rig.run()
    assert [each.root for each in rig.failures] == [2]
    assert rig.failures[0].reason.startswith("EmitOverflow: step: emit to stream 'default'")


def test_a_column_bolt_without_outputs_gets_its_messages_through() -> None:
    class End(ColumnBolt):
        def columns(self, cls: type[Tuple], columns: Columns, runs: list[int]) -> Made:
            return Columns([[]]), [0] * len(runs)

    rig = Rig(End(), "columns")
    rig.emitter.streams.clear()
    rig.feed((2, (1,)), (1, (2,)))
    rig.run()
    assert rig.failures == [] and sorted(rig.done) == [1, 2]


def test_a_batch_of_columns_goes_on_as_columns() -> None:
    rig = Rig(AllInOne(), "batch")
    rig.feed((20, (1,)), (20, (2,)))
    rig.run()
    _, runs, rows, _ = rig.out.take()
    assert isinstance(rows, Columns) and rows == [[n] for n in range(40)]
    assert runs == [(40, (1, 2))]


@pytest.mark.parametrize("kind", ["batch", "columns"])
def test_no_more_runs_are_taken_at_once_than_a_crash_slot_holds(kind: str) -> None:
    noted: list[int] = []
    rig = Rig(AllInOne() if kind == "batch" else Times(), kind)
    rig.executor.at_work = lambda roots: noted.append(len(roots))
    rig.executor.slice_rows = 8192
    rig.feed(*((1, (n + 1,)) for n in range(RUNS_MAX + 5)))
    rig.run()
    assert [n for n in noted if n] == [RUNS_MAX, 5]


def test_a_batch_is_one_run_above_a_bolt_that_holds_tuples_and_columns_need_not_be() -> None:
    for bolt, kind, calls in ((AllInOne(), "batch", 3), (Times(), "columns", 1)):
        rig = Rig(bolt, kind)
        rig.executor.batch_by_run = True
        noted: list[Any] = []
        rig.executor.at_work = noted.append
        rig.feed((1, (1,)), (1, (2,)), (1, (3,)))
        rig.run()
        assert len([roots for roots in noted if roots]) == calls


@pytest.mark.parametrize("kind", ["process", "columns"])
def test_columns_are_taken_apart_at_once_for_a_bolt_that_works_row_by_row(kind: str) -> None:
    rig = Rig(Times(), kind)
    columns = Columns([list(range(40))])
    work = FrameWork((1, 0, 2), IN, 1, [(40, (1,))], columns, remote=False)
    rig.executor.enqueue(work)
    assert isinstance(work.source, ColumnCursor) == (kind == "columns")
    assert rig.executor.queued_rows == 40


def test_generators_that_never_end_fail_their_tuple(bench: Any) -> None:
    def forever(n: int) -> Iterator[int]:
        yield n
        while n == 1:
            yield n

    bolt = bench.start(FlatMap(forever, ["x"]))
    bolt._emit_max = 10
    rig = Rig(bolt, "columns", emit_max=10)
    rig.feed((1, (1,)), (1, (2,)), (1, (3,)))
    rig.run()
    assert [each.root for each in rig.failures] == [2]
    assert rig.failures[0].reason.startswith("EmitOverflow")
    assert runs_of(rig) == [([0], (1,)), ([2], (3,))]


class Tens(Bolt):
    """Keeps what it gets, and emits every ten of them in ``after_batch``."""

    outputs = ("x",)

    def __init__(self) -> None:
        self.kept: list[int] = []

    def process_batch(self, batch: Batch) -> None:
        if 99 in batch.column(0):
            raise ValueError(99)
        self.kept += batch.column(0)
        self.due = len(self.kept) >= 10

    def after_batch(self) -> None:
        ten, self.kept = self.kept[:10], self.kept[10:]
        if 77 in ten:
            raise ValueError(77)
        self.emit([sum(ten)])
        self.due = len(self.kept) >= 10


def test_what_a_batch_set_off_has_a_root_of_its_own_and_is_repeated_by_itself() -> None:
    rig = Rig(Tens(), "batch")
    rig.feed((12, (1,)), (12, (2,)))
    rig.run()
    # The tuples are done with, whatever becomes of what they set off.
    assert rig.done == [1, 2]
    runs, values = rig.take()
    assert values == [sum(range(10)), sum(range(10, 20))]
    assert [count for count, _ in runs] == [1, 1]
    assert not {root for _, roots in runs for root in roots} & {1, 2}
    assert rig.bolt.kept == [20, 21, 22, 23]


def test_an_after_batch_that_raises_is_noted_and_not_called_again() -> None:
    rig = Rig(Tens(), "batch")
    rig.bolt.kept = [77] * 10
    rig.feed((1, (1,)))
    rig.run()
    assert rig.done == [1] and rig.failures == []
    assert rig.executor.failed == 1 and rig.bolt.kept == [0]
