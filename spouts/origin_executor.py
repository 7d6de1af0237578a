"""The executor of a ``Source`` task whose messages have origins: a bolt below counts each once."""

from __future__ import annotations

from waterspout.topology.origins import RowAtWork, origin_of, partition_bytes

from .contract import Messages, Reader
from .executor import SourceExecutor
from .groups import Group
from .message_ends import EndsReader
from .partitions import Partition
from .retries import Retry


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

    def _ends_reader(self, partition: str, start: int) -> Reader:
        return EndsReader(
            lambda position: self.source.reader(partition, position or None), start,
            singly=self._singly, noted=self._note_read,
        )  # fmt: skip

    def _note_read(self, reader: EndsReader) -> None:
        """A read is done: what is sent next are its messages."""
        self._last = reader
        self._singly |= reader.singly

    def _reopen(self, partition: Partition, start: int) -> None:
        self._close(partition)
        partition.reader = self._ends_reader(partition.name, start)
        partition.position = start

    def _retry_reader(self, retry: Retry) -> Reader:
        return self._ends_reader(retry.partition, retry.start)

    def send(self, group: Group, rows: Messages, now: float) -> None:
        """Send a group under a fresh root, each message with its origin."""
        assert self._last is not None
        partition = partition_bytes(self.component, group.partition)
        self.row.given = [origin_of(partition, end) for end in self._last.ends]
        try:
            super().send(group, rows, now)
        finally:
            self.row.given = None
