"""``waterspout run`` on one machine: a coordinator and its worker processes, on loopback.

    main thread of `run`                         worker processes
    +--------------------------------+   ipc    +-----------------------------+
    | Coordinator <- ControlSocket   | <------> | control thread              |
    |             <- Processes       |          | data thread <-> data thread |
    | `status` <- StatusServer       |          +-----------------------------+
    +--------------------------------+

The loop waits in one poll, for at most POLL_MS, and does nothing that takes long.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import zmq
from waterspout.topology.plan import Plan

from .control_socket import ControlSocket
from .effects import Event
from .processes import Exit, Processes
from .run_driver import RunDriver
from .run_folder import RunFolder
from .run_result import RunResult
from .slot_file import read_slot
from .sockets import Context
from .status_server import StatusServer

#: Longest wait of the loop: how late an exit or a Ctrl-C may be noticed.
POLL_MS = 50
#: Wait of the loop while an exit is held back for the last words of its process.
LAST_WORDS_MS = 5
#: How often the operating system is asked what workers cost.
STATS_S = 1.0


class LocalRun:
    """Runs a plan on worker processes of this machine.

    Args:
        plan: what to run.
        state_dir: folder of store, snapshots and logs, made when it is not there.
        allow: what workers may import besides our classes and the code next to the topology.
        fresh: forget the state of earlier runs.
        on_progress: called with the status dict every half second, on the thread of ``run``.
        on_event: called with every event of the coordinator, on the thread of ``run``.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        state_dir: Path,
        allow: Sequence[str] = (),
        fresh: bool = False,
        on_progress: Callable[[dict[str, Any]], None] | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self._plan, self._state_dir, self._fresh = plan, state_dir.absolute(), fresh
        self._allow = allow
        self._on_progress, self._on_event = on_progress, on_event
        self._drain_wanted = self._stop_wanted = False
        #: Exits that were seen in the last turn; told when the last words have been read.
        self._exits: list[Exit] = []
        self._stats_at = 0.0

    def run(self) -> RunResult:
        """Run until the input ends, a drain is done, or it failed. Called once.

        The thread that calls it must live on until it returns: workers end with it.

        Raises:
            UserError: the state is in use or belongs to another topology; no folder for sockets.
            StoreError: the store cannot be used (any more).
        """
        with ExitStack() as closing:
            self._open(closing)
            self._driver.start(time.monotonic())
            while not self._driver.done:
                self._turn()
            return self._driver.result(time.monotonic())

    def request_drain(self) -> None:
        """Ask to end soon: spouts stop, what is pending is worked off.

        May be called from a signal handler or another thread.
        """
        self._drain_wanted = True

    def request_stop(self) -> None:
        """Ask to end at once; what is not durable is replayed by the next run.

        May be called from a signal handler or another thread.
        """
        self._stop_wanted = True

    def _open(self, closing: ExitStack) -> None:
        """Make what the run needs; it is closed in the opposite order."""
        self._driver = RunDriver(
            self._plan,
            self,
            state_dir=self._state_dir,
            fresh=self._fresh,
            on_progress=self._on_progress,
            on_event=self._on_event,
        )
        closing.callback(self._driver.close)
        folder = RunFolder(self._plan.name, self._state_dir)
        closing.callback(folder.close)
        context: Context = zmq.Context()
        closing.callback(context.term)
        self._control = ControlSocket(context, folder.endpoint("control"))
        closing.callback(self._control.close)
        self._status = StatusServer(context, folder.endpoint("status"), self._driver)
        closing.callback(self._status.close)
        self._processes = Processes(
            self._plan, folder, self._state_dir, os.getpid(), self._allow
        )
        closing.callback(self._processes.close)
        self._poller = zmq.Poller()
        for socket in (self._control.socket, self._status.socket):
            self._poller.register(socket, zmq.POLLIN)

    # The loop.

    def _turn(self) -> None:
        held_back = bool(self._exits)
        self._poller.poll(LAST_WORDS_MS if held_back else POLL_MS)
        now = time.monotonic()
        self._take_messages(now)
        self._take_exits(now)
        self._status.turn(now)
        self._pass_requests()
        self._take_stats(now)
        self._driver.turn(now)
        self._control.turn(now)

    def _take_messages(self, now: float) -> None:
        for worker, incarnation, message in self._control.receive(now):
            self._driver.on_message(worker, incarnation, message, now)
        self._control.handled()

    def _take_exits(self, now: float) -> None:
        """Tell the coordinator of exits seen in the last turn: their messages are read by now."""
        told, self._exits = self._exits, self._processes.exits()
        for worker, incarnation, reason in told:
            left = read_slot(self._plan, self._state_dir, worker, incarnation)
            self._driver.on_exit(
                worker, incarnation, reason, now, left.roots, left.positions, left.drawn
            )
            self._control.forget(worker, incarnation)

    def _pass_requests(self) -> None:
        if self._stop_wanted:
            self._stop_wanted = False
            self._driver.request_stop()
        if self._drain_wanted:
            self._drain_wanted = False
            self._driver.request_drain()

    def _take_stats(self, now: float) -> None:
        if now >= self._stats_at:
            self._stats_at = now + STATS_S
            for stats in self._processes.stats():
                self._driver.coordinator.on_worker_stats(*stats)

    # What the driver wants done with workers.

    def start(self, worker: int, incarnation: int) -> None:
        """Start a worker process."""
        self._processes.start(worker, incarnation)

    def kill(self, worker: int, incarnation: int, why: str) -> None:
        """Kill a worker process."""
        self._processes.kill(worker, incarnation)

    def send(self, worker: int, incarnation: int, message: Mapping[str, Any]) -> None:
        """Send a control message."""
        if not self._control.send(worker, incarnation, message, time.monotonic()):
            self._processes.kill(worker, incarnation)
