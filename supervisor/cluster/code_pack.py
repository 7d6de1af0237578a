"""A topology's own code as one file: what goes in, what stays out, and what is never taken.

A pack is a ZIP without compression, times and owners, its names sorted: the same files give the
same bytes on every machine, so the sha256 of a pack is the name of the code. Here are bytes in
and bytes out; ``code_store`` keeps packs in folders.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from waterspout.topology.errors import UserError

#: Largest pack, in bytes; largest file that goes into one.
PACK_BYTES_MAX = 32 << 20
FILE_BYTES_MAX = 8 << 20
FILES_MAX = 10_000
#: Bytes of all files, unpacked.
UNPACKED_BYTES_MAX = 64 << 20
#: Longest name of a file in a pack, with its folders.
NAME_BYTES_MAX = 1000
#: Folders that hold no code of the topology: environments, caches, what was built.
FOLDERS_OUT = (
    ".git", ".hg", ".svn", "__pycache__", ".venv", "venv", "node_modules", ".tox", ".nox",
    ".mypy_cache", ".ruff_cache", ".pytest_cache", ".idea", ".vscode", "build", "dist",
    "*.egg-info",
)  # fmt: skip
#: Files that may hold a secret; they go nowhere, whatever they are needed for.
SECRETS_OUT = (".env", ".env.*", "*.key", "*.pem", "*.p12", "*.pfx", "secret*", "*.secret",
               "id_rsa*", "id_ed25519*", ".netrc", ".pgpass")  # fmt: skip
#: What is made from other files.
MADE_OUT = ("*.pyc", "*.pyo", "*.swp", "*~", ".DS_Store")

#: Times in a ZIP begin with this one.
_TIME = (1980, 1, 1, 0, 0, 0)
#: Plain file, readable by all.
_MODE = 0o100644 << 16
_TYPE_MASK = 0o170000
_LINK = 0o120000
_DRIVE = re.compile(r"^[A-Za-z]:")


class PackRefused(UserError):
    """A folder that cannot be packed, or bytes that are no pack of ours."""


@dataclass(frozen=True, slots=True)
class PackPlan:
    """What of a folder goes into a pack.

    Attributes:
        files: names relative to the folder, with ``/``, sorted.
        left_out: (name, why), sorted; a folder that is left out stands for all in it.
    """

    files: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]


def leaves_out_folder(name: str) -> bool:
    """Say whether a folder of this name is left out with all that is in it."""
    return any(fnmatchcase(name, pattern) for pattern in FOLDERS_OUT)


def plan_pack(sizes: Mapping[str, int], folders_out: Iterable[str] = ()) -> PackPlan:
    """Say what goes into a pack.

    Args:
        sizes: bytes by name of every file that was found, relative to the folder, with ``/``.
        folders_out: folders that were not looked into.

    Raises:
        PackRefused: too many files, or too large together; names the largest.
    """
    files: list[str] = []
    left_out = [(f"{folder}/", "holds no code of the topology") for folder in folders_out]
    for name, size in sizes.items():
        why = _why_out(name, size)
        if why:
            left_out.append((name, why))
        else:
            files.append(name)
    _check_total({name: sizes[name] for name in files}, PACK_BYTES_MAX)
    return PackPlan(tuple(sorted(files)), tuple(sorted(left_out)))


def _why_out(name: str, size: int) -> str:
    last = name.rsplit("/", 1)[-1]
    if any(fnmatchcase(last.lower(), pattern) for pattern in SECRETS_OUT):
        return "may hold a secret"
    if any(fnmatchcase(last, pattern) for pattern in MADE_OUT):
        return "is made from other files"
    if size > FILE_BYTES_MAX:
        return f"{size} bytes, {FILE_BYTES_MAX} at most"
    return _bad_name(name)


def _check_total(sizes: Mapping[str, int], bytes_max: int) -> None:
    total = sum(sizes.values())
    if len(sizes) > FILES_MAX:
        raise PackRefused(f"{len(sizes)} files, a pack has at most {FILES_MAX}")
    if total > bytes_max:
        largest = sorted(sizes, key=lambda name: sizes[name], reverse=True)[:3]
        named = ", ".join(f"{name} ({sizes[name]} bytes)" for name in largest)
        raise PackRefused(f"{total} bytes of files, at most {bytes_max}; the largest: {named}")


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return the pack of these files: the same bytes for the same files.

    Raises:
        PackRefused: it would be over ``PACK_BYTES_MAX``.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.external_attr = _MODE
            entry.create_system = 3
            archive.writestr(entry, files[name])
    data = buffer.getvalue()
    if len(data) > PACK_BYTES_MAX:
        raise PackRefused(f"the pack has {len(data)} bytes, at most {PACK_BYTES_MAX}")
    return data


def sha256_of(data: bytes) -> str:
    """Return the name of a pack: the sha256 of its bytes, as hex."""
    return hashlib.sha256(data).hexdigest()


def unpack(data: bytes) -> dict[str, bytes]:
    """Return the files of a pack.

    Raises:
        PackRefused: it is none, or a file in it would come to lie outside of its folder, is a
            link, or is larger than it says; then nothing is returned.
    """
    if len(data) > PACK_BYTES_MAX:
        raise PackRefused(f"not a code pack: {len(data)} bytes, at most {PACK_BYTES_MAX}")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [each for each in archive.infolist() if not each.is_dir()]
            _check_entries(entries)
            # What is read is bounded by the size that was checked.
            return {each.filename: _read(archive, each) for each in entries}
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError) as error:
        raise PackRefused(f"not a code pack: {error}") from error


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with archive.open(entry) as file:
        found = file.read(entry.file_size + 1)
    if len(found) != entry.file_size:
        raise PackRefused(f"not a code pack: {entry.filename!r:.80} has another size than it says")
    return found


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    sizes: dict[str, int] = {}
    for entry in entries:
        name = entry.filename
        if name in sizes:
            raise PackRefused(f"not a code pack: {name!r:.80} is in it twice")
        if why := _bad_name(name):
            raise PackRefused(f"not a code pack: {name!r:.80} {why}")
        if (entry.external_attr >> 16) & _TYPE_MASK == _LINK:
            raise PackRefused(f"not a code pack: {name!r:.80} is a link")
        sizes[name] = entry.file_size
    _check_total(sizes, UNPACKED_BYTES_MAX)
    for name in sizes:
        # A file where another name needs a folder cannot be written.
        parts = name.split("/")
        if any("/".join(parts[:depth]) in sizes for depth in range(1, len(parts))):
            raise PackRefused(f"not a code pack: {name!r:.80} lies in a file")


def _bad_name(name: str) -> str:
    """Return why a name cannot lie in a folder, "" when it can."""
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        return "has a name that is not UTF-8"
    parts = name.split("/")
    if not name or len(encoded) > NAME_BYTES_MAX or any(len(part) > 255 for part in parts):
        return f"has a name that is empty or over {NAME_BYTES_MAX} bytes"
    if name.startswith("/") or _DRIVE.match(name) or "\\" in name:
        return "has a name that leads out of its folder"
    if any(part in ("", ".", "..") for part in parts):
        return "has a name that leads out of its folder"
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        return "has a control character in its name"
    return ""
