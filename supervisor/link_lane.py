"""What a worker has to say to an acker elsewhere, merged while it waits for its link.

Toggles of one root are XORed together, a root, or a message of one, fails once, a root is vouched
for once: so what waits is bounded by the roots that are pending, however long the link is down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from waterspout.topology.control_frames import Failure, pack_fails, pack_toggles, pack_vouch
from waterspout.topology.frame_header import FAILS, TOGGLES, VOUCH
from waterspout.topology.wire_limits import FAILS_MAX, TOGGLES_MAX


class TrackingLane:
    """Waiting toggles, failures and vouches of one link."""

    def __init__(self) -> None:
        self._toggles: dict[int, int] = {}
        self._fails: dict[tuple[int, int, int], Failure] = {}
        self._vouches: dict[int, None] = {}

    @property
    def waiting(self) -> int:
        """Return how many records wait."""
        return len(self._toggles) + len(self._fails) + len(self._vouches)

    def add_toggles(self, toggles: Mapping[int, int]) -> None:
        """Merge XORs by root; a root whose XORs cancel out has nothing to say."""
        merged = self._toggles
        for root, xor in toggles.items():
            xor ^= merged.get(root, 0)
            if xor:
                merged[root] = xor
            else:
                merged.pop(root, None)

    def add_fails(self, failures: Iterable[Failure]) -> None:
        """Add failures; the first one of a root stands, and of each message of one.

        The same row of another number of rows is another message: a bolt elsewhere had a part of
        the group.
        """
        for failure in failures:
            self._fails.setdefault((failure.root, failure.row, failure.rows), failure)

    def add_vouches(self, roots: Iterable[int]) -> None:
        """Add roots that are still held or queued."""
        self._vouches.update(dict.fromkeys(roots))

    def next_bodies(self, bytes_max: int) -> tuple[int, list[bytes]] | None:
        """Take out what fills the next frame: its kind and body (several when failures are long).

        Failures go first, so that a root that failed is not mistaken for one that lives, nor a
        message that failed for one of those that were worked through.
        """
        if self._fails:
            failures = [failure for _, failure in _take(self._fails, FAILS_MAX)]
            return FAILS, list(pack_fails(failures, bytes_max))
        if self._toggles:
            return TOGGLES, [pack_toggles(_take(self._toggles, min(TOGGLES_MAX, bytes_max // 16)))]
        if self._vouches:
            roots = [root for root, _ in _take(self._vouches, min(TOGGLES_MAX, bytes_max // 8))]
            return VOUCH, [pack_vouch(roots)]
        return None


def _take(waiting: dict[Any, Any], records_max: int) -> list[tuple[Any, Any]]:
    items = list(islice(waiting.items(), records_max))
    if len(items) == len(waiting):
        waiting.clear()
    else:
        for key, _ in items:
            del waiting[key]
    return items
