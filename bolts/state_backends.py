"""The backends for keyed state, by the name that ``state:`` has in a topology's YAML."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .state_map import Backend
from .state_memory import MemoryBackend
from .state_sqlite import SqliteBackend

#: Name -> what makes it from (the file of the task, memory that it may take in bytes).
STATE_BACKENDS: dict[str, Callable[[Path | None, int], Backend]] = {
    "memory": lambda path, cache_bytes: MemoryBackend(),
    "sqlite": SqliteBackend,
}
