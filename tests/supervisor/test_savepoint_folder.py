"""A savepoint as a folder: whole or none, checked file by file, and never mixed with another."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from waterspout.supervisor.savepoint_folder import (
    MANIFEST,
    check_part,
    have_copy,
    read_savepoint,
    write_savepoint,
)
from waterspout.supervisor.savepoint_manifest import BadSavepoint

from .savepoint_rig import savepoint_at


def test_a_savepoint_that_was_written_is_read_with_all_its_files(tmp_path: Path) -> None:
    made = savepoint_at(tmp_path / "sp")
    again = read_savepoint(tmp_path / "sp")
    assert (again.parts, again.positions) == (made.parts, made.positions)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "sp").rglob("*")}
    assert modes <= {0o600, 0o700}


def test_it_stays_whole_when_the_run_deletes_its_snapshots(tmp_path: Path) -> None:
    savepoint_at(tmp_path / "sp")
    for path in (tmp_path / "sp-snapshots").iterdir():
        path.unlink()
    assert len(read_savepoint(tmp_path / "sp").parts) == 2


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    made = savepoint_at(tmp_path / "sp")
    before = (tmp_path / "sp" / MANIFEST).read_bytes()
    with pytest.raises(BadSavepoint, match="not empty"):
        write_savepoint(tmp_path / "sp", made, have_copy)  # type: ignore[arg-type]
    assert (tmp_path / "sp" / MANIFEST).read_bytes() == before


def test_one_whose_copy_broke_off_is_no_savepoint(tmp_path: Path) -> None:
    made = savepoint_at(tmp_path / "sp")

    def fetch(file: str, to: Path) -> None:
        if file == made.parts[1].file:
            raise OSError("the disk is full")
        have_copy(tmp_path / "sp" / "parts" / file, to)

    with pytest.raises(OSError, match="full"):
        write_savepoint(tmp_path / "half", made, fetch)
    with pytest.raises(BadSavepoint, match="is no savepoint"):
        read_savepoint(tmp_path / "half")


@pytest.mark.parametrize("harm", ["flip", "cut", "gone", "swap"])
def test_a_part_that_is_not_the_one_is_named(tmp_path: Path, harm: str) -> None:
    made = savepoint_at(tmp_path / "sp")
    first, second = (tmp_path / "sp" / "parts" / part.file for part in made.parts)
    data = bytearray(first.read_bytes())
    if harm == "flip":
        data[20] ^= 1
        first.write_bytes(data)
    elif harm == "cut":
        first.write_bytes(data[:-1])
    elif harm == "gone":
        first.unlink()
    else:
        first.write_bytes(second.read_bytes())
    with pytest.raises(BadSavepoint, match=first.name):
        read_savepoint(tmp_path / "sp")


def test_a_part_is_checked_against_the_manifest_and_itself(tmp_path: Path) -> None:
    made = savepoint_at(tmp_path / "sp")
    path = tmp_path / "sp" / "parts" / made.parts[0].file
    check_part(path, made.parts[0])
    with pytest.raises(BadSavepoint):
        check_part(path, made.parts[1])


def test_a_copy_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"new")
    (tmp_path / "b").write_bytes(b"old")
    have_copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"new"
