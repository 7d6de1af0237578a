"""What the user wants of all workers for a while: samples of tuples, other log levels.

Kept here until its time is over, so that a worker that starts later is told, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

#: Orders that are kept; the oldest makes room.
ORDERS_MAX = 100
#: Which field tells two orders of a kind apart.
_KEYS = {"tap": "id", "log_level": "logger"}


class Orders:
    """The orders in force.

    Args:
        broadcast: sends a message to every worker.
    """

    def __init__(self, broadcast: Callable[[dict[str, Any]], None]) -> None:
        self._broadcast = broadcast
        #: (kind, key) -> (fields, until when)
        self._kept: dict[tuple[str, Any], tuple[dict[str, Any], float]] = {}

    def give(self, kind: str, fields: Mapping[str, Any], now: float) -> None:
        """Tell all workers, and keep it for ``for_s`` seconds; 0 takes an earlier one back."""
        for_s = float(fields.get("for_s") or 0.0)
        key = (kind, fields.get(_KEYS[kind]))
        self._kept.pop(key, None)
        if for_s > 0:
            self._kept[key] = dict(fields), now + for_s
            if len(self._kept) > ORDERS_MAX:
                del self._kept[next(iter(self._kept))]
        self._broadcast({"kind": kind, **fields, "for_s": for_s})

    def repeat(self, now: float) -> None:
        """Tell everybody once more what is in force: there are new workers."""
        self._kept = {key: each for key, each in self._kept.items() if each[1] > now}
        for (kind, _), (fields, until) in self._kept.items():
            self._broadcast({"kind": kind, **fields, "for_s": until - now})
