"""Savepoints as folders: self-contained, the user's own, never changed nor deleted by us.

    DIR/
      savepoint.json      the manifest, written last: without it the folder is no savepoint
      parts/              the files that it names

What is in such a folder is all that is needed to begin from it, on whatever machine.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from .file_digests import part_digest
from .savepoint_manifest import BadSavepoint, Savepoint
from .store import Part

MANIFEST = "savepoint.json"
PARTS = "parts"
#: Largest manifest that is read.
_MANIFEST_BYTES_MAX = 256 << 20

#: Has a part, by file name, lie at a path; raises OSError, or an error of its own.
Fetch = Callable[[str, Path], object]


def write_savepoint(folder: Path, savepoint: Savepoint, fetch: Fetch) -> None:
    """Make a savepoint; when this returns all of it is on disk.

    Args:
        folder: is made; it has to be new or empty.
        savepoint: what it holds.
        fetch: has a part lie at a path.

    Raises:
        BadSavepoint: the folder is not empty, or a part that was fetched is not the one.
        OSError: it cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BadSavepoint(f"{folder} is not empty: give --out a folder that is not there yet")
    parts = folder / PARTS
    parts.mkdir(mode=0o700)
    for part in _files(savepoint.parts):
        fetch(part.file, parts / part.file)
        check_part(parts / part.file, part)
        _fsync(parts / part.file)
    _fsync(parts)
    half = folder / f".{MANIFEST}.tmp"
    with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(savepoint.to_json(), file)
        file.flush()
        os.fsync(file.fileno())
    half.rename(folder / MANIFEST)
    _fsync(folder)
    _fsync(folder.parent)


def read_savepoint(folder: Path) -> Savepoint:
    """Return what a folder holds; every file was checked.

    Raises:
        BadSavepoint: it is no savepoint, or not a whole one.
    """
    path = folder / MANIFEST
    try:
        with open(path, "rb") as file:
            data = file.read(_MANIFEST_BYTES_MAX)
    except OSError as error:
        raise BadSavepoint(f"{folder} is no savepoint: {MANIFEST}: {error.strerror}") from error
    try:
        made = json.loads(data)
    except ValueError as error:
        raise BadSavepoint(f"{path}: not JSON: {error}") from error
    savepoint = Savepoint.from_json(made, str(path))
    for part in _files(savepoint.parts):
        check_part(folder / PARTS / part.file, part)
    return savepoint


def check_part(path: Path, part: Part) -> None:
    """See whether a file is the part that a manifest names.

    Raises:
        BadSavepoint: it is gone, changed or cut short.
    """
    try:
        digest = part_digest(path)
    except OSError as error:
        raise BadSavepoint(f"{path}: {error.strerror}") from error
    if digest.size != part.bytes:
        raise BadSavepoint(f"{path}: {digest.size} bytes, the manifest says {part.bytes}")
    if not digest.found == digest.said == part.sha256:
        raise BadSavepoint(f"{path}: its sha256 is not that of the manifest")


def have_copy(source: Path, to: Path) -> None:
    """Have a file at another path: as a link where that can be, since parts never change.

    Raises:
        OSError: it cannot be read or written.
    """
    with suppress(FileNotFoundError):
        to.unlink()
    try:
        os.link(source, to)
    except OSError:
        half = to.with_name(f".{to.name}.tmp")
        shutil.copyfile(source, half)
        _fsync(half)
        half.rename(to)


def _files(parts: Iterable[Part]) -> Iterable[Part]:
    """Return each file once; several tasks may share one."""
    return {part.file: part for part in parts}.values()


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
