"""Worker processes: their command, how they ended, and that none is left."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from waterspout.spouts.partitions import index_of
from waterspout.spouts.stdin import StdinLines
from waterspout.supervisor import processes
from waterspout.supervisor.processes import Processes, exit_reason, stdin_worker, worker_command
from waterspout.supervisor.run_folder import RunFolder
from waterspout.supervisor.worker import _parser

from ..supervisor.plans import NUMBERS, plan_of


@pytest.fixture
def folder() -> Iterator[RunFolder]:
    runtime = f"/tmp/wsp-{os.getpid()}"
    os.mkdir(runtime, 0o700)
    folder = RunFolder("numbers", "", {"XDG_RUNTIME_DIR": runtime})
    yield folder
    folder.close()
    shutil.rmtree(runtime)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0, "exit code 0"),
        (3, "exit code 3"),
        (-signal.SIGKILL, "killed by signal 9 (SIGKILL)"),
        (-signal.SIGSEGV, "killed by signal 11 (SIGSEGV)"),
        (-250, "killed by signal 250"),
    ],
)
def test_an_end_is_told_in_words(code: int, reason: str) -> None:
    assert exit_reason(code) == reason


def test_the_worker_reads_back_its_own_command(tmp_path: Path) -> None:
    command = worker_command(
        worker=3, incarnation=(1 << 64) - 1, control="ipc://control", endpoint="ipc://w3",
        bytes_max=1000, state_dir=tmp_path / "state", folder=str(tmp_path), parent=42,
        allow=["more", "others.bolts:Split"],
    )  # fmt: skip
    assert command[:4] == [sys.executable, "-P", "-m", "waterspout.supervisor.worker"]
    options = _parser().parse_args(command[4:])
    assert (options.worker, options.incarnation, options.parent) == (3, (1 << 64) - 1, 42)
    assert options.folder == str(tmp_path)
    assert options.allow == ["more", "others.bolts:Split"]
    assert (options.bytes_max, options.endpoint) == (1000, "ipc://w3")


def test_standard_input_goes_to_the_worker_that_reads_it(tmp_path: Path) -> None:
    assert stdin_worker(plan_of(NUMBERS, tmp_path)) is None
    text = NUMBERS.replace("Sequence, args: {count: 500}", "StdinLines")
    plan = plan_of(text, tmp_path, workers=2)
    (spout,) = plan.tasks_of("numbers")
    assert stdin_worker(plan) == spout.worker


@pytest.mark.parametrize("parallelism", [2, 3, 4])
def test_of_several_tasks_the_one_that_takes_the_partition_gets_standard_input(
    tmp_path: Path, parallelism: int
) -> None:
    text = NUMBERS.replace("Sequence, args: {count: 500}", "StdinLines")
    text = text.replace("StdinLines", f"StdinLines, parallelism: {parallelism}")
    plan = plan_of(text, tmp_path, workers=4)
    (name,) = StdinLines().partitions()
    reading = plan.tasks_of("numbers")[index_of(name, parallelism)]
    assert stdin_worker(plan) == reading.worker


def test_a_process_that_cannot_be_started_is_an_exit(
    tmp_path: Path, folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "worker_command", lambda *_, **__: ["/no/such/program"])
    started = Processes(plan_of(NUMBERS, tmp_path), folder, tmp_path, os.getpid())
    started.start(0, 99)
    ((worker, incarnation, reason),) = started.exits()
    assert (worker, incarnation) == (0, 99)
    assert "cannot be started" in reason
    assert started.exits() == []


def test_signals_reach_a_worker_only_when_it_is_ready_for_them(
    tmp_path: Path, folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "import signal, sys; sys.exit(len(signal.pthread_sigmask(signal.SIG_BLOCK, ())))"
    monkeypatch.setattr(
        processes, "worker_command", lambda *_, **__: [sys.executable, "-c", script]
    )
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    started = Processes(plan_of(NUMBERS, tmp_path), folder, tmp_path, os.getpid())
    started.start(0, 1)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    next(iter(started._running.values())).wait(20)
    ((_, _, reason),) = started.exits()
    assert reason.startswith(f"exit code {3 + len(before)}, see ")
    assert reason.endswith("worker-0.log")


def test_closing_leaves_nothing_that_runs(
    tmp_path: Path, folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "import time; time.sleep(60)"
    monkeypatch.setattr(
        processes, "worker_command", lambda *_, **__: [sys.executable, "-c", script]
    )
    started = Processes(plan_of(NUMBERS, tmp_path), folder, tmp_path, os.getpid())
    started.start(0, 1)
    started.start(0, 2)
    (first, _) = started.stats()
    assert first.worker == 0
    assert first.memory_bytes > 0
    started.kill(0, 1)
    started.kill(0, 77)
    started.close()
    assert sorted(started.exits()) == [
        (0, 1, "killed by signal 9 (SIGKILL)"),
        (0, 2, "killed by signal 9 (SIGKILL)"),
    ]
