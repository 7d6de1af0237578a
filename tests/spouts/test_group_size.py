"""The size of groups: what a failure rate makes of it, and how it recovers."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.spouts.group_size import RERUN, GroupSize

from ..each_case import each_case


def drawn(sizes: GroupSize, messages: int, rate: float, rng: random.Random) -> tuple[float, float]:
    """Draw messages of which a share fails; return groups, and messages run twice, of each."""
    groups = twice = position = 0
    while position < messages:
        size = sizes.size
        groups, position = groups + 1, position + size
        if rng.random() < 1 - (1 - rate) ** size:
            sizes.failed(size)
            twice += size
        else:
            sizes.passed(size)
    return groups / position, twice / position


def test_without_failures_groups_are_as_large_as_may_be() -> None:
    sizes = GroupSize(64)
    assert sizes.size == 64
    sizes.passed(10_000_000)
    assert sizes.size == 64


@pytest.mark.parametrize(
    ("rate", "twice", "groups"), [(0.0001, 0.008, 0.025), (0.001, 0.02, 0.065), (0.01, 0.06, 0.25)]
)
def test_few_messages_run_twice_and_groups_are_few(
    rate: float, twice: float, groups: float
) -> None:
    for seed in range(3):
        found = drawn(GroupSize(64), 200_000, rate, random.Random(seed))
        assert found <= (groups, twice)


@each_case("rate", [0.0005, 0.001, 0.003, 0.01, 0.05])
def test_a_steady_rate_leads_to_the_size_that_costs_least(rate: float) -> None:
    sizes = GroupSize(64)
    for _ in range(50):
        sizes.passed(round(1 / rate) - sizes.size)
        at_failure = sizes.size
        sizes.failed(sizes.size)
    cost = {size: 1 / size + RERUN * rate * size for size in range(1, 65)}
    assert cost[at_failure] <= 1.05 * min(cost.values())


def test_when_everything_fails_messages_soon_go_out_one_by_one() -> None:
    sizes = GroupSize(64)
    seen = []
    while sizes.size > 1:
        seen.append(sizes.size)
        sizes.failed(sizes.size)
    assert len(seen) < 10
    assert seen == sorted(seen, reverse=True)


def test_groups_grow_back_step_by_step_once_nothing_fails() -> None:
    sizes = GroupSize(64)
    for _ in range(50):
        sizes.failed(sizes.size)
    seen = [1]
    for _ in range(100_000):
        sizes.passed(1)
        seen.append(sizes.size)
    assert seen[500] == 6 and seen[-1] == 64
    assert all(now - before in (0, 1) for before, now in pairwise(seen))


def test_one_failure_in_good_times_costs_little() -> None:
    sizes = GroupSize(64)
    sizes.passed(1_000_000)
    sizes.failed(64)
    assert sizes.size >= 32


def test_a_long_good_time_does_not_hide_that_it_is_over() -> None:
    sizes = GroupSize(64)
    sizes.passed(10**12)
    drawn(sizes, 3_000, 0.01, random.Random(1))
    assert sizes.size < 15


@given(
    st.integers(1, 1000),
    st.lists(st.tuples(st.booleans(), st.integers(1, 100_000)), max_size=30),
)
def test_the_size_stays_within_its_limits(largest: int, events: list[tuple[bool, int]]) -> None:
    sizes = GroupSize(largest)
    for failed, messages in events:
        (sizes.failed if failed else sizes.passed)(messages)
        assert 1 <= sizes.size <= largest
