"""IntervalJoin: exactly the pairs that a comparison of all with all gives."""

from __future__ import annotations

import random
from typing import Any

import pytest
from waterspout.bolts.joins.interval_join import IntervalJoin
from waterspout.topology.errors import UserError

from ...each_case import each_case

ARGS: dict[str, Any] = {
    "left": "orders", "right": "payments", "time": "at", "unit": "ms", "lower": "0s",
    "upper": "10s", "select": {"order": "left.id", "payment": "right.id"},
}  # fmt: skip


def made(**more: Any) -> Any:
    return lambda: IntervalJoin(**{**ARGS, **more})


def test_bounds_are_inclusive_and_order_of_arrival_does_not_matter(task) -> None:
    join = task(made())
    join.row("orders", "k", id="o", at=1000)
    for number, at in enumerate([999, 1000, 11_000, 11_001]):
        join.row("payments", "k", id=number, at=at)
    assert join.take() == [["o", 1], ["o", 2]]
    join.row("orders", "k", id="later", at=990)
    assert join.take() == [["later", 0], ["later", 1]]
    join.row("payments", "other", id=9, at=1000)
    assert join.take() == []


def test_rows_are_forgotten_when_nothing_can_match_them(task) -> None:
    join = task(made())
    for at in range(0, 5000, 500):
        join.row("orders", "k", id=at, at=at)
        join.row("payments", "k", id=at, at=at)
    join.take()
    join.watermark(9_999)
    join.row("payments", "k", id="in time", at=10_000)
    assert ["0", "in time"] not in join.take()
    join.watermark(40_000)
    assert join.kept() == 0


def test_a_late_row_is_counted_and_not_joined(task) -> None:
    join = task(made())
    join.row("orders", "k", id="o", at=5000)
    join.watermark(6000)
    join.row("payments", "k", id="p", at=6000)
    assert (join.take(), join.count("late")) == ([], 1)
    join.row("payments", "k", id="q", at=6001)
    assert join.take() == [["o", "q"]]


#  lower = -2 ms, upper = 3 ms
#
#  time     10    11    12    13    14    15
#  left      c          a,b    d
#  right           x          z,y          w      all with all, but c and w are too far apart


def test_rows_out_of_order_and_of_equal_times_are_joined_by_time(task) -> None:
    join = task(made(lower="-2ms", upper="3ms"))
    for id, at in [("a", 12), ("b", 12), ("c", 10)]:
        join.row("orders", "k", id=id, at=at)
    join.row("payments", "k", id="z", at=13)
    assert join.emitted == [["c", "z"], ["a", "z"], ["b", "z"]], "as they came, of equal times"
    join.emitted.clear()
    for id, at in [("w", 15), ("y", 13), ("x", 11)]:
        join.row("payments", "k", id=id, at=at)
    assert join.take() == [
        ["a", "w"], ["a", "x"], ["a", "y"], ["b", "w"], ["b", "x"], ["b", "y"],
        ["c", "x"], ["c", "y"],
    ]  # fmt: skip
    join.row("orders", "k", id="d", at=13)
    assert join.emitted == [["d", "x"], ["d", "z"], ["d", "y"], ["d", "w"]]


def test_only_rows_whose_time_is_over_go(task) -> None:
    join = task(made(lower="-200ms", upper="300ms", kind="left"))
    for id, at in [("late one", 1000), ("equal", 900), ("early", 900), ("later", 1001)]:
        join.row("orders", "k", id=id, at=at)
    join.watermark(1199)
    assert join.take() == []
    join.watermark(1200)
    assert join.take() == [["early", None], ["equal", None]]
    join.die()
    join.row("payments", "k", id="p", at=1300)
    assert join.take() == [["late one", "p"], ["later", "p"]]
    join.finish()
    assert (join.take(), join.kept()) == ([], 0)


def test_rows_stay_until_what_is_emitted_for_them_is_taken(task) -> None:
    join = task(made(kind="left"))
    join.row("orders", "k", id="alone", at=1000)
    timer = join.timers.due("event", 1 << 60)
    rows = join.bolt.on_timer(timer)
    assert next(rows) == ["alone", None]
    rows.close()  # As where it cannot be emitted: the timer is put back then.
    assert list(join.bolt.on_timer(timer)) == [["alone", None]]
    assert list(join.bolt.on_timer(timer)) == []


def test_left_rows_without_a_match_come_when_their_time_is_over(task) -> None:
    join = task(made(kind="left"))
    join.row("orders", "k", id="alone", at=1000)
    join.row("orders", "k", id="pair", at=2000)
    join.row("payments", "k", id="p", at=12_000)
    assert join.take() == [["pair", "p"]]
    join.watermark(11_000)
    assert join.take() in ([["alone", None]], [])
    join.finish()
    join.emitted += []
    assert ["pair", None] not in join.emitted
    join.row("orders", "k", id="late", at=3)
    assert join.take()[-1] == ["late", None]


@pytest.mark.parametrize("kind", ["inner", "left"])
@pytest.mark.parametrize("seed", range(8))
def test_it_equals_a_comparison_of_all_with_all(task, kind: str, seed: int) -> None:
    rng = random.Random(seed)
    lower, upper = sorted(rng.sample(range(-4000, 4000), 2))
    join = task(made(kind=kind, lower=f"{lower}ms", upper=f"{upper}ms"))
    rows = [
        (rng.choice(["orders", "payments"]), rng.choice("ab"), number, rng.randrange(20_000))
        for number in range(120)
    ]
    jitter = 3000
    rows.sort(key=lambda row: row[3] + rng.uniform(0, jitter))
    newest = 0
    for source, key, id, at in rows:
        join.row(source, key, id=id, at=at)
        newest = max(newest, at)
        if rng.random() < 0.2:
            join.watermark(newest - jitter - 1)
        if rng.random() < 0.1:
            join.die()
    join.finish()
    lefts = [row for row in rows if row[0] == "orders"]
    rights = [row for row in rows if row[0] == "payments"]
    expected: list[list[Any]] = [
        [one[2], other[2]]
        for one in lefts
        for other in rights
        if one[1] == other[1] and one[3] + lower <= other[3] <= one[3] + upper
    ]
    if kind == "left":
        matched = {pair[0] for pair in expected}
        expected += [[row[2], None] for row in lefts if row[2] not in matched]
    assert join.take() == sorted(expected, key=repr)
    assert (join.count("late"), join.kept()) == (0, 0)


def test_too_many_rows_of_a_key_fail_by_name(task) -> None:
    join = task(made(rows_max=2))
    for at in (1, 2):
        join.row("orders", "k", id=at, at=at)
    with pytest.raises(UserError, match="more than 2 rows of left wait for key 'k'"):
        join.row("orders", "k", id=3, at=3)
    join.row("orders", "other", id=3, at=3)


@each_case(
    "more, text",
    [
        ({"lower": "10s", "upper": "5s"}, "lower: 10s is after upper, 5s"),
        ({"kind": "outer"}, "kind: one of inner, left expected"),
        ({"rows_max": 0}, "rows_max: a number above 0"),
        ({"upper": 10}, "upper: a span"),
    ],
)
def test_arguments_that_cannot_be_are_refused(more: dict[str, Any], text: str) -> None:
    with pytest.raises(UserError) as caught:
        made(**more)()
    assert text in str(caught.value)


def test_its_outputs_are_those_of_select() -> None:
    assert IntervalJoin.declare_outputs(ARGS) == ["order", "payment"]
