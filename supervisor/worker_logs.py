"""Logs of workers: state_dir/logs/worker-N.log, what components print and what crashes leave.

A log has a limit. When it is reached, the file becomes worker-N.log.1, and so it does when a
run starts; an older one of that name is gone.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

#: Bytes after which a log is set aside; two files per worker are kept.
LOG_BYTES_MAX = 10 << 20


def log_path(state_dir: Path, worker: int) -> Path:
    """Return the log of a worker."""
    return state_dir / "logs" / f"worker-{worker}.log"


def set_aside(path: Path) -> None:
    """Keep the log of the last run under another name; called when a run starts."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        os.replace(path, _older(path))


def open_log(path: Path) -> int:
    """Return a descriptor that appends to a log; readable by its owner only."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def limit_log(path: Path, bytes_max: int = LOG_BYTES_MAX) -> bool:
    """Begin a new file under stdout and stderr when the log has grown over its limit.

    Called now and then in the worker whose output goes to ``path``. Returns whether it was due.
    """
    with suppress(OSError):
        if path.stat().st_size <= bytes_max:
            return False
        os.replace(path, _older(path))
        fresh = open_log(path)
        os.dup2(fresh, 1)
        os.dup2(fresh, 2)
        os.close(fresh)
        return True
    return False


def _older(path: Path) -> Path:
    return path.with_name(path.name + ".1")
