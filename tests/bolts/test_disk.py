"""Folders are told of what was made in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from waterspout.bolts.disk import fsync_folder, why_not


def test_a_folder_is_synced_and_its_descriptor_closed(tmp_path: Path, monkeypatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    )
    before = os.listdir("/proc/self/fd")
    fsync_folder(tmp_path)
    assert synced == [str(tmp_path)]
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fsync_folder(tmp_path / "gone")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        fsync_folder(tmp_path / "file")


def test_what_is_in_the_way_of_a_path_is_named() -> None:
    path = Path("/a/b")
    assert why_not(IsADirectoryError(21, "Is a directory", "/a/b"), path) == "Is a directory"
    assert why_not(PermissionError(13, "Not allowed", "/a"), path) == "Not allowed: /a"
    assert why_not(FileExistsError(17, "File exists", "/a"), path) == "/a is no folder"
    assert why_not(OSError("odd"), path) == "odd"
