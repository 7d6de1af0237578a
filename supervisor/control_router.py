"""A ROUTER that knows the processes of workers, and carries bytes from and to them in order.

Used by whoever workers speak with: ``run`` reads what they say, a supervisor passes it on.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import NamedTuple

import zmq

from .control_wire import CONTROL_BYTES_MAX, peek
from .sockets import Context, router

#: Messages that wait for a worker that does not read them. Only one that hangs lets them grow.
WAITING_MAX = 10_000
#: Messages taken in one turn.
RECEIVED_MAX = 1000

_SENDER = ("worker", "incarnation")


class RawMessage(NamedTuple):
    """A message of a worker, as it came."""

    worker: int
    incarnation: int
    data: bytes


class ControlRouter:
    """Carries messages of workers, by (number, incarnation)."""

    def __init__(self, context: Context, endpoint: str) -> None:
        self.socket = router(context, endpoint, CONTROL_BYTES_MAX)
        #: Messages that were not ours.
        self.refused = 0
        self._routes: dict[tuple[int, int], bytes] = {}
        self._waiting: dict[tuple[int, int], deque[bytes]] = {}

    def receive(self) -> list[RawMessage]:
        """Return what has arrived, up to RECEIVED_MAX messages."""
        found: list[RawMessage] = []
        with suppress(zmq.Again):
            while len(found) < RECEIVED_MAX:
                parts = self.socket.recv_multipart(zmq.NOBLOCK)
                try:
                    found.append(self._take(parts))
                except (ValueError, KeyError, TypeError):
                    self.refused += 1
        return found

    def _take(self, parts: list[bytes]) -> RawMessage:
        routing_id, data = parts
        sender = peek(data, _SENDER)
        worker, incarnation = int(sender["worker"]), int(sender["incarnation"])
        self._routes[worker, incarnation] = routing_id
        return RawMessage(worker, incarnation, data)

    def known(self, worker: int, incarnation: int) -> bool:
        """Say whether this process has spoken: nobody else can be sent anything."""
        return (worker, incarnation) in self._routes

    def waiting(self, worker: int, incarnation: int) -> int:
        """Return how many messages wait for a process that does not read or is away."""
        return len(self._waiting.get((worker, incarnation), ()))

    def send(self, worker: int, incarnation: int, data: bytes) -> bool:
        """Send a message, in order; False: too many wait already, this worker is lost.

        To a worker that never said anything nothing is sent. What is sent to one whose
        connection is down waits: it may connect again.
        """
        key = worker, incarnation
        if key not in self._routes:
            return True
        waiting = self._waiting.setdefault(key, deque())
        waiting.append(data)
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
                if error.errno in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                    return
                raise
            waiting.popleft()

    def forget(self, worker: int, incarnation: int) -> None:
        """This process has ended."""
        self._routes.pop((worker, incarnation), None)
        self._waiting.pop((worker, incarnation), None)

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()
