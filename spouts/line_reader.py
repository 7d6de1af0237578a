"""Reads the lines of one file forward from a byte offset, a block at a time.

The hot path of the main job's input: a block is decoded and split in C, once, and a read is a
slice of its lines (0.1 us a line on the reference machine, where counting the words of a line
costs 2 us). A line ends at ``\\n``; a ``\\r`` before it belongs to the line end; what follows
the last ``\\n`` is a line, too.

The position of a message is the byte offset after its line. Nothing but the offset is kept
between blocks: a line that a block cuts in two is read again with the next block.
"""

from __future__ import annotations

import codecs
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from waterspout.topology.columns import Columns
from waterspout.topology.errors import UserError

from .contract import Messages, Reader
from .walk import escaped

#: Bytes asked of the operating system at once; small enough for the lines to stay in cache.
BLOCK_BYTES = 1 << 16
#: Bytes of a reader's first block, doubled with each: a replay reads a few lines and no more.
FIRST_BLOCK_BYTES = 1 << 12
#: What ``line_bytes_max`` may be at most.
LINE_BYTES_MAX = 1 << 30
#: Bytes of a line over ``line_bytes_max`` that one ``read`` looks through for its end.
SCAN_BYTES_MAX = 1 << 23
#: How the text of a message begins that stands for a line over ``line_bytes_max``.
ERROR_PREFIX = "[waterspout: line too long] "
#: Encodings in which each ASCII byte is itself, whatever stands before it.
_ASCII_AND_MORE = frozenset(("utf-8", "utf-8-sig", "ascii", "latin-1"))
#: What a file that is gone says on some file systems when it is read.
_GONE = frozenset((errno.ENOENT, errno.ESTALE, errno.ENOTDIR))

#: Told of what a user should know of: a text, and the metric that counts such events.
Notice = Callable[[str, str], None]


