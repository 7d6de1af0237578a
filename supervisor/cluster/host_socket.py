"""The supervisor's socket to the coordinator: a DEALER that can be made anew; what befalls it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Any

import zmq
from zmq.utils.monitor import parse_monitor_message

from ..control_wire import pack, unpack
from ..sockets import Context, Socket
from .host_protocol import problem_from_coordinator

#: Messages taken in one turn.
RECEIVED_MAX = 1000
#: Events that a connection of ours is watched for.
MONITORED = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_DISCONNECTED
)


class Befell(StrEnum):
    """What happened to the connection."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    AUTH_FAILED = "auth failed"


_EVENTS: dict[int, Befell] = {
    zmq.EVENT_HANDSHAKE_SUCCEEDED: Befell.CONNECTED,
    zmq.EVENT_DISCONNECTED: Befell.DISCONNECTED,
    zmq.EVENT_HANDSHAKE_FAILED_AUTH: Befell.AUTH_FAILED,
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: Befell.AUTH_FAILED,
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: Befell.AUTH_FAILED,
}


class HostSocket:
    """One connection at a time. Everything is called on the main thread.

    Args:
        context: made in this process.
        dial: gives a DEALER that connects to the coordinator and is monitored for MONITORED.
        poller: that of the loop.
    """

    def __init__(
        self, context: Context, dial: Callable[[Context], Socket], poller: zmq.Poller
    ) -> None:
        self._context, self._dial, self._poller = context, dial, poller
        #: Messages that did not pass their table.
        self.refused = 0
        self._open()

    def _open(self) -> None:
        self._socket = self._dial(self._context)
        self._monitor: Socket = self._socket.get_monitor_socket()
        for socket in (self._socket, self._monitor):
            self._poller.register(socket, zmq.POLLIN)

    def redial(self) -> None:
        """Close the connection, with what it did not send yet, and make another."""
        self.close(linger_ms=0)
        self._open()

    def events(self) -> list[Befell]:
        """Return what happened since the last call."""
        found = []
        with suppress(zmq.Again):
            while True:
                event = parse_monitor_message(self._monitor.recv_multipart(zmq.NOBLOCK))
                if (befell := _EVENTS.get(event["event"])) is not None:
                    found.append(befell)
        return found

    def receive(self) -> list[dict[str, Any]]:
        """Return the messages that have arrived; each passes its table."""
        found: list[dict[str, Any]] = []
        with suppress(zmq.Again):
            for _ in range(RECEIVED_MAX):
                parts = self._socket.recv_multipart(zmq.NOBLOCK)
                try:
                    message = unpack(parts[-1])
                except ValueError:
                    self.refused += 1
                    continue
                if problem_from_coordinator(message) is None:
                    found.append(message)
                else:
                    self.refused += 1
        return found

    def send(self, message: Mapping[str, Any]) -> bool:
        """Send a message; False: there is no connection, or no room."""
        try:
            self._socket.send(pack(message), zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def close(self, linger_ms: int | None = None) -> None:
        """Close it."""
        for socket in (self._socket, self._monitor):
            self._poller.unregister(socket)
        self._socket.disable_monitor()
        self._monitor.close(linger=0)
        self._socket.close(linger=linger_ms)
