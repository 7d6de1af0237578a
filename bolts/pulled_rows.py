"""Rows that a call of the bolt yields: taken in parts, each under a root of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .executor import BoltExecutor

#: Rows that share a root.
ROWS_MAX = 1024


class PulledRows:
    """What ``finish`` or ``on_watermark`` returned.

    Args:
        what: name of the call, for errors.
        result: a generator, or anything else, which has no rows.
    """

    def __init__(self, executor: BoltExecutor, what: str, result: Any) -> None:
        self._executor, self._what = executor, what
        self._rows: Iterator[Any] = iter(result) if isinstance(result, Iterable) else iter(())
        #: Whether there is no more.
        self.ended = not isinstance(result, Iterable)

    def pull(self) -> None:
        """Emit the next rows. Those that cannot be emitted become dead letters, the others go out.

        Raises:
            Exception: whatever the generator raises; it has ended then.
        """
        executor = self._executor
        try:
            rows = list(islice(self._rows, ROWS_MAX))
        except BaseException:
            self.ended = True
            raise
        self.ended = len(rows) < ROWS_MAX
        emit = executor.bolt.emit
        for row in rows:
            executor.calls += 1
            try:
                if row is not None:
                    emit(row)
            except Exception as error:
                executor.own_calls.failed.refused(self._what, row, error)
