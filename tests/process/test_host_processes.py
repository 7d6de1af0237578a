"""Worker processes of a host: found again after a restart, never another's, and why they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from waterspout.spouts.groups import Group
from waterspout.supervisor.cluster import host_processes
from waterspout.supervisor.cluster.host_processes import HostProcesses
from waterspout.supervisor.cluster.host_worker import ExitRecord
from waterspout.supervisor.cluster.plan_files import write_plan
from waterspout.supervisor.cluster.process_table import (
    ProcessRow,
    ProcessTable,
    read_table,
    write_table,
)
from waterspout.supervisor.cluster.supervisor_folder import SupervisorFolder
from waterspout.supervisor.crash_slot import CrashSlot, slot_bytes
from waterspout.supervisor.slot_file import map_slot, slot_path

from ..supervisor.cores import plan_of

ID = "words-0a1b2c"
KEY = (ID, 0, 7)
SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
PLAN = plan_of({"source": 1, "work": 1})
ROOT = (1 << 48) | 5


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[SupervisorFolder]:
    folder = SupervisorFolder(tmp_path / "data")
    yield folder
    for row in read_table(folder.processes).rows:
        if row.pid is not None and psutil.pid_exists(row.pid):
            os.kill(row.pid, signal.SIGKILL)
    folder.close()


def started(folder: SupervisorFolder, command: list[str] = SLEEP) -> HostProcesses:
    processes = HostProcesses(folder)
    processes.adopt()
    assert processes.spawn_all([(ProcessRow(*KEY, local=("mine",)), command)]) == {}
    return processes


def written(
    folder: SupervisorFolder, row: ProcessRow, term: int = 1, machine: str | None = None
) -> None:
    """Have this in the table of processes."""
    table = ProcessTable(term, (row,), folder.machine if machine is None else machine)
    write_table(folder.processes, table)


def ended(processes: HostProcesses) -> ExitRecord:
    child = processes._processes[KEY].child
    assert child is not None
    child.wait(20)
    ((key, exit),) = processes.exits([KEY])
    assert key == KEY
    return exit


def test_a_process_is_on_disk_with_its_pid_and_time_before_anybody_hears_of_it(
    folder: SupervisorFolder,
) -> None:
    processes = started(folder)
    (row,) = read_table(folder.processes).rows
    assert row == processes.row(KEY)
    assert row.pid is not None
    assert psutil.Process(row.pid).create_time() == row.created
    assert os.getsid(row.pid) == row.pid
    assert Path(f"/proc/{row.pid}/cwd").resolve() == folder.topology(ID) / "work"
    assert processes.exits([KEY]) == []


def test_the_next_supervisor_finds_what_runs_and_sees_when_it_ends(
    folder: SupervisorFolder,
) -> None:
    """F04."""
    first = started(folder)
    second = HostProcesses(folder)
    (adopted,) = second.adopt()
    row = first.row(KEY)
    assert row is not None
    assert (adopted.key, adopted.pid, adopted.alive) == (KEY, row.pid, True)
    assert adopted.local == ("mine",)
    assert second.exits([KEY]) == []
    (stats,) = second.stats()
    assert stats.memory_bytes > 0
    second.kill(KEY)
    child = first._processes[KEY].child
    assert child is not None
    # Nobody has waited for it yet: it is a zombie, and gone all the same.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    ((_, exit),) = second.exits([KEY])
    assert exit.reason == "killed"
    child.wait(20)
    second.forget(KEY)
    second.save_changes()
    assert HostProcesses(folder).adopt() == []


def test_without_a_descriptor_of_the_process_its_end_is_seen_all_the_same(
    folder: SupervisorFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    first = started(folder)
    second = HostProcesses(folder)
    second.adopt()
    assert second.exits([KEY]) == []
    second.kill(KEY)
    child = first._processes[KEY].child
    assert child is not None
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    ((_, exit),) = second.exits([KEY])
    assert exit.reason == "killed"
    child.wait(20)


def test_the_same_pid_with_another_start_is_somebody_else(folder: SupervisorFolder) -> None:
    """F04: pids come again."""
    first = started(folder)
    row = first.row(KEY)
    assert row is not None
    written(folder, replace(row, ticks=row.ticks - 1))
    second = HostProcesses(folder)
    (adopted,) = second.adopt()
    assert not adopted.alive
    assert adopted.exit is not None
    assert adopted.exit.reason == "ended while its supervisor was away"
    second.kill(KEY)
    assert first.exits([KEY]) == []
    # Nor is it ours when the machine has booted since.
    written(folder, row, machine="before")
    (adopted,) = HostProcesses(folder).adopt()
    assert not adopted.alive
    written(folder, row)


def test_a_clock_that_was_set_makes_no_stranger_of_a_process(folder: SupervisorFolder) -> None:
    """F13: the wall clock decides nothing."""
    row = started(folder).row(KEY)
    assert row is not None
    assert row.ticks > 0
    written(folder, replace(row, created=row.created - 3600))
    (adopted,) = HostProcesses(folder).adopt()
    assert adopted.alive


def test_where_the_kernel_does_not_tell_the_time_of_creation_has_to_do(
    folder: SupervisorFolder,
) -> None:
    row = started(folder).row(KEY)
    assert row is not None
    for offset_s, alive in ((0.0, True), (-60.0, False)):
        written(folder, replace(row, ticks=0, created=row.created + offset_s))
        (adopted,) = HostProcesses(folder).adopt()
        assert adopted.alive is alive
    written(folder, row)


def test_a_process_whose_pid_was_not_written_is_found_by_its_command(
    folder: SupervisorFolder,
) -> None:
    state_dir = folder.make_topology(ID)
    command = [
        *SLEEP, "waterspout.supervisor.worker", f"--state-dir={state_dir}", "--worker=0",
        "--incarnation=7",
    ]  # fmt: skip
    child = subprocess.Popen(command)
    try:
        written(folder, ProcessRow(*KEY, local=("mine",)), term=3)
        processes = HostProcesses(folder)
        (adopted,) = processes.adopt()
        assert (adopted.key, adopted.pid, adopted.alive) == (KEY, child.pid, True)
        assert adopted.local == ("mine",)
        assert processes.term == 3
        folder.processes.unlink()
        (found,) = HostProcesses(folder).adopt()
        assert (found.key, found.pid) == (KEY, child.pid)
    finally:
        child.kill()
        child.wait(20)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("pass", "exit code 0"),
        ("import sys; sys.exit(3)", "exit code 3, see "),
        ("import os; os.kill(os.getpid(), 9)", "killed by signal 9 (SIGKILL)"),
        ("import os; os.abort()", "killed by signal 6 (SIGABRT), see "),
    ],
)
def test_an_end_has_a_reason(folder: SupervisorFolder, script: str, reason: str) -> None:
    processes = started(folder, [sys.executable, "-S", "-c", script])
    assert ended(processes).reason.startswith(reason)


def test_a_worker_without_a_free_port_says_which_ports_it_tried(folder: SupervisorFolder) -> None:
    """F17."""
    script = (
        "import sys; print('no free port in 7500-7501 at tcp://a', file=sys.stderr); sys.exit(72)"
    )
    processes = started(folder, [sys.executable, "-S", "-c", script])
    assert ended(processes).reason == "no free port in 7500-7501 at tcp://a"


def test_a_kill_that_is_not_ours_while_memory_ran_out_is_told_as_such(
    folder: SupervisorFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F14."""
    count = iter((1, 2, 3))
    monkeypatch.setattr(host_processes, "oom_kills", lambda: next(count))
    processes = started(folder, [sys.executable, "-S", "-c", "import os; os.kill(os.getpid(), 9)"])
    assert "memory ran out" in ended(processes).reason


