"""The workers that a supervisor started, on disk: how the next one finds them again.

Written before a process is started and again when its pid is known; a supervisor that is killed
in between finds the process by its command line, which has the incarnation in it.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from waterspout.bolts.disk import fsync_folder

from .host_worker import Key

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One worker that was started.

    Attributes:
        id, worker, incarnation: whose process it is.
        pid: None: it was about to be started.
        created: wall clock seconds of its start, for people: they move when the clock is set.
        ticks: of its start since the machine booted, as the kernel counts; with the pid and the
            machine's boot they name one process. 0: the system does not tell.
        local: top modules of the topology's own code.
        plan: file of its plan in ``plans/``; "": it was not given one yet.
    """

    id: str
    worker: int
    incarnation: int
    pid: int | None = None
    created: float = 0.0
    ticks: int = 0
    local: tuple[str, ...] = ()
    plan: str = ""

    @property
    def key(self) -> Key:
        """(topology id, worker, incarnation)."""
        return self.id, self.worker, self.incarnation


@dataclass(frozen=True, slots=True)
class ProcessTable:
    """What the file holds.

    Attributes:
        term, token: of the coordinator that the workers follow.
        rows: the workers.
        machine: tells whether it was written since the machine booted.
    """

    term: int
    rows: tuple[ProcessRow, ...]
    machine: str = ""
    token: int = 0


def read_table(path: Path) -> ProcessTable:
    """Return what an earlier supervisor wrote; empty when there is none that can be read.

    Raises:
        OSError: the file is there, but cannot be read.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
        rows = [ProcessRow(**{**row, "local": tuple(row["local"])}) for row in found["rows"]]
        term, token = int(found["term"]), int(found.get("token", 0))
        return ProcessTable(term, tuple(rows), str(found["machine"]), token)
    except FileNotFoundError:
        return ProcessTable(0, ())
    except (ValueError, TypeError, KeyError, AttributeError):
        # Written by another version: what runs is found by its command line.
        return ProcessTable(0, ())


def write_table(path: Path, table: ProcessTable) -> None:
    """Write the table, durable when this returns.

    Raises:
        OSError: the disk is full or fails; the table of before is still there.
    """
    temporary = path.with_name(path.name + ".tmp")
    text = json.dumps({"format": _FORMAT, **asdict(table)})
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    fsync_folder(path.parent)
