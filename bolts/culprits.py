"""The culprit: the one message of a run that was at fault, where that can be told.

Rows that come straight from a source are its messages, and a run of them is a whole group or a
part of one: the row that raised is the message at fault, and it alone is tried again. The others
go on, and are done once the group's root is zero::

    source --[m0 m1 m2 m3]--> parse      m2 raises: Failure(root, row 2 of 4)
                                         m0, m1 and m3 go on under the same root
             [m2]                        after a pause, under a root of its own

Behind another bolt a trail says which message a row descends from, where the group asked for one
(tracing.py); else the whole group fails.
"""

from __future__ import annotations

from collections.abc import Collection

from waterspout.topology.trails import Trail

from .frame_work import FrameWork

#: Culprits in one run at most; with one more the whole group fails. Where that many fail, small
#: groups cost less than finding each message anew, and they come of groups that failed.
CULPRITS_MAX = 4


class Culprits:
    """Tells the culprits of one bolt task.

    Args:
        sources: tasks whose rows are messages, one each, that can be read again (``Plan.tells``).
    """

    def __init__(self, sources: Collection[int] = ()) -> None:
        self._sources = sources
        #: Root and number of the culprits of the run at work.
        self._root = self._told = 0

    def trail(self, work: FrameWork, roots: tuple[int, ...], rows: int) -> Trail | None:
        """Return the trail of a run of ``rows``; None: it has none, or not all of it is there."""
        if len(roots) != 1 or not work.trails:
            return None
        trail = work.trails.get(roots[0])
        return trail if trail is not None and trail.length == rows else None

    def known(self, work: FrameWork, roots: tuple[int, ...], rows: int) -> bool:
        """Say whether it can be told which of several messages a row of a run is, or is of.

        Args:
            work: the frame.
            roots: of the run.
            rows: of the whole run.
        """
        if rows > 1 and len(roots) == 1 and work.channel[0] in self._sources:
            return True
        return self.trail(work, roots, rows) is not None

    def told(
        self, work: FrameWork, roots: tuple[int, ...], row: int, rows: int
    ) -> tuple[int, int] | None:
        """Return (number, messages) for the failure of one row of a run, whose group goes on
        without that message.

        None: it is not known which one it is, or it is one too many.
        """
        if not self.known(work, roots, rows):
            return None
        if roots[0] != self._root:
            self._root, self._told = roots[0], 0
        self._told += 1
        if self._told > CULPRITS_MAX:
            return None
        trail = self.trail(work, roots, rows)
        return (row, rows) if trail is None else trail.message(row, rows)
