"""How long a coordinator keeps a topology that has ended: its row, positions, state and history.

Until then ``submit`` of the same name goes on where it was. What counts is when its store was
last written to, so dead letters that are looked after keep it, and those that are left stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..store_sqlite import SqliteStore
from .cluster_rows import TopologyRow
from .lifecycle import LifeState

#: A folder of this beginning is of no topology any more, and on its way to be deleted.
_GONE = ".gone-"
_STORE = "store.sqlite"


def kept_until(row: TopologyRow, folder: Path, keep_s: float) -> float | None:
    """Return the wall clock second up to which an ended topology is kept; None: it has not ended.

    Args:
        row: of it.
        folder: of it.
        keep_s: how long ended topologies are kept.
    """
    if row.state != LifeState.ENDED:
        return None
    used_at = row.submitted_at
    for path in (folder / _STORE, folder / f"{_STORE}-wal"):
        with suppress(OSError):
            used_at = max(used_at, path.stat().st_mtime)
    return used_at + keep_s


def has_dead_letters(folder: Path) -> bool:
    """Say whether messages that were given up on are kept in a folder.

    Raises:
        StoreError: its store cannot be read.
    """
    if not (folder / _STORE).is_file():
        return False
    store = SqliteStore(folder / _STORE)
    try:
        return store.dead_letter_count() > 0
    finally:
        store.close()


def put_away(folder: Path) -> None:
    """Have a folder be of no topology, in one step; deleting it may take long.

    Raises:
        OSError: it could not be moved.
    """
    with suppress(FileNotFoundError):
        folder.rename(folder.with_name(f"{_GONE}{folder.name}"))


def put_away_folders(topologies: Path) -> Iterator[Path]:
    """Yield the folders that are to be deleted."""
    return topologies.glob(f"{_GONE}*")
