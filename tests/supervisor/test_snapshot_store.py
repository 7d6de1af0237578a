"""Snapshot files: a whole part or none, whatever fails, and damage is found when it is read."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waterspout.bolts.snapshots import encode_part
from waterspout.bolts.state import TaskState
from waterspout.supervisor.snapshot_store import (
    SnapshotStore,
    WrittenPart,
    is_log_name,
    is_part_name,
)
from waterspout.topology.errors import CorruptSnapshot, StateError

from ..each_case import each_case


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "snapshots"


@pytest.fixture
def store(folder: Path) -> SnapshotStore:
    return SnapshotStore(folder)


def pieces(value: Any = 1) -> Iterator[bytes]:
    state = TaskState("count", 2)
    state.keyed("counts").update({f"word{i}": value for i in range(20)})
    return encode_part(state.snapshot_begin())


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_a_part_is_read_back_and_described_for_the_manifest(
    store: SnapshotStore, folder: Path
) -> None:
    written = store.write(epoch=3, round_=12, task=7, pieces=pieces())
    assert written == WrittenPart(
        "epoch-3.round-12.task-7.part",
        (folder / written.file).stat().st_size,
        (folder / written.file).read_bytes()[-32:].hex(),
    )
    part = store.read(written.file, written.sha256)
    assert (part.component, part.index, part.keyed["counts"]["word3"]) == ("count", 2, 1)


def test_files_and_folder_are_for_their_owner_only(store: SnapshotStore, folder: Path) -> None:
    written = store.write(1, 1, 1, pieces())
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / written.file).stat().st_mode & 0o077 == 0


def test_file_is_synced_before_the_rename_and_the_folder_after_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        done.append(f"fsync {os.path.basename(path)}")
        fsync(descriptor)

    def note_replace(old: Path, new: Path) -> None:
        done.append(f"rename to {os.path.basename(new)}")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    store = SnapshotStore(folder)
    assert done == [f"fsync {folder.parent.name}"]
    done.clear()
    store.write(1, 2, 3, pieces())
    name = "epoch-1.round-2.task-3.part"
    assert done == [f"fsync {name}.tmp", f"rename to {name}", "fsync snapshots"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_fails_leaves_the_older_part_and_no_other(
    store: SnapshotStore, folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    older = store.write(1, 1, 7, pieces(1))

    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match=f"No space left on device: '{folder}'"):
        store.write(1, 2, 7, pieces(2))
    assert names(folder) == [older.file]
    assert store.read(older.file, older.sha256).keyed["counts"]["word0"] == 1


def test_a_value_that_cannot_be_written_leaves_no_file(store: SnapshotStore, folder: Path) -> None:
    state = TaskState("count")
    state.keyed("m")[frozenset([1])] = 1
    with pytest.raises(StateError, match="count: state 'm'"):
        store.write(1, 1, 1, encode_part(state.snapshot_begin()))
    assert names(folder) == []


def test_each_flipped_byte_and_each_truncation_is_found(store: SnapshotStore, folder: Path) -> None:
    written = store.write(1, 1, 1, pieces())
    path = folder / written.file
    data = path.read_bytes()
    for position in range(len(data)):
        path.write_bytes(data[:position] + bytes([data[position] ^ 4]) + data[position + 1 :])
        with pytest.raises(CorruptSnapshot, match=written.file):
            store.read(written.file)
        path.write_bytes(data[:position])
        with pytest.raises(CorruptSnapshot, match=written.file):
            store.read(written.file)


def test_a_whole_part_that_the_manifest_does_not_mean_is_refused(store: SnapshotStore) -> None:
    wanted = store.write(1, 1, 1, pieces(1))
    store.write(1, 1, 1, pieces(2))
    with pytest.raises(CorruptSnapshot, match="not the part that the manifest names"):
        store.read(wanted.file, wanted.sha256)


@pytest.mark.parametrize(
    "file", ["epoch-1.round-1.task-9.part", "../secret", "x", "epoch-1.round-1.task-1.part.tmp"]
)
def test_what_is_gone_or_no_part_is_corrupt(store: SnapshotStore, file: str) -> None:
    with pytest.raises(CorruptSnapshot):
        store.read(file)


def test_what_is_of_an_older_round_and_not_kept_is_deleted_and_nothing_else(
    store: SnapshotStore, folder: Path
) -> None:
    rounds = [(1, 2), (1, 3), (2, 4)]
    written = [store.write(epoch, round_, 1, pieces()) for epoch, round_ in rounds]
    half = "epoch-1.round-3.task-1.part.tmp"
    for name in (half, "notes.txt"):
        (folder / name).write_bytes(b"half")
    assert store.prune(3, [written[0].file]) == 2
    assert names(folder) == sorted([written[0].file, written[2].file, "notes.txt"])


@each_case(
    "name, is_one",
    [
        ("epoch-1.round-2.task-3.part", True),
        ("epoch-1.round-2.task-3.log.part", True),
        ("epoch-1.round-2.task-3.part.tmp", False),
        ("../epoch-1.round-2.task-3.part", False),
        ("epoch-1.round-2.task-3.part\n", False),
        ("", False),
    ],
)
def test_a_name_from_afar_is_a_part_or_nothing(name: str, is_one: bool) -> None:
    assert is_part_name(name) is is_one


def test_a_task_may_have_a_part_of_state_and_a_log_of_the_same_round(
    store: SnapshotStore, folder: Path
) -> None:
    state, log = store.write(1, 2, 3, pieces(1)), store.write(1, 2, 3, pieces(2), log=True)
    assert names(folder) == [log.file, state.file] and state.file != log.file
    assert [is_log_name(part.file) for part in (state, log)] == [False, True]
    assert not is_log_name("../x.log.part")
    assert store.read(log.file).keyed["counts"]["word1"] == 2
    assert store.prune(2, [state.file]) == 1 and names(folder) == [state.file]
