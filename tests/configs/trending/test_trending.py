"""Planted words: they are on top when they burst, and at no other time."""

from __future__ import annotations

import pytest
from waterspout.configs.trending.trending import (
    BURST_S,
    SIZE_S,
    made,
    ranking,
    split,
)


@pytest.mark.parametrize("seed", range(3))
def test_each_planted_word_is_on_top_while_it_bursts_and_no_other_is(seed: int) -> None:
    rows, planted = made(words=30_000, rate=50, bursts=3, seed=seed, jitter_s=5)
    tops = ranking(rows, 5)
    for word, begin in planted.items():
        ends = [end for end, top in tops.items() if top[0][0] == word]
        # Most of a window is the burst, then; after that it is in no window any more.
        assert {end for end in tops if begin + BURST_S <= end <= begin + SIZE_S} <= set(ends)
        assert ends and begin < min(ends) and max(ends) <= begin + BURST_S + SIZE_S


def test_words_come_out_of_order_but_not_later_than_the_jitter() -> None:
    rows, _ = made(words=5000, rate=50, bursts=1, seed=1, jitter_s=5)
    newest, worst = 0.0, 0.0
    for time, _ in rows:
        newest = max(newest, time)
        worst = max(worst, newest - time)
    assert 0 < worst <= 5


def test_a_ranking_is_cut_at_the_end_of_its_window() -> None:
    rows = [(9.5, "a"), (10, "b"), (10, "b")]
    assert ranking(rows, 1)[10] == [["a", 1]]
    assert ranking(rows, 1)[20] == [["b", 2]]
    assert max(ranking(rows, 1)) == 70


def test_what_a_task_found_is_told_word_by_word() -> None:
    assert list(split(10, [["a", 2], ["b", 1]])) == [(10, "a", 2), (10, "b", 1)]
