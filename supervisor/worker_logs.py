"""Logs of workers: state_dir/logs/worker-N.log, what components print and what crashes leave.

A log has a limit. When it is reached, the file becomes worker-N.log.1, that of before .2, and so
on up to a number of files; the oldest is gone. So it is when a run starts, too.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

#: Bytes after which a log is set aside.
LOG_BYTES_MAX = 10 << 20
#: Files per worker that are kept, with the one that is written to.
LOG_FILES = 2


def logs_folder(state_dir: Path) -> Path:
    """Return the folder of the logs of all workers."""
    return state_dir / "logs"


def log_path(state_dir: Path, worker: int) -> Path:
    """Return the log of a worker."""
    return logs_folder(state_dir) / f"worker-{worker}.log"


def set_aside(path: Path, files: int = LOG_FILES) -> None:
    """Keep the log of before under another name; called when a run starts."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        _shift(path, files)


def open_log(path: Path) -> int:
    """Return a descriptor that appends to a log; readable by its owner only."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def limit_log(path: Path, bytes_max: int = LOG_BYTES_MAX, files: int = LOG_FILES) -> bool:
    """Begin a new file under stdout and stderr when the log has grown over its limit.

    Called now and then in the worker whose output goes to ``path``. Returns whether it was due.

    Args:
        path: of the log.
        bytes_max: its limit.
        files: how many are kept, with the new one.
    """
    with suppress(OSError):
        if path.stat().st_size <= bytes_max:
            return False
        _shift(path, files)
        fresh = open_log(path)
        os.dup2(fresh, 1)
        os.dup2(fresh, 2)
        os.close(fresh)
        return True
    return False


def _shift(path: Path, files: int) -> None:
    """Give every file of a log the name of the next older one; the last one is gone."""
    for age in range(files - 2, 0, -1):
        with suppress(FileNotFoundError):
            os.replace(_older(path, age), _older(path, age + 1))
    if files > 1:
        os.replace(path, _older(path, 1))
    else:
        path.unlink()


def _older(path: Path, age: int) -> Path:
    return path.with_name(f"{path.name}.{age}")
