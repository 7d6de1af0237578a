"""Back-off: doubling, bounded, and spread over the roots that failed together."""

from __future__ import annotations

from dataclasses import replace

from waterspout.topology.backoff import backoff_s
from waterspout.topology.settings import Settings

SETTINGS = replace(Settings(), backoff_min_s=0.1, backoff_max_s=5.0)


def test_waits_double_up_to_the_longest() -> None:
    waits = [backoff_s(SETTINGS, n, 0) for n in (1, 2, 3, 100)]
    assert waits == [0.1, 0.2, 0.4, 5.0]


def test_at_most_half_of_a_wait_is_taken_off() -> None:
    waits = [backoff_s(SETTINGS, 2, root) for root in range(1000)]
    assert 0.1 <= min(waits) < 0.104 and 0.196 < max(waits) <= 0.2
    assert backoff_s(SETTINGS, 1, 12345) == 0.1


def test_roots_that_follow_each_other_wait_differently() -> None:
    waits = [backoff_s(SETTINGS, 2, (7 << 48) + n) for n in range(64)]
    assert len(set(waits)) > 48
