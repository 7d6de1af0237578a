"""Session windows against sessions that keep every row and merge whatever touches.

    gap 10     rows 0   8        25      is late: 16
               |--------------|                          session 0 .. 18
                                 |---------|             session 25 .. 35
               |-------------------------------|         one, 0 .. 35: 16 is 8 after 8, 9 before 25
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.bolts.windows.aggregates import Aggregate, CountRows
from waterspout.bolts.windows.logic import Options
from waterspout.bolts.windows.sessions import SessionLogic
from waterspout.bolts.windows.windowers import Session
from waterspout.topology.errors import UserError
from waterspout.topology.marks import MAX_WATERMARK, MIN_WATERMARK

from .oracle import Maps, SessionOracle, aggregates, by_end, expected, rows_of, seen
from .test_aligned import EVENTS


def logic(
    gap: int, *, maps: Any = None, made: list[Aggregate] | None = None,
    watermark: int = MIN_WATERMARK, **options: Any,
) -> SessionLogic:  # fmt: skip
    return SessionLogic(
        Session(gap), made or aggregates(), Options(**options), maps or Maps(), watermark
    )


def counts(firings: list[Any]) -> list[tuple[Any, ...]]:
    return [(key, start, end, accs[0]) for key, start, end, accs in firings]


def fire(logic: SessionLogic, watermark: int) -> list[Any]:
    return [firing for step in logic.advance(watermark) for firing in step]


@given(st.sampled_from([1, 5, 12]), st.sampled_from([0, 1, 7, 30]), EVENTS)
def test_they_fire_what_sessions_that_keep_every_row_fire(
    gap: int, lateness: int, events: list[Any]
) -> None:
    oracle, maps = SessionOracle(gap, lateness), Maps()
    tested = logic(gap, maps=maps, lateness_ms=lateness)
    for what, value in [*events, ("watermark", MAX_WATERMARK)]:
        if what == "rows":
            wanted = [fired for row in value for fired in oracle.add(*row)]
            late = len(oracle.late)
            added = tested.add(rows_of(value))
            assert list(map(seen, added.firings)) == list(map(expected, wanted))
            assert [value[at] for at in added.late] == oracle.late[late - len(added.late) :]
        elif what == "watermark":
            found = list(map(seen, fire(tested, value)))
            assert by_end(found) == by_end(list(map(expected, oracle.advance(value))))
            assert [f[2] for f in found] == sorted(f[2] for f in found)
        else:
            tested = logic(gap, maps=maps, lateness_ms=lateness, watermark=tested.watermark)
    assert maps.empty() and not tested.open_keys()


@given(st.sampled_from([0, 7]), EVENTS, st.randoms(use_true_random=False))
def test_a_restore_between_any_two_steps_changes_nothing(
    lateness: int, events: list[Any], draw: random.Random
) -> None:
    whole, maps = logic(5, lateness_ms=lateness), Maps()
    parts = logic(5, maps=maps, lateness_ms=lateness)
    for what, value in [*events, ("watermark", MAX_WATERMARK)]:
        if what == "rows":
            assert parts.add(rows_of(value)) == whole.add(rows_of(value))
        elif what == "watermark":
            found: list[Any] = []
            steps = parts.advance(value)
            while (step := next(steps, None)) is not None:
                found += step
                if draw.random() < 0.5:
                    parts = logic(5, maps=maps, lateness_ms=lateness, watermark=parts.watermark)
                    steps = parts.advance(value)
            assert found == fire(whole, value)


def test_rows_exactly_a_gap_apart_are_in_one_session() -> None:
    tested = logic(10, made=[CountRows("n")])
    tested.add(rows_of([("k", 0, 0), ("k", 10, 0), ("k", 21, 0)], tested.aggregates))
    assert counts(fire(tested, 100)) == [("k", 0, 20, 2), ("k", 21, 31, 1)]


def test_a_row_bridges_two_sessions() -> None:
    tested = logic(10, made=[CountRows("n")])
    tested.add(rows_of([("k", 0, 0), ("k", 8, 0), ("k", 25, 0)], tested.aggregates))
    tested.add(rows_of([("k", 16, 0)], tested.aggregates))
    assert counts(fire(tested, 100)) == [("k", 0, 35, 4)]


def test_a_late_row_bridges_a_session_that_fired_to_one_that_is_open() -> None:
    tested = logic(10, made=[CountRows("n")], lateness_ms=20)
    tested.add(rows_of([("k", 0, 0), ("k", 8, 0), ("k", 25, 0)], tested.aggregates))
    assert counts(fire(tested, 20)) == [("k", 0, 18, 2)]
    # The whole is not over: it fires when it is.
    assert tested.add(rows_of([("k", 16, 0)], tested.aggregates)).firings == []
    assert counts(fire(tested, 33)) == []
    assert counts(fire(tested, 34)) == [("k", 0, 35, 4)]


def test_a_row_that_is_late_alone_is_taken_by_a_session_that_is_not() -> None:
    tested = logic(10, made=[CountRows("n")])
    tested.add(rows_of([("k", 8, 0)], tested.aggregates))
    fire(tested, 12)
    added = tested.add(rows_of([("other", 0, 0), ("k", 0, 0)], tested.aggregates))
    assert (added.late, added.firings) == ([0], [])
    assert counts(fire(tested, 17)) == [("k", 0, 18, 2)]


def test_a_late_row_fires_a_session_that_is_over_by_now_and_no_earlier_one() -> None:
    tested = logic(10, made=[CountRows("n")], lateness_ms=20)
    tested.add(rows_of([("k", 8, 0)], tested.aggregates))
    assert counts(fire(tested, 17)) == [("k", 8, 18, 1)]
    assert counts(tested.add(rows_of([("k", 5, 0)], tested.aggregates)).firings) == [
        ("k", 5, 18, 2)
    ]
    assert tested.add(rows_of([("k", 9, 0)], tested.aggregates)).firings == []


def test_a_bridge_fires_early_only_when_the_whole_has_so_many_more() -> None:
    tested = logic(10, made=[CountRows("n"), CountRows("early")], early_every=4)
    rows = [("k", 0, 0)] * 4 + [("k", 18, 0)]
    assert len(tested.add(rows_of(rows, tested.aggregates)).firings) == 1
    assert tested.add(rows_of([("k", 9, 0)], tested.aggregates)).firings == []


def test_early_firings_come_after_every_so_many_rows_of_a_session() -> None:
    tested = logic(10, made=[CountRows("n"), CountRows("early")], early_every=2)
    rows = [("k", 0, 0), ("k", 15, 0), ("k", 8, 0), ("k", 9, 0), ("k", 10, 0)]
    # The third bridges: two sessions of one row each become one of three.
    assert counts(tested.add(rows_of(rows, tested.aggregates)).firings) == [
        ("k", 0, 25, 3), ("k", 0, 25, 4),
    ]  # fmt: skip


def test_early_firings_come_when_time_passes_so_much() -> None:
    tested = logic(100, made=[CountRows("n")], early_ms=10)
    tested.add(rows_of([("a", 1, 0), ("a", 500, 0)], tested.aggregates))
    assert counts(fire(tested, 9)) == [("a", 1, 101, 1)]
    assert counts(fire(tested, 18)) == []
    assert counts(fire(tested, 100)) == [("a", 1, 101, 1)]


def test_keys_fire_in_the_order_in_which_they_came() -> None:
    tested = logic(10, made=[CountRows("n")])
    tested.add(rows_of([("z", 0, 0), ("b", 0, 0), ("a", 0, 0)], tested.aggregates))
    assert [f[0] for f in fire(tested, 100)] == ["z", "b", "a"]


def test_a_batch_that_raises_changes_nothing() -> None:
    maps = Maps()
    tested = logic(10, maps=maps)
    with pytest.raises(UserError, match="field 'v' holds 'x'"):
        tested.add(rows_of([("a", 1, 1), ("b", 15, "x")]))  # type: ignore[list-item]
    with pytest.raises(TypeError, match="unhashable"):
        tested.add(rows_of([("b", 1, 1), ([], 1, 1)]))
    assert maps.empty() and not tested.open_keys() and tested.number == 0


def test_a_key_with_too_many_sessions_fails_by_name() -> None:
    tested = logic(10, panes_max=2)
    with pytest.raises(UserError, match="key 'k' has more than panes_max = 2"):
        tested.add(rows_of([("k", 0, 0), ("k", 50, 0), ("k", 100, 0)]))
    tested.add(rows_of([("k", 0, 0), ("k", 50, 0), ("k", 58, 0)]))
