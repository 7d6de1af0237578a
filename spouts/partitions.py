"""One partition of a source at work in a task, and which task it belongs to."""

from __future__ import annotations

from xxhash import xxh3_64_intdigest

from .contract import Reader

#: Waits of a source that has nothing: from the first after a message, doubled up to the longest.
IDLE_FIRST_S = 0.001
IDLE_MAX_S = 0.02


class Partition:
    """One partition: where its reader stands.

    Attributes:
        position: None while nothing was read.
        wait_until: it is not asked again before that.
        idle_s: the last wait because it had nothing; 0 after a message.
    """

    __slots__ = ("idle_s", "name", "position", "reader", "wait_until")

    def __init__(self, name: str, position: int | None) -> None:
        self.name = name
        self.position = position
        self.reader: Reader | None = None
        self.wait_until = 0.0
        self.idle_s = 0.0


def index_of(name: str, parallelism: int) -> int:
    """Return the index of the task that reads a partition: the same in every process."""
    return xxh3_64_intdigest(name.encode("utf-8", "surrogatepass")) % parallelism


def next_idle(idle_s: float) -> float:
    """Return how long to leave a source alone that had nothing, after a wait of ``idle_s``."""
    return min(max(2 * idle_s, IDLE_FIRST_S), IDLE_MAX_S)
