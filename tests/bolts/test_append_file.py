"""AppendFile: after a flush it is on disk; before it, nothing is lost whatever the disk does."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from waterspout.bolts import append_file
from waterspout.bolts.append_file import AppendFile
from waterspout.topology.errors import UserError

LOG = logging.getLogger("waterspout.test")


class Disk:
    """The system calls, with a limit on what fits and fsyncs that fail on demand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free_bytes = 10**9
        self.fsyncs_to_fail = 0
        self.synced: list[str] = []
        self._write, self._fsync = os.write, os.fsync
        monkeypatch.setattr(os, "write", self.write)
        monkeypatch.setattr(os, "fsync", self.fsync)

    def write(self, descriptor: int, data: Any) -> int:
        if not self.free_bytes:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = self._write(descriptor, bytes(data)[: self.free_bytes])
        self.free_bytes -= done
        return done

    def fsync(self, descriptor: int) -> None:
        if self.fsyncs_to_fail:
            self.fsyncs_to_fail -= 1
            raise OSError(errno.EIO, "Input/output error")
        self.synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        self._fsync(descriptor)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out" / "f.txt"


def test_lines_are_written_by_and_by_and_are_on_disk_after_a_flush(path: Path, disk: Disk) -> None:
    file = AppendFile(path, LOG)
    assert disk.synced == ["out"]
    file.add(b"a\n")
    file.add(b"b\n")
    assert path.read_bytes() == b""
    file.flush()
    assert path.read_bytes() == b"a\nb\n"
    assert disk.synced == ["out", "f.txt"]
    file.flush()
    assert disk.synced == ["out", "f.txt"], "a flush of nothing costs no fsync"


