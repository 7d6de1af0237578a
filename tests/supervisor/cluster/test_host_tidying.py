"""The data folder of a supervisor does not grow for good, and nothing of use is deleted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from waterspout.supervisor.cluster.host_tidying import InUse, tidy, used
from waterspout.supervisor.cluster.supervisor_folder import SupervisorFolder

DAY_S = 86_400
NOW = 1e9
NOTHING = InUse((), (), ())


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[SupervisorFolder]:
    folder = SupervisorFolder(tmp_path / "data")
    yield folder
    folder.close()


def age(path: Path, days: float) -> None:
    """Have everything in a folder so old."""
    for each in [*path.rglob("*"), path]:
        os.utime(each, (NOW - days * DAY_S,) * 2)


def made(path: Path, days: float) -> Path:
    path.mkdir()
    (path / "file").touch()
    age(path, days)
    return path


def test_code_that_was_not_used_for_a_day_is_deleted(folder: SupervisorFolder) -> None:
    old = made(folder.code / "a", 2)
    young = made(folder.code / "b", 0.5)
    needed = made(folder.code / "c", 9)
    assert tidy(folder, InUse((), ("c",), ()), NOW) == ["a"]
    assert (old.exists(), young.exists(), needed.exists()) == (False, True, True)


def test_environments_stay_for_a_week_and_go_with_what_pip_said(folder: SupervisorFolder) -> None:
    for name in ("a", "b"):
        made(folder.environments / name, 8)
        log = folder.environments / f"{name}.log"
        log.touch()
        age(log, 8)
    assert tidy(folder, InUse((), (), ("b",)), NOW) == ["a", "a.log"]


def test_what_is_started_anew_counts_as_used(folder: SupervisorFolder) -> None:
    code = made(folder.code / "a", 2)
    used(code)
    used(folder.code / "gone")
    assert tidy(folder, NOTHING, NOW) == []


def test_a_topology_that_is_over_leaves_its_logs_for_a_week_and_what_it_wrote_for_good(
    folder: SupervisorFolder,
) -> None:
    for id, days in (("old", 8), ("young", 6), ("living", 8), ("writer", 8)):
        path = folder.make_topology(id)
        (path / "logs" / "worker-0.log").touch()
        (path / "snapshots" / "x").touch()
        if id == "writer":
            (path / "work" / "counts.csv").touch()
        age(path, days)
    tidy(folder, InUse(("living",), (), ()), NOW)
    assert folder.topologies() == ["living", "writer", "young"]
    assert [each.name for each in folder.topology("writer").iterdir()] == ["work"]
    assert (folder.topology("young") / "logs" / "worker-0.log").exists()
    assert (folder.topology("living") / "snapshots" / "x").exists()


def test_a_log_that_is_written_to_keeps_its_topology(folder: SupervisorFolder) -> None:
    path = folder.make_topology("a")
    (path / "logs" / "worker-0.log").touch()
    age(path, 8)
    os.utime(path / "logs" / "worker-0.log", (NOW, NOW))
    assert tidy(folder, NOTHING, NOW) == []
