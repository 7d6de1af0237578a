"""Tumbling and sliding windows against windows that keep every row.

    size 10, slide 5              0    5    10   15   20   25
    a row of 7 is in              |---------|
                                       |---------|
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.bolts.windows.aggregates import Aggregate, CountRows
from waterspout.bolts.windows.aligned import AlignedLogic
from waterspout.bolts.windows.item_aggregates import Distinct
from waterspout.bolts.windows.logic import Options
from waterspout.bolts.windows.sliding import SlidingLogic
from waterspout.bolts.windows.tumbling import TumblingLogic
from waterspout.bolts.windows.windowers import Aligned
from waterspout.topology.errors import UserError
from waterspout.topology.marks import MAX_WATERMARK, MIN_WATERMARK

from .oracle import AlignedOracle, Maps, aggregates, by_end, expected, rows_of, seen


def logic(
    size: int, slide: int = 0, offset: int = 0, *, maps: Any = None,
    made: list[Aggregate] | None = None, watermark: int = MIN_WATERMARK, **options: Any,
) -> AlignedLogic:  # fmt: skip
    windower = Aligned(size, slide or size, offset)
    plain = windower.tumbling and not options.get("lateness_ms")
    kind = TumblingLogic if plain else SlidingLogic
    return kind(windower, made or aggregates(), Options(**options), maps or Maps(), watermark)


def counts(firings: list[Any]) -> list[tuple[Any, ...]]:
    return [(key, start, end, accs[0]) for key, start, end, accs in firings]


def fire(logic: AlignedLogic, watermark: int) -> list[Any]:
    return [firing for step in logic.advance(watermark) for firing in step]


KEYS = st.sampled_from(["a", "b", 3])
TIMES = st.integers(-40, 120)
ROWS = st.lists(st.tuples(KEYS, TIMES, st.integers(-5, 5)), min_size=1, max_size=12)
EVENTS = st.lists(
    st.one_of(
        ROWS.map(lambda rows: ("rows", rows)),
        st.integers(-50, 130).map(lambda watermark: ("watermark", watermark)),
        st.just(("restore", None)),
    ),
    max_size=12,
)
#: size, slide, offset
SHAPES = st.sampled_from(
    [(10, 10, 0), (10, 10, 3), (10, 5, 0), (12, 4, -5), (10, 4, 1), (7, 3, 0), (5, 8, 2),
     (20, 1, 0)]
)  # fmt: skip


#: Only the first is added by column, only the first two are subtracted, the last has a limit.
NUMBERS = st.sampled_from([1, 2, 4, 5])


@given(SHAPES, st.sampled_from([0, 1, 7, 30]), NUMBERS, EVENTS)
def test_they_fire_what_windows_that_keep_every_row_fire(
    shape: tuple[int, int, int], lateness: int, number: int, events: list[Any]
) -> None:
    check(shape, lateness, number, events)


def check(shape: tuple[int, int, int], lateness: int, number: int, events: list[Any]) -> None:
    """Compare the logic with the oracle, event by event."""
    oracle, maps, made = AlignedOracle(*shape, lateness), Maps(), aggregates(number)
    tested = logic(*shape, maps=maps, made=made, lateness_ms=lateness)
    outside = 0
    for what, value in [*events, ("watermark", MAX_WATERMARK)]:
        if what == "rows":
            wanted = [expected(fired, number) for row in value for fired in oracle.add(*row)]
            late = len(oracle.late)
            added = tested.add(rows_of(value, made))
            assert [seen(firing, made) for firing in added.firings] == wanted
            assert [value[at] for at in added.late] == oracle.late[late - len(added.late) :]
            outside += added.outside
        elif what == "watermark":
            wanted = [expected(fired, number) for fired in oracle.advance(value)]
            found = [seen(firing, made) for firing in fire(tested, value)]
            assert by_end(found) == by_end(wanted)
            assert [f[2] for f in found] == sorted(f[2] for f in found)
        else:
            tested = logic(
                *shape, maps=maps, made=made, lateness_ms=lateness, watermark=tested.watermark
            )
    assert outside == oracle.outside
    assert maps.empty() and not tested.open_keys()
    assert not getattr(tested, "_sliding", None)


@pytest.mark.parametrize("number", [1, 2, 5])
def test_long_streams_of_many_keys_fire_what_windows_that_keep_every_row_fire(number: int) -> None:
    # Batches of one pane and of several, nearly in order, with some late rows among them.
    draw = random.Random(number)
    shapes = [
        ((10, 10, 0), 0), ((60, 10, 0), 0), ((60, 10, 5), 25), ((12, 4, 0), 40), ((40, 1, 0), 60),
    ]  # fmt: skip
    for shape, lateness in shapes:
        events: list[Any] = []
        for time in range(0, 400, 10):
            jitter = draw.choice([0, 4, 30])
            rows = [
                (f"k{draw.randrange(6)}", time + draw.randrange(-jitter, 3), draw.randrange(9))
                for _ in range(draw.randrange(1, 12))
            ]
            events += [("rows", rows), ("watermark", time - draw.choice([2, 20, 90]))]
        check(shape, lateness, number, events)


@given(SHAPES, st.sampled_from([0, 7]), EVENTS, st.randoms(use_true_random=False))
def test_a_restore_between_any_two_steps_changes_nothing(
    shape: tuple[int, int, int], lateness: int, events: list[Any], draw: random.Random
) -> None:
    # Also between two steps of one watermark, where time has come only as far as the step.
    whole, parts, maps = logic(*shape, lateness_ms=lateness), None, Maps()
    for what, value in [*events, ("watermark", MAX_WATERMARK)]:
        if parts is None or draw.random() < 0.5:
            watermark = MIN_WATERMARK if parts is None else parts.watermark
            parts = logic(*shape, maps=maps, lateness_ms=lateness, watermark=watermark)
        if what == "rows":
            assert parts.add(rows_of(value)) == whole.add(rows_of(value))
        elif what == "watermark":
            found: list[Any] = []
            steps = parts.advance(value)
            while (step := next(steps, None)) is not None:
                found += step
                if draw.random() < 0.5:
                    parts = logic(
                        *shape, maps=maps, lateness_ms=lateness, watermark=parts.watermark
                    )
                    steps = parts.advance(value)
            assert found == fire(whole, value)


def test_starts_are_those_of_flink() -> None:
    # Executed against Flink 2.3: ts=-1, size 10 -> -10; ts=2, offset 3, size 10 -> -7.
    for time, offset, start in [(-1, 0, -10), (2, 3, -7), (0, 0, 0), (9, 0, 0), (10, 0, 10)]:
        tested = logic(10, offset=offset, made=[CountRows("n")])
        tested.add(rows_of([("k", time, 0)], tested.aggregates))
        assert fire(tested, 100) == [("k", start, start + 10, (1,))]


def test_keys_fire_in_the_order_in_which_they_came_within_each_end() -> None:
    tested = logic(10, 5, made=[CountRows("n")])
    tested.add(rows_of([("z", 4, 0), ("a", 7, 0), ("m", 3, 0)], tested.aggregates))
    tested.add(rows_of([("b", 2, 0)], tested.aggregates))
    assert [(f[2], f[0]) for f in fire(tested, 14)] == [
        (5, "z"), (5, "m"), (5, "b"), (10, "z"), (10, "a"), (10, "m"), (10, "b"), (15, "a"),
    ]  # fmt: skip


def test_early_firings_come_after_every_so_many_rows_of_a_window() -> None:
    tested = logic(10, made=[CountRows("n"), CountRows("early")], early_every=2)
    rows = [("a", 1, 0), ("b", 1, 0), ("a", 2, 0), ("a", 11, 0), ("a", 3, 0), ("a", 4, 0)]
    added = tested.add(rows_of(rows, tested.aggregates))
    assert counts(added.firings) == [("a", 0, 10, 2), ("a", 0, 10, 4)]
    assert counts(fire(tested, 20)) == [("a", 0, 10, 4), ("b", 0, 10, 1), ("a", 10, 20, 1)]


def test_early_firings_come_when_time_passes_so_much() -> None:
    tested = logic(100, made=[CountRows("n")], early_ms=10)
    tested.add(rows_of([("a", 1, 0), ("b", 2, 0), ("b", 150, 0)], tested.aggregates))
    assert counts(fire(tested, 8)) == [("a", 0, 100, 1), ("b", 0, 100, 1)]
    assert fire(tested, 8) == []
    # One, however many tens have passed; a window that has not begun has nothing to say.
    assert counts(fire(tested, 60)) == [("a", 0, 100, 1), ("b", 0, 100, 1)]
    assert counts(fire(tested, 99)) == [("a", 0, 100, 1), ("b", 0, 100, 1)]


def test_a_batch_that_raises_changes_nothing() -> None:
    maps = Maps()
    tested = logic(10, maps=maps)
    tested.add(rows_of([("a", 1, 1)]))
    before = {name: dict(entries) for name, entries in maps.maps.items()}
    with pytest.raises(UserError, match="field 'v' holds 'x'"):
        tested.add(rows_of([("a", 1, 1), ("b", 15, "x")]))  # type: ignore[list-item]
    with pytest.raises(TypeError, match="unhashable"):
        tested.add(rows_of([("b", 1, 1), ([], 1, 1)]))
    assert maps.maps == before and tested.open_keys() == 1
    assert len(fire(tested, 50)) == 1


def test_a_key_with_too_many_panes_fails_by_name() -> None:
    tested = logic(10, panes_max=3)
    tested.add(rows_of([("k", time, 0) for time in (0, 10, 20)]))
    with pytest.raises(UserError, match="key 'k' has more than panes_max = 3 open panes"):
        tested.add(rows_of([("k", 30, 0), ("k", 1, 0)]))
    tested.add(rows_of([("k", 1, 0), ("other", 30, 0)]))
    assert [f[3][0] for f in fire(tested, 100)] == [2, 1, 1, 1]


def test_values_over_a_limit_of_their_aggregate_are_refused_before_they_are_kept() -> None:
    tested = logic(10, made=[Distinct("d", "v", 2)])
    tested.add(rows_of([("k", 1, 1), ("k", 1, 2), ("k", 1, 1)], tested.aggregates))
    for rows in ([("k", 1, 3)], [("k", 15, 1), ("k", 1, 3)]):
        with pytest.raises(UserError, match="items_max = 2"):
            tested.add(rows_of(rows, tested.aggregates))  # type: ignore[arg-type]
    assert [len(f[3][0]) for f in fire(tested, 100)] == [2]


def test_time_does_not_go_back() -> None:
    tested = logic(10)
    fire(tested, 50)
    assert fire(tested, 20) == []
    assert tested.watermark == 50
    assert tested.add(rows_of([("k", 1, 0)])).late == [0]


def test_time_has_come_as_far_as_the_step_that_was_taken() -> None:
    tested = logic(10)
    tested.add(rows_of([("k", 1, 0), ("k", 11, 0)]))
    seen_at = [(step[0][2], tested.watermark) for step in tested.advance(100)]
    assert seen_at == [(10, 9), (20, 19)]
    assert tested.watermark == 100