def test_a_kill_of_ours_is_not_taken_for_the_kernels(
    folder: SupervisorFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = iter((1, 2, 3))
    monkeypatch.setattr(host_processes, "oom_kills", lambda: next(count))
    processes = started(folder)
    processes.kill(KEY)
    assert ended(processes).reason == "killed by signal 9 (SIGKILL)"


def test_what_cannot_be_started_leaves_no_trace(folder: SupervisorFolder) -> None:
    processes = HostProcesses(folder)
    failed = processes.spawn_all([(ProcessRow(*KEY), ["/no/such/program"])])
    assert "cannot be started" in failed[KEY]
    assert read_table(folder.processes).rows == ()
    assert processes.row(KEY) is None


def test_what_cannot_be_written_down_is_not_started(
    folder: SupervisorFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(host_processes, "write_table", full)
    processes = HostProcesses(folder)
    failed = processes.spawn_all([(ProcessRow(*KEY), SLEEP)])
    assert "No space left" in failed[KEY]
    assert processes.row(KEY) is None


def test_what_was_at_work_in_a_dead_worker_is_read_with_its_plan_until_it_is_forgotten(
    folder: SupervisorFolder,
) -> None:
    state_dir = folder.make_topology(ID)
    processes = started(folder)
    processes.planned(KEY, write_plan(state_dir, PLAN.to_wire()))
    processes.save_changes()
    slot = CrashSlot(PLAN, 0, map_slot(slot_path(state_dir, 0, 7))(slot_bytes(PLAN, 0)))
    slot.in_flight(1)(ROOT, Group("a.txt", 10, 11, 1, 0.0), 4)
    slot.at_work(2)((ROOT,))
    processes.kill(KEY)
    exit = ended(processes)
    assert (exit.roots, exit.drawn) == ((ROOT,), {1: 4})
    assert exit.positions == {1: [["a.txt", 10, 11, 0, True]]}
    # The exit was not told, and the supervisor is started again.
    (adopted,) = HostProcesses(folder).adopt()
    assert adopted.exit is not None
    assert adopted.exit.roots == (ROOT,)
    processes.forget(KEY)
    assert not slot_path(state_dir, 0, 7).exists()
    assert processes.plans() == set()


def test_a_process_that_is_not_known_is_gone(folder: SupervisorFolder) -> None:
    ((_, exit),) = HostProcesses(folder).exits([KEY])
    assert "not known" in exit.reason
