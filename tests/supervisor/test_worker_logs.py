"""Logs of workers: private, appended to, and never larger than their limit for long."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from waterspout.supervisor.worker_logs import limit_log, log_path, open_log, set_aside


@pytest.fixture
def restored_output() -> Iterator[None]:
    saved = [os.dup(1), os.dup(2)]
    yield
    for descriptor, copy in enumerate(saved, 1):
        os.dup2(copy, descriptor)
        os.close(copy)


def write(path: Path, text: str) -> None:
    descriptor = open_log(path)
    os.write(descriptor, text.encode())
    os.close(descriptor)


def test_a_restarted_worker_appends_and_a_new_run_begins_anew(tmp_path: Path) -> None:
    path = log_path(tmp_path, 3)
    set_aside(path)
    write(path, "first\n")
    write(path, "second\n")
    assert path.read_text() == "first\nsecond\n"
    set_aside(path)
    assert not path.exists()
    assert path.with_name("worker-3.log.1").read_text() == "first\nsecond\n"


def test_only_its_owner_reads_a_log(tmp_path: Path) -> None:
    path = log_path(tmp_path / "state", 0)
    set_aside(path)
    write(path, "secret")
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_log_over_its_limit_is_set_aside_under_the_running_worker(
    tmp_path: Path, restored_output: None
) -> None:
    path = log_path(tmp_path, 0)
    set_aside(path)
    write(path, "x" * 100)
    assert not limit_log(path, 100)
    write(path, "x")
    assert limit_log(path, 100)
    os.write(1, b"out")
    os.write(2, b"err")
    assert path.read_text() == "outerr"
    assert path.with_name("worker-0.log.1").stat().st_size == 101


def test_so_many_files_are_kept_the_oldest_last(tmp_path: Path, restored_output: None) -> None:
    path = log_path(tmp_path, 0)
    set_aside(path)
    write(path, "0" * 10)
    for text in "12345":
        assert limit_log(path, 5, files=3)
        write(path, text * 10)
    names = ["worker-0.log", "worker-0.log.1", "worker-0.log.2"]
    assert sorted(each.name for each in path.parent.iterdir()) == names
    assert [(path.parent / name).read_text()[0] for name in names] == ["5", "4", "3"]


def test_one_file_may_be_all_that_is_kept(tmp_path: Path, restored_output: None) -> None:
    path = log_path(tmp_path, 0)
    set_aside(path)
    write(path, "old")
    assert limit_log(path, 1, files=1)
    assert [each.name for each in path.parent.iterdir()] == ["worker-0.log"]
    assert path.read_text() == ""


def test_a_log_that_somebody_removed_does_no_harm(tmp_path: Path) -> None:
    assert not limit_log(tmp_path / "gone" / "worker-0.log")
