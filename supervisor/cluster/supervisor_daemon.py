"""The supervisor of a host: starts and watches workers, and carries what they and others say.

    main thread                                             worker processes
    +-----------------------------------------+    ipc     +----------------+
    | coordinator <- HostSocket <- HostLink   | <--------> | control thread |
    | HostCore, Relay -> HostProcesses        |            +----------------+
    | job threads: parts, prepare             |
    +-----------------------------------------+

The loop waits in one poll, for at most POLL_MS, and does nothing that takes long. When it ends,
workers live on; the next supervisor on the same folder finds them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import zmq

from ..sockets import Context
from ..wakeup import Wakeup
from .host_answers import Answers
from .host_connection import HostConnection
from .host_core import HostCore
from .host_facts import hello, load
from .host_link import HostLink, Want
from .host_protocol import WishWorker
from .host_socket import Befell, HostSocket
from .host_work import HostWork
from .supervisor_config import SupervisorConfig
from .supervisor_folder import SupervisorFolder

#: Longest wait of the loop.
POLL_MS = 50
#: Wait of the loop while an exit is held back for the last words of its process.
LAST_WORDS_MS = 5
#: How often logs and disk are looked at.
LOAD_S = 5.0
#: How long an end waits for workers to move away, if they are to.
LEAVE_MAX_S = 30.0

_log = logging.getLogger(__name__)


class SupervisorDaemon:
    """Runs until it is asked to stop. Everything is called on the main thread.

    Args:
        config: of this host.
        folder: of this supervisor, locked.
        connection: makes sockets and clients, with the keys of this host.
        session: random number of this process.
        address: what peers dial.
        reload: gives the configuration anew, on SIGHUP.
    """

    def __init__(
        self,
        config: SupervisorConfig,
        folder: SupervisorFolder,
        connection: HostConnection,
        *,
        session: int,
        address: str,
        reload: Callable[[], SupervisorConfig] | None = None,
    ) -> None:
        self._config, self._folder, self._connection = config, folder, connection
        self._session, self._address, self._reload = session, address, reload
        self._core = HostCore(config.allow_list, config.worker_memory_max)
        self._link = HostLink(time.monotonic())
        self._answers = Answers(folder, self._core, self.request_reload)
        self._stop_wanted = self._reload_wanted = False
        #: Until when workers may move away before the end.
        self._leave_by: float | None = None
        self._load_at = 0.0
        self._load: dict[str, Any] = {}
        self._said_problem = ""

    def run(self) -> None:
        """Run until ``request_stop``; workers go on without us.

        Raises:
            OSError: the data folder fails.
            zmq.ZMQError: the socket for workers cannot be made.
        """
        with ExitStack() as closing:
            self._open(closing)
            self._work.adopt(time.monotonic())
            while not self._ended(time.monotonic()):
                self._turn()

    def _ended(self, now: float) -> bool:
        """Say whether to end: at once when asked, or when the workers have moved away."""
        if not self._stop_wanted:
            return False
        if not (self._config.drain_on_stop and self._link.up):
            return True
        if self._leave_by is None:
            self._leave_by = now + LEAVE_MAX_S
            self._core.changed = True
            _log.info("workers move away first limit_s=%g", LEAVE_MAX_S)
        return now >= self._leave_by or not self._core.workers

    def request_stop(self) -> None:
        """Ask for an end; may be called from a signal handler."""
        self._stop_wanted = True

    def request_reload(self) -> None:
        """Ask for the configuration to be read anew; may be called from a signal handler."""
        self._reload_wanted = True

    def _open(self, closing: ExitStack) -> None:
        context: Context = zmq.Context()
        closing.callback(context.term)
        self._wakeup = Wakeup()
        closing.callback(self._wakeup.close)
        self._work = HostWork(
            self._config,
            self._folder,
            self._connection,
            self._core,
            address=self._address,
            context=context,
            wakeup=self._wakeup,
            closing=closing,
        )
        self._link.term = self._core.term = self._work.processes.term
        self._poller = zmq.Poller()
        for source in (self._wakeup.fileno(), self._work.router.socket):
            self._poller.register(source, zmq.POLLIN)
        self._socket = HostSocket(context, self._connection.dial, self._poller)
        closing.callback(self._socket.close)

    # The loop.

    def _turn(self) -> None:
        self._poller.poll(LAST_WORDS_MS if self._work.hurried else POLL_MS)
        now = time.monotonic()
        self._wakeup.clear()
        self._take_events(now)
        self._take_coordinator(now)
        self._work.turn(now)
        self._speak(now)
        if self._reload_wanted:
            self._reload_wanted = False
            self._take_config()

    # What arrives.

    def _take_events(self, now: float) -> None:
        for befell in self._socket.events():
            match befell:
                case Befell.CONNECTED:
                    self._link.on_connected(now)
                case Befell.DISCONNECTED:
                    self._link.on_disconnected(now)
                case Befell.AUTH_FAILED:
                    # Made anew a little later, as silence is: not as fast as it can be refused.
                    self._link.on_auth_failed(now)

    def _redial(self, now: float) -> None:
        self._socket.redial()
        self._link.on_redialled(now)

    def _take_coordinator(self, now: float) -> None:
        for message in self._socket.receive():
            if not self._link.on_message(message, now):
                continue
            match message["kind"]:
                case "welcome":
                    self._welcomed(message)
                case "wish":
                    self._wished(message, now)
                case "relay":
                    self._work.to_worker(message["items"], now)
                case "ask":
                    self._socket.send(self._answers.answer(message))
                case "prune":
                    self._work.prune(message)

    def _welcomed(self, message: dict[str, Any]) -> None:
        self._connection.on_welcome(message["blob_endpoint"])
        self._core.changed = True
        self._work.welcomed(message["term"], message.get("token") or 0)
        # With keys the name is the coordinator's word: that of the key in its list.
        host = message.get("host") or self._config.name
        _log.info("coordinator found term=%d host=%s", message["term"], host)

    def _wished(self, message: dict[str, Any], now: float) -> None:
        rows = message["workers"]
        workers = None if rows is None else [WishWorker.from_wire(row) for row in rows]
        before = self._core.version
        self._core.on_wish(message["term"], message["version"], workers, now)
        if self._core.version != before:
            self._core.changed = True

    def _take_config(self) -> None:
        if self._reload is None:
            return
        try:
            config, restart = self._config.reloaded(self._reload())
        except Exception as error:
            _log.warning("configuration not reloaded: %s", error)
            return
        for name in restart:
            _log.warning("setting %s changed: needs a restart; the old value stays", name)
        self._config = self._work.config = config
        self._core.allow, self._core.memory_max = config.allow_list, config.worker_memory_max
        # Labels are told with the hello.
        self._link.say_hello_again(time.monotonic())
        _log.info("configuration reloaded")

    # What is said.

    def _speak(self, now: float) -> None:
        if self._link.problem != self._said_problem:
            self._said_problem = self._link.problem
            if self._said_problem:
                _log.warning(
                    "not in the cluster coordinator=%s reason=%s",
                    self._config.coordinator, self._said_problem,
                )  # fmt: skip
        if self._link.up:
            self._send_relay()
        want = self._link.wants(now, self._core.changed)
        if want is Want.REDIAL:
            self._redial(now)
        elif want is Want.HELLO:
            if self._socket.send(self._hello()):
                self._link.said(want, now)
        elif want is Want.BEAT and not self._work.outgoing and self._socket.send(self._beat(now)):
            self._core.changed = False
            self._link.said(want, now)

    def _hello(self) -> dict[str, Any]:
        if next(self._core.running(), None) is None:
            # Nothing runs that an older coordinator could confuse: any is right.
            self._link.term = self._core.term = 0
        term = self._link.term
        token = self._work.processes.token if term else 0
        return hello(self._config, self._folder, self._session, self._address, term, token)

    def _send_relay(self) -> None:
        """Send what workers said; an exit is told only after the last words before it."""
        while (batch := self._work.outgoing.batch()).items:
            if not self._socket.send({"kind": "relay", "items": batch.items}):
                return
            self._work.outgoing.sent(batch)

    def _beat(self, now: float) -> dict[str, Any]:
        if now >= self._load_at:
            self._load_at = now + LOAD_S
            self._load = load(self._folder)
        return {
            "kind": "beat",
            "session": self._session,
            "echo": self._link.echo,
            "version": self._core.version,
            "workers": self._core.rows(),
            "leaving": self._leave_by is not None,
            **self._load,
        }
