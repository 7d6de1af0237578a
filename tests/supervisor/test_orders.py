"""Orders for a while: told to all, told again to new workers with what is left, then forgotten."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.supervisor.orders import ORDERS_MAX, Orders

from .scripted import Run


@pytest.fixture
def told() -> list[dict[str, Any]]:
    return []


def test_an_order_is_told_at_once_and_again_with_the_time_that_is_left(told: list[Any]):
    orders = Orders(told.append)
    orders.give("log_level", {"logger": "a", "level": "DEBUG", "for_s": 10.0}, 100.0)
    orders.repeat(104.0)
    assert told == [
        {"kind": "log_level", "logger": "a", "level": "DEBUG", "for_s": 10.0},
        {"kind": "log_level", "logger": "a", "level": "DEBUG", "for_s": 6.0},
    ]


def test_an_order_whose_time_is_over_is_forgotten(told: list[Any]):
    orders = Orders(told.append)
    orders.give("tap", {"id": 1, "for_s": 10.0}, 100.0)
    told.clear()
    orders.repeat(110.0)
    assert told == []


def test_an_order_that_is_taken_back_is_told_and_not_repeated(told: list[Any]):
    orders = Orders(told.append)
    orders.give("tap", {"id": 1, "for_s": 10.0}, 0.0)
    orders.give("tap", {"id": 2, "for_s": 10.0}, 0.0)
    orders.give("tap", {"id": 1, "for_s": 0}, 1.0)
    assert told[-1] == {"kind": "tap", "id": 1, "for_s": 0.0}
    told.clear()
    orders.repeat(2.0)
    assert [each["id"] for each in told] == [2]


def test_the_oldest_of_too_many_makes_room(told: list[Any]):
    orders = Orders(told.append)
    for number in range(ORDERS_MAX + 1):
        orders.give("tap", {"id": number, "for_s": 10.0}, 0.0)
    told.clear()
    orders.repeat(1.0)
    assert [each["id"] for each in told] == list(range(1, ORDERS_MAX + 1))


def test_a_worker_that_comes_later_is_told_after_its_assignment():
    run = Run()
    run.bring_up()
    run.coordinator.order("tap", {"id": 1, "for_s": 60.0}, run.now)
    run.exit(0)
    run.tick(5.0)
    run.effects.clear()
    run.register(0)
    assert [(w, k) for w, k in run.told() if w == 0] == [(0, "assign"), (0, "tap")]
