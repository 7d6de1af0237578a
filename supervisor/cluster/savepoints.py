"""Savepoints of a topology in a cluster, seen from the client: taken there, and brought back.

Every part of a complete snapshot is at the coordinator, so the client gets it from there. A
topology that begins from one brings its files as blobs, and positions and parts by tasks of its
own plan with the request (submitted_state).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waterspout.topology.plan import Plan

from ..file_digests import file_sha256
from ..savepoint_command import Ask, SavepointFailed
from ..savepoint_folder import PARTS, Fetch, read_savepoint
from ..savepoint_start import Positions, matched
from ..store import Part
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


def state_for(folder: Path, plan: Plan, *, allow_dropped: bool) -> State:
    """Return the state of a savepoint as a plan has it.

    Raises:
        BadSavepoint: it is none.
        StateUnmatched, PlanMoveRefused: the plan cannot take it over.
    """
    return State(folder, *matched(read_savepoint(folder), plan, allow_dropped=allow_dropped))


@dataclass(frozen=True)
class State:
    """State that is submitted with a topology, by tasks of its plan."""

    folder: Path
    positions: Positions
    parts: list[Part]

    def send(self, blobs: BlobClient) -> dict[str, Any]:
        """Have the files at the coordinator; return the field ``state`` of the request.

        Raises:
            BlobError: they could not be sent.
            OSError: they cannot be read.
        """
        known: dict[str, str] = {}
        for part in self.parts:
            if part.file not in known:
                path = self.folder / PARTS / part.file
                sha256 = known[part.file] = file_sha256(path)
                blobs.put("state", path, name=sha256, sha256=sha256)
        rows = [[p.task, p.file, p.bytes, p.sha256, known[p.file]] for p in self.parts]
        return {"positions": self.positions, "parts": rows}
