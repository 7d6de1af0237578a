"""What only tumbling windows without late rows have; the rest is in test_aligned.py."""

from __future__ import annotations

from waterspout.bolts.windows.aggregates import CountRows

from .oracle import Maps, rows_of, seen
from .test_aligned import fire, logic


def test_a_window_fires_with_the_watermark_before_its_end_and_not_earlier() -> None:
    tested = logic(10)
    tested.add(rows_of([("k", 3, 1)]))
    assert fire(tested, 8) == []
    assert [seen(f) for f in fire(tested, 9)] == [("k", 0, 10, [1, 1, 1, 1, 1])]
    assert fire(tested, 30) == []


def test_a_window_that_has_fired_is_forgotten_and_the_next_one_comes_up() -> None:
    maps = Maps()
    tested = logic(10, maps=maps, made=[CountRows("n")])
    tested.add(rows_of([("k", 3, 0), ("k", 34, 0), ("k", 15, 0)], tested.aggregates))
    assert maps.maps == {"open": {"k": (0, 0, 1, 10, 1, 30, 1)}}
    assert len(fire(tested, 9)) == 1
    assert maps.maps == {"open": {"k": (0, 10, 1, 30, 1)}}
    assert [f[1] for f in fire(tested, 50)] == [10, 30]
    assert maps.empty()


def test_a_late_row_is_given_back_whatever_is_open() -> None:
    tested = logic(10, made=[CountRows("n")])
    fire(tested, 12)
    added = tested.add(rows_of([("k", 15, 0), ("k", 9, 0), ("k", 10, 0)], tested.aggregates))
    assert (added.late, added.firings) == ([1], [])
    assert [f[3] for f in fire(tested, 50)] == [(2,)]
