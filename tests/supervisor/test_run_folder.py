"""The folder of a run: private, short enough for sockets, found while its run lives."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from waterspout.supervisor import run_folder
from waterspout.supervisor.run_folder import (
    SOCKET_PATH_MAX,
    RunFolder,
    RunFolderError,
    base_folder,
    find_runs,
)


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    # Not tmp_path itself: pytest's folders are too long for sockets.
    runtime = f"/tmp/wst-{os.getpid()}"
    os.mkdir(runtime, 0o700)
    yield {"XDG_RUNTIME_DIR": runtime}
    shutil.rmtree(runtime, ignore_errors=True)


def names(environ: dict[str, str]) -> list[str]:
    """Return the runs of this test; other runs of this user may be going on."""
    here = environ["XDG_RUNTIME_DIR"]
    return [run.name for run in find_runs(environ) if here in run.endpoint]


def kill(folder: RunFolder) -> None:
    """Do what the kernel does when the process is killed: locks end, files stay."""
    os.close(folder._card)


def test_a_run_is_found_while_it_lives_and_not_after(environ: dict[str, str]) -> None:
    folder = RunFolder("tides", "/state", environ)
    assert names(environ) == ["tides"]
    assert folder.info.pid == os.getpid()
    folder.close()
    assert names(environ) == []
    assert not folder.path.exists()


def test_a_killed_run_is_not_found_and_the_next_one_removes_its_folder(
    environ: dict[str, str],
) -> None:
    dead = RunFolder("dead", "/state", environ)
    kill(dead)
    assert names(environ) == []
    assert dead.path.exists()
    alive = RunFolder("alive", "/state", environ)
    assert not dead.path.exists()
    assert names(environ) == ["alive"]
    alive.close()


def test_nobody_else_can_enter_the_folder(environ: dict[str, str]) -> None:
    folder = RunFolder("tides", "/state", environ)
    for path in (folder.path, folder.path.parent):
        assert path.stat().st_mode & 0o077 == 0
    folder.close()


def test_every_incarnation_has_a_socket_of_its_own(environ: dict[str, str]) -> None:
    folder = RunFolder("tides", "/state", environ)
    first = folder.worker_endpoint(0, 1 << 63 | 7)
    assert first.startswith(f"ipc://{folder.path}/w0-")
    assert first != folder.worker_endpoint(0, 8)
    Path(first.removeprefix("ipc://")).touch()
    folder.forget_worker(0, 1 << 63 | 7)
    assert not Path(first.removeprefix("ipc://")).exists()
    folder.close()


def test_the_longest_socket_path_fits(environ: dict[str, str]) -> None:
    folder = RunFolder("x" * 500, "/state", environ)
    longest = folder.worker_endpoint(127, (1 << 64) - 1).removeprefix("ipc://")
    assert len(longest) <= SOCKET_PATH_MAX
    folder.close()


def test_a_runtime_folder_with_a_long_path_is_passed_over(environ: dict[str, str]) -> None:
    long = Path(environ["XDG_RUNTIME_DIR"], "x" * 90)
    long.mkdir(0o700)
    base = base_folder({"XDG_RUNTIME_DIR": str(long)})
    assert base == Path(f"/tmp/waterspout-{os.getuid()}")


def test_a_folder_that_others_may_enter_is_refused(environ: dict[str, str]) -> None:
    base = Path(environ["XDG_RUNTIME_DIR"], "waterspout")
    base.mkdir()
    base.chmod(0o750)
    with pytest.raises(RunFolderError, match="others may enter"):
        base_folder(environ)
    assert names(environ) == []


def test_a_link_in_the_place_of_the_folder_is_refused(
    environ: dict[str, str], tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    Path(environ["XDG_RUNTIME_DIR"], "waterspout").symlink_to(tmp_path)
    with pytest.raises(RunFolderError, match="not a folder of this user"):
        base_folder(environ)


def test_a_run_is_found_from_a_terminal_without_the_variable(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder("tides", "/state", environ)
    bases = [Path("/nowhere"), folder.path.parent]
    monkeypatch.setattr(run_folder, "_known_bases", lambda environ: bases)
    assert "tides" in [run.name for run in find_runs({})]
    folder.close()
