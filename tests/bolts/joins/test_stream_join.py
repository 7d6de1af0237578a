"""StreamJoin and StateJoin: all pairs, and the newest."""

from __future__ import annotations

import random
from typing import Any

import pytest
from waterspout.bolts.joins.stream_join import StateJoin, StreamJoin
from waterspout.topology.errors import UserError

from ...each_case import each_case

ARGS: dict[str, Any] = {
    "left": "l", "right": "r", "select": {"a": "left.id", "b": "right.id"},
}  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_all_pairs_of_a_key_come_once(task, seed: int) -> None:
    rng = random.Random(seed)
    join = task(lambda: StreamJoin(**ARGS))
    rows = [(rng.choice("lr"), rng.choice("abc"), number) for number in range(60)]
    for source, key, id in rows:
        join.row(source, key, id=id)
        if rng.random() < 0.1:
            join.die()
    expected = [
        [one, other]
        for source, key, one in rows
        for of, again, other in rows
        if (source, of) == ("l", "r") and key == again
    ]
    assert join.take() == sorted(expected, key=repr)


def test_rows_are_kept_for_their_ttl(task) -> None:
    join = task(lambda: StreamJoin(**ARGS, ttl="1m"))
    join.row("l", "k", id=1)
    join.wall += 59_999
    join.row("r", "k", id=2)
    assert join.take() == [[1, 2]]
    join.wall += 1
    join.row("r", "k", id=3)
    assert join.take() == []


def test_too_many_rows_of_a_key_fail_by_name(task) -> None:
    join = task(lambda: StreamJoin(**ARGS, rows_max=1))
    join.row("r", "k", id=1)
    with pytest.raises(UserError, match="more than 1 rows of right are kept for key 'k'"):
        join.row("r", "k", id=2)


def test_a_row_is_joined_with_the_newest_of_its_key(task) -> None:
    join = task(lambda: StateJoin(**ARGS))
    join.row("l", "k", id=1)
    join.row("r", "k", id="old")
    join.row("l", "k", id=2)
    join.row("r", "k", id="new")
    join.die()
    join.row("l", "k", id=3)
    join.row("l", "other", id=4)
    assert join.take() == [[2, "old"], [3, "new"]]
    assert join.count("unmatched") == 1, "since it died"


def test_a_left_state_join_emits_rows_without_a_partner(task) -> None:
    join = task(lambda: StateJoin(**ARGS, kind="left", ttl="10s"))
    join.row("r", "k", id="x")
    join.row("l", "k", id=1)
    join.wall += 10_000
    join.row("l", "k", id=2)
    assert join.take() == [[1, "x"], [2, None]]


@each_case("ttl", ["", "1", 5, "-1s", "0s"])
def test_what_is_no_ttl_is_refused(ttl: Any) -> None:
    for kind in (StreamJoin, StateJoin):
        with pytest.raises(UserError, match="ttl: a span such as '1h' expected"):
            kind(**ARGS, ttl=ttl)


def test_outputs_and_other_arguments() -> None:
    assert StreamJoin.declare_outputs(ARGS) == StateJoin.declare_outputs(ARGS) == ["a", "b"]
    with pytest.raises(UserError, match="kind: one of inner, left"):
        StateJoin(**ARGS, kind="full")
    with pytest.raises(UserError, match="rows_max: a number above 0"):
        StreamJoin(**ARGS, rows_max=-1)
