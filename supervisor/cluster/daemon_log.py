"""Log lines of the daemons of a cluster, on stderr: when, how bad, what.

    2026-11-23T13:39:13.626Z INFO host up host=a slots=4
"""

from __future__ import annotations

import logging
import sys

from ..log_lines import timestamp


class DaemonFormatter(logging.Formatter):
    """Formats log records in this form, in universal time as workers do."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the first line of a record; called by ``format``."""
        return f"{timestamp(record.created)} {record.levelname} {record.message}"


def log_to_stderr() -> None:
    """Have log lines on stderr; called once, when a daemon begins."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(DaemonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
