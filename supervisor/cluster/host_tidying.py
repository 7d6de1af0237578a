"""What a supervisor deletes of its data folder, so that it does not grow for good.

By age of last use, and only what no worker of the host has: code and environments can be had
again, logs of topologies that are over are kept for a week. What components wrote (``work/``)
is theirs and stays; so does the folder of a topology as long as there is something in it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from .supervisor_folder import SupervisorFolder

_DAY_S = 86_400.0
#: Days after which something unused is deleted.
CODE_DAYS = 1
ENVIRONMENT_DAYS = 7
TOPOLOGY_DAYS = 7
#: How often it is looked for.
TIDY_S = 3600.0


class InUse(NamedTuple):
    """What the workers of this host have."""

    topologies: Collection[str]
    code: Collection[str]
    requirements: Collection[str]


def used(path: Path) -> None:
    """Note that something is in use now. Called when a worker is started on it."""
    with suppress(OSError):
        os.utime(path)


def tidy(folder: SupervisorFolder, in_use: InUse, wall: float) -> list[str]:
    """Delete what is old and not in use; return the names. Called on a job thread.

    Args:
        folder: of the supervisor.
        in_use: what stays whatever its age.
        wall: wall clock seconds, which files have, too.
    """
    gone: list[str] = []
    for path in _old(folder.code, wall - CODE_DAYS * _DAY_S):
        if path.name not in in_use.code:
            _delete(path, gone)
    for path in _old(folder.environments, wall - ENVIRONMENT_DAYS * _DAY_S):
        if path.name.partition(".")[0] not in in_use.requirements:
            _delete(path, gone)
    for id in folder.topologies():
        if id not in in_use.topologies:
            _tidy_topology(folder.topology(id), wall - TOPOLOGY_DAYS * _DAY_S, gone)
    return gone


def _tidy_topology(folder: Path, before: float, gone: list[str]) -> None:
    """Delete what a topology left behind once its logs are old."""
    logs = list((folder / "logs").glob("*"))
    if any(_used_at(path) >= before for path in [folder, *logs]):
        return
    for name in ("snapshots", "slots", "plans", "logs"):
        if (folder / name).is_dir():
            _delete(folder / name, gone)
    with suppress(OSError):
        (folder / "work").rmdir()
        folder.rmdir()


def _old(folder: Path, before: float) -> list[Path]:
    with suppress(FileNotFoundError):
        return sorted(path for path in folder.iterdir() if _used_at(path) < before)
    return []


def _used_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")


def _delete(path: Path, gone: list[str]) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    gone.append(path.name)
