"""A savepoint of a cluster's topology: asked for at the coordinator, parts from its blobs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor.cluster.blob_client import BlobError
from waterspout.supervisor.cluster.savepoints import of_topology
from waterspout.supervisor.savepoint_command import SavepointFailed


class There:
    """A coordinator and its blobs."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []

    def ask(self, request: Mapping[str, Any], timeout_s: float = 5.0) -> dict[str, Any]:
        self.asked.append(request)
        return {"topology": "words-1a2b3c", "savepoint": 3}

    def get(self, sort: str, *, name: str, id: str, to: Path) -> None:
        if name == "gone":
            raise BlobError("part gone is not here", retry=False)
        to.write_text(f"{sort} {id} {name}")


def test_parts_come_from_the_blobs_of_the_topology(tmp_path: Path) -> None:
    there: Any = There()
    send, fetch = of_topology(there, there, "words")
    assert send({"action": "ask"})["savepoint"] == 3
    assert there.asked == [{"kind": "savepoint", "name": "words", "action": "ask"}]
    fetch("f", tmp_path / "f")
    assert (tmp_path / "f").read_text() == "part words-1a2b3c f"
    with pytest.raises(SavepointFailed, match="gone is not here"):
        fetch("gone", tmp_path / "x")
