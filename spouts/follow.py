"""Follows files that grow, are rotated and are truncated, so that no position goes backwards.

A followed file is known by what it is, not by its name: folder, inode number, and a checksum
of its first line, because file systems give inode numbers out again. A rotated file keeps its
partition under whatever name it has now, and the file that takes its name is a new partition::

    app.log  (inode 7)                 partition  dir#7-1c2d3e4f
       | renamed to app.log.1, app.log created (inode 9)
       v
    app.log.1 (inode 7)                partition  dir#7-1c2d3e4f   read to its end
    app.log   (inode 9)                partition  dir#9-5a6b7c8d   from 0

The name can be told from the file system alone, so that all tasks, also after a restart, agree
on it. A file has no partition before its first line is complete, and its last line is not given
before it is: it may still grow.

A file that was truncated and begins with another line is a new partition, too. When it begins
as before (a header), it goes on in the next generation of the same partition: the generation
stands in the high bits of the position, above the byte offset.

Not seen: a file that was truncated and grew beyond its old length with the same first line
between two looks at it, or while the topology was down.
Source: fingerprints as in Vector's ``file`` source, the wait after rotation as Fluentd's
``rotate_wait``.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable

from .line_reader import LineFormat, LineReader, Notice, UnreadableFile
from .walk import escaped

#: Positions of one generation; a file of 256 TiB has outgrown it.
GENERATION = 1 << 48
#: Bytes of the first line that tell one file from another.
FINGERPRINT_BYTES = 256
#: How often a name is looked at that may belong to another file by now.
LOOK_INTERVAL_S = 1.0
#: How long a rotated file is read on: its writer keeps it open until it is told to let go.
ROTATE_WAIT_S = 5.0

#: (device, inode, size, time of the last change in ns): what tells that a file is unchanged.
_Stamp = tuple[int, int, int, int]


class Follower:
    """What is known of all followed files of one task."""

    def __init__(self, line_format: LineFormat, notice: Notice, clock: Callable[[], float]) -> None:
        self.line_format = line_format
        self.notice = notice
        self.clock = clock
        #: Highest generation seen of a partition; 0 is not kept.
        self.generations: dict[str, int] = {}
        self._paths: dict[str, str] = {}
        self._seen: dict[str, tuple[_Stamp, str | None]] = {}

    def discover(self, paths: Iterable[str]) -> list[str]:
        """Return the partitions of the files at ``paths``, sorted."""
        seen = {path: self._look(path) for path in paths}
        self._seen = {path: look for path, look in seen.items() if look is not None}
        found = {look[1]: path for path, look in self._seen.items() if look[1] is not None}
        self._paths.update(found)
        return sorted(found)

    def _look(self, path: str) -> tuple[_Stamp, str | None] | None:
        """Return stamp and partition of a file; the first line is read only after a change."""
        try:
            stat = os.stat(path)
            stamp = stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns
            last = self._seen.get(path)
            return last if last is not None and last[0] == stamp else (stamp, identify(path))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnreadableFile(path, error.strerror or str(error)) from error

    def reader(self, partition: str, position: int) -> FollowReader:
        """Return a reader of a partition, also of one whose file has another name by now."""
        generation = position // GENERATION
        if generation > self.generations.get(partition, 0):
            self.generations[partition] = generation
        return FollowReader(self, partition, position)

    def locate(self, partition: str) -> str | None:
        """Return the path of a partition's file now; None when there is no such file."""
        known = self._paths.get(partition)
        folder, _, identity = partition.rpartition("#")
        inode = identity.partition("-")[0]
        if known is not None and _may_be(known, inode, partition):
            return known
        try:
            with os.scandir(folder) as entries:
                paths = [entry.path for entry in entries if str(entry.inode()) == inode]
        except OSError:
            return None
        return next((path for path in sorted(paths) if _may_be(path, inode, partition)), None)

    def end_position(self, partition: str) -> int | None:
        """Return the position after the last byte of a partition; None when it is not known."""
        try:
            size = os.stat(self._paths[partition]).st_size
        except (KeyError, OSError):
            return None
        return self.generations.get(partition, 0) * GENERATION + size


class FollowReader(LineReader):
    """The lines of one followed file; ends when the file was rotated away, or is another one."""

    def __init__(self, follower: Follower, partition: str, position: int) -> None:
        super().__init__(partition, position, follower.line_format, follower.notice)
        self._follower = follower
        self._partition = partition
        self._looked_at = follower.clock()
        self._rotated_at: float | None = None

    def _offset(self, position: int) -> int:
        return position % GENERATION

    def _open(self) -> bool:
        path = self._follower.locate(self._partition)
        if path is None:
            self._missing()
            return False
        self._path, self._shown = path, escaped(path)
        return super()._open()

    def _opened(self) -> bool:
        name = _identity(self._fd, self._path)
        # Without a first line it was truncated right now; what it holds next will tell more.
        if name != self._partition and (name is not None or not self._position):
            self._missing()
            return False
        return True

    def _fill(self) -> bool:
        self._catch_up()
        return super()._fill()

    def _catch_up(self) -> None:
        """Go to the newest generation: the bytes of older ones are gone."""
        newest = self._follower.generations.get(self._partition, 0)
        if self._position // GENERATION < newest:
            self._position = newest * GENERATION
            self._scanned = None

    def _complete(self) -> bool:
        """At the end of the file: was it truncated, or rotated away a while ago?"""
        read_to = self._position if self._scanned is None else self._scanned
        if os.fstat(self._fd).st_size >= self._offset(read_to):
            return self._was_rotated(self._follower.clock())
        self._truncated()
        return False

    def _truncated(self) -> None:
        """Go on with what the file holds now, once its first line shows what that is."""
        name = _identity(self._fd, self._path)
        if name is None:
            return
        self._follower.notice(
            f"file was truncated: path={self._shown} offset={self._offset(self._position)}",
            "files_truncated",
        )
        if name != self._partition:
            self._end()
            return
        generation = self._position // GENERATION + 1
        self._follower.generations[name] = generation
        self._position = generation * GENERATION
        self._scanned = None

    def _was_rotated(self, now: float) -> bool:
        """Say whether the file lost its name longer ago than writers may take to notice."""
        if self._rotated_at is None and now - self._looked_at >= LOOK_INTERVAL_S:
            self._looked_at = now
            if not self._has_name():
                self._rotated_at = now
                self._follower.notice(
                    f"file was rotated or removed: path={self._shown} position={self._position}",
                    "files_rotated",
                )
        return self._rotated_at is not None and now - self._rotated_at >= ROTATE_WAIT_S

    def _has_name(self) -> bool:
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._fd))
        except OSError:
            return False


def identify(path: str) -> str | None:
    """Return the partition of the file at ``path``; None before its first line is complete."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        return _identity(fd, path)
    finally:
        os.close(fd)


def _identity(fd: int, path: str) -> str | None:
    line, newline, _ = os.pread(fd, FINGERPRINT_BYTES, 0).partition(b"\n")
    if not newline and len(line) < FINGERPRINT_BYTES:
        return None
    folder = os.path.dirname(os.path.realpath(path))
    return f"{escaped(folder)}#{os.fstat(fd).st_ino}-{zlib.crc32(line):08x}"


def _may_be(path: str, inode: str, partition: str) -> bool:
    """Say whether a file is the partition's, or was, and holds no complete line now."""
    try:
        name = identify(path)
        return name == partition or (name is None and str(os.stat(path).st_ino) == inode)
    except OSError:
        return False
