"""Code packs and requirements at the coordinator that no topology has any more are deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from .blobs import SUFFIXES
from .cluster_rows import TopologyRow
from .topology_move import versions_of

#: What was put may belong to a topology that is submitted a little later.
UNUSED_KEPT_S = 86_400.0


def blobs_of(rows: Iterable[TopologyRow]) -> set[str]:
    """Return the sha256 of all blobs that topologies have, now or on the way to another version."""
    found: set[str] = set()
    for row in rows:
        for version in versions_of(row):
            found |= {version.code, version.requirements}
    return found - {""}


def prune_blobs(folder: Path, keep: Collection[str], wall: float) -> int:
    """Delete blobs that are not in ``keep`` and not new; return how many.

    Args:
        folder: of the coordinator.
        keep: sha256 of those that are needed.
        wall: wall clock, which files are compared with.
    """
    count = 0
    for sort, suffix in SUFFIXES.items():
        for path in (folder / sort).glob(f"*{suffix}"):
            with suppress(OSError):
                if path.stem not in keep and path.stat().st_mtime < wall - UNUSED_KEPT_S:
                    path.unlink()
                    count += 1
    return count
