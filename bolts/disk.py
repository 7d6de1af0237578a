"""What has to be on disk before it counts, and why it cannot get there."""

from __future__ import annotations

import os
from pathlib import Path


def why_not(error: OSError, path: Path) -> str:
    """Say in a few words why ``path`` cannot be written; what is in the way may be above it."""
    if isinstance(error, FileExistsError):
        return f"{error.filename} is no folder"
    above = "" if error.filename in (None, str(path)) else f": {error.filename}"
    return f"{error.strerror or error}{above}"


def fsync_folder(folder: Path) -> None:
    """Make what was created or renamed in ``folder`` durable.

    Raises:
        OSError: the disk fails.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
