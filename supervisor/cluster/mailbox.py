"""The coordinator's ROUTER: messages of hosts and clients in, answers out, nothing waited for."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import zmq

from ..arrived import arrived
from ..control_wire import pack, unpack
from ..sockets import Socket

#: Messages taken in one turn.
RECEIVED_MAX = 1000
#: Bytes that may wait for one peer that does not read; beyond, all of it is dropped. What matters
#: is said again: wishes with a beat, envelopes by their sessions, answers when asked again.
WAITING_BYTES_MAX = 64 << 20
#: Peers for which something may wait.
PEERS_MAX = 10_000


class Mail(NamedTuple):
    """A message that arrived: from where, by whose key, what, and how large it was."""

    route: bytes
    user: str
    message: dict[str, Any]
    size: int


class Mailbox:
    """Sends and receives messages on a bound ROUTER, which it owns.

    Args:
        socket: of ``sockets.router``.
        secure: the socket lets in only who has a key; its owner is read from each message.
    """

    def __init__(self, socket: Socket, *, secure: bool) -> None:
        self.socket = socket
        #: Messages that were none, and messages that were dropped.
        self.refused = self.dropped = 0
        self._secure = secure
        self._waiting: dict[bytes, deque[bytes]] = {}

    def receive(self) -> list[Mail]:
        """Return what has arrived."""
        found: list[Mail] = []
        with suppress(zmq.Again):
            for _ in range(RECEIVED_MAX):
                if not arrived(self.socket):
                    break
                frames = self.socket.recv_multipart(zmq.NOBLOCK, copy=False)
                try:
                    route, data = frames[0].bytes, frames[-1].bytes
                    user = str(frames[-1].get("User-Id")) if self._secure else ""
                    found.append(Mail(route, user, unpack(data), len(data)))
                except (ValueError, TypeError, zmq.ZMQError):
                    self.refused += 1
        return found

    def send(self, route: bytes, message: Mapping[str, Any]) -> None:
        """Send a message, in order; to a peer that is gone nothing is sent."""
        if route not in self._waiting and len(self._waiting) >= PEERS_MAX:
            self.dropped += 1
            return
        waiting = self._waiting.setdefault(route, deque())
        waiting.append(pack(message))
        if len(waiting) > 1 and sum(map(len, waiting)) > WAITING_BYTES_MAX:
            self.dropped += len(waiting)
            del self._waiting[route]
            return
        self._flush(route, waiting)

    def flush(self) -> None:
        """Try again to send what waits; called in every turn."""
        for route, waiting in list(self._waiting.items()):
            self._flush(route, waiting)

    def _flush(self, route: bytes, waiting: deque[bytes]) -> None:
        while waiting:
            try:
                self.socket.send_multipart([route, waiting[0]], zmq.NOBLOCK)
            except zmq.ZMQError as error:
                if error.errno == zmq.EAGAIN:
                    return
                if error.errno != zmq.EHOSTUNREACH:
                    raise
                break
            waiting.popleft()
        self._waiting.pop(route, None)

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()
