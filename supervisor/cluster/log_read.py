"""Logs of workers, read from afar: which files there are, and pieces of them.

A log is set aside when it is full, so a reader knows a file by its inode, not by its name:

    worker-0.log      inode 7        worker-0.log      inode 9   <- goes on here, at 0
                               -->   worker-0.log.1    inode 7   <- the rest is read from here
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from .host_protocol import LOG_READ_MAX

_NAME = re.compile(r"worker-(\d+)\.log(?:\.(\d+))?")


def log_files(folder: Path, workers: Collection[int] | None = None) -> list[dict[str, Any]]:
    """Return the logs of a topology on this host, the oldest of each worker first.

    Args:
        folder: of the topology.
        workers: only theirs; None: of all.
    """
    found = []
    try:
        names = os.listdir(folder / "logs")
    except FileNotFoundError:
        return []
    for name in names:
        match = _NAME.fullmatch(name)
        if match is None or (workers is not None and int(match[1]) not in workers):
            continue
        try:
            status = (folder / "logs" / name).stat()
        except FileNotFoundError:
            continue  # set aside just now
        found.append({
            "file": name, "worker": int(match[1]), "age": int(match[2] or 0),
            "inode": status.st_ino, "bytes": status.st_size,
        })  # fmt: skip
    return sorted(found, key=lambda row: (row["worker"], -row["age"]))


def read_log(folder: Path, file: str, offset: int, bytes_max: int) -> dict[str, Any]:
    """Return a piece of a log: {file, inode, offset, bytes, data}; ``bytes`` is its length now.

    Raises:
        ValueError: ``file`` is not the name of a log.
        FileNotFoundError: it is gone.
    """
    if not _NAME.fullmatch(file):
        raise ValueError(f"{file!r:.80} is not the name of a log")
    with open(folder / "logs" / file, "rb") as log:
        status = os.fstat(log.fileno())
        log.seek(offset)
        data = log.read(min(bytes_max, LOG_READ_MAX))
    return {
        "file": file, "inode": status.st_ino, "offset": offset, "bytes": status.st_size,
        "data": data,
    }  # fmt: skip
