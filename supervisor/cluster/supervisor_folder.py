"""The data folder of a supervisor: what is where, and that nobody else uses it.

DATA/                       0700
    supervisor.lock         held while a supervisor lives; its pid is in it
    processes.json          workers that were started (process_table.py)
    run/control             socket of the workers' control threads
    code/SHA/               unpacked code of topologies
    env/SHA/                environments of requirements, env/SHA.log what pip said
    topologies/ID/          snapshots/ slots/ logs/ plans/, and work/: where workers run
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from waterspout.topology.errors import UserError

from ..run_folder import SOCKET_PATH_MAX, base_folder, private_folder
from .host_worker import is_topology_id

_SOCKET = "control"


class SupervisorFolderError(UserError):
    """The data folder cannot be used: another supervisor has it, or others may write to it."""


class SupervisorFolder:
    """The folder, locked.

    Args:
        path: made when it is not there.
        environ: for a place for sockets when the path is too long.

    Raises:
        SupervisorFolderError: another supervisor lives in it, or it cannot be used.
    """

    def __init__(self, path: Path, environ: Mapping[str, str] | None = None) -> None:
        self.path = path.absolute()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            private_folder(self.path)
            self._lock = self._locked()
            self._run = self._run_folder(os.environ if environ is None else environ)
            for name in ("code", "env", "topologies"):
                (self.path / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise SupervisorFolderError(f"cannot use {self.path}: {error.strerror}") from error

    def _locked(self) -> int:
        lock = os.open(self.path / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(lock, 20).decode("ascii", "replace").strip()
            os.close(lock)
            raise SupervisorFolderError(
                f"another supervisor (pid {pid}) uses {self.path}; give this one its own --data"
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        return lock

    def _run_folder(self, environ: Mapping[str, str]) -> Path:
        """Return the folder for sockets: the same one after every restart, and short enough."""
        run = self.path / "run"
        if len(os.fsencode(run / _SOCKET)) > SOCKET_PATH_MAX:
            digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:8]
            run = base_folder(environ) / f"host-{digest}"
        return private_folder(run)

    @property
    def control(self) -> str:
        """Endpoint where workers are told what to do; those of an earlier supervisor know it."""
        return f"ipc://{self._run / _SOCKET}"

    @property
    def machine(self) -> str:
        """What tells this folder on this machine from every other, until the next boot."""
        found = self.path.stat()
        try:
            boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        except OSError:
            boot = "unknown"
        return f"{boot}:{found.st_dev}:{found.st_ino}"

    @property
    def processes(self) -> Path:
        """The table of processes."""
        return self.path / "processes.json"

    @property
    def code(self) -> Path:
        """Folder of unpacked code."""
        return self.path / "code"

    @property
    def environments(self) -> Path:
        """Folder of environments."""
        return self.path / "env"

    def topology(self, id: str) -> Path:
        """Return the folder of a topology.

        Raises:
            ValueError: ``id`` is no name of a folder.
        """
        if not is_topology_id(id):
            raise ValueError(f"{id!r:.80} is not the id of a topology")
        return self.path / "topologies" / id

    def topologies(self) -> list[str]:
        """Return the ids of topologies that have a folder here."""
        return sorted(os.listdir(self.path / "topologies"))

    def make_topology(self, id: str) -> Path:
        """Return the folder of a topology, with all that workers expect in it."""
        folder = self.topology(id)
        for name in ("snapshots", "slots", "logs", "plans", "work"):
            (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def close(self) -> None:
        """Let the folder go; workers live on in it."""
        os.close(self._lock)
