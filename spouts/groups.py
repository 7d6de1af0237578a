"""A group: the messages that went out under one root."""

from __future__ import annotations

from typing import Any

#: Messages of a spout whose payload the framework keeps: (id, stream, values).
Kept = list[tuple[Any, str, list[Any]]]


class Group:
    """Messages [start, end) of one partition, in flight under one root.

    Attributes:
        count: number of messages.
        attempts: how often they were tried before; a group with attempts is a single message.
        since: when they were drawn first; latency and age count from there.
        dead: it was given up; its dead letter is stored.
        kept: the messages themselves where the source cannot be read again, else None.
    """

    __slots__ = ("attempts", "count", "dead", "end", "kept", "partition", "since", "start")

    def __init__(
        self, partition: str, start: int, end: int, count: int, since: float, *,
        attempts: int = 0, kept: Kept | None = None,
    ) -> None:  # fmt: skip
        self.partition = partition
        self.start = start
        self.end = end
        self.count = count
        self.since = since
        self.attempts = attempts
        self.dead = False
        self.kept = kept


def no_slot(root: int, group: Group, drawn: int) -> None:
    """Stand in for ``in_flight`` where nobody reads it."""
