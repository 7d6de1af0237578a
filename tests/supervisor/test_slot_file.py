"""The slot's file: mapped, read after a death, gone then; anything odd about it names nobody."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from waterspout.spouts.groups import Group
from waterspout.supervisor.crash_slot import CrashSlot, slot_bytes
from waterspout.supervisor.slot_file import Suspects, map_slot, read_slot, slot_path

from .cores import plan_of

PLAN = plan_of({"source": 1, "work": 1})
ROOT = (1 << 48) | 5
NOBODY = Suspects([], {}, {})


def write(folder: Path, incarnation: int = 77) -> Path:
    path = slot_path(folder, 0, incarnation)
    slot = CrashSlot(PLAN, 0, map_slot(path)(slot_bytes(PLAN, 0)))
    slot.in_flight(1)(ROOT, Group("a.txt", 10, 11, 1, 0.0), 4)
    slot.at_work(2)((ROOT,))
    # Nothing is flushed or closed: the worker was killed just now.
    return path


def test_what_a_worker_wrote_is_read_after_its_death_and_its_file_is_gone(tmp_path: Path) -> None:
    path = write(tmp_path)
    found = read_slot(PLAN, tmp_path, 0, 77)
    assert found == Suspects([ROOT], {1: [["a.txt", 10, 11, 0, True]]}, {1: 4})
    assert not path.exists()
    assert read_slot(PLAN, tmp_path, 0, 77) == NOBODY


def test_a_slot_can_be_read_again_until_its_exit_was_told(tmp_path: Path) -> None:
    path = write(tmp_path)
    first = read_slot(PLAN, tmp_path, 0, 77, keep=True)
    assert path.exists()
    assert read_slot(PLAN, tmp_path, 0, 77, keep=True) == first


def test_each_incarnation_has_a_file_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, 77)
    assert read_slot(PLAN, tmp_path, 0, 78) == NOBODY
    assert read_slot(PLAN, tmp_path, 0, 77).roots == [ROOT]


def test_a_worker_that_never_got_so_far_left_nobody(tmp_path: Path) -> None:
    assert read_slot(PLAN, tmp_path, 0, 77) == NOBODY


def test_a_file_of_another_size_names_nobody_and_is_gone(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    assert read_slot(PLAN, tmp_path, 0, 77) == NOBODY
    assert not path.exists()


def test_only_the_user_may_look_into_the_folder(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert path.parent.stat().st_mode & 0o077 == 0


def test_all_of_its_room_is_taken_at_once(tmp_path: Path) -> None:
    """A page that found no room later on would kill the worker."""
    path = write(tmp_path)
    assert path.stat().st_blocks * 512 >= slot_bytes(PLAN, 0)


def test_without_room_there_is_no_file_and_the_worker_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(descriptor: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    path = write(tmp_path)
    assert not path.exists()
    assert read_slot(PLAN, tmp_path, 0, 77) == NOBODY
    assert f"{path}: no crash slot (No space left on device)" in capsys.readouterr().err
