"""Asking a run: the answer, or an error within the time given."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
import zmq
from waterspout.supervisor.run_folder import RunInfo
from waterspout.supervisor.sockets import Context
from waterspout.supervisor.status_client import NoAnswer, ask, not_running
from waterspout.supervisor.status_server import StatusServer

from .shell_fakes import FakeDriver


def run_at(path: Path | str) -> RunInfo:
    return RunInfo("tides", os.getpid(), f"ipc://{path}", 0.0)


def test_an_answer_comes_back() -> None:
    path = f"/tmp/wss-{os.getpid()}"
    context: Context = zmq.Context()
    server = StatusServer(context, f"ipc://{path}", FakeDriver())  # type: ignore[arg-type]

    def serve() -> None:
        assert server.socket.poll(10_000)
        server.turn(3.0)

    serving = threading.Thread(target=serve)
    serving.start()
    assert ask(run_at(path), {"kind": "status"}, 10.0)["status"]["topology"] == "fake"
    serving.join()
    server.close()
    context.term()


def test_a_run_that_is_stopped_is_an_error_within_the_time() -> None:
    path = f"/tmp/wst-{os.getpid()}"
    context: Context = zmq.Context()
    server = StatusServer(context, f"ipc://{path}", FakeDriver())  # type: ignore[arg-type]
    began = time.monotonic()
    with pytest.raises(NoAnswer):
        ask(run_at(path), {"kind": "status"}, 0.05)
    assert time.monotonic() - began < 2
    server.close()
    context.term()


def test_a_run_that_is_gone_is_an_error_within_the_time() -> None:
    with pytest.raises(NoAnswer, match=r"tides \(pid \d+\) did not answer within 0.02 s"):
        ask(run_at("/tmp/nobody-listens-here"), {"kind": "status"}, 0.02)


def test_a_name_that_does_not_run_is_said_with_those_that_do() -> None:
    assert not_running("a", []) == "no topology 'a' is running on this machine, nor any other"
    assert not_running("words", ["tides", "word", "word"]) == (
        "no topology 'words' is running on this machine, did you mean 'word'?; "
        "running: tides, word"
    )
