"""Where the files of snapshots lie: a folder of this host, or one that a URL names.

A folder of snapshots that has a file ``remote.url`` stands for the URL in it: whoever works with
the folder works with that. It is written by ``run --snapshots URL``, and stays for later runs.
Without it nothing but the local folder is ever looked at.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from waterspout.bolts.disk import fsync_folder
from waterspout.topology.errors import UserError

#: Names the URL, in the folder that stands for it.
MARKER = "remote.url"
URL_CHARS_MAX = 2000


class PartFolder(Protocol):
    """Files that are written once, read, listed and deleted. All methods may block."""

    def write(self, name: str, pieces: Iterable[bytes]) -> tuple[int, bytes]:
        """Write a file; when this returns it is durable. Return its length and last piece.

        Raises:
            OSError: it cannot be written; nothing is left under the name.
        """

    def open(self, name: str) -> Any:
        """Return the content of a file, as bytes or mapped into memory.

        Raises:
            FileNotFoundError: there is none.
        """

    def names(self) -> Iterator[str]:
        """Yield the names of all files."""

    def delete(self, name: str) -> bool:
        """Delete a file; False: there is none."""


class LocalFolder:
    """A folder of this host, made when it is not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fsync_folder(folder.parent)

    def write(self, name: str, pieces: Iterable[bytes]) -> tuple[int, bytes]:
        """Write a temporary file, fsync, rename, fsync the folder."""
        temporary = self._folder / f"{name}.tmp"
        try:
            written = _write_whole(temporary, pieces)
            os.replace(temporary, self._folder / name)
        except BaseException as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            if isinstance(error, OSError) and error.errno and not error.filename:
                raise OSError(error.errno, error.strerror, str(self._folder)) from error
            raise
        fsync_folder(self._folder)
        return written

    def open(self, name: str) -> Any:
        """Return the file mapped into memory."""
        return _mapped(self._folder / name)

    def names(self) -> Iterator[str]:
        """Yield the names of all files."""
        yield from os.listdir(self._folder)

    def delete(self, name: str) -> bool:
        """Delete a file."""
        try:
            (self._folder / name).unlink()
        except FileNotFoundError:
            return False
        return True


class RemoteFolder:
    """A folder of any file system that fsspec knows: s3://bucket/path, gs://, file://, memory://.

    A file is there when its store says so at the end of the upload; what ends half way is deleted,
    and would be found out by its checksum if it were not. Parts that lie in ``local`` (those of a
    savepoint that a run begins from) are read there.
    """

    def __init__(self, url: str, local: Path) -> None:
        self._local = LocalFolder(local)
        self._system, self._path = _system_of(url)
        self._system.makedirs(self._path, exist_ok=True)

    def write(self, name: str, pieces: Iterable[bytes]) -> tuple[int, bytes]:
        """Upload a file."""
        path, size, last = f"{self._path}/{name}", 0, b""
        try:
            with self._system.open(path, "wb") as file:
                for last in pieces:
                    file.write(last)
                    size += len(last)
        except BaseException:
            with contextlib.suppress(Exception):
                self._system.rm_file(path)
            raise
        return size, last

    def open(self, name: str) -> Any:
        """Return a local copy mapped into memory; it is gone with its last user."""
        with contextlib.suppress(FileNotFoundError):
            return self._local.open(name)
        with tempfile.TemporaryDirectory(prefix="waterspout-part-") as folder:
            copy = Path(folder) / "part"
            self._system.get_file(f"{self._path}/{name}", str(copy))
            return _mapped(copy)

    def names(self) -> Iterator[str]:
        """Yield the names of all files."""
        yield from self._local.names()
        self._system.invalidate_cache()
        for path in self._system.ls(self._path, detail=False):
            yield str(path).rstrip("/").rpartition("/")[2]

    def delete(self, name: str) -> bool:
        """Delete a file."""
        deleted = self._local.delete(name)
        try:
            self._system.rm_file(f"{self._path}/{name}")
        except FileNotFoundError:
            return deleted
        return True


def part_folder(folder: Path) -> PartFolder:
    """Return what ``folder`` stands for.

    Raises:
        UserError: it stands for a URL, and that cannot be used here.
    """
    url = remote_url(folder)
    return RemoteFolder(url, folder) if url else LocalFolder(folder)


def remote_url(folder: Path) -> str:
    """Return the URL that a folder stands for; "": it is what it is."""
    try:
        return (folder / MARKER).read_text("utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def send_to(folder: Path, url: str) -> None:
    """Have a folder of snapshots stand for ``url``. Called before a run begins.

    Raises:
        UserError: it has snapshots that lie elsewhere, or the URL cannot be used.
    """
    if len(url) > URL_CHARS_MAX or any(ord(char) < 32 for char in url):
        raise UserError("--snapshots: that is no URL")
    known = remote_url(folder)
    if known == url:
        return
    has_parts = folder.is_dir() and any(name.endswith(".part") for name in os.listdir(folder))
    if known or has_parts:
        where = known or str(folder)
        raise UserError(
            f"--snapshots {url}: the snapshots of this state are in {where}; leave the option "
            "out, or start over with --fresh and another --state-dir"
        )
    RemoteFolder(url, folder)
    (folder / MARKER).write_text(url + "\n", "utf-8")


def _system_of(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it."""
    try:
        import fsspec  # heavy, and only for those who use it
    except ImportError as error:
        raise UserError(
            f"snapshots in {url} need fsspec: pip install 'waterspout[remote]' ({error})"
        ) from None
    try:
        system, path = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise UserError(f"snapshots in {url}: {error}") from None
    return system, str(path).rstrip("/")


def _write_whole(path: Path, pieces: Iterable[bytes]) -> tuple[int, bytes]:
    """Write and fsync a new file; return its length and its last piece."""
    size, last = 0, b""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        for last in pieces:
            file.write(last)
            size += len(last)
        file.flush()
        os.fsync(file.fileno())
    return size, last


def _mapped(path: Path) -> Any:
    """Return the bytes of a file without having them all in memory."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b""
