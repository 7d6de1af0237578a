"""Moments noted by a process under test: one JSON line each, in a file of its own.

Times are ``time.monotonic`` seconds, which all processes of one machine share. The folder
comes in the environment, so that components need no argument for it; without it nothing is
written.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

#: Name of the environment variable that holds the folder of the marks.
FOLDER_VARIABLE = "WATERSPOUT_BENCH_MARKS"


def mark(name: str, **fields: Any) -> None:
    """Append one mark with the time, the process' CPU seconds so far and ``fields``."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        return
    entry = {
        "name": name,
        "at_s": time.monotonic(),
        "cpu_s": time.process_time(),
        "pid": os.getpid(),
        **fields,
    }
    # One write of one line: marks of a process that is killed right after are not torn.
    line = (json.dumps(entry) + "\n").encode()
    file = os.open(Path(folder) / f"{os.getpid()}.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, line)
    finally:
        os.close(file)


def read_marks(folder: Path) -> list[dict[str, Any]]:
    """Return the marks of all processes in ``folder``, oldest first."""
    found: list[dict[str, Any]] = []
    for path in folder.glob("*.jsonl"):
        found += [json.loads(line) for line in path.read_bytes().splitlines() if line]
    return sorted(found, key=lambda entry: entry["at_s"])


def named(marks: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Return the marks called ``name``, oldest first."""
    return [entry for entry in marks if entry["name"] == name]
