"""The readers of messages that are read again: one for each retry at work, and for some that wait.

A source may answer late: a new reader has nothing yet, and must not block. So a reader that had
nothing is asked again, and not given up for a new one, which would have nothing either.
"""

from __future__ import annotations

from collections.abc import Callable

from .contract import Reader
from .retries import Retry

#: Readers of retries that wait. Those of further ones are closed, until there is room.
WAITING_MAX = 64


class RetryReaders:
    """Owned by one executor.

    Args:
        reader: opens a reader, of a partition at a position.
        close: closes one.
    """

    def __init__(
        self, reader: Callable[[str, int], Reader], close: Callable[[Reader], object]
    ) -> None:
        self._reader, self._close = reader, close
        self._open: dict[Retry, Reader] = {}

    def of(self, retry: Retry) -> Reader:
        """Return the reader of a retry; opened when it has none."""
        reader = self._open.get(retry)
        if reader is None:
            reader = self._open[retry] = self._reader(retry.partition, retry.start)
        return reader

    def wait(self, retry: Retry) -> None:
        """Its reader has nothing now, and is asked again later."""
        if len(self._open) > WAITING_MAX:
            self.done(retry)

    def done(self, retry: Retry) -> None:
        """Close the reader of a retry, if it has one."""
        reader = self._open.pop(retry, None)
        if reader is not None:
            self._close(reader)

    def close(self) -> None:
        """Close all of them."""
        for retry in list(self._open):
            self.done(retry)
