"""``waterspout run --in-process``: coordinator and one worker in this process and thread.

No sockets and no other processes, so that breakpoints, debuggers and ``print`` in components
work (``in_process_output``: where to). A call that hangs hangs everything here; ``blocking`` and
async components still have their threads.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from waterspout.bolts.offload import Call
from waterspout.topology.plan import Plan

from .effects import Event
from .in_process_output import components_output
from .offload import Offload
from .run_driver import RunDriver
from .run_result import RunResult
from .snapshot_store import SnapshotStore
from .task_states import StateHost
from .worker_core import WorkerCore
from .worker_snapshots import write_part

#: A worker with nothing to do reports at once, but not more often than this.
REPORT_MIN_S = 0.02
#: Longest nap.
NAP_MAX_S = 0.05


def run_in_process(
    plan: Plan,
    *,
    state_dir: Path,
    fresh: bool = False,
    on_progress: Callable[[dict[str, Any]], None] | None = None,
    on_event: Callable[[Event], None] | None = None,
    on_start: Callable[[RunDriver], None] | None = None,
) -> RunResult:
    """Run a plan of one worker until it is over.

    Args:
        plan: of one worker (``make_plan(spec, facts, workers=1)``).
        state_dir, fresh, on_progress, on_event: as in ``LocalRun``.
        on_start: gets the driver, whose ``request_drain`` and ``request_stop`` end the run.

    Raises:
        UserError: the state is in use or belongs to another topology.
        StoreError: the store cannot be used (any more).
    """
    assert plan.workers == 1, "one process is one worker"
    host = _Host(plan, state_dir)
    driver = RunDriver(
        plan,
        host,
        state_dir=state_dir.absolute(),
        fresh=fresh,
        on_progress=on_progress,
        on_event=on_event,
    )
    try:
        with _first_on_path(plan.folder), components_output(state_dir):
            if on_start is not None:
                on_start(driver)
            driver.start(time.monotonic())
            while not driver.done:
                host.turn(driver)
            return driver.result(time.monotonic())
    finally:
        host.close()
        driver.close()


class _Host:
    """The one worker, as an object; a ``Host`` of RunDriver."""

    def __init__(self, plan: Plan, state_dir: Path) -> None:
        self._interval_s = plan.settings.report_interval_s
        self._store = SnapshotStore(state_dir.absolute() / "snapshots")
        self._working = state_dir.absolute() / "working"
        self._core: WorkerCore | None = None
        self._incarnation = 0
        #: Messages of the coordinator; handed over outside of its calls.
        self._inbox: deque[Mapping[str, Any]] = deque()
        self._said: deque[dict[str, Any]] = deque()
        self._exit = ""
        self._reported_at = 0.0
        #: Calls of blocking and async bolts that have ended; appended by their threads.
        self._ended: deque[Call] = deque()
        self._offload = Offload(self._on_ended)
        self._wake = threading.Event()

    def close(self) -> None:
        """End the threads of blocking and async bolts."""
        self._offload.close()

    def _on_ended(self, call: Call) -> None:
        self._ended.append(call)
        self._wake.set()

    # What the driver wants done.

    def start(self, worker: int, incarnation: int) -> None:
        self._incarnation, self._exit = incarnation, ""
        self._inbox.clear()
        self._core = WorkerCore(
            worker,
            incarnation,
            clock=time.monotonic,
            rng=random.Random(random.SystemRandom().getrandbits(128)),
            read_part=self._store.open,
        )
        self._core.state_host = StateHost(
            lambda: time.time_ns() // 1_000_000, self._working, f"{incarnation:016x}"
        )
        self._core.on_new_epoch = self._offload.cancel_all
        register = {"kind": "register", "endpoint": "inproc://worker", "pid": 0}
        self._said = deque([register])

    def kill(self, worker: int, incarnation: int, why: str) -> None:
        if self._core is not None and incarnation == self._incarnation:
            self._core, self._exit = None, f"killed: {why}"

    def send(self, worker: int, incarnation: int, message: Mapping[str, Any]) -> None:
        if incarnation == self._incarnation:
            self._inbox.append(message)

    # The loop.

    def turn(self, driver: RunDriver) -> None:
        """Let everybody have a turn; nap when there is nothing to do."""
        now = time.monotonic()
        busy = self._core is not None and self._turn_core(self._core, now)
        self._report(now, busy)
        while self._said:
            driver.on_message(0, self._incarnation, self._said.popleft(), now)
        if self._exit:
            reason, self._exit = self._exit, ""
            driver.on_exit(0, self._incarnation, reason, now)
        driver.turn(now)
        if not busy and not self._inbox and not driver.done:
            wait_s = self._core.wakeup(time.monotonic()) if self._core else NAP_MAX_S
            self._wake.wait(min(wait_s, NAP_MAX_S))
            self._wake.clear()

    def _turn_core(self, core: WorkerCore, now: float) -> bool:
        while self._inbox:
            core.on_control(self._inbox.popleft(), now)
        while self._ended:
            core.on_call_done(self._ended.popleft(), now)
        busy = core.turn(now)
        while core.snapshot_jobs:
            write_part(core, self._store, core.snapshot_jobs.popleft())(time.monotonic())
            busy = True
        while core.calls:
            self._offload.submit(core.calls.popleft())
            busy = True
        self._said += core.control_outbox
        core.control_outbox.clear()
        if core.stopped:
            self._said.append(core.report(now))
            self._core, self._exit = None, "exit code 0"
        return busy or bool(self._said)

    def _report(self, now: float, busy: bool) -> None:
        """Report now and then, and soon when there is nothing to do: the run may be over."""
        since_s = now - self._reported_at
        due = since_s >= self._interval_s or (not busy and since_s >= REPORT_MIN_S)
        if self._core is not None and due:
            self._reported_at = now
            self._said.append(self._core.report(now))


@contextmanager
def _first_on_path(folder: str) -> Iterator[None]:
    """Have components next to the topology's file importable, as in a worker process."""
    if folder:
        sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder:
            sys.path.remove(folder)
