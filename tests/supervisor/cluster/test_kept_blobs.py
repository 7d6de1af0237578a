"""Code packs that no topology has are deleted, but not at once."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from waterspout.supervisor.cluster.cluster_rows import TopologyRow
from waterspout.supervisor.cluster.kept_blobs import UNUSED_KEPT_S, blobs_of, prune_blobs
from waterspout.supervisor.cluster.topology_move import Version, quiescing, switched

from .cluster_rig import FakeHost, Rig

NOW = 2e9


def blob(folder: Path, sort: str, name: str, age_s: float) -> Path:
    """Make a file of this age."""
    (folder / sort).mkdir(exist_ok=True)
    path = folder / sort / name
    path.write_bytes(b"x")
    os.utime(path, (NOW - age_s, NOW - age_s))
    return path


def test_old_blobs_that_nobody_has_are_deleted(tmp_path: Path):
    old = UNUSED_KEPT_S + 1
    paths = [
        blob(tmp_path, "code", "used.zip", old),
        blob(tmp_path, "code", "new.zip", 60.0),
        blob(tmp_path, "code", ".new.partial", old),
        blob(tmp_path, "requirements", "used.txt", old),
    ]
    unused = [blob(tmp_path, "code", "b.zip", old), blob(tmp_path, "requirements", "b.txt", old)]
    assert prune_blobs(tmp_path, {"used"}, NOW) == 2
    assert all(path.exists() for path in paths)
    assert not any(path.exists() for path in unused)


def test_versions_on_the_way_keep_their_blobs():
    row = TopologyRow("t-1", "t", "active", wire=b"w", code="c1", requirements="r1")
    assert blobs_of([row]) == {"c1", "r1"}
    moving = replace(row, previous=quiescing(Version(b"v", "c2")))
    assert blobs_of([moving]) == {"c1", "r1", "c2"}
    after = switched(moving, {}, [])
    assert after.code == "c2"
    assert blobs_of([after, TopologyRow("u-1", "u", "ended")]) == {"c1", "r1", "c2"}


def test_a_coordinator_deletes_them_now_and_then(tmp_path: Path):
    rig = Rig(tmp_path, FakeHost("a"))
    (rig.config.data / "code").mkdir()
    path = rig.config.data / "code" / f"{'a' * 64}.zip"
    path.write_bytes(b"x")
    os.utime(path, (1.0, 1.0))
    rig.run(0.5)
    assert not path.exists()
