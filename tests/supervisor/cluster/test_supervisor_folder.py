"""The data folder of a supervisor: private, one supervisor at a time, the same socket each time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from waterspout.supervisor.cluster.supervisor_folder import (
    SupervisorFolder,
    SupervisorFolderError,
)
from waterspout.supervisor.run_folder import SOCKET_PATH_MAX
from waterspout.topology.errors import UserError


@pytest.fixture
def environ() -> Iterator[dict[str, str]]:
    # Short: the folder of the test's own may have a path that is too long for a socket.
    with tempfile.TemporaryDirectory(prefix="wsf-", dir="/tmp") as runtime:
        yield {"XDG_RUNTIME_DIR": runtime}


def test_a_second_supervisor_is_refused_with_the_pid_of_the_first(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """F16."""
    first = SupervisorFolder(tmp_path / "data", environ)
    with pytest.raises(SupervisorFolderError, match=f"another supervisor .pid {os.getpid()}."):
        SupervisorFolder(tmp_path / "data", environ)
    first.close()
    SupervisorFolder(tmp_path / "data", environ).close()


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    with pytest.raises(UserError, match="others may enter"):
        SupervisorFolder(tmp_path / "data", environ)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SupervisorFolderError, match="cannot use"):
        SupervisorFolder(tmp_path / "file" / "data", {})


@pytest.mark.parametrize("length", [1, SOCKET_PATH_MAX])
def test_the_socket_is_the_same_after_a_restart_and_short_enough(
    tmp_path: Path, environ: dict[str, str], length: int
) -> None:
    found = set()
    for _ in range(2):
        folder = SupervisorFolder(tmp_path / ("d" * length), environ)
        found.add(folder.control)
        folder.close()
    (control,) = found
    assert len(control.removeprefix("ipc://")) <= SOCKET_PATH_MAX


def test_a_folder_knows_the_machine_and_itself(tmp_path: Path, environ: dict[str, str]) -> None:
    folders = [SupervisorFolder(tmp_path / name, environ) for name in "ab"]
    assert len({each.machine for each in folders}) == 2
    assert folders[0].machine == folders[0].machine
    for each in folders:
        each.close()


def test_a_topology_has_a_folder_with_all_that_workers_expect(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    folder = SupervisorFolder(tmp_path / "data", environ)
    path = folder.make_topology("words-0a1b2c")
    names = sorted(each.name for each in path.iterdir())
    assert names == ["logs", "plans", "slots", "snapshots", "work"]
    assert folder.topologies() == ["words-0a1b2c"]
    for id in ("../x", "", ".x", "a/b", "a\n"):
        with pytest.raises(ValueError, match="not the id"):
            folder.topology(id)
    folder.close()
