"""Files that only the own user may read or change: keys and secrets."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from waterspout.topology.errors import UserError


class PrivateFileError(UserError):
    """A file that must be private is not, or cannot be read; one line that names it."""


def check_private(path: Path) -> None:
    """See that nobody but the own user can read or replace a file.

    Raises:
        PrivateFileError: somebody can, or it is not there.
    """
    try:
        found, folder = os.lstat(path), os.stat(path.parent)
    except OSError as error:
        raise PrivateFileError(f"{path}: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode):
        raise PrivateFileError(f"{path}: not a plain file")
    if found.st_uid != os.geteuid():
        raise PrivateFileError(f"{path}: belongs to another user (uid {found.st_uid})")
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise PrivateFileError(f"{path}: others may use it (mode {mode:04o}): chmod 600 {path}")
    if folder.st_uid not in (0, os.geteuid()) or folder.st_mode & 0o022:
        raise PrivateFileError(f"{path.parent}: others may change it: chmod 700 {path.parent}")


def read_private(path: Path, bytes_max: int) -> str:
    """Return the text of a private file.

    Raises:
        PrivateFileError: others could read or change it, it is larger, or no text.
    """
    check_private(path)
    try:
        with open(path, "rb") as file:
            data = file.read(bytes_max + 1)
        if len(data) > bytes_max:
            raise PrivateFileError(f"{path}: over {bytes_max} bytes")
        return data.decode("utf-8")
    except OSError as error:
        raise PrivateFileError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PrivateFileError(f"{path}: not a text file") from error
