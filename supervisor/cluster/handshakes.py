"""Whether a connection that is being made can come about: what ZeroMQ says of its handshakes.

                              says, in this order               then
    nobody listens            (nothing of these)                tries again
    our key is not known      FAILED_AUTH, DISCONNECTED         never tries again
    keys here, none there     FAILED_PROTOCOL, DISCONNECTED     never tries again
    no ZeroMQ there           DISCONNECTED                      never tries again
    it hangs up on us         FAILED_NO_DETAIL, DISCONNECTED    tries again, every 20 ms

Who hangs up is a coordinator with another key than we think, one that is being ended, or a proxy
with nothing behind it. Source: libzmq 4.3, stream_engine_base.cpp and session_base.cpp.
"""

from __future__ import annotations

from contextlib import suppress

import zmq
from zmq.utils.monitor import parse_monitor_message

from ..sockets import Socket

#: Events that a socket is monitored for.
WATCHED = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_DISCONNECTED
)


class Handshakes:
    """Follows the handshakes of one socket, until ``close``. Not thread-safe.

    Args:
        socket: was monitored for WATCHED before it connected.

    Attributes:
        key_refused: the other side does not know our key.
        over: ZeroMQ does not try again, with this socket.
        hung_up: connections in a row that ended in their handshake, and are tried again.
    """

    def __init__(self, socket: Socket) -> None:
        self.key_refused = self.over = False
        self.hung_up = 0
        self._told = False
        self._socket = socket
        self._monitor: Socket | None = socket.get_monitor_socket()

    def look(self) -> None:
        """Take what was said since the last look."""
        with suppress(zmq.Again):
            while self._monitor is not None:
                parts = self._monitor.recv_multipart(zmq.NOBLOCK)
                self.take(parse_monitor_message(parts)["event"])

    def take(self, event: int) -> None:
        """Take one event."""
        if event == zmq.EVENT_DISCONNECTED:
            # One that nothing was said of before.
            self.over |= not self._told
            self._told = False
            return
        self._told = True
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self.hung_up = 0
        elif event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            self.hung_up += 1
        else:
            self.over = True
            self.key_refused |= event == zmq.EVENT_HANDSHAKE_FAILED_AUTH

    def close(self) -> None:
        """Follow them no longer; called when a message was taken, and before the socket closes."""
        if self._monitor is not None:
            self._socket.disable_monitor()
            self._monitor.close(linger=0)
            self._monitor = None
