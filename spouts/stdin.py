"""The ``StdinLines`` source: the lines of standard input."""

from __future__ import annotations

import os
import select
from collections.abc import Mapping, Sequence
from typing import Any

from waterspout.topology.argument_checks import Checks
from waterspout.topology.component import Context
from waterspout.topology.errors import UserError

from .arguments import declared, integer
from .contract import Messages, Reader, Replay, Source
from .line_reader import (
    BLOCK_BYTES,
    ERROR_PREFIX,
    LINE_BYTES_MAX,
    LineFormat,
    Notice,
    read_format,
)

#: The one partition; whoever starts workers finds by it which task is the one that reads.
PARTITION = "stdin"


class StdinLines(Source):
    """Emits every line of standard input in the field ``line``; ends at its end.

    A pipe cannot be read twice: the framework keeps each line until it is durable, and what a
    lost worker had read is lost with it. One task reads, whatever the parallelism.

    Args:
        encoding: text encoding; bytes that do not decode become U+FFFD.
        line_bytes_max: a longer line is replaced by a message that says so, as in ``Files``.
        fd: the file descriptor to read; 0 is standard input.

    Raises:
        WrongArguments: an argument is wrong.
    """

    outputs = ("line",)
    replay: Replay = "re-emit"

    def __init__(self, encoding: str = "utf-8", line_bytes_max: int = 1 << 18, fd: int = 0) -> None:
        check = Checks()
        check(integer, "StdinLines", "line_bytes_max", line_bytes_max, 1, LINE_BYTES_MAX)
        self._fd = check(integer, "StdinLines", "fd", fd, 0, 1 << 20)
        self._format = check(read_format, "StdinLines", encoding, False, line_bytes_max)
        check.end()

    @classmethod
    def declare_outputs(cls, args: Mapping[str, Any]) -> list[str]:
        """Return the field, after checking ``args``."""
        return declared(cls, args, ["line"])

    def open(self, context: Context) -> None:
        """Take the log and the metrics."""
        self._context = context

    def partitions(self) -> Sequence[str]:
        """Return the one partition."""
        return [PARTITION]

    def reader(self, partition: str, position: int | None) -> Reader:
        """Return a reader of what comes from now on."""
        return PipeReader(self._fd, position or 0, self._format, self._notice)

    def _notice(self, text: str, metric: str) -> None:
        self._context.log.warning("%s", text)
        self._context.metrics.count(metric)


class PipeReader(Reader):
    """The lines of a pipe, a terminal or whatever else a file descriptor is, without waiting.

    The descriptor is asked first whether it has something: making it non-blocking would do so
    for every process that shares it, the user's shell too. The position counts lines.
    """

    def __init__(self, fd: int, position: int, line_format: LineFormat, notice: Notice) -> None:
        self._fd = fd
        self._position = position
        self._format = line_format
        self._notice = notice
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)
        self._ended = False
        #: Lines that were not given yet: the next is ``_lines[_next]``.
        self._lines: list[bytes] = []
        self._next = 0
        #: What came after the last line end; how many bytes before it were dropped as too long.
        self._rest = b""
        self._dropped_bytes = 0
        self._at_start = True

    def read(self, limit: int) -> tuple[Messages, int] | None:
        """Return up to ``limit`` lines that have come in.

        Raises:
            UserError: the descriptor cannot be read.
        """
        if self._next == len(self._lines):
            self._fill()
        lines = self._lines[self._next : self._next + limit]
        if not lines:
            return None if self._ended else ([], self._position)
        at_start, self._at_start = self._at_start, False
        self._next += len(lines)
        self._position += len(lines)
        return self._format.rows(lines, "stdin", at_start=at_start), self._position

    def _fill(self) -> None:
        """Read what has come in, up to a block."""
        self._lines, self._next = [], 0
        if self._ended or not self._poll.poll(0):
            return
        try:
            data = os.read(self._fd, BLOCK_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            text = f"StdinLines: cannot read file descriptor {self._fd}: {error.strerror}"
            raise UserError(text) from error
        *lines, rest = (self._rest + data).split(b"\n")
        if not data:
            self._ended = True
            lines, rest = [rest] if rest or self._dropped_bytes else [], b""
        self._lines = self._limited(lines)
        self._keep(rest)

    def _limited(self, lines: list[bytes]) -> list[bytes]:
        """Return the lines, with a stand-in for each that is too long."""
        sizes = list(map(len, lines))
        if lines:
            sizes[0] += self._dropped_bytes
            self._dropped_bytes = 0
        if max(sizes, default=0) <= self._format.line_bytes_max:
            return lines
        return list(map(self._line_or_stand_in, lines, sizes))

    def _keep(self, rest: bytes) -> None:
        """Keep the beginning of the next line, or only its size when it is too long already."""
        if self._dropped_bytes or len(rest) > self._format.line_bytes_max:
            self._dropped_bytes += len(rest)
            rest = b""
        self._rest = rest

    def _line_or_stand_in(self, line: bytes, size: int) -> bytes:
        line_bytes_max = self._format.line_bytes_max
        if size <= line_bytes_max:
            return line
        self._notice(
            f"line too long: path=stdin bytes={size} line_bytes_max={line_bytes_max}",
            "lines_too_long",
        )
        text = f"{ERROR_PREFIX}{size} bytes of stdin (line_bytes_max is {line_bytes_max})"
        return text.encode("ascii")
