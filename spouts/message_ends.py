"""A reader that also says where each message ends: for rows that carry their origin.

A read of many messages says where the last one ends. Where each of them takes exactly one
position (an offset, a row number), the others follow from that. Where not (bytes of a file), the
reader is asked, and when it does not know either, the messages are read one by one: the same
message has to have the same end, in whatever group it comes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from waterspout.topology.errors import UserError

from .answers import checked_read
from .contract import Messages, Reader

#: Opens the partition at a position.
OpenAt = Callable[[int], Reader]


class EndsReader(Reader):
    """Reads one partition for an executor that needs the end of each message.

    Attributes:
        ends: the position after each message of the last read.

    Args:
        open_at: opens the partition.
        position: where to begin.
        singly: they have to be read one by one, as another reader found out.
        noted: called after each read.
    """

    def __init__(
        self, open_at: OpenAt, position: int, *, singly: bool,
        noted: Callable[[EndsReader], None],
    ) -> None:  # fmt: skip
        self.ends: list[int] = []
        self.singly = singly
        self._open_at, self._position = open_at, position
        self._reader = open_at(position)
        self._over = False
        self._noted = noted

    def read(self, limit: int) -> tuple[Messages, int] | None:
        """Return up to ``limit`` messages; see the contract."""
        got = self._read(limit)
        self._noted(self)
        return got

    def _read(self, limit: int) -> tuple[Messages, int] | None:
        self.ends = []
        if self._over:
            return None
        if limit == 1 or self.singly:
            return self._one_by_one(limit)
        got = checked_read(self._reader.read(limit), self._position)
        if got is None:
            return None
        rows, end = got
        ends = self._ends_of(rows, end) if rows else ()
        if ends is None:
            self.singly = True
            self._reader.close()
            self._reader = self._open_at(self._position)
            return self._one_by_one(limit)
        self.ends = list(ends)
        self._position = end
        return rows, end

    def _ends_of(self, rows: Messages, end: int) -> Sequence[int] | None:
        """Return the end of each message that was read, None: the reader does not know."""
        if len(rows) == end - self._position:
            return range(self._position + 1, end + 1)
        ends = self._reader.message_ends()
        if ends is not None and len(ends) != len(rows):
            name = type(self._reader).__name__
            raise UserError(f"{name}.message_ends: {len(ends)} ends for {len(rows)} messages")
        if ends is not None and not self._fit(ends, end):
            name = type(self._reader).__name__
            what = f"expected ints over {self._position} and up to {end}"
            raise UserError(f"{name}.message_ends: {what}, got {repr(ends)[:80]}")
        return ends

    def _fit(self, ends: Sequence[int], end: int) -> bool:
        """Say whether a user's ends are positions of what was read, by the outermost of them."""
        first, last = ends[0], ends[-1]
        return type(first) is type(last) is int and self._position < first <= last <= end

    def _one_by_one(self, limit: int) -> tuple[Messages, int] | None:
        rows: list[list[object]] = []
        while len(rows) < limit:
            got = checked_read(self._reader.read(1), self._position)
            if got is None:
                self._over = bool(rows)
                if not rows:
                    return None
                break
            some, end = got
            if not some and rows:
                # What it passed over belongs to the next read.
                break
            self._position = end
            if not some:
                break
            rows.append(some[0])
            self.ends.append(end)
        return rows, self._position

    def wait_s(self) -> float | None:
        """Return for how long there will surely be nothing."""
        return self._reader.wait_s()

    def close(self) -> None:
        """Close what it reads."""
        self._reader.close()
