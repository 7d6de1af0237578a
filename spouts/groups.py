"""A group: the messages that went out under one root."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from .remains import Part, Remains

#: Messages of a spout whose payload the framework keeps: (id, stream, values).
Kept = list[tuple[Any, str, list[Any]]]


class HasBefore(Protocol):
    """A group, or what is left of one."""

    before: int | None


class Group:
    """Messages [start, end) of one partition, in flight under one root.

    Attributes:
        count: number of messages.
        attempts: how often they were tried before; a group with attempts is small (retries.py).
        since: when they were drawn first; latency and age count from there.
        dead: it was given up; its dead letter is stored.
        kept: the messages themselves where the source cannot be read again, else None.
        remains: what is left of it, once messages of it failed alone; None: all of it.
        values: of its one message, when it goes out for the last time; else None.
        before: the watermark before their rows counted; they are late to any beyond it. None:
            the spout has no event time.
    """

    __slots__ = ("attempts", "before", "count", "dead", "end", "kept", "partition", "remains",
                 "since", "start", "values")  # fmt: skip

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
        self.remains: Remains | None = None
        self.values: list[Any] | None = None
        self.before = before

    def part_with(self, row: int, rows: int) -> Part | None:
        """Return what is left around message number ``row`` of the ``rows`` that some bolt had.

        None: those were not all of the group, or that message was taken out.
        """
        remains = self.remains or Remains(self.start, self.end, self.count)
        return remains.part_with(row) if remains.rows == rows else None

    def lacks(self, row: int, rows: int) -> bool:
        """Say whether that message was taken out."""
        remains = self.remains
        return remains is not None and remains.rows == rows and remains.part_with(row) is None

    def alone(self, row: int, rows: int) -> bool:
        """Say whether what failed is its one message, and nothing that another one has led to.

        Args:
            row, rows: of the failure; 0, 0: it is not known which message it is.
        """
        of_it = self.remains is None or self.part_with(row, rows) is not None
        return self.count == 1 and of_it

    def take_out(self, row: int, start: int, end: int) -> Group:
        """Take out message number ``row``, which lies at [start, end); return it as a group."""
        if self.remains is None:
            self.remains = Remains(self.start, self.end, self.count)
        self.remains.take_out(row, start, end)
        self.count -= 1
        return self._piece(start, end, 1)

    def pieces(self) -> list[Group]:
        """Return what is left of it as groups: itself where nothing was taken out."""
        if self.remains is None:
            return [self]
        return [self._piece(start, end, rows) for _, start, end, rows in self.remains.parts]

    def _piece(self, start: int, end: int, count: int) -> Group:
        return Group(self.partition, start, end, count, self.since,
                     attempts=self.attempts, before=self.before)  # fmt: skip

    @property
    def plain(self) -> bool:
        """Whether nothing but the range is of use any more once it is worked through: a first
        try, whose payload nobody keeps."""
        return not (self.attempts or self.dead or self.kept)

    def extend(self, group: Group) -> bool:
        """Make ``group`` a part of this one, if it is the next range and both are ``plain``."""
        if self.end != group.start or self.partition != group.partition:
            return False
        if self.attempts or self.dead or self.kept or not group.plain:
            return False
        if group.count:
            self.since = min(self.since, group.since) if self.count else group.since
        if group.before is not None:
            self.before = lowest((self, group))
        self.end = group.end
        self.count += group.count
        return True


def joined(groups: Iterable[Group]) -> list[Group]:
    """Return groups that were worked through, ``plain`` neighbours made one; the oldest first."""
    found: list[Group] = []
    plain: list[Group] = []
    for group in groups:
        (plain if group.plain else found).append(group)
    plain.sort(key=lambda group: (group.partition, group.start))
    last: Group | None = None
    for group in plain:
        if last is None or not last.extend(group):
            found.append(group)
            last = group
    found.sort(key=lambda group: (not group.count, group.since))
    return found


def lowest(groups: Iterable[HasBefore]) -> int | None:
    """Return the lowest ``before`` of some groups; None: none has one."""
    return min((each.before for each in groups if each.before is not None), default=None)


def no_slot(root: int, group: Group, drawn: int) -> None:
    """Stand in for ``in_flight`` where nobody reads it."""
