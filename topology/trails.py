"""A trail: which message of its group each row of a run descends from.

Noted only for groups that ask for it (``TRACED``, task_env.py). Each bolt on the way adds a step:
for each row of the run that it worked on, where the rows end that it made of it::

    source --[m0 m1 m2]--> split --[a b c d e]--> count
                            ends 2 3 5            row 3 is d, of the third row: of m2

A step is for one run of one frame. Where that run was cut or lost rows it has another length, and
nothing is said about it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .errors import WireError
from .wire_limits import E_FRAME_TYPE

if TYPE_CHECKING:
    from .frames import Run

#: Steps of a trail, and rows of a run that is followed; of longer ones nothing is noted.
STEPS_MAX = 16
ROWS_MAX = 4096


class Trail:
    """The last step of a trail, which leads to the others.

    Args:
        rows: of the whole run that was worked on.
        above: the trail of that run; None: its rows are messages, all of their group.
        first: number of the first row of that run that is followed.
        base: rows of the frame before the first that is made of it.
        ends: for each row that is followed, rows of the frame behind the last that is made of it.
    """

    __slots__ = ("above", "base", "ends", "first", "rows")

    def __init__(
        self, rows: int, above: Trail | None, first: int, base: int, ends: list[int]
    ) -> None:
        self.rows, self.above, self.first, self.base, self.ends = rows, above, first, base, ends

    @property
    def length(self) -> int:
        """Rows of the run that the trail is of."""
        return self.ends[-1] - self.base

    def message(self, row: int, length: int) -> tuple[int, int] | None:
        """Return (number, messages of its group) of what row number ``row`` of a run of ``length``
        descends from; None: not all of the run is there any more, or it is not known."""
        if length != self.length:
            return None
        at = self.first + bisect_right(self.ends, row + self.base)
        return (at, self.rows) if self.above is None else self.above.message(at, self.rows)

    def go_on(self, later: Trail) -> bool:
        """Add what the following rows of the same run came to; False: that is not ``later``."""
        last = self.ends[-1]
        # Rows that nothing was made of.
        skipped = later.first - self.first - len(self.ends)
        same = later.above is self.above and later.rows == self.rows
        if not same or skipped < 0 or later.base != last:
            return False
        self.ends += [last] * skipped
        self.ends += later.ends
        return True

    def depth(self) -> int:
        """Return the steps."""
        return 1 if self.above is None else 1 + self.above.depth()

    def to_wire(self) -> list[list[int]]:
        """Return [[rows, first, end, ...], ...], the last step first, ends from the run's start."""
        step = [self.rows, self.first, *(end - self.base for end in self.ends)]
        return [step, *(self.above.to_wire() if self.above is not None else ())]


def trails_to_wire(runs: Sequence[Run], trails: Mapping[int, Trail | None]) -> list[Any]:
    """Return [[number of the run, step, ...], ...] of the runs that are whole."""
    found = []
    for number, (count, roots) in enumerate(runs):
        trail = trails.get(roots[0]) if len(roots) == 1 else None
        if trail is not None and trail.length == count:
            found.append([number, *trail.to_wire()])
    return found


def trails_from_wire(wire: Any, runs: Sequence[Run]) -> dict[int, Trail | None]:
    """Return the trails by root.

    Raises:
        WireError: these are no trails of these runs.
    """
    try:
        found = {
            runs[number][1][0]: _trail(steps, runs[number])
            for number, *steps in wire
            if type(number) is int and number >= 0
        }
        sound = len(found) == len(wire)
    except (TypeError, ValueError, IndexError):
        sound = False
    if not sound:
        raise WireError(E_FRAME_TYPE, "these are no trails of the runs")
    return found  # type: ignore[return-value]


def _trail(steps: Any, run: Run) -> Trail:
    count, roots = run
    if len(roots) != 1 or not 0 < len(steps) <= STEPS_MAX:
        raise ValueError
    above: Trail | None = None
    for rows, first, *ends in reversed(steps):
        if (
            {type(rows), type(first), *map(type, ends)} != {int}
            or not 0 < len(ends) <= ROWS_MAX
            or min(first, ends[0]) < 0
            or ends != sorted(ends)
            or first + len(ends) > rows
            or (above is not None and above.length != rows)
        ):
            raise ValueError
        above = Trail(rows, above, first, 0, ends)
    assert above is not None
    if above.length != count:
        raise ValueError
    return above
