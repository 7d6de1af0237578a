"""The culprit: the one message of a run that was at fault, where that can be told.

Rows that come straight from a source are its messages, and a run of them is a whole group or a
part of one: the row that raised is the message at fault, and it alone is tried again. The others
go on, and are done once the group's root is zero::

    source --[m0 m1 m2 m3]--> parse      m2 raises: Failure(root, row 2 of 4)
                                         m0, m1 and m3 go on under the same root
             [m2]                        after a pause, under a root of its own

Behind another bolt nobody knows which message a row descends from: there the whole group fails.
"""

from __future__ import annotations

from collections.abc import Collection

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

    def known(self, source: int, roots: tuple[int, ...], rows: int) -> bool:
        """Say whether a row of a run is one of several messages.

        Args:
            source: task that sent the run.
            roots: of the run.
            rows: of the whole run.
        """
        return source in self._sources and rows > 1 and len(roots) == 1

    def told(
        self, source: int, roots: tuple[int, ...], row: int, rows: int
    ) -> tuple[int, int] | None:
        """Return (row, rows) of the failure of one row of a run, whose ``rows`` go on without it.

        None: it is not known which message it is, or it is one too many.
        """
        if not self.known(source, roots, rows):
            return None
        if roots[0] != self._root:
            self._root, self._told = roots[0], 0
        self._told += 1
        return (row, rows) if self._told <= CULPRITS_MAX else None
