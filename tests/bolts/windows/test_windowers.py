"""Which windows a time falls into, against the definition."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from waterspout.bolts.windows.windowers import Aligned, Counted, Session

from ...each_case import each_case

SIZES = st.integers(1, 50)


@each_case(
    "time, offset, start",
    # The first two were executed against Flink 2.3.
    [(-1, 0, -10), (2, 3, -7), (0, 0, 0), (9, 0, 0), (-10, 0, -10), (3, 3, 3), (12, -8, 12)],
)
def test_starts_are_floored_also_before_1970(time: int, offset: int, start: int) -> None:
    assert Aligned(10, 10, offset).windows(time) == [(start, start + 10)]


@given(SIZES, SIZES, st.integers(-100, 100), st.integers(-500, 500))
def test_windows_are_all_that_begin_at_the_offset_and_have_the_time(
    size: int, slide: int, offset: int, time: int
) -> None:
    windower = Aligned(size, slide, offset)
    starts = [s for s in range(time - size + 1, time + 1) if (s - offset) % slide == 0]
    assert windower.windows(time) == [(start, start + size) for start in starts]
    assert windower.covers(time) == bool(starts)


@given(SIZES, SIZES, st.integers(-100, 100), st.lists(st.integers(-500, 500), min_size=1))
def test_no_border_of_a_window_lies_inside_of_a_pane(
    size: int, slide: int, offset: int, times: list[int]
) -> None:
    windower = Aligned(size, slide, offset)
    panes = windower.panes(times)
    assert panes == list(map(windower.pane, times))
    for pane, time in zip(panes, times, strict=True):
        assert pane <= time < pane + windower.pane_ms
        assert windower.windows(pane) == windower.windows(pane + windower.pane_ms - 1)
        first = windower.first_end(pane)
        assert first >= pane + windower.pane_ms > first - slide
        assert windower.last_end(first) == windower.last_end(first + slide - 1) == first


def test_only_windows_that_follow_each_other_are_tumbling() -> None:
    assert Aligned(10, 10).tumbling
    assert not Aligned(10, 5).tumbling
    assert not Aligned(5, 10).tumbling


def test_rows_within_or_exactly_at_the_gap_are_in_one_session() -> None:
    session = Session(10)
    times = [-11, -10, 0, 15, 30, 31]
    assert [session.joins(0, 20, time) for time in times] == [False, True, True, True, True, False]


def test_panes_of_counted_windows_are_their_common_divisor() -> None:
    assert [Counted(6, 4).pane, Counted(5, 5).pane, Counted(7, 2).pane] == [2, 5, 1]
