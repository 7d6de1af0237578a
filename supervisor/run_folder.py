"""Where runs of this user are found: one 0700 folder per run, with its sockets and its card.

    BASE/                  $XDG_RUNTIME_DIR/waterspout, else /tmp/waterspout-UID
        run-x1y2z3/        one run; removed at its end
            run.json       its card, locked by the run while it lives
            control        socket of its workers' control threads
            status         socket that answers ``waterspout status``
            w0-1a2b3c      data socket of worker 0

A run holds a lock on its card. The lock ends with the process, however that ends, so a folder
whose card can be locked belongs to nobody; whoever sees it removes it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from waterspout.topology.errors import UserError

#: Longest path of a Unix socket in bytes (sun_path is 108 with its zero; 104 on BSD and macOS).
SOCKET_PATH_MAX = 103
#: Bytes that the longest name in the base folder takes: "/run-" + 8 + "/w127-" + 8.
_NAMES_MAX = 5 + 8 + 6 + 8
_CARD = "run.json"


class RunFolderError(UserError):
    """The folder for sockets cannot be used: it is not ours alone, or its path is too long."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run that is going on.

    Attributes:
        name: of the topology.
        pid: of the process that runs it.
        endpoint: where it answers requests (see status_client).
        started: wall clock seconds.
        state_dir: its state folder.
    """

    name: str
    pid: int
    endpoint: str
    started: float
    state_dir: str = ""


class RunFolder:
    """The folder of one run. Made by ``run``, removed by ``close``.

    Raises:
        RunFolderError: there is no place for it that only this user can reach.
        OSError: it cannot be made.
    """

    def __init__(
        self, name: str, state_dir: Path | str, environ: Mapping[str, str] | None = None
    ) -> None:
        base = base_folder(os.environ if environ is None else environ)
        remove_stale(base)
        self.path = Path(tempfile.mkdtemp(prefix="run-", dir=base))
        self.info = RunInfo(
            name, os.getpid(), self.endpoint("status"), time.time(), str(state_dir)
        )
        self._card = _write_card(self.path, self.info)

    def endpoint(self, socket: str) -> str:
        """Return the ZeroMQ endpoint of a socket of this run."""
        return f"ipc://{self.path / socket}"

    def worker_endpoint(self, worker: int, incarnation: int) -> str:
        """Return where an incarnation of a worker takes data; no other has the same."""
        return self.endpoint(f"w{worker}-{incarnation & 0xFFFFFFFF:08x}")

    def forget_worker(self, worker: int, incarnation: int) -> None:
        """Remove the socket that a dead worker left."""
        path = self.worker_endpoint(worker, incarnation).removeprefix("ipc://")
        with suppress(OSError):
            os.unlink(path)

    def close(self) -> None:
        """Remove the folder; the run is over."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._card)


def base_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder that holds this user's runs, made when it is not there.

    Raises:
        RunFolderError: it belongs to somebody else, or others may enter it.
    """
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/") and _short_enough(Path(runtime) / "waterspout"):
        with suppress(OSError):
            return private_folder(Path(runtime) / "waterspout")
    base = Path(f"/tmp/waterspout-{os.getuid()}")
    try:
        return private_folder(base)
    except OSError as error:
        raise RunFolderError(f"cannot make the folder for sockets {base}: {error}") from error


def _known_bases(environ: Mapping[str, str]) -> list[Path]:
    """Return every base that a run of this user may have chosen, whatever its environment was."""
    user = os.getuid()
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    bases = [Path(runtime) / "waterspout"] if runtime.startswith("/") else []
    return [*bases, Path(f"/run/user/{user}/waterspout"), Path(f"/tmp/waterspout-{user}")]


def _short_enough(base: Path) -> bool:
    return len(os.fsencode(base)) + _NAMES_MAX <= SOCKET_PATH_MAX


def private_folder(path: Path) -> Path:
    """Make ``path`` when it is not there; return it when only this user can enter it.

    Raises:
        RunFolderError: it belongs to somebody else, or others may enter it.
        OSError: it cannot be made.
    """
    with suppress(FileExistsError):
        os.mkdir(path, 0o700)
    return _checked(path)


def _checked(path: Path) -> Path:
    """Return ``path`` when it is a folder that only this user can enter."""
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise RunFolderError(f"{path} is not a folder of this user; remove it")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise RunFolderError(f"others may enter {path}; make it private: chmod 700 {path}")
    return path


def _write_card(folder: Path, info: RunInfo) -> int:
    """Write the card, locked from the first moment that it can be seen."""
    temporary = folder / f"{_CARD}.tmp"
    card = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(card, fcntl.LOCK_EX)
    os.write(card, json.dumps(asdict(info)).encode())
    os.rename(temporary, folder / _CARD)
    return card


def find_runs(environ: Mapping[str, str] | None = None) -> list[RunInfo]:
    """Return this user's runs that are going on, oldest first."""
    found: dict[Path, RunInfo] = {}
    for base in dict.fromkeys(_known_bases(os.environ if environ is None else environ)):
        with suppress(OSError, RunFolderError):
            for folder in _folders(_checked(base)):
                if (run := _read_card(folder)) is not None:
                    found[folder] = run
    return sorted(found.values(), key=lambda run: run.started)


def remove_stale(base: Path) -> None:
    """Remove the folders of runs that were killed."""
    for folder in _folders(base):
        if (folder / _CARD).exists() and _read_card(folder) is None:
            shutil.rmtree(folder, ignore_errors=True)


def _folders(base: Path) -> Iterator[Path]:
    with os.scandir(base) as entries:
        for entry in entries:
            if entry.name.startswith("run-") and entry.is_dir(follow_symlinks=False):
                yield Path(entry.path)


def _read_card(folder: Path) -> RunInfo | None:
    """Return the card of a run that lives, or None."""
    try:
        with open(folder / _CARD, encoding="utf-8") as card:
            if not _locked(card.fileno()):
                return None
            return RunInfo(**json.load(card))
    except (OSError, ValueError, TypeError):
        return None


def _locked(descriptor: int) -> bool:
    """Say whether a living process holds the lock."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
