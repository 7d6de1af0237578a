"""Code packs on disk: found in a folder of the user, kept unpacked under their sha256.

    DIR/<sha256>/...         an unpacked pack: whole, or not there at all
    DIR/.<sha256>.<n>.tmp/   one that was being unpacked when its process ended
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from waterspout.bolts.disk import fsync_folder

from .code_pack import (
    FILE_BYTES_MAX,
    FILES_MAX,
    PackRefused,
    leaves_out_folder,
    pack,
    plan_pack,
    sha256_of,
    unpack,
)

#: Files and folders that are looked at before a folder counts as something else than code.
LOOKED_AT_MAX = 10 * FILES_MAX
#: Why something that was found stays out: an editor's file, say, or one that is still written.
GONE = "was gone when it was read"


@dataclass(frozen=True, slots=True)
class Packed:
    """A pack, and what it was made of.

    Attributes:
        data: its bytes.
        sha256: its name.
        files: how many it holds.
        left_out: (name, why) of what stayed out.
    """

    data: bytes
    sha256: str
    files: int
    left_out: tuple[tuple[str, str], ...]


def pack_folder(folder: Path) -> Packed:
    """Return the pack of a folder. Called by ``submit`` and ``swap``.

    Links to files in the folder are packed as files; others, and links to folders, stay out.

    Raises:
        PackRefused: it cannot be read, or is too large.
    """
    sizes, folders_out, others_out = _look(folder)
    plan = plan_pack(sizes, folders_out)
    files: dict[str, bytes] = {}
    for name in plan.files:
        try:
            with open(folder / name, "rb") as file:
                # It may have grown since it was looked at.
                files[name] = file.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            others_out.append((name, GONE))
            continue
        except OSError as error:
            raise PackRefused(f"{folder / name}: {error.strerror}") from error
        if len(files[name]) > FILE_BYTES_MAX:
            raise PackRefused(f"{folder / name}: over {FILE_BYTES_MAX} bytes by now")
    data = pack(files)
    left_out = tuple(sorted([*plan.left_out, *others_out]))
    return Packed(data, sha256_of(data), len(files), left_out)


def _look(folder: Path) -> tuple[dict[str, int], list[str], list[tuple[str, str]]]:
    """Return sizes by name, folders that were not looked into, and what else stays out."""
    root = folder.resolve()
    sizes: dict[str, int] = {}
    folders_out: list[str] = []
    others_out: list[tuple[str, str]] = []
    seen = 0

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError) or error.filename == str(folder):
            raise PackRefused(f"{error.filename}: {error.strerror}") from error
        others_out.append((_relative(Path(error.filename), folder), GONE))

    for where, folders, names in os.walk(folder, onerror=refuse):
        here = Path(where)
        seen += len(folders) + len(names)
        if seen > LOOKED_AT_MAX:
            raise PackRefused(f"{folder}: over {LOOKED_AT_MAX} files; name the folder with code:")
        for name in sorted(folders):
            path = here / name
            if path.is_symlink():
                others_out.append((_relative(path, folder), "is a link to a folder"))
            elif leaves_out_folder(name) or (path / "pyvenv.cfg").exists():
                folders_out.append(_relative(path, folder))
            else:
                continue
            folders.remove(name)
        for name in names:
            path = here / name
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                others_out.append((_relative(path, folder), "is a link out of the folder"))
                continue
            with contextlib.suppress(FileNotFoundError):
                found = path.stat()
                if stat.S_ISREG(found.st_mode):
                    sizes[_relative(path, folder)] = found.st_size
                    continue
            others_out.append((_relative(path, folder), "is no file"))
    return sizes, folders_out, others_out


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


class CodeStore:
    """Unpacked packs in one folder. Several threads may use one; so may several stores."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, sha256: str) -> Path | None:
        """Return the folder of an unpacked pack, None when it is not here."""
        found = self._folder / sha256
        return found if found.is_dir() else None

    def add(self, sha256: str, data: bytes) -> Path:
        """Unpack a pack; return its folder. One that is here already is left as it is.

        Raises:
            PackRefused: it is no pack, or not the one that was meant.
            OSError: it cannot be written.
        """
        if sha256_of(data) != sha256:
            raise PackRefused(f"code pack {sha256[:12]}: what came has another sha256")
        target = self._folder / sha256
        if target.is_dir():
            return target
        files = unpack(data)
        self._folder.mkdir(parents=True, exist_ok=True)
        half = self._folder / f".{sha256}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
        try:
            for name, content in files.items():
                _write(half / name, content)
            half.mkdir(exist_ok=True)
            for folder in [half, *(each for each in half.rglob("*") if each.is_dir())]:
                fsync_folder(folder)
            with contextlib.suppress(OSError):
                # Another thread may have been faster; then its folder stays.
                half.rename(target)
        finally:
            shutil.rmtree(half, ignore_errors=True)
        if not target.is_dir():
            raise OSError(f"{target} could not be made")
        fsync_folder(self._folder)
        return target

    def prune(self, keep: Collection[str]) -> int:
        """Delete packs that nobody needs, and what was left half unpacked; return how many.

        Called at the start, before anything is added.
        """
        gone = 0
        if not self._folder.is_dir():
            return 0
        for each in self._folder.iterdir():
            if each.name not in keep:
                shutil.rmtree(each, ignore_errors=True)
                gone += 1
        return gone


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
