"""Standard output and error of a command, where either may be full, closed, or read by nobody.

What goes to standard error (progress, warnings) is not worth ending for: what cannot be written
there is lost. What goes to standard output was asked for, so it is told when it cannot be written.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from .exit_codes import ExitCode


class Unwritten(Exception):
    """Standard output cannot be written. No OSError: rich and click have ways of their own there.

    Attributes:
        reader_left: it was a pipe, and whoever read it (``head``) has had enough.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(f"standard output cannot be written: {error.strerror}")
        self.reader_left = isinstance(error, BrokenPipeError)


class NeverFails(io.FileIO):
    """A descriptor whose disk may be full: what cannot be written is lost, and nobody fails."""

    def write(self, data: Any, /) -> int:
        """Write what can be written; say that all of it was."""
        size = len(memoryview(data).cast("B"))
        with suppress(OSError):
            super().write(data)
        return size


class _FailsOnce(io.FileIO):
    """Standard output: the first failure is raised as Unwritten, and nothing is written from then.

    What is still in a buffer would fail again, when the interpreter ends.
    """

    failed = False

    def write(self, data: Any, /) -> int:
        if not self.failed:
            try:
                return super().write(data) or 0
            except OSError as error:
                self.failed = True
                raise Unwritten(error) from error
        return len(memoryview(data).cast("B"))


@contextmanager
def guarded() -> Iterator[None]:
    """Guard both streams while a command runs; say when its output could not be written.

    Raises:
        SystemExit: it could not; with UNWRITTEN.
    """
    if sys.stdout is sys.__stdout__ and sys.stderr is sys.__stderr__:
        _guard()
    try:
        try:
            yield
        finally:
            # What another stream stands in for, as tests do, may be closed by now.
            if sys.stdout is not None and not sys.stdout.closed:
                sys.stdout.flush()
    except Unwritten as error:
        _say(error)
        sys.exit(int(ExitCode.UNWRITTEN))


def printed(print_it: Callable[[], object], code: ExitCode) -> ExitCode:
    """Print what came of something that is done, and return the exit code.

    That it cannot be written changes the exit code only where all else went well; that nobody
    reads it any more changes nothing.
    """
    try:
        print_it()
    except Unwritten as error:
        _say(error)
        return code if code or error.reader_left else ExitCode.UNWRITTEN
    return code


def _say(error: Unwritten) -> None:
    if not error.reader_left:
        print(f"waterspout: {error}", file=sys.stderr, flush=True)


def _guard() -> None:
    # A descriptor that is closed would be given to the next file that is opened, and what is
    # printed would land there. Standard output that can only be read tells that it was closed.
    for descriptor, mode in ((0, os.O_RDWR), (1, os.O_RDONLY), (2, os.O_RDWR)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, mode)
            os.set_inheritable(descriptor, True)
    sys.stdout = _text(_FailsOnce, 1, sys.stdout)
    sys.stderr = _text(NeverFails, 2, sys.stderr)


def _text(kind: type[io.FileIO], descriptor: int, before: TextIO | None) -> TextIO:
    """Return a text stream over a descriptor; what its encoding has no letter for is escaped."""
    if before is not None:
        before.flush()
    raw = kind(descriptor, "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), before.encoding if before is not None else "utf-8",
        errors="backslashreplace", line_buffering=descriptor == 2 or os.isatty(descriptor),
    )  # fmt: skip
