"""Worker processes of a host: started, found again after a restart, watched, and how they ended.

They have a session of their own and do not end with the supervisor. One that an earlier
supervisor started is not our child: that it is gone is seen, its exit code is not.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import msgpack
import psutil
from waterspout.topology.plan import Plan

from ..processes import exit_reason, spawn
from ..slot_file import Suspects, read_slot, slot_path
from ..sockets import NO_PORT_EXIT
from ..worker_end import END_REASONS
from ..worker_logs import log_path
from .host_core import Adopted
from .host_worker import ExitRecord, Key
from .plan_files import read_plan
from .process_table import ProcessRow, ProcessTable, read_table, write_table
from .supervisor_folder import SupervisorFolder

#: Two clocks give the start of a process; they agree up to this, in seconds.
CREATED_TOLERANCE_S = 0.05
_LAST_LINE_MAX = 500
_NOT_OURS = "ended; how is not known, as an earlier supervisor had started it"
_NO_SUSPECTS = Suspects([], {}, {})


class HostStats(NamedTuple):
    """What the operating system says of a worker."""

    key: Key
    memory_bytes: int
    cpu_percent: float


@dataclass(slots=True)
class _Process:
    """One process; ``child`` when it is ours."""

    row: ProcessRow
    process: psutil.Process | None = None
    child: subprocess.Popen[bytes] | None = None
    #: Of one that is not our child: readable once it has ended; never means another process.
    pidfd: int | None = None
    killed: bool = False
    oom_kills: int = 0
    memory_bytes: int = 0


class HostProcesses:
    """The processes of a host's workers. Everything is called on the main thread.

    Args:
        folder: of the supervisor.
    """

    def __init__(self, folder: SupervisorFolder) -> None:
        self._folder = folder
        self._processes: dict[Key, _Process] = {}
        table = read_table(folder.processes)
        #: Of the coordinator that the workers follow; kept with the table.
        self.term, self.token = table.term, table.token
        self._found = table.rows
        self._same_boot = table.machine == folder.machine
        self._changed = False

    # Taking over.

    def adopt(self) -> list[Adopted]:
        """Return what an earlier supervisor started; called once, first."""
        adopted = []
        by_key = {row.key: row for row in self._found}
        #: Found by their command lines: they run now.
        seen: set[Key] = set()
        lost = [row for row in self._found if row.pid is None]
        for row in _rows_of_commands(self._folder) if lost or not self._found else ():
            if row.key not in by_key or by_key[row.key].pid is None:
                seen.add(row.key)
                known = by_key.get(row.key, row)
                by_key[row.key] = replace(known, pid=row.pid, created=row.created, ticks=row.ticks)
        for key, row in by_key.items():
            process = _process_of(row, same_boot=self._same_boot or key in seen)
            each = self._processes[key] = _Process(row, process)
            each.pidfd = _pidfd_of(each.process)
            alive = each.process is not None
            exit = None if alive else self._exit(each, "ended while its supervisor was away")
            adopted.append(Adopted(key, row.pid, row.created, alive, exit, row.local))
        self._save()
        return adopted

    # Starting and ending.

    def spawn_all(self, wanted: Sequence[tuple[ProcessRow, list[str]]]) -> dict[Key, str]:
        """Start processes; return (key -> why) for those that could not be.

        Args:
            wanted: who, with its command.
        """
        failed: dict[Key, str] = {}
        for row, _ in wanted:
            self._processes[row.key] = _Process(row)
        try:
            self._save()
        except OSError as error:
            # What is not written down would be lost after a restart of ours.
            for row, _ in wanted:
                failed[row.key] = f"cannot write the table of processes: {error}"
                del self._processes[row.key]
            return failed
        for row, command in wanted:
            try:
                self._spawn(row, command)
            except OSError as error:
                failed[row.key] = f"cannot be started: {error}"
                del self._processes[row.key]
        self.save()
        return failed

    def _spawn(self, row: ProcessRow, command: list[str]) -> None:
        folder = self._folder.make_topology(row.id)
        each = self._processes[row.key]
        log = log_path(folder, row.worker)
        each.child = spawn(command, log, cwd=folder / "work", session=True)
        created = time.time()
        with suppress(psutil.Error):
            each.process = psutil.Process(each.child.pid)
            created = each.process.create_time()
        each.row = replace(
            row, pid=each.child.pid, created=created, ticks=start_ticks(each.child.pid)
        )
        each.oom_kills = oom_kills()

    def row(self, key: Key) -> ProcessRow | None:
        """Return what is known of a process."""
        each = self._processes.get(key)
        return None if each is None else each.row

    def planned(self, key: Key, file: str) -> None:
        """A worker is about to be given the plan in this file."""
        each = self._processes.get(key)
        if each is not None and each.row.plan != file:
            each.row = replace(each.row, plan=file)
            self._changed = True

    def plans(self) -> set[tuple[str, str]]:
        """Return (topology id, file) of every plan that may have to be read."""
        return {(each.row.id, each.row.plan) for each in self._processes.values() if each.row.plan}

    def kill(self, key: Key) -> None:
        """Kill a process; its exit is found later."""
        each = self._processes.get(key)
        if each is None:
            return
        each.killed = True
        if each.child is not None:
            each.child.kill()
        elif each.pidfd is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(each.pidfd, signal.SIGKILL)
        elif each.process is not None:
            # psutil looks at the time of creation first: never somebody else's process.
            with suppress(psutil.Error):
                each.process.kill()

    def forget(self, key: Key) -> None:
        """Nobody asks for this process any more."""
        each = self._processes.pop(key, None)
        if each is not None:
            if each.pidfd is not None:
                os.close(each.pidfd)
            with suppress(OSError, ValueError):
                slot_path(self._folder.topology(key[0]), key[1], key[2]).unlink()
            self._changed = True

    def save(self) -> None:
        """Write the table; a full disk is met when the next process is to be started."""
        with suppress(OSError):
            self._save()

    def save_changes(self) -> None:
        """Write the table if it has changed; called at the end of each turn."""
        if self._changed:
            self.save()

    def _save(self) -> None:
        self._changed = False
        rows = tuple(each.row for each in self._processes.values())
        table = ProcessTable(self.term, rows, self._folder.machine, self.token)
        write_table(self._folder.processes, table)

    # What became of them.

    def exits(self, running: Iterable[Key]) -> list[tuple[Key, ExitRecord]]:
        """Return those of ``running`` that are gone."""
        found = []
        for key in running:
            each = self._processes.get(key)
            if each is None:
                found.append((key, ExitRecord("its process is not known")))
            elif (reason := self._ended(each)) is not None:
                found.append((key, self._exit(each, reason)))
        return found

    def _ended(self, each: _Process) -> str | None:
        """Return how a process ended; None: it did not."""
        if each.child is not None:
            code = each.child.poll()
            return None if code is None else self._reason(each, code)
        if each.pidfd is not None:
            alive = not _readable(each.pidfd)
        else:
            alive = each.process is not None and _lives(each.process)
        if not alive:
            return "killed" if each.killed else _NOT_OURS
        return None

    def _reason(self, each: _Process, code: int) -> str:
        if code == 0:
            return exit_reason(code)
        if code == -signal.SIGKILL:
            if not each.killed and oom_kills() > each.oom_kills:
                mib = each.memory_bytes >> 20
                return (
                    f"{exit_reason(code)}, probably by the kernel as memory ran out "
                    f"(it had {mib} MiB)"
                )
            return exit_reason(code)
        log = log_path(self._folder.topology(each.row.id), each.row.worker)
        if code in END_REASONS:
            return END_REASONS[code]
        if code == NO_PORT_EXIT:
            return last_line(log) or exit_reason(code)
        return f"{exit_reason(code)}, see {log}"

    def _exit(self, each: _Process, reason: str) -> ExitRecord:
        left = self._suspects(each.row)
        return ExitRecord(reason, tuple(left.roots), left.positions, left.drawn)

    def _suspects(self, row: ProcessRow) -> Suspects:
        """Return what was at work; the file stays until the exit was told to the coordinator."""
        if not row.plan:
            return _NO_SUSPECTS
        folder = self._folder.topology(row.id)
        plan = plan_of(folder, row.plan)
        if plan is None:
            return _NO_SUSPECTS
        return read_slot(plan, folder, row.worker, row.incarnation, keep=True)

    def stats(self) -> list[HostStats]:
        """Return memory and share of a core since the last call, for each process."""
        found = []
        for key, each in self._processes.items():
            if each.process is not None:
                with suppress(psutil.Error):
                    each.memory_bytes = each.process.memory_info().rss
                    found.append(HostStats(key, each.memory_bytes, each.process.cpu_percent()))
        return found


def plan_of(folder: Path, file: str) -> Plan | None:
    """Return the plan in this file of a topology's folder; None: it cannot be read."""
    try:
        return Plan.from_wire(read_plan(folder, file))
    except (OSError, ValueError, KeyError, TypeError, msgpack.UnpackException):
        return None


