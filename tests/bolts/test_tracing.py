"""Tracing: what a bolt emits leads to the message that it was made of, however it is cut."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.bolts import tracing
from waterspout.bolts.contract import Bolt, ColumnBolt, Made
from waterspout.bolts.culprits import Culprits
from waterspout.bolts.tracing import Tracing
from waterspout.topology.channels import OpenFrame
from waterspout.topology.columns import Columns
from waterspout.topology.frames import Run
from waterspout.topology.task_env import TRACED
from waterspout.topology.trails import ROWS_MAX, STEPS_MAX, Trail
from waterspout.topology.tuples import Tuple

from .rig import SOURCE, TASK, Rig

#: Runs, rows and trails of a frame.
Sent = tuple[list[Run], list[Any], Any]


class Fan(Bolt):
    """Emits each number n as often as ``counts`` says; raises behind that at those in ``bad``."""

    outputs = ("x",)

    def __init__(self, counts: list[int], bad: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        self.counts, self.bad = counts, bad

    def process(self, tup: Tuple) -> Any:
        for _ in range(self.counts[tup[0]]):
            self.emit([tup[0]])
        if tup[0] in self.bad:
            raise ValueError(tup[0])


class FanGenerator(Fan):
    def process(self, tup: Tuple) -> Iterator[Any]:
        yield from ([tup[0]] for _ in range(self.counts[tup[0]]))
        if tup[0] in self.bad:
            raise ValueError(tup[0])


class FanColumns(Fan, ColumnBolt):
    def columns(self, cls: type[Tuple], columns: Columns, runs: list[int]) -> Made:
        numbers, made, sizes = iter(columns.values[0]), [], []
        for count in runs:
            some = list(islice(numbers, count))
            if not self.bad.isdisjoint(some):
                raise ValueError(some)
            rows = [n for n in some for _ in range(self.counts[n])]
            made += rows
            sizes.append(len(rows))
        return Columns.of((made,), len(made)), sizes


KINDS = {"process": Fan, "generator": FanGenerator, "columns": FanColumns}


def rig_of(bolt: Bolt, kind: str = "process", *, sources: Any = (SOURCE,)) -> Rig:
    rig = Rig(bolt, kind)
    rig.executor.culprits = Culprits(sources)
    rig.acker._failed_message = lambda failure, now: rig.failures.append(failure) is None
    return rig


def traced(number: int) -> int:
    return TRACED | number


def messages(sent: Sent) -> list[Any]:
    """Return (root, value, message or None) of each row of a frame."""
    found, rows = [], iter(sent[1])
    for count, roots in sent[0]:
        trail = sent[2].get(roots[0])
        for row in range(count):
            message = trail.message(row, count) if trail is not None else None
            found.append((roots[0], next(rows)[0], message))
    return found


@pytest.mark.parametrize("kind", KINDS)
@given(
    runs=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    slice_rows=st.integers(1, 40),
    slices=st.integers(1, 4),
    data=st.data(),
)
def test_each_row_leads_to_its_message(
    kind: str, runs: list[int], slice_rows: int, slices: int, data: st.DataObject
) -> None:
    total = sum(runs)
    counts = data.draw(st.lists(st.integers(0, 3), min_size=total, max_size=total))
    bad = data.draw(st.sets(st.integers(0, total), max_size=3))
    rig = rig_of(KINDS[kind](counts, bad), kind)
    rig.executor.slice_rows = slice_rows
    rig.feed(*((count, (traced(root),)) for root, count in enumerate(runs, 1)))
    frames: list[Sent] = []
    with patch.object(Columns, "height_min", 1):  # of few rows nothing would be known
        while rig.executor.queue:
            for _ in range(slices):
                rig.executor.run()
            frames.append(rig.out.take()[1:])
    first, begins = 0, {}
    for root, count in enumerate(runs, 1):
        begins[traced(root)] = (first, count)
        first += count
    rows = [row for sent in frames for row in messages(sent)]
    for root, value, message in rows:
        begin, count = begins[root]
        assert message == ((value - begin, count) if count > 1 else None)
    whole = {
        root for root, (begin, count) in begins.items()
        if any(n in bad for n in range(begin, begin + count)) and count == 1
    }  # fmt: skip
    emitted = [value for root, value, _ in rows if root not in whole]
    assert emitted == [
        n for root, (begin, count) in begins.items() if root not in whole
        for n in range(begin, begin + count) for _ in range(counts[n])
        if kind != "columns" or n not in bad  # there it raises before it has emitted
    ]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_what_fails_behind_a_bolt_is_told_by_its_trail(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Columns, "height_min", 1)
    rig = rig_of(KINDS[kind]([1] * 6, {2}), kind, sources=())
    # Two messages of four came to six rows, of which number 2 fails: it is of the last message.
    trail = Trail(4, None, 0, 0, [2, 2, 2, 6])
    rig.feed((6, (traced(1),))).trails = {traced(1): trail}
    rig.run()
    assert [(each.row, each.rows) for each in rig.failures] == [(3, 4)]
    sent = rig.out.take()[1:]
    assert [(value, message) for _, value, message in messages(sent)] == [
        (n, (0 if n < 2 else 3, 4)) for n in range(6) if kind != "columns" or n != 2
    ]


class Anchored(Fan):
    def process(self, tup: Tuple) -> None:
        self.emit([tup[0]])
        if tup[0] == 1:
            self.emit([tup[0]], anchors=[tup])
        self.emit([tup[0]])


class Unanchored(Fan):
    def process(self, tup: Tuple) -> None:
        self.emit([tup[0]], anchors=[])
        self.emit([tup[0]])


def test_columns_that_are_dealt_out_lead_nowhere_and_those_that_all_go_one_way_do() -> None:
    frames = [OpenFrame((TASK, 0, task), 0) for task in (3, 4, 5)]
    tracing = Tracing(4, None, 0, frames)
    made = Columns.of(([*range(20)],), 20)
    for frame, rows in zip(frames, (made, made[:19], made.tuples()), strict=True):
        frame.put_many(rows)
    tracing.leave(made, [8, 0, 12, 0])
    assert [frame.trail is not None for frame in frames] == [True, False, False]
    trail = frames[0].trail
    assert trail is not None
    assert [trail.message(n, 20) for n in range(20)] == [(0, 4)] * 8 + [(2, 4)] * 12


def nothing_known(rig: Rig) -> bool:
    rig.run()
    sent = rig.out.take()[1:]
    assert sent[1], "rows are emitted"
    return not any(sent[2].values())


def test_rows_that_a_bolt_anchors_itself_lead_nowhere() -> None:
    for bolt in (Anchored([]), Unanchored([])):
        rig = rig_of(bolt)
        rig.feed((4, (traced(1),)))
        assert nothing_known(rig)


def test_nothing_is_noted_where_nobody_asks_or_the_messages_are_not_known() -> None:
    for roots, sources in (((1,), (SOURCE,)), ((traced(1),), ()), ((traced(1), 2), (SOURCE,))):
        rig = rig_of(Fan([1] * 4), sources=sources)
        rig.feed((4, roots))
        assert nothing_known(rig)
    rig = rig_of(Fan([1]))
    rig.feed((1, (traced(1),)))  # it is alone anyhow
    assert nothing_known(rig)


def test_nothing_is_noted_of_what_would_be_long_or_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = rig_of(Fan([1] * (ROWS_MAX + 1)))
    rig.feed((ROWS_MAX + 1, (traced(1),)))
    assert nothing_known(rig)
    deep = None
    for depth in range(1, STEPS_MAX + 1):
        deep = Trail(2, deep, 0, 0, [1, 2])
        rig = rig_of(Fan([1] * 2))
        rig.feed((2, (traced(1),))).trails = {traced(1): deep}
        assert nothing_known(rig) is (depth == STEPS_MAX)
    monkeypatch.setattr(tracing, "FRAMES_MAX", 1)
    rig = rig_of(Fan([1] * 2))
    rig.emitter.frames.append(OpenFrame((2, 0, 9), 0))
    rig.feed((2, (traced(1),)))
    assert nothing_known(rig)
