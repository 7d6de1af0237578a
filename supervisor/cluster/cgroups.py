"""A cgroup for each worker, where the operator gives the supervisor one to divide up.

The kernel then keeps a worker within its memory at once, with all that it forked, and not only
when it is looked at next (memory_limit.py, which goes on looking). The supervisor does not take
the cgroup it runs in: processes of its own in there forbid it, and moving them aside leaves a
service manager with a unit that it cannot start again.

Source: Linux, Documentation/admin-guide/cgroup-v2.rst, "Delegation" and "Memory".
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

from .host_worker import Key

_MIB = 1 << 20

_log = logging.getLogger(__name__)


class Cgroups:
    """The cgroups of the workers of a host. Called on the main thread; small writes to memory.

    Args:
        folder: a cgroup (version 2) without processes, writable by this user; None: there is none.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder if folder is not None and _usable(folder) else None
        self._limits: dict[Key, int] = {}

    @property
    def used(self) -> bool:
        """Whether workers have cgroups here."""
        return self._folder is not None

    def hold(self, key: Key, pid: int, bytes_max: int) -> None:
        """Put a process that was just started into a cgroup of its own; 0: without a limit.

        What fails is for the log: the process is watched all the same.
        """
        if self._folder is None or not bytes_max:
            return
        own = self._own(key)
        try:
            own.mkdir(exist_ok=True)
            (own / "memory.max").write_text(str(bytes_max))
            # All of it or nothing: a worker without one of its processes is of no use.
            (own / "memory.oom.group").write_text("1")
            with suppress(OSError):
                # No such file where swap is not counted.
                (own / "memory.swap.max").write_text("0")
            (own / "cgroup.procs").write_text(str(pid))
        except OSError as error:
            _log.warning("no cgroup for a worker pid=%d reason=%s", pid, error)
            return
        self._limits[key] = bytes_max

    def killed(self, key: Key) -> str:
        """Return why the kernel has killed this worker in its cgroup, or an empty text."""
        limit = self._limits.get(key)
        if limit is None or not _oom_kills(self._own(key)):
            return ""
        return f"killed by the kernel: memory is over its limit of {limit // _MIB} MiB"

    def drop(self, key: Key) -> None:
        """Its process is gone."""
        if self._limits.pop(key, None) is not None:
            with suppress(OSError):
                self._own(key).rmdir()

    def sweep(self, keep: set[Key]) -> None:
        """Remove what an earlier supervisor left of workers that are gone; one that lives stays.

        Args:
            keep: workers that were taken over; their limits are read again.
        """
        if self._folder is None:
            return
        kept = {self._own(key): key for key in keep}
        for own in self._folder.glob("worker-*"):
            with suppress(OSError, ValueError):
                if own in kept:
                    self._limits[kept[own]] = int((own / "memory.max").read_text())
                else:
                    own.rmdir()

    def _own(self, key: Key) -> Path:
        assert self._folder is not None
        return self._folder / f"worker-{key[1]}-{key[2]:016x}"


def _usable(folder: Path) -> bool:
    """Say whether limits can be set below; have the kernel count memory there."""
    try:
        if "memory" not in (folder / "cgroup.controllers").read_text().split():
            _log.warning("cgroup %s has no memory controller: workers are watched instead", folder)
            return False
        with open(folder / "cgroup.subtree_control", "w") as file:
            file.write("+memory")
    except OSError as error:
        _log.warning("cgroup %s not used, workers are watched instead: %s", folder, error)
        return False
    return os.access(folder, os.W_OK)


def _oom_kills(folder: Path) -> int:
    with suppress(OSError, ValueError):
        for line in (folder / "memory.events").read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0
