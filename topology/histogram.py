"""Latencies as counts per bucket: a quarter of a power of two wide, from one microsecond on.

Bucket n holds latencies up to ``2 ** ((n + 1) / 4)`` microseconds; histograms of tasks and
workers are added up bucket by bucket.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log2

#: The last bucket takes all that is longer (about 19 hours).
BUCKETS_MAX = 144


def bucket_of(seconds: float) -> int:
    """Return the bucket of a latency."""
    micros = seconds * 1e6
    return 0 if micros <= 1 else min(int(4 * log2(micros)), BUCKETS_MAX)


def quantile_s(counts: Mapping[int, int], share: float) -> float | None:
    """Return the upper edge, in seconds, of the bucket that holds quantile ``share``."""
    total = sum(counts.values())
    if not total:
        return None
    seen = 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= share * total:
            return float(2 ** ((bucket + 1) / 4)) / 1e6
    return None
