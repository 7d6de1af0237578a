"""What remains of a group of which single messages failed: they are taken out and tried alone.

::

    group [0 ................ 64)  7 messages, number 3 fails
    parts [0 .. 21)    [30 .. 64)  3 and 3 messages, done when the group's root is zero
    retry      [21 .. 30)          message 3, alone and under a root of its own

Nobody keeps where each message of a group lies: it is found by reading again from the start of the
part that holds it (second_reads.py).
"""

from __future__ import annotations

from typing import NamedTuple


class Part(NamedTuple):
    """Messages of a group that follow on each other.

    Attributes:
        first: number of its first message in the group, from 0.
        start, end: positions.
        rows: messages.
    """

    first: int
    start: int
    end: int
    rows: int


class Remains:
    """The parts of one group.

    Attributes:
        rows: messages of the group at first.
        parts: those that were not taken out.
    """

    __slots__ = ("parts", "rows")

    def __init__(self, start: int, end: int, count: int) -> None:
        self.rows = count
        self.parts = [Part(0, start, end, count)]

    def part_with(self, row: int) -> Part | None:
        """Return the part that holds message number ``row``; None: it was taken out."""
        return next((p for p in self.parts if p.first <= row < p.first + p.rows), None)

    def take_out(self, row: int, start: int, end: int) -> None:
        """Take out message number ``row``, which lies at [start, end)."""
        part = self.part_with(row)
        assert part is not None
        before = row - part.first
        pieces = (
            Part(part.first, part.start, start, before),
            Part(row + 1, end, part.end, part.rows - before - 1),
        )
        at = self.parts.index(part)
        self.parts[at : at + 1] = [piece for piece in pieces if piece.rows]
