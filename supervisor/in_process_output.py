"""What components print and log where they run in the process of the command itself.

Prints go to standard error: standard output belongs to the summary. Logs go to the same file as
those of a worker, STATE/logs/worker-0.log; warnings and errors are shown on standard error, too.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from .log_lines import LineFormatter
from .worker_logs import LOG_BYTES_MAX, LOG_FILES, log_path, open_log, set_aside


class _LogFile(RotatingFileHandler):
    """A worker's log: its limit and its files; what cannot be written is lost."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=LOG_BYTES_MAX, backupCount=LOG_FILES - 1)
        self.setFormatter(LineFormatter())

    def _open(self) -> TextIOWrapper:
        return open(open_log(Path(self.baseFilename)), "a", encoding="utf-8",
                    errors="backslashreplace")  # fmt: skip

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing of a record that could not be written."""


class _Shown(logging.StreamHandler):  # type: ignore[type-arg]
    """Warnings and errors on standard error, whatever that is when they come."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.setLevel(logging.WARNING)
        self.setFormatter(LineFormatter())


@contextmanager
def components_output(state_dir: Path) -> Iterator[None]:
    """Send what components print and log where it belongs, while they run here.

    A log that cannot be made is done without: standard error still has the warnings.
    """
    handlers: list[logging.Handler] = [_Shown()]
    with suppress(OSError):
        path = log_path(state_dir, 0)
        set_aside(path)
        handlers.append(_LogFile(path))
    root = logging.getLogger()
    level = root.level
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        with _stdout_to_stderr():
            yield
    finally:
        root.setLevel(level)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Have what is printed go to standard error, also by programs that components start.

    Not on a terminal: there a debugger wants the streams as they are, and nobody parses them.
    """
    if sys.stdout.isatty():
        yield
        return
    real = _is(sys.stdout, 1) and _is(sys.stderr, 2)
    sys.stdout.flush()
    with redirect_stdout(sys.stderr):
        if not real:
            yield
            return
        kept = os.dup(1)
        os.dup2(2, 1)
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)


def _is(stream: object, descriptor: int) -> bool:
    """Say whether a stream writes to a descriptor; those of tests write elsewhere."""
    try:
        return stream.fileno() == descriptor  # type: ignore[attr-defined,no-any-return]
    except (OSError, AttributeError, ValueError):
        return False
