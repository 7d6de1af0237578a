"""A frame at its target: what is left of it, and which roots it still carries.

A frame settles per distinct root: when the last row of a root in it was worked through, the
frame's edge is toggled out of that root, once. Runs are worked through in order; a root that
stands in several runs settles with its last one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from itertools import islice
from operator import length_hint
from typing import Any

from waterspout.topology.channels import Rows
from waterspout.topology.columns import ColumnCursor, Columns
from waterspout.topology.frames import NO_TRAILS, Channel, Run
from waterspout.topology.trails import Trail
from waterspout.topology.tuples import Tuple


class FrameWork:
    """One frame in the queue of a task.

    Attributes:
        remote: it came over a link: its credit is to be given back.
        trails: which messages rows descend from, by root, where that was noted.
        source: the rows as an iterator. Where columns came, it is a ColumnCursor until
            ``take_apart``.
        roots: what the run at work descends from.
    """

    __slots__ = ("by_row", "channel", "cls", "counter", "edge", "left", "remote", "roots",
                 "run_left", "runs", "source", "trails", "unread")  # fmt: skip

    def __init__(
        self, channel: Channel, cls: type[Tuple], edge: int, runs: list[Run], rows: Rows,
        trails: Mapping[int, Trail | None] = NO_TRAILS, *, remote: bool,
    ) -> None:  # fmt: skip
        self.channel = channel
        self.cls = cls
        self.edge = edge
        self.runs = runs
        self.trails = trails
        self.source: Iterator[Any]
        self.source = ColumnCursor(rows) if isinstance(rows, Columns) else iter(rows)
        #: Moves with ``source``: its ``__length_hint__`` tells how many rows are left.
        self.counter: Any = self.source
        self.remote = remote
        #: Index of the next run, and rows left of the one at work.
        self.unread = 0
        self.run_left = 0
        self.roots: tuple[int, ...] = ()
        #: Runs (rows when ``by_row``) that still carry a root; None: each root is in one run.
        self.left = self._count_runs() if len(runs) > 1 else None
        #: Set for hand-acking bolts, which settle tuple by tuple.
        self.by_row = False

    def _count_runs(self) -> dict[int, int] | None:
        counts: dict[int, int] = {}
        for _, roots in self.runs:
            for root in roots:
                counts[root] = counts.get(root, 0) + 1
        return counts if len(counts) < sum(counts.values()) else None

    def take_apart(self) -> None:
        """Have ``source`` yield rows at C speed. Called for bolts that work row by row."""
        if isinstance(self.source, ColumnCursor):
            columns = self.source.take(length_hint(self.source))
            if not columns.values:
                self.counter = self.source = iter(columns.tuples())
                return
            # A Tuple is made of each row at once, so that zip can use its own tuple again.
            first, *others = map(iter, columns.values)
            self.counter, self.source = first, zip(first, *others, strict=False)

    def take(self, count: int) -> Rows:
        """Take the next ``count`` rows: columns if they came so."""
        if isinstance(self.source, ColumnCursor):
            return self.source.take(count)
        return list(islice(self.source, count))

    def next_run(self) -> int:
        """Go to the next run; return its rows, or 0 when the frame is worked through."""
        if self.unread == len(self.runs):
            return 0
        self.run_left, self.roots = self.runs[self.unread]
        self.unread += 1
        return self.run_left

    def rows_of_run(self) -> int:
        """Return the rows that the run at work had at first."""
        return self.runs[self.unread - 1][0]

    def unread_of_run(self) -> int:
        """Return the rows of the run at work that nobody has taken from ``source``."""
        behind = sum(count for count, _ in self.runs[self.unread :])
        return max(length_hint(self.counter) - behind, 0)

    def rest(self) -> list[Run]:
        """Go past the last run; return what is left of the run at work, and the runs behind it."""
        runs = [(self.run_left, self.roots), *self.runs[self.unread :]]
        self.unread, self.run_left, self.roots = len(self.runs), 0, runs[-1][1]
        return runs

    def remaining(self) -> tuple[list[Run], Rows]:
        """Return the runs and rows that no bolt was given yet; they stay where they are."""
        rest = self.runs[self.unread :]
        runs = [(self.run_left, self.roots), *rest] if self.run_left else rest
        if isinstance(self.source, ColumnCursor):
            return runs, copy(self.source).take(length_hint(self.source))
        rows = list(self.source)
        self.source = self.counter = iter(rows)
        return runs, rows

    def settle_run(self, toggles: dict[int, int]) -> None:
        """Toggle the edge out of the roots of the run at work that are in no later run."""
        edge, left = self.edge, self.left
        for root in self.roots:
            if left is not None:
                left[root] -= 1
                if left[root]:
                    continue
            toggles[root] = toggles.get(root, 0) ^ edge

    def all_roots(self) -> set[int]:
        """Return every root that is still in the frame (for vouching)."""
        rest = self.runs[max(self.unread - 1, 0) :]
        return {root for _, roots in rest for root in roots}
