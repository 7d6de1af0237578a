"""Envelopes of workers that wait to go to the coordinator, each once, up to a limit.

While the coordinator is away workers say again and again what it did not confirm; here the
newest of equals takes the place of the one before. Beyond the limit the newest are dropped:
they are said again.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

from .host_protocol import RELAY_BYTES_MAX, RELAY_ITEMS_MAX
from .host_worker import Key

#: Bytes that may wait.
WAITING_BYTES_MAX = 64 << 20


class Batch(NamedTuple):
    """The ``items`` of one relay message, and where they stood."""

    items: list[list[Any]]
    slots: list[Hashable]


class Outgoing:
    """What waits, in order."""

    def __init__(self, bytes_max: int = WAITING_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._waiting: dict[Hashable, tuple[Key, bytes]] = {}
        self.bytes = 0
        #: Envelopes that found no room.
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, slot: Hashable, key: Key, data: bytes) -> None:
        """Let an envelope wait; one with an equal ``slot`` is replaced and keeps its place."""
        old = self._waiting.get(slot)
        more = len(data) - (len(old[1]) if old is not None else 0)
        if self._waiting and self.bytes + more > self._bytes_max:
            self.dropped += 1
            return
        self._waiting[slot] = key, data
        self.bytes += more

    def batch(self) -> Batch:
        """Return what the next relay message may hold; without items nothing waits."""
        batch = Batch([], [])
        size = 0
        for slot, (key, data) in self._waiting.items():
            full = size + len(data) > RELAY_BYTES_MAX or len(batch.items) >= RELAY_ITEMS_MAX
            if batch.items and full:
                break
            batch.items.append([*key, data])
            batch.slots.append(slot)
            size += len(data)
        return batch

    def sent(self, batch: Batch) -> None:
        """A batch is on its way."""
        for slot in batch.slots:
            self.bytes -= len(self._waiting.pop(slot)[1])
