"""Planted attacks: what the conditions find in every window, and nothing else."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest
from waterspout.configs.anomaly.anomaly import (
    SIZE_S,
    heaviest,
    is_odd,
    made,
    verdict,
)


def found(rows: list[Any]) -> set[Any]:
    """Look at all windows the long way."""
    windows = defaultdict(list)
    for time, source, port, size in rows:
        for end in range(int(time) + 1, int(time) + 1 + SIZE_S):
            windows[end].append((source, port, size))
    alerts = set()
    for end, inside in windows.items():
        packets, sizes, ports = Counter(), Counter(), defaultdict(set)  # type: ignore[var-annotated]
        for source, port, size in inside:
            packets[source] += 1
            sizes[source] += size
            ports[source].add(port)
        for source, count in packets.items():
            if is_odd(count, len(ports[source])):
                alerts.add(verdict(source, end, count, len(ports[source]))[:2])
        for alert in heaviest(end, sizes.most_common(3), sum(sizes.values())):
            alerts.add(alert[:2])
    return alerts


@pytest.mark.parametrize("seed", range(3))
def test_the_conditions_find_what_was_planted_and_nothing_else(seed: int) -> None:
    rows, planted = made(sources=60, seconds=60, attacks=2, seed=seed, jitter_s=2)
    assert Counter(kind for _, kind in planted) == {"flood": 2, "scan": 2, "bulk": 2}
    assert found(rows) == planted


def test_packets_come_out_of_order_but_not_later_than_the_jitter() -> None:
    rows, _ = made(sources=20, seconds=60, attacks=1, seed=1, jitter_s=2)
    newest, worst = 0.0, 0.0
    for time, *_ in rows:
        newest = max(newest, time)
        worst = max(worst, newest - time)
    assert 0 < worst <= 2
