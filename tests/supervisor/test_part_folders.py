"""Where parts lie: the same files here and behind a URL."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from waterspout.bolts.snapshots import encode_part
from waterspout.bolts.state import TaskState
from waterspout.supervisor.part_folders import (
    MARKER,
    LocalFolder,
    PartFolder,
    RemoteFolder,
    part_folder,
    remote_url,
    send_to,
)
from waterspout.supervisor.snapshot_store import SnapshotStore
from waterspout.topology.errors import CorruptSnapshot, UserError


@pytest.fixture(params=["local", "file", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> PartFolder:
    if request.param == "local":
        return LocalFolder(tmp_path / "parts")
    at = f"file://{tmp_path}/far" if request.param == "file" else f"memory://{tmp_path}"
    return RemoteFolder(at, tmp_path / "parts")


def test_what_was_written_is_read_listed_and_deleted(folder: PartFolder) -> None:
    assert list(folder.names()) == []
    assert folder.write("a.part", [b"one", b"", b"two"]) == (6, b"two")
    folder.write("b.part", [b"x" * 100_000])
    assert bytes(folder.open("a.part")) == b"onetwo"
    assert len(folder.open("b.part")) == 100_000
    assert sorted(folder.names()) == ["a.part", "b.part"]
    assert folder.delete("a.part") is True
    assert folder.delete("a.part") is False
    assert list(folder.names()) == ["b.part"]
    with pytest.raises(FileNotFoundError):
        folder.open("a.part")


def test_a_file_that_could_not_be_written_whole_is_not_there(folder: PartFolder) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        folder.write("a.part", pieces())
    assert list(folder.names()) == []


def test_a_folder_that_stands_for_a_url_is_used_as_any(tmp_path: Path) -> None:
    here, far = tmp_path / "snapshots", tmp_path / "far"
    send_to(here, f"file://{far}")
    send_to(here, f"file://{far}")
    store = SnapshotStore(here)
    state = TaskState("count")
    state.task("m")["k"] = 1
    written = store.write(1, 1, 1, encode_part(state.snapshot_begin()))
    assert [file.name for file in far.iterdir()] == [written.file]
    assert [file.name for file in here.iterdir()] == [MARKER]
    assert store.read(written.file, written.sha256).task == {"m": {"k": 1}}
    assert store.prune(1, ()) == 1
    with pytest.raises(CorruptSnapshot, match="is gone"):
        store.open(written.file)


def test_parts_of_a_savepoint_that_lie_here_are_found(tmp_path: Path) -> None:
    send_to(tmp_path / "snapshots", f"file://{tmp_path}/far")
    (tmp_path / "snapshots" / "a.part").write_bytes(b"here")
    folder = part_folder(tmp_path / "snapshots")
    assert bytes(folder.open("a.part")) == b"here"
    assert folder.delete("a.part") is True


def test_snapshots_do_not_change_their_place(tmp_path: Path) -> None:
    here = tmp_path / "snapshots"
    send_to(here, f"file://{tmp_path}/far")
    with pytest.raises(UserError, match=f"are in file://{tmp_path}/far"):
        send_to(here, f"file://{tmp_path}/other")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "epoch-1.round-1.task-1.part").touch()
    with pytest.raises(UserError, match="leave the option out"):
        send_to(tmp_path / "old", f"file://{tmp_path}/other")
    assert remote_url(tmp_path / "old") == ""


@pytest.mark.parametrize("url", ["nothing-knows://x", "x" * 3000, "file://a\nb"])
def test_a_url_that_cannot_be_used_is_refused_before_the_run(tmp_path: Path, url: str) -> None:
    with pytest.raises(UserError):
        send_to(tmp_path / "snapshots", url)
    assert remote_url(tmp_path / "snapshots") == ""


def test_without_the_extra_its_name_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(UserError, match=r"waterspout\[remote\]"):
        send_to(tmp_path / "snapshots", "s3://bucket/path")
