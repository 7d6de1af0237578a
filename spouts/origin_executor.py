"""The executor of a ``Source`` task whose messages have origins: a bolt below counts each once."""

from __future__ import annotations

from functools import partial

from waterspout.topology.origins import RowAtWork, origin_of, partition_bytes

from .contract import Messages, Reader
from .executor import SourceExecutor
from .groups import Group
from .message_ends import EndsReader


class OriginSourceExecutor(SourceExecutor):
    """Runs one Source task whose messages have origins."""

    #: Set by ``use_origins``.
    row: RowAtWork

    def use_origins(self, row: RowAtWork) -> None:
        """Say which rows go out; called once, before the first turn."""
        self.row = row
        #: What rows below are remembered for is bounded by the messages that are not durable.
        self.ledger.counts_messages = True
        self._singly = False
        self._last: EndsReader | None = None

    def open_reader(self, partition: str, start: int) -> Reader:
        """Return a reader that also says where each message ends."""
        open_at = partial(super().open_reader, partition)
        return EndsReader(open_at, start, singly=self._singly, noted=self._note_read)

    def _note_read(self, reader: EndsReader) -> None:
        """A read is done: what is sent next are its messages."""
        self._last = reader
        self._singly |= reader.singly

    def send(self, group: Group, rows: Messages, now: float) -> None:
        """Send a group under a fresh root, each message with its origin."""
        assert self._last is not None
        partition = partition_bytes(self.component, group.partition)
        self.row.given = [origin_of(partition, end) for end in self._last.ends]
        try:
            super().send(group, rows, now)
        finally:
            self.row.given = None
