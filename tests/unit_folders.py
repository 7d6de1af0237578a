"""``tmp_path`` of unit tests: folders in memory.

What they test is what is written, and in which order; that a disk keeps it, no test can see. A
folder of pytest's own is on disk, where each fsync waits, and costs three quarters of a
millisecond besides. The folders of a test process go with it; when a test failed, they stay until
another run begins.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

#: A file system in memory that every Linux has; and how much room it must have for this.
MEMORY, ROOM_BYTES = Path("/dev/shm"), 256 << 20
_PREFIX = "waterspout-unit-"
_NUMBERS = itertools.count(1)


def _root() -> Path:
    if not os.access(MEMORY, os.W_OK):
        return Path(tempfile.gettempdir())
    found = os.statvfs(MEMORY)
    return MEMORY if found.f_bavail * found.f_frsize >= ROOM_BYTES else Path(tempfile.gettempdir())


def _forget_those_of_ended_processes(root: Path) -> None:
    for folder in root.glob(f"{_PREFIX}*"):
        try:
            os.kill(int(folder.name.removeprefix(_PREFIX).split("-")[0]), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except PermissionError:
            continue


@pytest.fixture(scope="session")
def unit_folders(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder for the folders of all unit tests of this process."""
    root = _root()
    _forget_those_of_ended_processes(root)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=root))
    yield folder
    if not request.session.testsfailed:
        shutil.rmtree(folder, ignore_errors=True)


def unit_folder(request: pytest.FixtureRequest) -> Path:
    """Return a new folder for the test that asks."""
    base: Path = request.getfixturevalue("unit_folders")
    folder = base / f"{next(_NUMBERS)}-{re.sub(r'[^a-zA-Z0-9_]', '_', request.node.name)[:30]}"
    folder.mkdir(mode=0o700)
    return folder
