"""Worker processes of one machine: starts, kills, exits, and what they cost.

The parent waits for nothing here: exits are looked for, not waited for.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil
from waterspout.spouts.partitions import index_of
from waterspout.spouts.registry import SPOUTS
from waterspout.spouts.stdin import PARTITION
from waterspout.topology.plan import Plan
from waterspout.topology.wire_limits import message_bytes_max

from .run_folder import RunFolder
from .worker_logs import log_path, open_log, set_aside
from .worker_process import PARENT_SIGNALS

_NO_OPTIONS: Mapping[str, str] = {}
#: How long the end of a run waits for killed processes to be gone.
REAP_S = 5.0


class Exit(NamedTuple):
    """A worker process that has ended."""

    worker: int
    incarnation: int
    reason: str


class Stats(NamedTuple):
    """What the operating system says of a worker."""

    worker: int
    memory_bytes: int
    cpu_percent: float


class Processes:
    """The processes of one run.

    Workers end with the thread that starts them (PR_SET_PDEATHSIG), so that thread has to stay
    until they have ended.

    Args:
        plan: what they run.
        folder: of the run; holds the sockets.
        state_dir: holds snapshots and logs.
        parent: process id of this process.
        allow: what workers may import (allow_lists.allow_options).
    """

    def __init__(
        self, plan: Plan, folder: RunFolder, state_dir: Path, parent: int,
        allow: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._plan, self._folder, self._state_dir = plan, folder, state_dir
        self._parent, self._allow = parent, allow
        self._stdin_worker = stdin_worker(plan)
        self._running: dict[tuple[int, int], subprocess.Popen[bytes]] = {}
        self._watched: dict[tuple[int, int], psutil.Process] = {}
        #: Workers that could not even be started.
        self._failed: list[Exit] = []
        for worker in range(plan.workers):
            set_aside(log_path(state_dir, worker))

    def start(self, worker: int, incarnation: int) -> None:
        """Start a process; when that fails, it is an exit like any other."""
        command = worker_command(
            worker=worker,
            incarnation=incarnation,
            control=self._folder.endpoint("control"),
            endpoint=self._folder.worker_endpoint(worker, incarnation),
            bytes_max=message_bytes_max(self._plan.settings.frame_bytes_max),
            state_dir=self._state_dir,
            folder=self._plan.folder,
            parent=self._parent,
            allow=self._allow,
        )
        stdin = None if worker == self._stdin_worker else subprocess.DEVNULL
        try:
            process = spawn(command, log_path(self._state_dir, worker), stdin=stdin)
        except OSError as error:
            self._failed.append(Exit(worker, incarnation, f"cannot be started: {error}"))
            return
        self._running[worker, incarnation] = process
        with suppress(psutil.Error):
            self._watched[worker, incarnation] = psutil.Process(process.pid)

    def kill(self, worker: int, incarnation: int) -> None:
        """Kill a process, if it runs; its exit is found later."""
        process = self._running.get((worker, incarnation))
        if process is not None:
            process.kill()

    def exits(self) -> list[Exit]:
        """Return the processes that have ended since the last call."""
        found, self._failed = self._failed, []
        for (worker, incarnation), process in list(self._running.items()):
            code = process.poll()
            if code is not None:
                found.append(Exit(worker, incarnation, self._reason(worker, code)))
                self._running.pop((worker, incarnation))
                self._watched.pop((worker, incarnation), None)
                self._folder.forget_worker(worker, incarnation)
        return found

    def _reason(self, worker: int, code: int) -> str:
        """Return how a worker ended; where it may have left a traceback, also where that is."""
        if code in (0, -signal.SIGKILL):
            return exit_reason(code)
        return f"{exit_reason(code)}, see {log_path(self._state_dir, worker)}"

    def stats(self) -> list[Stats]:
        """Return memory and share of a core since the last call, for each process."""
        found = []
        for (worker, _), process in self._watched.items():
            with suppress(psutil.Error):
                memory_bytes = process.memory_info().rss
                found.append(Stats(worker, memory_bytes, process.cpu_percent()))
        return found

    def close(self) -> None:
        """Kill what still runs, and wait until it is gone."""
        for process in self._running.values():
            process.kill()
        for process in self._running.values():
            # One that the kernel cannot end (a hung disk) is left to it.
            with suppress(subprocess.TimeoutExpired):
                process.wait(REAP_S)


def worker_command(
    *,
    worker: int,
    incarnation: int,
    control: str,
    bytes_max: int,
    state_dir: Path,
    folder: str,
    parent: int,
    allow: Sequence[str],
    endpoint: str = "",
    bind: str = "",
    python: str = sys.executable,
    more: Mapping[str, str] = _NO_OPTIONS,
) -> list[str]:
    """Return the command of a worker process. Everybody can read it: it holds no secrets.

    Args:
        worker: its number.
        incarnation: of this process.
        control: endpoint where it is told what to do.
        bytes_max: of a message on a link.
        state_dir: holds its snapshots, crash slots and log.
        folder: with the topology's own code; "": none.
        parent: process id that it ends with; 0: it outlives whoever started it.
        allow: what it may import besides our classes and that code (allow_lists).
        endpoint: where it takes data; or else ...
        bind: ... tcp://ADDRESS:LO-HI, of which it takes a free port.
        python: interpreter of its environment.
        more: further options.
    """
    options = {
        "control": control,
        "worker": str(worker),
        "incarnation": f"{incarnation:x}",
        **({"bind": bind} if bind else {"endpoint": endpoint}),
        "bytes-max": str(bytes_max),
        "state-dir": str(state_dir),
        "log": str(log_path(state_dir, worker)),
        "folder": folder,
        "parent": str(parent),
        **more,
    }
    # -P: the working directory is not on the path, so that nothing in it stands in for ours.
    command = [python, "-P", "-m", "waterspout.supervisor.worker"]
    command += [f"--{name}={value}" for name, value in options.items()]
    return command + [f"--allow={each}" for each in allow]


def spawn(
    command: Sequence[str],
    log: Path,
    *,
    stdin: int | None = subprocess.DEVNULL,
    cwd: Path | None = None,
    session: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a worker process that writes to ``log``; it takes no signals until it is ready to.

    Args:
        command: from ``worker_command``.
        log: appended to.
        stdin: None: that of this process.
        cwd: its working directory; None: that of this process.
        session: it has a session of its own: no signal of this terminal reaches it.

    Raises:
        OSError: it cannot be started.
    """
    # A Ctrl-C goes to the whole group. Blocked, it waits until the worker can ignore it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, PARENT_SIGNALS)
    try:
        with open(open_log(log), "ab", buffering=0) as output:
            return subprocess.Popen(
                command,
                stdin=stdin,
                stdout=output,
                stderr=output,
                cwd=cwd,
                start_new_session=session,
            )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stdin_worker(plan: Plan) -> int | None:
    """Return the worker that reads the run's standard input, if one does.

    Of several tasks that is the one to which the partition is dealt.
    """
    for spout in plan.spec.spouts.values():
        if spout.class_path == SPOUTS["StdinLines"]:
            tasks = plan.tasks_of(spout.id)
            return tasks[index_of(PARTITION, len(tasks))].worker
    return None


def exit_reason(code: int) -> str:
    """Return for people how a process ended, from its return code as subprocess has it."""
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"killed by signal {-code} ({signal.Signals(-code).name})"
    return f"killed by signal {-code}"
