"""Functions of the queries; tests/process/test_nexmark.py runs the queries themselves."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.configs.nexmark.queries import (
    euros,
    highest,
    hottest,
    is_category_10,
    is_chosen,
    is_near,
)


def test_euros_and_choices() -> None:
    assert euros(1, 2, 1000, 5) == (1, 2, 908.0, 5)
    assert [n for n in range(500) if is_chosen(n)] == [0, 123, 246, 369, 492]
    assert [is_near(state) for state in ("OR", "ID", "CA", "WA")] == [True, True, True, False]
    assert is_category_10(10) and not is_category_10(11)


@pytest.mark.parametrize(
    ("bids", "found"), [([3, 1, 2], [[0, 3]]), ([2, 1, 2], [[0, 2], [2, 2]]), ([1], [[0, 1]])]
)
def test_the_hottest_auctions_are_all_with_the_most_bids(bids: list[int], found: Any) -> None:
    rows = [{"auction": number, "bids": count} for number, count in enumerate(bids)]
    assert hottest((), (0, 1), rows) == found


def test_the_highest_bids_are_all_with_the_highest_price() -> None:
    rows = [
        {"auction": number, "bidder": 7, "price": price, "date_time": number}
        for number, price in enumerate([5, 9, 9, 1])
    ]
    assert highest((), (0, 1), rows) == [[1, 7, 9, 1], [2, 7, 9, 2]]
