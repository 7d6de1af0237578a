"""One partition of a source at work in a task, and which task it belongs to."""

from __future__ import annotations

from xxhash import xxh3_64_intdigest

from .contract import Reader


class Partition:
    """One partition: where its reader stands.

    Attributes:
        position: None while nothing was read.
        wait_until: it is not asked again before that.
    """

    __slots__ = ("name", "position", "reader", "wait_until")

    def __init__(self, name: str, position: int | None) -> None:
        self.name = name
        self.position = position
        self.reader: Reader | None = None
        self.wait_until = 0.0


def index_of(name: str, parallelism: int) -> int:
    """Return the index of the task that reads a partition: the same in every process."""
    return xxh3_64_intdigest(name.encode("utf-8", "surrogatepass")) % parallelism
