"""How long a failed message waits before it is tried again."""

from __future__ import annotations

from .settings import Settings

#: Odd number with well mixed bits (2**64 / golden ratio): spreads roots that differ by one.
_MIX = 0x9E3779B97F4A7C15


def backoff_s(settings: Settings, failures: int, root: int) -> float:
    """Return the seconds to wait after ``failures`` failures (from 1 on) of a message.

    Doubling waits up to ``backoff_max``. From the second failure on a part that depends on the
    root is taken off, at most half. Messages that failed together so do not come back
    together, as one burst after the other.
    """
    wait_s: float = settings.backoff_min_s * 2 ** min(failures - 1, 20)
    share = (root * _MIX >> 56 & 0xFF) / 256 if failures > 1 else 0.0
    return min(wait_s, settings.backoff_max_s) * (1 - share / 2)
