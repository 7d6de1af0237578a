"""Savepoints of a topology in a cluster, seen from the client: how to ask, and get its parts.

Every part of a complete snapshot is at the coordinator, so the client gets it from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..savepoint_command import Ask, SavepointFailed
from ..savepoint_folder import Fetch
from .blob_client import BlobClient, BlobError
from .client import Asker


def of_topology(asker: Asker, blobs: BlobClient, name: str) -> tuple[Ask, Fetch]:
    """Return how to ask for a savepoint of a topology, and get its parts.

    Args:
        asker: of the coordinator.
        blobs: of the same.
        name: of the topology.
    """
    ids: list[str] = []

    def send(request: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = asker.ask({"kind": "savepoint", "name": name, **request})
        ids[:] = [answer["topology"]]
        return answer

    def fetch(file: str, to: Path) -> None:
        try:
            blobs.get("part", name=file, id=ids[0], to=to)
        except BlobError as error:
            raise SavepointFailed(f"a part could not be had: {error}") from error

    return send, fetch
