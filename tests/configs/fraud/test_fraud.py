"""Planted frauds: the rules, applied to payments in order, find those and no others."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from waterspout.configs.fraud.fraud import Rules, made

from ...each_case import each_case


class Value:
    """Stands in for a handle of one key."""

    def __init__(self, default: Any = None) -> None:
        self.default = self.value = default

    def get(self) -> Any:
        return self.value

    def set(self, value: Any) -> None:
        self.value = value

    def clear(self) -> None:
        self.value = self.default


class Timers:
    """Keeps the timers of one card."""

    def __init__(self) -> None:
        self.set: list[int] = []

    def event(self, at: int, name: str) -> None:
        assert name == "forget"
        self.set.append(at)


def found(rows: list[Any]) -> set[Any]:
    """Look at the payments of each card in order, as the timers have it."""
    alerts: set[Any] = set()
    by_card = defaultdict(list)
    for time, card, cents, country in rows:
        by_card[card].append((time, cents, country))
    for card, payments in by_card.items():
        rules: Any = Rules()
        rules.last, rules.probed, rules.recent = Value(), Value(), Value(())
        rules.timers, rules.emit = Timers(), lambda row: alerts.add(tuple(row))
        for time, cents, country in sorted(payments):
            if any(at <= time * 1000 for at in rules.timers.set):
                rules.probed.clear()
                rules.timers.set.clear()
            rules.look(card, time, cents, country)
    return alerts


@each_case("seed", range(5))
def test_the_rules_find_what_was_planted_and_nothing_else(seed: int) -> None:
    rows, alerts = made(cards=300, payments=10, frauds=80, seed=seed, jitter_s=20)
    assert len(alerts) == 80
    assert {rule for _, rule, _ in alerts} == {"probe", "travel", "burst"}
    assert found(rows) == alerts


def test_payments_come_out_of_order_but_not_later_than_the_jitter() -> None:
    rows, _ = made(cards=50, payments=20, frauds=20, seed=1, jitter_s=20)
    newest, worst = 0, 0
    for time, *_ in rows:
        newest = max(newest, time)
        worst = max(worst, newest - time)
    assert 0 < worst <= 20
