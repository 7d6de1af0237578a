"""One form for the lines of a worker's log: when, how bad, which task, who says it, what.

    2026-11-23T13:39:13.626Z INFO count.3 mylib.parser 2 lines skipped
    2026-11-23T13:39:13.627Z OUT count.3 - what the component printed

``-`` stands for no task. A line that does not begin so (a traceback) belongs to the one above.
"""

from __future__ import annotations

import io
import logging
import re
import time
from contextvars import ContextVar
from typing import Any

#: What user code runs for: anything with ``component`` and ``task``. Set on the data thread for
#: each executor in turn, and in every call that runs beside it; a ContextVar, as asyncio needs.
RUNNING: ContextVar[Any] = ContextVar("running", default=None)

#: The beginning of a line, for readers: level, component, task.
LINE = re.compile(r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z ([A-Z]+) (?:-|(\S+)\.(\d+)) ")

#: Loggers that components are given; the rest of the name is the component, which the line has.
_USER = "waterspout.user."


def where() -> str:
    """Return the task that user code runs for now: ``component.task``, or ``-``."""
    running = RUNNING.get()
    return "-" if running is None else f"{running.component}.{running.task}"


def timestamp(at: float) -> str:
    """Return wall clock seconds as 2026-11-23T13:39:13.626Z."""
    seconds = int(at)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{text}.{int((at - seconds) * 1000):03d}Z"


class LineFormatter(logging.Formatter):
    """Formats log records in this form."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the first line of a record; called by ``format``."""
        name = "-" if record.name.startswith(_USER) else record.name
        head = f"{timestamp(record.created)} {record.levelname} {where()} {name}"
        return f"{head} {record.message}"


class PrintedLines(io.TextIOWrapper):
    """A standard output whose lines are in this form.

    Threads that print at once may share a line, as they always could.
    """

    _begun = False

    def write(self, text: str, /) -> int:
        """Write ``text``, with a beginning for each line in it."""
        if text:
            head = f"{timestamp(time.time())} OUT {where()} - "
            ended = text.endswith("\n")
            lines = (text[:-1] if ended else text).replace("\n", "\n" + head)
            if not self._begun:
                lines = head + lines
            super().write(lines + "\n" if ended else lines)
            self._begun = not ended
        return len(text)
