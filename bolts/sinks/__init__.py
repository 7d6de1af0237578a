"""Sinks whose output appears only when the checkpoint (or round) that covers it is durable."""

from .committed_files import CommitCsv, CommitJsonl
from .sqlite_table import SqliteTable
from .transactional import TransactionalSink

__all__ = ["CommitCsv", "CommitJsonl", "SqliteTable", "TransactionalSink"]
