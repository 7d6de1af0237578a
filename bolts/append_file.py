"""A file that is only ever appended to, and whose flush means that all of it is on disk.

The disk may fail at any moment without loss: what was not written, or was written and not
yet fsynced, is kept in memory and written again. (After a failed fsync the system may have
dropped the pages and reports the next fsync as good, so fsync alone cannot be tried again.)
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from pathlib import Path

from waterspout.topology.errors import UserError

#: Bytes that are collected before they are written.
WRITE_BYTES = 1024 * 1024
#: Bytes that wait while the disk fails; at this mark ``add`` raises.
WAITING_BYTES_MAX = 64 * 1024 * 1024
#: Bytes written since the last fsync, kept to be written again; at this mark there is one.
UNSYNCED_BYTES_MAX = 64 * 1024 * 1024
#: Block in which a file's quotes are counted.
_BLOCK_BYTES = 1024 * 1024


class AppendFile:
    """Appends whole lines to ``path``; made and used by one bolt task.

    What is in the file when it is opened stays, unless it is begun anew. An unfinished last
    line, left by a worker that was killed, is ended first, so that it cannot spoil the line
    after it.

    Attributes:
        header: written first whenever the file is found empty.
    """

    def __init__(
        self, path: Path, log: logging.Logger, *, quoted: bool = False, anew: bool = False
    ) -> None:
        """Open the file, make it and its folder where they are missing.

        Args:
            path: a regular file.
            log: gets one line when the disk begins to fail.
            quoted: a newline inside double quotes ends no line (CSV).
            anew: empty the file when ``begin`` is called or something is written, not before.

        Raises:
            OSError: it cannot be opened.
            UserError: it is no regular file.
        """
        self.path = path
        self.header = b""
        self._log = log
        self._quoted = quoted
        self._descriptor: int | None = None
        self._empty = False
        #: Written before anything else: the header, or what ends an unfinished last line.
        self._first = b""
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        #: Bytes waiting at which a write is tried.
        self._write_at = WRITE_BYTES
        self._unsynced: list[bytes] = []
        self._unsynced_bytes = 0
        self._anew = anew
        self._open()

    def begin(self) -> None:
        """Empty the file that is begun anew, once; what was added since is not in it yet.

        Raises:
            OSError: it cannot be emptied.
        """
        if self._anew and self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            self._anew = False

    def add(self, lines: bytes) -> None:
        """Append ``lines`` (whole ones) to what is written by and by.

        A disk that fails is not reported here but by ``flush``, so that messages wait instead
        of failing one by one; only when ``WAITING_BYTES_MAX`` wait does this raise.

        Raises:
            OSError: too much waits; ``lines`` were not taken.
        """
        if self._waiting_bytes >= WAITING_BYTES_MAX:
            self._write()
        self._waiting.append(lines)
        self._waiting_bytes += len(lines)
        if self._waiting_bytes >= self._write_at:
            self._try_write()

    def flush(self) -> None:
        """Write and fsync everything that was added.

        Raises:
            OSError: the disk is full or fails; nothing is lost, the next call tries again.
        """
        self.begin()
        self._follow_path()
        self._write()
        self._sync()

    def close(self) -> None:
        """Close the file; what was not flushed may be lost."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _open(self) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o666)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise UserError(f"{self.path}: not a regular file, so nothing in it can be durable")
            size = 0 if self._anew else found.st_size
            self._first = _repair(descriptor, size, self._quoted)
            _sync_folder(self.path.parent)
        except BaseException:
            os.close(descriptor)
            raise
        self._empty = size == 0
        self._descriptor = descriptor
        return descriptor

    def _try_write(self) -> None:
        try:
            self._write()
        except OSError as error:
            if self._write_at == WRITE_BYTES:
                self._log.warning("write failed path=%s error=%s", self.path, error)
            self._write_at = self._waiting_bytes + WRITE_BYTES

    def _write(self) -> None:
        if not self._waiting:
            return
        descriptor = self._open() if self._descriptor is None else self._descriptor
        self.begin()
        self._write_first(descriptor)
        data = b"".join(self._waiting)
        done = 0
        try:
            while done < len(data):
                done += os.write(descriptor, memoryview(data)[done:])
        except OSError as error:
            raise self._named(error) from error
        finally:
            self._waiting = [data[done:]] if done < len(data) else []
            self._waiting_bytes = len(data) - done
            self._unsynced.append(data[:done])
            self._unsynced_bytes += done
        self._write_at = WRITE_BYTES
        if self._unsynced_bytes >= UNSYNCED_BYTES_MAX:
            self._sync()

    def _write_first(self, descriptor: int) -> None:
        """Write what stands before the lines: the header, or the end of a torn line."""
        if self._empty:
            self._first = self.header
            self._empty = False
        try:
            while self._first:
                self._first = self._first[os.write(descriptor, self._first) :]
        except OSError as error:
            raise self._named(error) from error

    def _sync(self) -> None:
        if not self._unsynced or self._descriptor is None:
            return
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            self._take_back()
            raise self._named(error) from error
        self._unsynced.clear()
        self._unsynced_bytes = 0

    def _follow_path(self) -> None:
        """Leave a file that was moved away (rotation) or deleted; the next write makes one."""
        if self._descriptor is None:
            return
        ours = os.fstat(self._descriptor)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(ours, os.stat(self.path)):
                return
        if ours.st_nlink:
            self._sync()
            self.close()
        else:
            self._take_back()

    def _take_back(self) -> None:
        """Make everything since the last fsync wait to be written again, to the file anew."""
        self._waiting[:0] = self._unsynced
        self._waiting_bytes += self._unsynced_bytes
        self._unsynced.clear()
        self._unsynced_bytes = 0
        with contextlib.suppress(OSError):
            self.close()

    def _named(self, error: OSError) -> OSError:
        return OSError(error.errno, error.strerror, str(self.path))


def _repair(descriptor: int, size: int, quoted: bool) -> bytes:
    """Return what has to be written to end an unfinished last line."""
    if quoted and _quotes(descriptor, size) % 2:
        return b'"\n'
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        return b"\n"
    return b""


def _quotes(descriptor: int, size: int) -> int:
    return sum(
        os.pread(descriptor, _BLOCK_BYTES, start).count(b'"')
        for start in range(0, size, _BLOCK_BYTES)
    )


def _sync_folder(folder: Path) -> None:
    """Make the entry of a new file durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
