"""What user code prints can not fail, and a worker knows whether its parent is there."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from waterspout.supervisor import worker_process
from waterspout.supervisor.standard_streams import NeverFails
from waterspout.supervisor.worker_process import (
    end_with_parent,
    leave_signals_to_parent,
    signal_pipe,
)


def text_over(descriptor: int) -> io.TextIOWrapper:
    raw = NeverFails(descriptor, "w", closefd=False)
    buffered = io.BufferedWriter(raw)
    return io.TextIOWrapper(buffered, "utf-8", errors="backslashreplace", line_buffering=True)


def test_print_to_a_full_disk_raises_nothing() -> None:
    try:
        full = os.open("/dev/full", os.O_WRONLY)
    except OSError:
        pytest.skip("needs /dev/full: mknod -m 666 /dev/full c 1 7")
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


@pytest.fixture
def handlers() -> Iterator[None]:
    """Put this process's own signal handlers back."""
    before = {number: signal.getsignal(number) for number in worker_process.PARENT_SIGNALS}
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_is_read_from_the_pipe_and_ends_nothing_by_itself(handlers: None) -> None:
    read = signal_pipe()
    leave_signals_to_parent()
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGHUP)
    assert set(os.read(read, 100)) == {signal.SIGTERM, signal.SIGHUP}


def test_a_signal_to_what_a_component_forked_is_not_the_workers(handlers: None) -> None:
    read = signal_pipe()
    leave_signals_to_parent()
    child = os.fork()
    if not child:
        signal.pause()
        os._exit(0)
    os.kill(child, signal.SIGTERM)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGTERM
    with pytest.raises(BlockingIOError):
        os.read(read, 100)
