"""WindowJoin: pairs of one window, when it is over; with and without partners."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import pytest
from waterspout.bolts.joins.window_join import WindowJoin
from waterspout.topology.errors import UserError

from ...each_case import each_case

ARGS: dict[str, Any] = {
    "left": "l", "right": "r", "time": {"left": "t", "right": "at"}, "size": "10s",
    "select": {"a": "left.id", "b": "right.id"},
}  # fmt: skip


def made(**more: Any) -> Any:
    return lambda: WindowJoin(**{**ARGS, **more})


def test_pairs_come_when_their_window_is_over(task) -> None:
    join = task(made())
    join.row("l", "k", id=1, t=12)
    join.row("r", "k", id=2, at=19.999)
    join.row("r", "k", id=3, at=20)
    join.row("r", "other", id=4, at=12)
    join.watermark(19_998)
    assert join.take() == []
    join.watermark(19_999)
    assert join.take() == [[1, 2, 10, 20]]
    join.finish()
    assert (join.take(), join.kept()) == ([], 0)


def test_a_late_row_is_counted(task) -> None:
    join = task(made())
    join.watermark(19_999)
    join.row("l", "k", id=1, t=19)
    join.row("l", "k", id=1, t=20)
    assert join.count("late") == 1


@pytest.mark.parametrize("kind", ["inner", "left", "right", "full"])
@pytest.mark.parametrize("seed", range(4))
def test_it_equals_a_join_of_all(task, kind: str, seed: int) -> None:
    rng = random.Random(seed)
    join = task(made(kind=kind, unit="ms"))
    windows: Any = defaultdict(lambda: ([], []))
    rows = [(rng.randrange(2), rng.choice("abc"), n, rng.randrange(80_000)) for n in range(150)]
    rows.sort(key=lambda row: row[3] + rng.uniform(0, 3000))
    newest = 0
    for side, key, id, at in rows:
        windows[key, at // 10_000][side].append(id)
        if side:
            join.row("r", key, id=id, at=at)
        else:
            join.row("l", key, id=id, t=at)
        newest = max(newest, at)
        if rng.random() < 0.2:
            join.watermark(newest - 3001)
        if rng.random() < 0.1:
            join.die()
    join.finish()
    expected = []
    for (_, number), (left, right) in windows.items():
        lefts = left or ([None] if kind in ("right", "full") else [])
        rights = right or ([None] if kind in ("left", "full") else [])
        bounds = [number * 10_000, number * 10_000 + 10_000]
        expected += [[a, b, *bounds] for a in lefts for b in rights]
    assert join.take() == sorted(expected, key=repr)
    assert (join.count("late"), join.kept()) == (0, 0)


def test_too_many_rows_of_a_window_fail_by_name(task) -> None:
    join = task(made(rows_max=1))
    join.row("l", "k", id=1, t=1)
    with pytest.raises(UserError, match="more than 1 rows of left in one window of key 'k'"):
        join.row("l", "k", id=2, t=2)
    join.row("l", "k", id=2, t=12)


@each_case(
    "more, text",
    [
        ({"size": "0s"}, "size: '0s' is too short"),
        ({"kind": "outer"}, "kind: one of inner, left, right, full"),
        ({"rows_max": "1"}, "rows_max: a number above 0"),
        ({"select": {"window_end": "left.id"}}, "select.window_end: the output has a field"),
    ],
)
def test_arguments_that_cannot_be_are_refused(more: dict[str, Any], text: str) -> None:
    with pytest.raises(UserError) as caught:
        made(**more)()
    assert text in str(caught.value)


def test_its_outputs_are_those_of_select_and_the_window() -> None:
    assert WindowJoin.declare_outputs(ARGS) == ["a", "b", "window_start", "window_end"]