class UnreadableFile(UserError):
    """A file exists but cannot be read. Carries ``path`` and ``reason``."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"cannot read {escaped(path)}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class LineFormat:
    """How bytes become messages.

    Attributes:
        encoding: a codec in which ``\\n`` is one byte; what does not decode becomes U+FFFD.
        path_field: whether a message is ``[line, path]`` instead of ``[line]``.
        line_bytes_max: longest line that is given in full, without its line end.
    """

    encoding: str = "utf-8"
    path_field: bool = False
    line_bytes_max: int = 1 << 18

    def __post_init__(self) -> None:
        """Refuse an encoding that does not keep lines apart.

        Raises:
            ValueError: the codec is unknown, or no text codec in which ASCII stays ASCII.
        """
        try:
            sample = b"a\r\nb".decode(self.encoding, "replace")
            b"\xff\xfe\x80".decode(self.encoding, "replace")
        except LookupError:
            raise ValueError(f"{self.encoding!r:.80} is no text encoding of Python") from None
        except (ValueError, TypeError):
            sample = ""
        if sample != "a\r\nb":
            raise ValueError(
                f"{self.encoding!r:.80} does not keep ASCII as single bytes, so lines cannot be "
                "found in it; convert the files to utf-8"
            )
        if codecs.lookup(self.encoding).name == "utf-8-sig":
            object.__setattr__(self, "encoding", "utf-8-sig")

    def is_plain(self, data: bytes) -> bool:
        """Say whether each byte is a character, and lines end with ``\\n`` alone."""
        return self.encoding in _ASCII_AND_MORE and data.isascii() and b"\r" not in data

    def rows(self, lines: list[bytes], path: str, *, at_start: bool) -> Columns:
        """Return one message per line. ``at_start``: the first of them begins the file."""
        return self.columns(self.texts(lines, at_start=at_start), path)

    def columns(self, texts: list[str], path: str) -> Columns:
        """Return one message per text."""
        values = (texts, [path] * len(texts)) if self.path_field else (texts,)
        return Columns.of(values, len(texts))

    def texts(self, lines: list[bytes], *, at_start: bool) -> list[str]:
        """Return the text of each line. ``at_start``: the first of them begins the file."""
        encoding = self.encoding
        if encoding == "utf-8-sig":
            encoding = "utf-8"
            if at_start:
                lines = [lines[0].removeprefix(codecs.BOM_UTF8), *lines[1:]]
        text = b"\n".join(lines).decode(encoding, "replace")
        if "\r" in text:
            text = f"{text}\n".replace("\r\n", "\n")[:-1]
        texts = text.split("\n")
        if len(texts) != len(lines):  # a codec that makes or takes line ends: line by line
            texts = [line.decode(encoding, "replace").removesuffix("\r") for line in lines]
        return texts


def read_format(owner: str, encoding: Any, path_field: bool, line_bytes_max: int) -> LineFormat:
    """Return how lines are read, after a look at the argument ``encoding`` of a spout.

    Raises:
        UserError: it is no text, or lines cannot be told apart in it; ``owner`` is named.
    """
    if not isinstance(encoding, str):
        got = "nothing" if encoding is None else repr(encoding)[:80]
        raise UserError(f"{owner}: encoding: expected a text encoding such as utf-8, got {got}")
    try:
        return LineFormat(encoding, path_field, line_bytes_max)
    except ValueError as error:
        raise UserError(f"{owner}: encoding: {error}") from None


class LineReader(Reader):
    """The lines of one file that does not grow; ends at the end of the file.

    The file is opened by the first ``read`` and closed when its end was reached.
    """

    def __init__(self, path: str, position: int, line_format: LineFormat, notice: Notice) -> None:
        self._path = path
        self._shown = escaped(path)
        self._format = line_format
        self._notice = notice
        self._fd = -1
        self._ended = False
        #: Position after the last message given.
        self._position = position
        #: Lines read but not all given: the next is ``_texts[_next]``; the last ends at _lines_end.
        self._texts: list[str] = []
        #: What has as many bytes, line by line; often the same.
        self._sized: list[bytes] | list[str] = []
        self._next = 0
        self._lines_end = position
        #: Of the last read: its first text, and where that begins.
        self._first, self._begin = 0, position
        self._block_bytes = FIRST_BLOCK_BYTES
        #: How far a line over ``line_bytes_max`` has been looked through; None without one.
        self._scanned: int | None = None

    def read(self, limit: int) -> tuple[Messages, int] | None:
        """Return up to ``limit`` lines; see the contract.

        Raises:
            UnreadableFile: the operating system refuses the file; the next call tries again.
        """
        first = self._next
        if first == len(self._texts):
            if not self._fill():
                return self._without_lines()
            first = 0
        texts = self._texts[first : first + limit]
        self._first, self._begin = first, self._position
        self._next = first + len(texts)
        if self._next == len(self._texts):
            self._position = self._lines_end
        else:
            self._position += sum(map(len, self._sized[first : self._next])) + len(texts)
        return self._format.columns(texts, self._shown), self._position

    def message_ends(self) -> list[int]:
        """Return the position after each line of the last read."""
        sizes = map(len, self._sized[self._first : self._next])
        # Each line has its line end besides, but for the last one of a file.
        found = [end + count for count, end in enumerate(accumulate(sizes), self._begin + 1)]
        return [*found[:-1], self._position]

    def close(self) -> None:
        """Close the file, if it is open."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    # What a reader that follows a growing file does in another way.

    def _offset(self, position: int) -> int:
        """Return the byte offset of a position."""
        return position

    def _opened(self) -> bool:
        """Say whether the file that was just opened has the position."""
        size = os.fstat(self._fd).st_size
        if self._position > size:
            self._notice(
                f"file is shorter than before: path={self._shown} size={size} "
                f"position={self._position}; the rest of it is not read",
                "files_truncated",
            )
        return self._position <= size

    def _missing(self) -> None:
        """Take note that the file is not there."""
        self._notice(
            f"file vanished: path={self._shown} position={self._position}; "
            "what was not read of it is lost",
            "files_vanished",
        )
        self._end()

    def _complete(self) -> bool:
        """Say, at the end of the file, whether nothing will be appended any more."""
        return True

    # Blocks.

    def _fill(self) -> bool:
        """Read the next lines; False when there are none now, or the next one is too long."""
        if self._ended or self._scanned is not None or not (self._fd >= 0 or self._open()):
            return False
        line_bytes_max = self._format.line_bytes_max
        data = self._bytes(self._block_bytes)
        self._block_bytes = min(2 * self._block_bytes, BLOCK_BYTES)
        cut = data.rfind(b"\n")
        if cut < 0 and data:
            data = self._bytes(line_bytes_max + 1)
            cut = data.rfind(b"\n")
        if cut < 0 and len(data) <= line_bytes_max:
            return self._last(data)
        if cut >= 0 and len(data) <= line_bytes_max and self._format.is_plain(data):
            self._next, self._lines_end = 0, self._position + cut + 1
            self._texts = self._sized = data[:cut].decode("ascii").split("\n")
            return True
        lines = data[:cut].split(b"\n") if cut >= 0 else []
        if len(data) > line_bytes_max:
            lines = _leading(lines, line_bytes_max)
        if not lines:
            self._scanned = self._position
            return False
        self._take(lines)
        return True

    def _take(self, lines: list[bytes]) -> None:
        """Have these lines given next, which end with ``\\n``."""
        self._lines_end = self._position + sum(map(len, lines)) + len(lines)
        self._sized, self._next = lines, 0
        at_start = self._offset(self._position) == 0
        self._texts = self._format.texts(lines, at_start=at_start)

    def _last(self, data: bytes) -> bool:
        """Take what stands after the last line end, once it is known to be all."""
        if self._ended or not self._complete():
            return False
        if not data:
            self._end()
            return False
        self._take([data])
        self._lines_end = self._position + len(data)
        return True

    def _without_lines(self) -> tuple[Messages, int] | None:
        self._first = self._next
        if self._scanned is not None:
            return self._too_long()
        return None if self._ended else ([], self._position)

    def _too_long(self) -> tuple[Messages, int] | None:
        """Look for the end of a line over ``line_bytes_max``; give one message in its place."""
        assert self._scanned is not None
        for _ in range(SCAN_BYTES_MAX // BLOCK_BYTES):
            data = self._bytes(BLOCK_BYTES, self._scanned)
            found = data.find(b"\n")
            if found >= 0:
                return self._stand_in(self._scanned + found, True)
            if not data:
                return self._too_long_at_end(self._scanned)
            self._scanned += len(data)
        return [], self._position

    def _too_long_at_end(self, line_end: int) -> tuple[Messages, int] | None:
        if not self._ended and self._complete():
            return self._stand_in(line_end, False)
        return None if self._ended else ([], self._position)

    def _stand_in(self, line_end: int, terminated: bool) -> tuple[Messages, int]:
        start, self._position = self._position, line_end + terminated
        self._scanned = None
        line_format, offset, size = self._format, self._offset(start), line_end - start
        line_bytes_max = line_format.line_bytes_max
        self._notice(
            f"line too long: path={self._shown} offset={offset} bytes={size} "
            f"line_bytes_max={line_bytes_max}",
            "lines_too_long",
        )
        text = (
            f"{ERROR_PREFIX}{size} bytes at byte {offset} of {self._shown} "
            f"(line_bytes_max is {line_bytes_max})"
        )
        return [[text, self._shown] if line_format.path_field else [text]], self._position

    # The operating system.

    def _open(self) -> bool:
        """Open the file; False when it is not there or does not have the position."""
        try:
            # Without O_NONBLOCK opening a pipe that took the file's name would block the worker.
            self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            if error.errno not in _GONE:
                raise UnreadableFile(self._path, error.strerror or str(error)) from error
            self._missing()
            return False
        if not self._opened():
            self._end()
        return not self._ended

    def _bytes(self, size: int, position: int | None = None) -> bytes:
        """Return up to ``size`` bytes from a position; none at the end of the file."""
        offset = self._offset(self._position if position is None else position)
        try:
            return os.pread(self._fd, size, offset)
        except OSError as error:
            if error.errno not in _GONE:
                raise UnreadableFile(self._path, error.strerror or str(error)) from error
            self._missing()
            return b""

    def _end(self) -> None:
        self._ended = True
        self.close()


def _leading(lines: list[bytes], line_bytes_max: int) -> list[bytes]:
    """Return the lines before the first that is too long."""
    if max(map(len, lines), default=0) <= line_bytes_max:
        return lines
    return lines[: next(i for i, line in enumerate(lines) if len(line) > line_bytes_max)]
