"""The coordinator of a cluster as a process: one loop over its sockets and the time.

    main thread                                          blob thread
    +-------------------------------------------+       +------------------+
    | Mailbox (ROUTER): hosts, clients           |       | BlobServer       |
    | Cluster: hosts, leases, places, topologies |       |   files only     |
    | Requests                                   |       +------------------+
    +-------------------------------------------+

The loop waits in one poll, for at most POLL_MS, and does nothing that takes long. When it ends,
hosts and workers go on; the next coordinator on the same folder finds them.
"""

from __future__ import annotations

import logging
import random
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import zmq

from ..curve import CurveServer
from ..sockets import Context, router
from .access import BLOBS, CONTROL, Access
from .authorized import KeyFileError
from .blob_server import BlobServer
from .blobs import BLOB_BYTES_MAX, BlobLimits
from .cluster import Cluster
from .cluster_store import SqliteClusterStore
from .coordinator_config import CoordinatorConfig
from .host_protocol import FROM_SUPERVISOR, HOST_BYTES_MAX, problem_from_supervisor
from .mailbox import Mail, Mailbox
from .requests import Requests

#: Longest wait of the loop.
POLL_MS = 50

_log = logging.getLogger(__name__)


class CoordinatorDaemon:
    """Runs a coordinator until it is told to end.

    Args:
        config: what it is told.
        version: of this software.
        say: called with every event: name and fields.

    Raises:
        UserError: another coordinator uses the folder.
        StoreError: the folder cannot be used.
        zmq.ZMQError: the address is taken, or none of this machine.
    """

    def __init__(
        self,
        config: CoordinatorConfig,
        version: str,
        say: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        self._config = config
        self._closing = ExitStack()
        self._end_wanted = self._reload_wanted = False
        try:
            self._open(config, version, say)
        except BaseException:
            self._closing.close()
            raise

    def _open(
        self,
        config: CoordinatorConfig,
        version: str,
        say: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        store = SqliteClusterStore(config.data / "cluster.sqlite", owner=True)
        self._closing.callback(store.close)
        context: Context = zmq.Context()
        self._closing.callback(context.term)
        self._access = Access(None if config.insecure else config.keys)
        self._door: CurveServer | None = None
        if self._access.secure:
            self._door = CurveServer(context, self._access.rules())
            self._closing.callback(self._door.close)
        socket = router(context, config.bind, HOST_BYTES_MAX, self._access.curve(CONTROL))
        self._mailbox = Mailbox(socket, secure=self._access.secure)
        self._closing.callback(self._mailbox.close)
        limits = BlobLimits(code=config.code_bytes_max, part=config.part_bytes_max)
        blobs = router(context, config.blob_bind, BLOB_BYTES_MAX, self._access.curve(BLOBS))
        self._blobs = BlobServer(blobs, config.data, self._access.may_blob, limits)
        self._closing.callback(self._blobs.close)
        self._blobs.start()
        now = time.monotonic()
        # What tells this coordinator from another one that goes on from a copy of the store.
        term = store.next_term(secrets.randbits(63))
        self._cluster = Cluster(config, store, term, time.time, say)
        self._closing.callback(self._cluster.close)
        self._cluster.restore(now)
        # Called on the blob thread: a copy made in one step.
        self._access.hosts_of = lambda id: tuple(self._cluster.places.hosts_of(id).values())
        self._requests = Requests(self._cluster, random.SystemRandom(), version, now)

    def run(self) -> None:
        """Work until ``request_end``. Called once."""
        poller = zmq.Poller()
        poller.register(self._mailbox.socket, zmq.POLLIN)
        if self._door is not None:
            poller.register(self._door.socket, zmq.POLLIN)
        try:
            while not self._end_wanted:
                poller.poll(POLL_MS)
                self.turn(time.monotonic())
        finally:
            self._closing.close()

    def request_end(self) -> None:
        """Ask for the end; may be called from a signal handler."""
        self._end_wanted = True

    def request_reload(self) -> None:
        """Ask for the list of keys to be read anew; may be called from a signal handler."""
        self._reload_wanted = True

    def turn(self, now: float) -> None:
        """Do what has come up."""
        if self._reload_wanted:
            self._reload_wanted = False
            self._reload()
        if self._door is not None:
            self._door.turn(now)
        for mail in self._mailbox.receive():
            self._take(mail, now)
        self._cluster.turn(now)
        outbox = self._cluster.talk.outbox
        while outbox:
            self._mailbox.send(*outbox.popleft())
        for route, answer in self._requests.turn(now):
            self._mailbox.send(route, answer)
        self._mailbox.flush()

    def _take(self, mail: Mail, now: float) -> None:
        kind = mail.message.get("kind")
        if isinstance(kind, str) and kind in FROM_SUPERVISOR and "v" not in mail.message:
            self._take_host(mail, now)
        else:
            role = self._access.role(mail.user)
            answer = self._requests.answer(role, mail.message, mail.size, now, mail.route)
            if answer is not None:
                self._mailbox.send(mail.route, answer)

    def _reload(self) -> None:
        try:
            self._access.reload()
            _log.info("keys read anew")
        except KeyFileError as error:
            _log.warning("keys not read, the old ones stay reason=%s", error)

    def _host_of(self, mail: Mail) -> str | None:
        """Return which host speaks; None: it speaks for another one, or its key is of no host."""
        record = self._cluster.hosts.of_route(mail.route)
        known = record.name if record is not None else ""
        name = self._access.host(mail.user, mail.message.get("name", known))
        if mail.message["kind"] != "hello" and known and name != known:
            return None
        return name

    def _take_host(self, mail: Mail, now: float) -> None:
        message = mail.message
        wrong = problem_from_supervisor(message)
        if wrong is not None:
            self._cluster.refused += 1
            _log.warning("host message refused reason=%s", wrong)
            return
        name = self._host_of(mail)
        if name is None:
            self._cluster.refused += 1
            role = self._access.role(mail.user) or "none"
            text = (
                f"its key is of the role {role} in the coordinator's list of keys, and a host"
                " takes one of the role supervisor, of its own name"
            )
            self._mailbox.send(mail.route, {"kind": "refused", "code": "role", "text": text})
            return
        match message["kind"]:
            case "hello":
                self._cluster.on_hello(name, mail.route, message, now)
            case "beat":
                self._cluster.on_beat(mail.route, message, now)
            case "relay":
                self._cluster.on_relay(mail.route, message["items"], now)
            case "answer":
                self._cluster.on_answer(mail.route, message)
