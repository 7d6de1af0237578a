"""The value of a window that slides, against merging all of its panes."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.bolts.windows.running import RunningSum, TwoStacks

STEPS = st.lists(st.one_of(st.integers(-9, 9), st.none()), max_size=40)


def joined(one: Any, other: Any) -> Any:
    """Merge in an order that can be seen."""
    return (one[0] + other[0],)


def summed(one: Any, other: Any) -> Any:
    return tuple(a + b for a, b in zip(one, other, strict=True))


@given(st.lists(st.integers(0, 9), max_size=5), STEPS)
def test_two_stacks_are_all_panes_merged_in_order(first: list[int], steps: list[Any]) -> None:
    panes: list[Any] = [(str(number),) for number in first]
    stacks = TwoStacks(joined, panes)
    for step in steps:
        if step is not None:
            panes.append((str(step),))
            stacks.push(panes[-1])
        elif panes:
            stacks.pop(panes.pop(0))
        if panes:
            assert stacks.value() == reduce(joined, panes)


@pytest.mark.parametrize("width", [1, 2])
@given(st.lists(st.integers(0, 9), max_size=5), STEPS)
def test_a_running_sum_is_the_sum_of_all_panes(
    width: int, first: list[int], steps: list[Any]
) -> None:
    panes = [(number,) * width for number in first]
    running = RunningSum(panes)
    for step in steps:
        if step is not None:
            panes.append((step,) * width)
            running.push(panes[-1])
        elif panes:
            running.pop(panes.pop(0))
        if panes:
            assert running.value() == reduce(summed, panes)


def test_a_pane_is_merged_three_times_however_long_the_window_is() -> None:
    for length in (10, 1000):
        merges = 0

        def counted(one: Any, other: Any) -> Any:
            nonlocal merges
            merges += 1
            return joined(one, other)

        stacks = TwoStacks(counted, [("x",)] * length)
        for _ in range(10 * length):
            stacks.push(("x",))
            stacks.pop(("x",))
            stacks.value()
        assert merges < 3.2 * 10 * length + length
