"""What only sliding windows and those with a lateness have; the rest is in test_aligned.py."""

from __future__ import annotations

import random
from typing import Any

import pytest
from waterspout.bolts.windows.aggregates import Aggregate, CountRows, Sum

from .oracle import Maps, rows_of
from .test_aligned import check, counts, fire, logic


def test_floats_are_never_taken_away_again() -> None:
    # (1e16 + 1.0) - 1e16 is 0.0: a sum that slides must be made of what is in the window.
    made: list[Aggregate] = [Sum("total", ["v"])]
    tested = logic(2, 1, made=made)
    tested.add(rows_of([("k", 0, 1e16), ("k", 1, 1.0), ("k", 2, 1.0)], made))  # type: ignore[list-item]
    assert [f[3][0] for f in fire(tested, 10)] == [1e16, 1e16, 2.0, 1.0]


def test_ints_slide_by_subtraction_also_after_the_first_float() -> None:
    made: list[Aggregate] = [Sum("total", ["v"])]
    tested = logic(3, 1, made=made)
    tested.add(rows_of([("k", time, value) for time, value in enumerate([1, 2, 1e16, 4, 1])], made))  # type: ignore[misc]
    assert [f[3][0] for f in fire(tested, 10)] == [
        1, 3, 1e16 + 3, 1e16 + 6, 1e16 + 5, 5, 1,
    ]  # fmt: skip


def test_what_is_over_is_not_kept() -> None:
    maps = Maps()
    tested = logic(60, 1, maps=maps, made=[CountRows("n")])
    for second in range(300):
        tested.add(rows_of([(f"k{second % 7}", second, 0)], tested.aggregates))
        fire(tested, second - 1)
    # A pane is two values; each key has a row every seven seconds, so nine of 60.
    kept = {key: len(record) - 2 for key, record in maps.maps["open"].items()}
    for key, record in maps.maps["older"].items():
        kept[key] += len(record)
    assert len(kept) == 7 and max(kept.values()) <= 2 * (60 // 7 + 1 + 8)
    assert max(map(len, maps.maps["open"].values())) <= 2 + 2 * (7 + 1)


def test_records_of_another_task_know_how_far_their_windows_have_come() -> None:
    # After a rebalance a key's records may be all that a task knows of time.
    maps = Maps()
    first = logic(10, 5, maps=maps, made=[CountRows("n")])
    first.add(rows_of([("k", 1, 0), ("k", 7, 0)], first.aggregates))
    assert counts(fire(first, 9)) == [("k", -5, 5, 1), ("k", 0, 10, 2)]
    second = logic(10, 5, maps=maps, made=[CountRows("n")])
    assert second.watermark == 9
    assert counts(fire(second, 20)) == [("k", 5, 15, 1)]



def test_windows_that_a_silent_key_had_none_of_do_not_come_up_for_a_late_row() -> None:
    #   watermark 22:   5..15 and 10..20 are over, without rows of k until 14 comes
    tested = logic(10, 5, made=[CountRows("n")], lateness_ms=30)
    tested.add(rows_of([("k", 1, 0)], tested.aggregates))
    assert len(fire(tested, 22)) == 2
    added = tested.add(rows_of([("k", 14, 0)], tested.aggregates))
    assert counts(added.firings) == [("k", 5, 15, 1), ("k", 10, 20, 1)]
    assert fire(tested, 100) == []


def test_a_key_keeps_its_place_while_any_of_its_panes_is_kept() -> None:
    tested = logic(10, 5, made=[CountRows("n")])
    tested.add(rows_of([("z", 1, 0), ("a", 1, 0)], tested.aggregates))
    fire(tested, 5)
    tested.add(rows_of([("a", 6, 0), ("z", 6, 0)], tested.aggregates))
    assert [(f[2], f[0]) for f in fire(tested, 14)] == [(10, "z"), (10, "a"), (15, "z"), (15, "a")]


def test_a_row_may_be_late_for_one_window_and_in_time_for_another() -> None:
    tested = logic(10, 5, made=[CountRows("n")])
    fire(tested, 9)
    added = tested.add(rows_of([("k", 7, 0)], tested.aggregates))
    assert (added.late, added.firings) == ([], [])
    assert counts(fire(tested, 20)) == [("k", 5, 15, 1)]


def test_each_late_row_fires_its_windows_again_until_the_lateness_is_over() -> None:
    #            watermark 12        16              17
    #   |0 ........ 10|    |    late: until 10 - 1 + 8
    tested = logic(10, made=[CountRows("n")], lateness_ms=8)
    one = rows_of([("k", 1, 0)], tested.aggregates)
    assert tested.add(one).firings == []
    assert counts(fire(tested, 12)) == [("k", 0, 10, 1)]
    assert counts(tested.add(one).firings) == [("k", 0, 10, 2)]
    assert fire(tested, 16) == []
    assert counts(tested.add(one).firings) == [("k", 0, 10, 3)]
    assert fire(tested, 17) == []
    assert tested.add(one).late == [0]
    assert not tested.open_keys()


def test_what_a_firing_writes_grows_much_slower_than_the_window() -> None:
    written = {}
    for size in (16, 1600):
        maps = Maps()
        tested = logic(size, 1, maps=maps, made=[CountRows("n")])
        lengths = []
        for time in range(2 * size):
            tested.add(rows_of([("k", time, 0)], tested.aggregates))
            fire(tested, time)
            lengths.append(len(maps.maps["open"]["k"]))
        written[size] = max(lengths)
    # 4 and 40 panes of two values that have fired, and what has not.
    assert written == {16: 2 + 2 * 4, 1600: 2 + 2 * 40}


def test_a_late_row_fires_a_window_that_is_over_just_now() -> None:
    tested = logic(10, made=[CountRows("n")], lateness_ms=5)
    assert fire(tested, 9) == []
    added = tested.add(rows_of([("k", 1, 0)], tested.aggregates))
    assert (counts(added.firings), added.late) == ([("k", 0, 10, 1)], [])
    assert fire(tested, 100) == []


def test_a_window_that_waits_for_late_rows_is_not_fired_early_any_more() -> None:
    tested = logic(10, made=[CountRows("n")], lateness_ms=50, early_ms=4)
    tested.add(rows_of([("k", 1, 0), ("k", 11, 0)], tested.aggregates))
    assert counts(fire(tested, 11)) == [("k", 0, 10, 1), ("k", 10, 20, 1)]
    assert counts(fire(tested, 15)) == [("k", 10, 20, 1)]


@pytest.mark.parametrize("number", [2, 5])
def test_late_rows_among_panes_that_were_moved_are_in_the_windows_to_come(number: int) -> None:
    draw = random.Random(number)
    events: list[Any] = []
    for time in range(150):
        late = time - draw.randrange(60) if time % 7 == 0 else time
        events += [("rows", [("k", time, time % 5), ("k", late, 1)]), ("watermark", time - 3)]
    check((40, 1, 0), 30, number, events)
