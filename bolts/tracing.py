"""Tracing: notes which row of a run each emitted row was made of.

Done where the root asks for it (``TRACED``), row by row, for some 0.1 us each. What is noted goes
with the run (topology/trails.py), so that a bolt below can tell which message failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from waterspout.topology.channels import OpenFrame
from waterspout.topology.task_env import TRACED
from waterspout.topology.trails import ROWS_MAX, STEPS_MAX, Trail
from waterspout.topology.tuples import Tuple

from .culprits import Culprits
from .frame_work import FrameWork
from .returned import refuse_rows

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


def give(
    executor: BoltExecutor, process: Callable[[Any], Any], work: FrameWork, count: int
) -> None:
    """Give a bolt the next ``count`` tuples of the run at work, one after the other.

    Args:
        process: takes a tuple; rows that it returns are refused.
    """
    tuples = map(work.cls, islice(work.source, count))
    roots, component = work.roots, executor.component
    if roots and roots[0] & TRACED:
        tracing = _tracing(work, executor.culprits, executor.emitter.frames)
        if tracing is not None:
            tracing.each(process, tuples, component)
            return
    for tup in tuples:
        if (made := process(tup)) is not None:
            refuse_rows(component, "process", made)


def _tracing(
    work: FrameWork, culprits: Culprits, frames: Sequence[OpenFrame]
) -> Tracing | None:
    """Return what follows the next rows of the run at work; None: its messages are not known, or
    that would be too dear."""
    roots, rows = work.roots, work.rows_of_run()
    if not (0 < len(frames) <= FRAMES_MAX and culprits.known(work, roots, rows)):
        return None
    above = culprits.trail(work, roots, rows)
    if rows > ROWS_MAX or (above is not None and above.depth() >= STEPS_MAX):
        return None
    return Tracing(rows, above, rows - work.run_left, frames)
