"""Snapshot parts as files: written so that a crash at any moment leaves a whole part or none.

One folder per topology and host. A part's name says who wrote it and when, and the manifest
of a round (store.py) names its files: a zombie of an older epoch writes other names than its
replacement, and what it wrote is never read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from waterspout.bolts.snapshots import PartReader, StatePart, part_sha256
from waterspout.topology.errors import CorruptSnapshot

from .part_folders import part_folder

#: Name of a part; with .tmp while it is being written.
_NAME = re.compile(r"epoch-(\d+)\.round-(\d+)\.task-(\d+)(?:\.log)?\.part(\.tmp)?")
#: End of the name of a part that holds what was on its way to a task (bolts/channel_log.py).
_LOG = ".log.part"


def is_part_name(file: str) -> bool:
    """Say whether ``file`` names a finished part: never a path, nor one that is being written."""
    return _NAME.fullmatch(file) is not None and not file.endswith(".tmp")


def part_name(epoch: int, round_: int, task: int, *, log: bool = False) -> str:
    """Return the name of a part; ``log``: of what was on its way to the task."""
    return f"epoch-{epoch}.round-{round_}.task-{task}{_LOG if log else '.part'}"


def is_log_name(file: str) -> bool:
    """Say whether ``file`` names a part that holds what was on its way to a task."""
    return is_part_name(file) and file.endswith(_LOG)


@dataclass(frozen=True, slots=True)
class WrittenPart:
    """What goes into the manifest: the file's name, its length in bytes, its sha256 as hex."""

    file: str
    bytes: int
    sha256: str


class SnapshotStore:
    """The part files of one topology on one host.

    Every method does file I/O and may block. In a worker its snapshot thread writes parts, and its
    data thread opens them, when tasks are built; ``prune`` is called by the process of the
    coordinator, on a thread for it where that serves a cluster.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = part_folder(folder)

    def write(
        self, epoch: int, round_: int, task: int, pieces: Iterable[bytes], *, log: bool = False
    ) -> WrittenPart:
        """Write a part; when this returns it is durable under its name.

        Order: temporary file, fsync, rename, fsync of the folder. A failure leaves no
        temporary file behind (as far as the disk still answers) and touches no other part.

        Args:
            pieces: from ``snapshots.encode_part``.
            log: it is what was on its way to the task, which may have a part of state, too.

        Raises:
            StateError: a value has no wire form.
            OSError: disk full, I/O error.
        """
        name = part_name(epoch, round_, task, log=log)
        size, last = self._folder.write(name, pieces)
        return WrittenPart(name, size, part_sha256(last))

    def read(self, file: str, sha256: str | None = None) -> StatePart:
        """Return what part ``file`` holds; see ``open``."""
        return self.open(file, sha256).part()

    def open(self, file: str, sha256: str | None = None) -> PartReader:
        """Return part ``file``, to be read slice by slice.

        Args:
            file: its name, as the manifest has it.
            sha256: what the manifest says; None: only the part's own digest is checked.

        Raises:
            CorruptSnapshot: it is gone, changed, cut short, or not the one of the manifest.
        """
        if not is_part_name(file):
            raise CorruptSnapshot(f"{file!r:.80}: not the name of a snapshot part")
        try:
            data = self._folder.open(file)
        except FileNotFoundError:
            raise CorruptSnapshot(f"{file}: the snapshot part is gone") from None
        part = PartReader(data, file)
        if sha256 is not None and part_sha256(data) != sha256:
            raise CorruptSnapshot(f"{file}: not the part that the manifest names")
        return part

    def prune(self, round_: int, keep: Collection[str]) -> int:
        """Delete the files of rounds up to ``round_`` that are not in ``keep``; return how many.

        Unfinished ones go, too. Called by the shell of the coordinator when it asks for it.
        """
        gone = [
            name for name in self._folder.names()
            if (match := _NAME.fullmatch(name)) and int(match[2]) <= round_ and name not in keep
        ]  # fmt: skip
        for name in gone:
            self._folder.delete(name)
        return len(gone)