def last_line(log: Path) -> str:
    """Return the last line of a log; "" when there is none."""
    with suppress(OSError), open(log, "rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - _LAST_LINE_MAX, 0))
        lines = file.read().decode("utf-8", "replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "")
    return ""


def oom_kills() -> int:
    """Return how many processes the kernel has killed for lack of memory since it booted."""
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/vmstat").read_text("ascii").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def start_ticks(pid: int) -> int:
    """Return when a process started, in ticks since the machine booted; 0: it is not known.

    Source: proc(5), field ``starttime`` of /proc/PID/stat. Unlike the time of creation that
    psutil gives, it does not move when the clock is set.
    """
    with suppress(OSError, ValueError, IndexError):
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        # The name of the program, in brackets, may hold anything.
        return int(stat.rpartition(")")[2].split()[19])
    return 0


def _process_of(row: ProcessRow, same_boot: bool) -> psutil.Process | None:
    """Return the process of a row if it still runs: the same pid, started at the same time."""
    if row.pid is None:
        return None
    try:
        process = psutil.Process(row.pid)
        if row.ticks:
            same = same_boot and start_ticks(row.pid) == row.ticks
        else:
            same = abs(process.create_time() - row.created) <= CREATED_TOLERANCE_S
    except psutil.Error:
        return None
    return process if same and _lives(process) else None


def _pidfd_of(process: psutil.Process | None) -> int | None:
    """Return a descriptor that stands for this process alone; None: it is gone, or no Linux."""
    if process is None or not hasattr(os, "pidfd_open"):
        return None
    try:
        pidfd = os.pidfd_open(process.pid)
    except OSError:
        return None
    # Its number may have been given to another one before the descriptor was made.
    if process.is_running():
        return pidfd
    os.close(pidfd)
    return None


def _readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _lives(process: psutil.Process) -> bool:
    """Say whether it runs; one that nobody waited for is gone, too."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _rows_of_commands(folder: SupervisorFolder) -> list[ProcessRow]:
    """Return workers of this folder by the command lines of this user's processes."""
    found = []
    base = str(folder.path / "topologies") + os.sep
    for process in psutil.process_iter():
        with suppress(psutil.Error, ValueError, KeyError):
            if process.uids().real != os.getuid():
                continue
            options = _options(process.cmdline())
            state_dir = options["state-dir"]
            if state_dir.startswith(base) and "waterspout.supervisor.worker" in process.cmdline():
                found.append(
                    ProcessRow(
                        state_dir.removeprefix(base),
                        int(options["worker"]),
                        int(options["incarnation"], 16),
                        process.pid,
                        process.create_time(),
                        start_ticks(process.pid),
                    )
                )
    return found


def _options(command: list[str]) -> dict[str, Any]:
    pairs = (word[2:].partition("=") for word in command if word.startswith("--"))
    return {name: value for name, sep, value in pairs if sep}
