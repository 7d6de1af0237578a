"""The open frame of one channel: rows that one task sends another, and whose they are.

A channel is (source task, stream, target task). Emitting appends a row to ``rows`` and
nothing else; whose rows they are is noted when the sender moves on to another input run
(``note_run``). So tracking costs per run and frame, not per tuple. The list object never
changes, so that ``rows.append`` can be bound once by the router. Many rows at once are put as
``Columns`` and stay that, unless many rows came before them or some after them in the same
frame; rows of one value leave as such, too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from .columns import Columns, joined
from .frames import Channel, Run
from .marks import REPLACEABLE, Mark
from .trails import Trail

#: Draws a random 64-bit number; 0 is drawn again.
Draw = Callable[[int], int]
#: The rows of a frame that takes no more.
Rows = list[Any] | Columns
#: By root; None: the root stands in several runs, so nothing is known.
Trails = dict[int, Trail | None]
#: (edge, runs, rows, trails) of it.
Sealed = tuple[int, list[Run], Rows, Trails]


def draw_edge(draw: Draw) -> int:
    """Return a random edge id: 64 bits, never 0."""
    while not (edge := draw(64)):
        pass
    return edge


class OpenFrame:
    """What a task has emitted to one target task since the last frame was sealed."""

    __slots__ = ("block_rows", "blocks", "edge", "key", "mark", "ready", "roots", "rows", "runs",
                 "target_worker", "trail", "trails")  # fmt: skip

    def __init__(self, key: Channel, target_worker: int) -> None:
        self.key = key
        self.target_worker = target_worker
        self.rows: list[Any] = []
        #: Columns that came before ``rows``, and how many rows they are.
        self.blocks: list[Columns] = []
        self.block_rows = 0
        self.runs: list[Run] = []
        #: Rows that already belong to a run.
        self.mark = 0
        self.edge = 0
        #: Roots that were toggled with this frame's edge.
        self.roots: set[int] = set()
        #: Sealed frames that wait for credit, and marks between them.
        self.ready: deque[Sealed | Mark] = deque()
        #: Of the rows behind ``mark``, where it is known when their run is noted; and of the runs.
        self.trail: Trail | None = None
        self.trails: Trails = {}

    @property
    def count(self) -> int:
        """How many rows the frame has."""
        return len(self.rows) + self.block_rows

    def put_many(self, rows: Rows) -> None:
        """Take many rows at once."""
        if rows.__class__ is not Columns:
            self.rows.extend(rows)
            return
        many = rows.height >= Columns.height_min
        if many and 0 < len(self.rows) <= rows.height and self.mark == self.count:
            # A few rows (messages that are tried again) would make rows of all that follow.
            self._add_block(Columns.of_rows(self.rows, len(rows.values)))
            self.rows.clear()
        if many and not self.rows:
            self._add_block(rows)
        else:
            self.rows.extend(rows.tuples())

    def _add_block(self, columns: Columns) -> None:
        self.blocks.append(columns)
        self.block_rows += columns.height

    def take_back(self) -> None:
        """Forget the rows since the last ``close_run``."""
        while self.block_rows > self.mark:
            self.block_rows -= len(self.blocks.pop())
        del self.rows[self.mark - self.block_rows :]

    def all_rows(self) -> Rows:
        """Return the rows so far, in order."""
        if not self.blocks:
            return _compact(self.rows)
        columns = joined(self.blocks)
        return [*columns.tuples(), *self.rows] if self.rows else columns

    def note_run(
        self, count: int, roots: tuple[int, ...], toggles: dict[int, int], draw: Draw
    ) -> None:
        """Note that the next ``count`` rows, of those behind ``mark``, descend from ``roots``.

        The first row of a root in this frame toggles the frame's edge into the root: once per
        distinct root, or XOR would forget it.
        """
        self.mark += count
        runs = self.runs
        if self.trail is not None or self.trails:
            self._note_trail(roots)
        if runs and runs[-1][1] == roots:
            runs[-1] = (runs[-1][0] + count, roots)
            return
        runs.append((count, roots))
        known = self.roots
        for root in roots:
            if root not in known:
                known.add(root)
                edge = self.edge
                if not edge:
                    edge = self.edge = draw_edge(draw)
                toggles[root] = toggles.get(root, 0) ^ edge

    def _note_trail(self, roots: tuple[int, ...]) -> None:
        trail, self.trail = self.trail, None
        for root in roots:
            if root in self.roots:
                known = self.trails.get(root) if self.runs[-1][1] == roots else None
                if known is None or trail is None or not known.go_on(trail):
                    self.trails[root] = None
            elif trail is not None:
                self.trails[root] = trail

    def take(self) -> Sealed:
        """Return (edge, runs, rows, trails) of the frame and start a new one."""
        rows = self.all_rows()
        if self.mark < len(rows):
            # Emitted outside of any run (``prepare``, ``flush``): untracked, but accounted for.
            self.runs.append((len(rows) - self.mark, ()))
        frame = (self.edge, self.runs, rows, self.trails)
        self.rows.clear()
        if self.blocks:
            self.blocks, self.block_rows = [], 0
        self.runs = []
        self.mark = 0
        self.edge = 0
        self.roots = set()
        if self.trails:
            self.trails = {}
        return frame

    def drop(self) -> None:
        """Forget everything: a new epoch replays it."""
        self.take()
        self.ready.clear()

    def waiting_rows(self) -> int:
        """Return the rows that have not left yet."""
        return self.count + sum(len(rows) for _, _, rows, _ in self.sealed())

    def sealed(self) -> Iterator[Sealed]:
        """Yield the frames that wait for credit."""
        for each in self.ready:
            if not isinstance(each, Mark):
                yield each

    def add_mark(self, mark: Mark) -> None:
        """Put a mark behind the sealed frames; it takes the place of one that it makes void."""
        last = self.ready[-1] if self.ready else None
        if isinstance(last, Mark) and {last.kind, mark.kind} <= REPLACEABLE:
            self.ready.pop()
        self.ready.append(mark)


def _compact(rows: list[Any]) -> Rows:
    """Return a copy of rows: as a column where they have one value each.

    It takes as long as the look at the values that follows would otherwise, and the lists are
    given up while they are in the caches: 20 ns a row less than when the receiver does it.
    """
    if len(rows) < Columns.height_min or len(rows[0]) != 1:
        return rows[:]
    return Columns.of(([value for (value,) in rows],), len(rows))
