"""The coordinator's end of the control sockets of its workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import zmq

from .control_wire import CONTROL_BYTES_MAX, pack, unpack
from .sockets import Context, router

#: Messages that wait for a worker that does not read them. Only one that hangs lets them grow.
WAITING_MAX = 10_000
#: Messages taken in one turn.
RECEIVED_MAX = 1000


class FromWorker(NamedTuple):
    """A message of a worker."""

    worker: int
    incarnation: int
    message: dict[str, Any]


class ControlSocket:
    """A ROUTER that knows workers by (number, incarnation)."""

    def __init__(self, context: Context, endpoint: str) -> None:
        self.socket = router(context, endpoint, CONTROL_BYTES_MAX)
        #: Messages that were not ours.
        self.refused = 0
        self._routes: dict[tuple[int, int], bytes] = {}
        self._waiting: dict[tuple[int, int], deque[bytes]] = {}

    def receive(self) -> list[FromWorker]:
        """Return what has arrived."""
        found: list[FromWorker] = []
        with suppress(zmq.Again):
            while len(found) < RECEIVED_MAX:
                parts = self.socket.recv_multipart(zmq.NOBLOCK)
                try:
                    found.append(self._take(parts))
                except (ValueError, KeyError, TypeError):
                    self.refused += 1
        return found

    def _take(self, parts: list[bytes]) -> FromWorker:
        routing_id, data = parts
        message = unpack(data)
        worker, incarnation = int(message.pop("worker")), int(message.pop("incarnation"))
        self._routes[worker, incarnation] = routing_id
        return FromWorker(worker, incarnation, message)

    def send(self, worker: int, incarnation: int, message: Mapping[str, Any]) -> bool:
        """Send a message, in order; False: too many wait already, this worker is lost.

        To a worker that never said anything, or is gone, nothing is sent.
        """
        key = worker, incarnation
        if key not in self._routes:
            return True
        waiting = self._waiting.setdefault(key, deque())
        waiting.append(pack(message))
        self._flush(key, waiting)
        return len(waiting) <= WAITING_MAX

    def flush(self) -> None:
        """Try again to send what waits; called in every turn."""
        for key, waiting in self._waiting.items():
            if waiting:
                self._flush(key, waiting)

    def _flush(self, key: tuple[int, int], waiting: deque[bytes]) -> None:
        while waiting:
            try:
                self.socket.send_multipart([self._routes[key], waiting[0]], zmq.NOBLOCK)
            except zmq.ZMQError as error:
                if error.errno == zmq.EHOSTUNREACH:
                    # It is gone; its exit will be noticed.
                    waiting.clear()
                elif error.errno != zmq.EAGAIN:
                    raise
                return
            waiting.popleft()

    def forget(self, worker: int, incarnation: int) -> None:
        """This process has ended."""
        self._routes.pop((worker, incarnation), None)
        self._waiting.pop((worker, incarnation), None)

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()
