"""Logs of workers, read from afar: which there are, and pieces that stay true over rotation."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from waterspout.supervisor.cluster.host_protocol import LOG_READ_MAX
from waterspout.supervisor.cluster.log_read import log_files, read_log


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    for name, text in (
        ("worker-0.log", "new\n"),
        ("worker-0.log.1", "old\n"),
        ("worker-2.log", ""),
    ):
        (tmp_path / "logs" / name).write_text(text)
    (tmp_path / "logs" / "other.txt").touch()
    return tmp_path


def test_the_logs_of_a_worker_come_oldest_first(folder: Path) -> None:
    found = log_files(folder)
    assert [(row["file"], row["worker"], row["age"], row["bytes"]) for row in found] == [
        ("worker-0.log.1", 0, 1, 4),
        ("worker-0.log", 0, 0, 4),
        ("worker-2.log", 2, 0, 0),
    ]
    assert [row["file"] for row in log_files(folder, [2])] == ["worker-2.log"]
    assert log_files(folder / "none") == []


def test_a_reader_finds_the_rest_of_a_log_that_was_set_aside_by_its_inode(folder: Path) -> None:
    first = read_log(folder, "worker-2.log", 0, 100)
    log = folder / "logs" / "worker-2.log"
    log.write_text("said before\n")
    os.replace(log, log.with_name("worker-2.log.1"))
    log.write_text("after\n")
    assert read_log(folder, "worker-2.log", 0, 100)["inode"] != first["inode"]
    (older,) = [row for row in log_files(folder, [2]) if row["inode"] == first["inode"]]
    assert read_log(folder, older["file"], first["offset"], 100)["data"] == b"said before\n"


def test_a_piece_is_no_larger_than_asked_for_and_never_too_large(folder: Path) -> None:
    (folder / "logs" / "worker-0.log").write_bytes(bytes(LOG_READ_MAX + 10))
    assert len(read_log(folder, "worker-0.log", 0, 1 << 30)["data"]) == LOG_READ_MAX
    piece = read_log(folder, "worker-0.log", LOG_READ_MAX, 7)
    assert (len(piece["data"]), piece["bytes"]) == (7, LOG_READ_MAX + 10)
    assert read_log(folder, "worker-0.log", 1 << 40, 7)["data"] == b""


@pytest.mark.parametrize(
    "file", ["other.txt", "../secret", "worker-0.log/../x", "", "worker-x.log"]
)
def test_only_logs_can_be_read(folder: Path, file: str) -> None:
    with pytest.raises(ValueError, match="not the name"):
        read_log(folder, file, 0, 10)
