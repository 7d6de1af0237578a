"""The file behind a crash slot: mapped by the worker, read by the supervisor after its death."""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from waterspout.topology.plan import Plan

from .crash_slot import CrashSlot, slot_bytes


class Suspects(NamedTuple):
    """What a dead worker left: roots at work, positions (crash_slot), messages drawn by task."""

    roots: list[int]
    positions: dict[int, list[list[Any]]]
    drawn: dict[int, int]


def slot_path(state_dir: Path, worker: int, incarnation: int) -> Path:
    """Return the file of one incarnation."""
    return state_dir / "slots" / f"worker-{worker}-{incarnation:016x}.slot"


def map_slot(path: Path) -> Callable[[int], mmap.mmap]:
    """Return what makes the file with so many bytes and maps it. Called by the worker.

    The room is taken at once: a page that finds none when it is first written to would kill the
    worker (SIGBUS). Without room there is no file, and what is noted dies with the worker: what
    was at work then gains no attempt.
    """

    def make(size: int) -> mmap.mmap:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with path.open("w+b") as file:
                os.posix_fallocate(file.fileno(), 0, size)
                return mmap.mmap(file.fileno(), size)
        except OSError as error:
            print(
                f"{path}: no crash slot ({error.strerror}): if this worker dies, nobody knows "
                "which messages it had at work; they are replayed without a further attempt noted",
                file=sys.stderr,
            )
            with suppress(OSError):
                path.unlink()
            return mmap.mmap(-1, size)

    return make


def read_slot(
    plan: Plan, state_dir: Path, worker: int, incarnation: int, *, keep: bool = False
) -> Suspects:
    """Read and delete the file of a dead worker; empty when it never got so far.

    Args:
        plan: what it ran.
        state_dir: holds its files.
        worker: its number.
        incarnation: of the process.
        keep: leave the file; what was read may have to be read again.
    """
    path = slot_path(state_dir, worker, incarnation)
    try:
        data = path.read_bytes()
    except OSError:
        return Suspects([], {}, {})
    if not keep:
        with suppress(OSError):
            path.unlink()
    if len(data) != slot_bytes(plan, worker):
        return Suspects([], {}, {})
    slot = CrashSlot(plan, worker, data)
    roots = slot.roots_at_work()
    return Suspects(roots, slot.positions_of(roots), slot.drawn())