def test_much_is_written_before_a_flush(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(append_file, "WRITE_BYTES", 10)
    file = AppendFile(path, LOG)
    file._write_at = 10
    file.add(b"1234\n")
    assert path.stat().st_size == 0
    file.add(b"5678\n")
    assert path.stat().st_size == 10


def test_what_is_in_the_file_stays(path: Path) -> None:
    for text in (b"a\n", b"b\n"):
        file = AppendFile(path, LOG)
        file.add(text)
        file.flush()
        file.close()
    assert path.read_bytes() == b"a\nb\n"


@pytest.mark.parametrize(
    ("found", "quoted", "between"),
    [
        (b"whole\n", False, b""),
        (b"torn", False, b"\n"),
        (b'half a "quote\n', False, b""),
        (b'1,"torn\n', True, b'"\n'),
        (b'1,"torn', True, b'"\n'),
        (b'1,"x ""y"""\n', True, b""),
        (b'1,"x"', True, b"\n"),
    ],
)
def test_an_unfinished_last_line_is_ended_first(
    tmp_path: Path, found: bytes, quoted: bool, between: bytes
) -> None:
    path = tmp_path / "f"
    path.write_bytes(found)
    file = AppendFile(path, LOG, quoted=quoted)
    assert path.read_bytes() == found, "nothing is written before there is something to write"
    file.add(b"next\n")
    file.flush()
    assert path.read_bytes() == found + between + b"next\n"


def test_quotes_are_counted_over_the_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(append_file, "_BLOCK_BYTES", 4)
    path = tmp_path / "f"
    path.write_bytes(b'"a"\n"b"\n"c')
    file = AppendFile(path, LOG, quoted=True)
    file.add(b"x\n")
    file.flush()
    assert path.read_bytes() == b'"a"\n"b"\n"c"\nx\n'


def test_the_header_is_written_when_the_file_is_empty_and_only_then(path: Path) -> None:
    for text in (b"1\n", b"2\n"):
        file = AppendFile(path, LOG)
        file.header = b"n\n"
        file.flush()
        file.add(text)
        file.flush()
    assert path.read_bytes() == b"n\n1\n2\n"


@pytest.mark.parametrize("fits", range(11))
def test_a_full_disk_fails_the_flush_and_loses_nothing(path: Path, disk: Disk, fits: int) -> None:
    file = AppendFile(path, LOG)
    file.header = b"n\n"
    file.add(b"123\n")
    file.add(b"456\n")
    disk.free_bytes = fits
    if fits < 10:
        with pytest.raises(OSError, match="No space left") as caught:
            file.flush()
        assert caught.value.filename == str(path)
    disk.free_bytes = 100
    file.add(b"789\n")
    file.flush()
    assert path.read_bytes() == b"n\n123\n456\n789\n"


def test_a_full_disk_does_not_fail_messages_until_too_much_waits(
    path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(append_file, "WRITE_BYTES", 10)
    monkeypatch.setattr(append_file, "WAITING_BYTES_MAX", 50)
    file = AppendFile(path, LOG)
    file._write_at = 10
    disk.free_bytes = 0
    for _ in range(10):
        file.add(b"1234\n")
    with pytest.raises(OSError, match="No space"):
        file.add(b"lost?\n")
    assert len(caplog.records) == 1
    disk.free_bytes = 100
    file.add(b"1234\n")
    file.flush()
    assert path.read_bytes() == b"1234\n" * 11
    file.add(b"123456789\n")
    assert path.stat().st_size == 65, "written as early as before the trouble"


def test_what_a_failed_fsync_may_have_dropped_is_written_again(path: Path, disk: Disk) -> None:
    #  add a   flush      add b   flush
    #  --------fsync EIO----------[a b] written anew, fsync----->
    file = AppendFile(path, LOG)
    file.header = b"n\n"
    file.add(b"safe\n")
    file.flush()
    file.add(b"a\n")
    disk.fsyncs_to_fail = 1
    with pytest.raises(OSError, match=r"Input/output error.*f\.txt"):
        file.flush()
    os.truncate(path, 7)  # The system dropped the page.
    file.add(b"b\n")
    file.flush()
    assert path.read_bytes() == b"n\nsafe\na\nb\n"


def test_a_short_write_and_then_a_failed_fsync_leave_no_torn_line(path: Path, disk: Disk) -> None:
    file = AppendFile(path, LOG)
    file.add(b"123\n456\n")
    disk.free_bytes = 5
    with pytest.raises(OSError, match="No space"):
        file.flush()
    disk.free_bytes, disk.fsyncs_to_fail = 100, 1
    with pytest.raises(OSError, match="Input/output"):
        file.flush()
    assert path.read_bytes() == b"123\n456\n"
    file.flush()
    assert path.read_bytes() == b"123\n456\n" * 2


def test_what_waits_for_an_fsync_is_bounded(
    path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(append_file, "WRITE_BYTES", 10)
    monkeypatch.setattr(append_file, "UNSYNCED_BYTES_MAX", 20)
    file = AppendFile(path, LOG)
    file._write_at = 10
    for _ in range(8):
        file.add(b"1234\n")
        assert file._unsynced_bytes < 20
    assert disk.synced == ["out", "f.txt", "f.txt"]


def test_a_rotated_file_is_left_and_a_new_one_begun(path: Path, disk: Disk) -> None:
    file = AppendFile(path, LOG)
    file.header = b"n\n"
    file.add(b"a\n")
    file._write()
    path.rename(path.with_name("f.1"))
    file.add(b"b\n")
    file.flush()
    assert path.with_name("f.1").read_bytes() == b"n\na\n"
    assert path.read_bytes() == b"n\nb\n"
    assert disk.synced == ["out", "f.1", "out", "f.txt"]


def test_what_was_in_a_deleted_file_since_the_last_flush_is_written_to_the_new_one(
    path: Path,
) -> None:
    file = AppendFile(path, LOG)
    file.header = b"n\n"
    file.add(b"old\n")
    file.flush()
    file.add(b"a\n")
    file._write()
    path.unlink()
    file.add(b"b\n")
    file.flush()
    assert path.read_bytes() == b"n\na\nb\n"


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="pipe: not a regular file"):
        AppendFile(tmp_path / "pipe", LOG)
    with pytest.raises(UserError, match="not a regular file"):
        AppendFile(Path("/dev/null"), LOG)
    with pytest.raises(IsADirectoryError):
        AppendFile(tmp_path, LOG)


def test_a_file_that_is_begun_anew_is_emptied_once_and_not_again_when_it_was_moved(
    path: Path,
) -> None:
    path.parent.mkdir()
    path.write_bytes(b'old, "torn')
    file = AppendFile(path, LOG, quoted=True, anew=True)
    file.header = b"h\n"
    file.add(b"a\n")
    file.flush()
    assert path.read_bytes() == b"h\na\n"
    path.rename(path.with_name("moved"))
    path.write_bytes(b"of another\n")
    file.add(b"b\n")
    file.flush()
    file.add(b"c\n")
    file.flush()
    assert path.with_name("moved").read_bytes() == b"h\na\n"
    assert path.read_bytes() == b"of another\nb\nc\n"


def test_a_file_that_is_begun_anew_is_left_alone_until_it_is_begun(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"old\n")
    AppendFile(path, LOG, anew=True).close()
    assert path.read_bytes() == b"old\n"
    file = AppendFile(path, LOG, anew=True)
    file.add(b"a\n")
    assert path.read_bytes() == b"old\n"
    file.begin()
    assert path.read_bytes() == b""
    file.flush()
    file.begin()
    assert path.read_bytes() == b"a\n"


def test_only_a_regular_file_is_emptied(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        AppendFile(path, LOG, anew=True)
