"""A group: the messages that went out under one root."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

#: Messages of a spout whose payload the framework keeps: (id, stream, values).
Kept = list[tuple[Any, str, list[Any]]]


class HasBefore(Protocol):
    """A group, or what is left of one."""

    before: int | None


class Group:
    """Messages [start, end) of one partition, in flight under one root.

    Attributes:
        count: number of messages.
        attempts: how often they were tried before; a group with attempts is a single message.
        since: when they were drawn first; latency and age count from there.
        dead: it was given up; its dead letter is stored.
        kept: the messages themselves where the source cannot be read again, else None.
        before: the watermark before their rows counted; they are late to any beyond it. None:
            the spout has no event time.
    """

    __slots__ = ("attempts", "before", "count", "dead", "end", "kept", "partition", "since",
                 "start")  # fmt: skip

    def __init__(
        self, partition: str, start: int, end: int, count: int, since: float, *,
        attempts: int = 0, kept: Kept | None = None, before: int | None = None,
    ) -> None:  # fmt: skip
        self.partition = partition
        self.start = start
        self.end = end
        self.count = count
        self.since = since
        self.attempts = attempts
        self.dead = False
        self.kept = kept
        self.before = before


def joined(groups: Iterable[Group]) -> list[Group]:
    """Return groups that were worked through, neighbours made one; the oldest first.

    Only messages of a first try, whose payload nobody keeps: of them nothing but the range is of
    use any more.
    """
    found: list[Group] = []
    plain: list[Group] = []
    for group in groups:
        (found if group.attempts or group.dead or group.kept else plain).append(group)
    plain.sort(key=lambda group: (group.partition, group.start))
    last: Group | None = None
    for group in plain:
        if last is None or last.partition != group.partition or last.end != group.start:
            found.append(group)
            last = group
            continue
        if group.count:
            last.since = min(last.since, group.since) if last.count else group.since
        last.end, last.count = group.end, last.count + group.count
        last.before = lowest((last, group))
    found.sort(key=lambda group: (not group.count, group.since))
    return found


def lowest(groups: Iterable[HasBefore]) -> int | None:
    """Return the lowest ``before`` of some groups; None: none has one."""
    return min((each.before for each in groups if each.before is not None), default=None)


def no_slot(root: int, group: Group, drawn: int) -> None:
    """Stand in for ``in_flight`` where nobody reads it."""
