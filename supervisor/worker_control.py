"""The control thread of a worker: speaks with the coordinator, whatever the data thread does.

Registers, reports every ``report_interval``, hands what the coordinator says to the data
thread, and sends what the core has to say. It ends the process when the parent is gone. What
it says and hears goes through a session (control_session), so that nothing is lost on the way.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import zmq

from .control_session import Session
from .control_wire import CONTROL_BYTES_MAX, unpack
from .open_requests import OpenRequests
from .sockets import Context, Socket, dealer
from .wakeup import Wakeup
from .worker_core import WorkerCore
from .worker_data import DataLoop
from .worker_end import ORPHAN_EXIT, WorkerEnd
from .worker_log_levels import LogLevels

#: How often to report until the topology's settings are known.
FIRST_INTERVAL_S = 0.25
#: An incarnation is one process, and a session of its own.
BOOT = 1
#: Reports with something that must not be lost (errors, suspects) that may be on their way.
NEWS_MAX = 100
#: Exit code after a fault of our own; the log has the traceback.
CRASH_EXIT = 70

_log = logging.getLogger(__name__)


class ControlThread:
    """Carries control messages of one worker.

    Args:
        core: of this worker; ``report`` is called here, all else on the data thread.
        data: gets what the coordinator says.
        context: made in this process.
        control: endpoint of the coordinator.
        endpoint: where this worker takes data.
        parent: process id of the coordinator; when it is gone, so is this process. 0: this
            process lives on without it.
        each_report: called before each report (housekeeping).
        signals: descriptor from which the numbers of signals are read (signal_pipe); None: they
            are for the parent.
        orphan_s: how long the supervisor of a worker without parent may be away; 0: for ever.
        mask: takes secrets out of a message.
    """

    def __init__(
        self,
        core: WorkerCore,
        data: DataLoop,
        context: Context,
        *,
        worker: int,
        incarnation: int,
        control: str,
        endpoint: str,
        parent: int,
        each_report: Callable[[], object],
        signals: int | None = None,
        orphan_s: float = 0.0,
        mask: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda message: message,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._core, self._data, self._clock = core, data, clock
        self._session = Session(BOOT, head={"worker": worker, "incarnation": incarnation})
        self._parent, self._each_report, self._mask = parent, each_report, mask
        self._context, self._control = context, control
        self._signals, self.end = signals, WorkerEnd(orphan_s, clock())
        self._end_said = False
        self._wakeup = Wakeup()
        self._requests = OpenRequests()
        self._log_levels = LogLevels()
        self._outbox: deque[bytes] = deque()
        self._interval_s = FIRST_INTERVAL_S
        self._report_at = clock() + FIRST_INTERVAL_S
        self._ending = False
        place = {"endpoint": endpoint, "key": data.key, "pid": os.getpid()}
        core.verbs.place = place
        self._say({"kind": "register", **place})
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)

    def start(self) -> None:
        """Register and begin to report."""
        self._thread.start()

    def wake(self) -> None:
        """The core has something to say; called on the data thread."""
        self._wakeup.set()

    def finish(self, wait_s: float) -> bool:
        """Send what is left and a last report, and end. Called when the data thread is done.

        Returns whether the thread ended in time.
        """
        self._ending = True
        self._wakeup.set()
        self._thread.join(wait_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._talk()
        except BaseException:
            # A worker that says nothing any more would be killed for it half a minute later.
            traceback.print_exc()
            os._exit(CRASH_EXIT)

    def _talk(self) -> None:
        socket = dealer(self._context, self._control, CONTROL_BYTES_MAX)
        poller = zmq.Poller()
        poller.register(self._wakeup.fileno(), zmq.POLLIN)
        if self._signals is not None:
            poller.register(self._signals, zmq.POLLIN)
        while not self._ending:
            # Without room in the socket there is no point in waking up for what waits.
            poller.register(socket, zmq.POLLIN | (zmq.POLLOUT if self._outbox else 0))
            due_at = math.inf if self._outbox else self._session.next_at
            wait_s = max(0.0, min(self._report_at, due_at, self.end.at) - self._clock())
            poller.poll(int(wait_s * 1000) + 1)
            self._wakeup.clear()
            self._turn(socket)
            self._look_for_end(socket)
        self._report()
        self._flush(socket)
        # Closing lingers for LINGER_MS: the last words still go out.
        socket.close()

    def _turn(self, socket: Socket) -> None:
        with suppress(zmq.Again):
            while True:
                message = self._session.receive(unpack(socket.recv(zmq.NOBLOCK)), self._clock())
                if message is not None:
                    self._on_message(message)
        # What the data thread was given is dealt with: it is in order there, and dies with us.
        self._session.handled()
        if self._clock() >= self._report_at:
            self._report_at = self._clock() + self._interval_s
            if self._parent and os.getppid() != self._parent:
                os._exit(ORPHAN_EXIT)
            self._each_report()
            self._log_levels.turn(self._clock())
            # A coordinator that does not read (stopped by Ctrl-Z) gets no heap of old reports.
            if not self._outbox and not self._session.full:
                self._report()
        if not self._outbox:
            self._outbox.extend(self._session.due(self._clock()))
        self._flush(socket)

    def _look_for_end(self, socket: Socket) -> None:
        """Have the data thread end when it is time to, and wait for it no longer than it may."""
        now = self._clock()
        if self._signals is not None:
            with suppress(BlockingIOError):
                self.end.on_signals(os.read(self._signals, 4096), now)
        if not self._parent:
            # Without a connection there is no room: nothing is queued for who is not there.
            self.end.look(bool(socket.poll(0, zmq.POLLOUT)), now)
        if self.end.code and not self._end_said:
            self._end_said = True
            _log.warning("worker ends: %s", self.end.reason)
            self._data.post(lambda now: self._core.end())
        if now >= self.end.at:
            self._report()
            self._flush(socket)
            os._exit(self.end.code)

    def _on_message(self, message: Mapping[str, Any]) -> None:
        self._requests.heard(message)
        kind = message.get("kind")
        if kind == "assign":
            settings = message["plan"]["spec"]["settings"]
            self._interval_s = settings["report_interval_s"]
        elif kind == "log_level":
            self._log_levels.order(message, self._clock())
        elif kind == "stop":
            # The data thread may be in a call that never ends: what is known is said now.
            self._report()
        self._data.post(partial(self._data.on_control, message))

    # What goes out.

    def _say(self, message: Mapping[str, Any], *, numbered: bool = True) -> None:
        self._outbox.append(self._session.send(message, self._clock(), numbered=numbered))

    def _collect(self) -> None:
        while self._core.control_outbox:
            message = self._mask(self._core.control_outbox.popleft())
            # Samples that are lost are no loss.
            self._say(message, numbered=message["kind"] != "taps")
            if message["kind"] == "here":
                for request in self._requests.all():
                    self._say(request)
            self._requests.said(message)

    def _report(self) -> None:
        self._collect()
        now = self._clock()
        report = dict(self._mask(self._core.report(now)))
        report["loop_age_s"] = round(now - self._data.turned_at, 3)
        if (report["errors"] or report.get("suspects")) and self._session.unacked < NEWS_MAX:
            # On their own: a report that is late must not put counters back.
            self._say({**report, "tasks": []})
            report["errors"] = []
            report.pop("suspects", None)
        self._say(report, numbered=False)

    def _flush(self, socket: Socket) -> None:
        self._collect()
        with suppress(zmq.Again):
            while self._outbox:
                socket.send(self._outbox[0], zmq.NOBLOCK)
                self._outbox.popleft()
