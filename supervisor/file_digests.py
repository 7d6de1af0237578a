"""Digests of files that may be large: read piece by piece."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

_CHUNK = 1 << 20


class PartDigest(NamedTuple):
    """What a snapshot part is, and what it says that it is (bolts/snapshots.py).

    Attributes:
        size: bytes of the file.
        found: sha256 of all that is before the digest at its end.
        said: the digest at its end; it is whole when both are equal.
    """

    size: int
    found: str
    said: str


def file_sha256(path: Path) -> str:
    """Return the sha256 of a whole file.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while data := file.read(_CHUNK):
            digest.update(data)
    return digest.hexdigest()


def part_digest(path: Path) -> PartDigest:
    """Return what a snapshot part is, and what it says.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        left = size - digest.digest_size
        while left > 0 and (data := file.read(min(left, _CHUNK))):
            digest.update(data)
            left -= len(data)
        return PartDigest(size, digest.hexdigest(), file.read().hex())
