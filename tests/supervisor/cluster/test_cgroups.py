"""A cgroup per worker: what is written where, over folders that look like the kernel's."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from waterspout.supervisor.cluster.cgroups import Cgroups
from waterspout.supervisor.cluster.host_worker import Key

KEY: Key = ("words-0a1b2c", 1, 0xAB)
OWN = "worker-1-00000000000000ab"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "cgroup.subtree_control").touch()
    return tmp_path


def test_a_worker_is_put_into_a_cgroup_of_its_own_with_its_limit(folder: Path) -> None:
    """F14."""
    groups = Cgroups(folder)
    groups.hold(KEY, 812, 100 << 20)
    assert (folder / "cgroup.subtree_control").read_text() == "+memory"
    found = {path.name: path.read_text() for path in (folder / OWN).iterdir()}
    assert found == {
        "memory.max": str(100 << 20), "memory.oom.group": "1", "memory.swap.max": "0",
        "cgroup.procs": "812",
    }  # fmt: skip
    assert groups.killed(KEY) == ""
    (folder / OWN / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\n")
    assert groups.killed(KEY) == "killed by the kernel: memory is over its limit of 100 MiB"


def test_without_a_limit_or_a_folder_nothing_is_made(folder: Path) -> None:
    Cgroups(folder).hold(KEY, 812, 0)
    assert not (folder / OWN).exists()
    without = Cgroups(None)
    without.hold(KEY, 812, 1 << 20)
    without.sweep(set())
    without.drop(KEY)
    assert not without.used and without.killed(KEY) == ""


@pytest.mark.parametrize("what", ["no controller", "not there"])
def test_one_that_cannot_be_used_is_said_once_and_workers_are_only_watched(
    folder: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "cgroup.controllers").write_text("cpu pids\n")
    with caplog.at_level(logging.WARNING):
        groups = Cgroups(folder if what == "no controller" else folder / "gone")
    assert not groups.used
    (record,) = caplog.records
    assert "workers are watched instead" in record.getMessage()


def test_what_is_gone_is_removed_and_what_was_taken_over_keeps_its_limit(folder: Path) -> None:
    for name in (OWN, "worker-0-0000000000000001"):
        (folder / name).mkdir()
    (folder / OWN / "memory.max").write_text(str(50 << 20))
    groups = Cgroups(folder)
    groups.sweep({KEY})
    assert sorted(path.name for path in folder.glob("worker-*")) == [OWN]
    (folder / OWN / "memory.events").write_text("oom_kill 2\n")
    assert groups.killed(KEY).endswith("of 50 MiB")
    for path in (folder / OWN).iterdir():
        path.unlink()  # the kernel removes a cgroup with its files
    groups.drop(KEY)
    assert not (folder / OWN).exists()
    assert groups.killed(KEY) == ""
