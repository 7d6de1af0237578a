"""What user code prints can not fail, and a worker knows whether its parent is there."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from waterspout.supervisor import worker_process
from waterspout.supervisor.worker_process import end_with_parent


def text_over(descriptor: int) -> io.TextIOWrapper:
    raw = worker_process._NeverFails(descriptor, "w", closefd=False)
    buffered = io.BufferedWriter(raw)
    return io.TextIOWrapper(buffered, "utf-8", errors="backslashreplace", line_buffering=True)


def test_print_to_a_full_disk_raises_nothing() -> None:
    try:
        full = os.open("/dev/full", os.O_WRONLY)
    except OSError:
        pytest.skip("there is no /dev/full here")
    output = text_over(full)
    print("lost", file=output)
    print("x" * 100_000, file=output, flush=True)
    os.close(full)


def test_print_to_a_closed_descriptor_raises_nothing() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    print("lost", file=text_over(writer), flush=True)
    os.close(writer)


def test_each_line_is_in_the_log_at_once_and_surrogates_are_shown(tmp_path: Path) -> None:
    log = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    output = text_over(log)
    print("bad \ud800 text", file=output)
    assert (tmp_path / "log").read_text() == "bad \\ud800 text\n"
    os.close(log)


def test_a_process_whose_parent_is_another_one_is_an_orphan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker_process.sys, "platform", "other")
    assert end_with_parent(os.getppid())
    assert not end_with_parent(os.getppid() + 1)
