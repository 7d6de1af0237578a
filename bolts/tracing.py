"""Tracing: notes which row of a run each emitted row was made of.

Done where the root asks for it (``TRACED``), row by row, for some 0.1 us each. What is noted goes
with the run (topology/trails.py), so that a bolt below can tell which message failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any

from waterspout.topology.channels import OpenFrame
from waterspout.topology.columns import Columns
from waterspout.topology.returned import refuse_rows
from waterspout.topology.task_env import TRACED
from waterspout.topology.trails import ROWS_MAX, STEPS_MAX, Trail
from waterspout.topology.tuples import Tuple

from .frame_work import FrameWork

if TYPE_CHECKING:
    from .executor import BoltExecutor

#: Frames of a task that are looked at after each row; with more of them nothing is noted.
FRAMES_MAX = 4


class Tracing:
    """Follows what a bolt makes of rows that come one after the other in one run.

    Args:
        rows: of the whole run.
        above: its trail; None: its rows are messages.
        first: number of the first row that is followed.
        frames: that the task fills.
    """

    def __init__(
        self, rows: int, above: Trail | None, first: int, frames: Sequence[OpenFrame]
    ) -> None:
        self._rows, self._above, self._first = rows, above, first
        self._notes: list[tuple[OpenFrame, int, list[int]]]
        self._notes = [(frame, frame.count, []) for frame in frames]

    def each(self, process: Callable[[Any], Any], tuples: Iterable[Tuple], component: str) -> None:
        """Call ``process`` with each tuple, and leave what is noted with the frames, also when it
        raises. Called before the run is closed."""
        notes = [(frame, ends.append) for frame, _, ends in self._notes]
        try:
            for tup in tuples:
                if (made := process(tup)) is not None:
                    refuse_rows(component, "process", made)
                for frame, append in notes:
                    append(len(frame.rows) + frame.block_rows)
        except BaseException:
            for frame, _, ends in self._notes:
                ends.append(frame.count)
            raise
        finally:
            for frame, base, ends in self._notes:
                # What was noted as a run meanwhile was anchored by hand.
                if base == frame.mark < frame.count:
                    frame.trail = Trail(self._rows, self._above, self._first, base, ends)


    def leave(self, made: Columns, counts: Sequence[int]) -> None:
        """Leave with the frames what rows that were worked on at once have come to.

        Of a frame that got some of the rows, or few, nothing is known.

        Args:
            made: what was just emitted.
            counts: how many rows of it are made of each that was worked on.
        """
        for frame, base, _ in self._notes:
            whole = frame.blocks and frame.blocks[-1] is made
            if whole and base == frame.mark and frame.count == base + len(made):
                ends = [*accumulate(counts, initial=base)][1:]
                frame.trail = Trail(self._rows, self._above, self._first, base, ends)


def give(
    executor: BoltExecutor, process: Callable[[Any], Any], work: FrameWork, count: int
) -> None:
    """Give a bolt the next ``count`` tuples of the run at work, one after the other.

    Args:
        process: takes a tuple; rows that it returns are refused.
    """
    tuples = map(work.cls, islice(work.source, count))
    rows = work.rows_of_run()
    tracing = tracing_of(executor, work, work.roots, rows - work.run_left, rows)
    if tracing is not None:
        tracing.each(process, tuples, executor.component)
        return
    component = executor.component
    for tup in tuples:
        if (made := process(tup)) is not None:
            refuse_rows(component, "process", made)


def tracing_of(
    executor: BoltExecutor, work: FrameWork, roots: tuple[int, ...], first: int, rows: int
) -> Tracing | None:
    """Return what follows the rows of a run from number ``first`` on.

    None: nobody asks, its messages are not known, or it would be too dear.

    Args:
        rows: of the whole run.
    """
    if not (roots and roots[0] & TRACED):
        return None
    frames, culprits = executor.emitter.frames, executor.culprits
    if not (0 < len(frames) <= FRAMES_MAX and culprits.known(work, roots, rows)):
        return None
    above = culprits.trail(work, roots, rows)
    if rows > ROWS_MAX or (above is not None and above.depth() >= STEPS_MAX):
        return None
    return Tracing(rows, above, first, frames)
