"""ZeroMQ sockets with the options that this project relies on, in one place.

Source of the options: libzmq's zmq_setsockopt(3), and measurements of what is lost without them.
"""

from __future__ import annotations

import os
import re

import zmq

from .curve import Curve

#: The types of pyzmq that are used here: blocking sockets that return bytes.
Context = zmq.Context[zmq.Socket[bytes]]
Socket = zmq.Socket[bytes]
#: How long a closed socket still sends, in ms. What matters was confirmed before it is closed.
LINGER_MS = 500
#: Messages that ZeroMQ itself may hold per peer and direction. Credits keep links far below.
HWM_MESSAGES = 4096
#: Pauses between two attempts to connect, in ms: the first, and the longest.
RECONNECT_MS = (20, 1000)

#: An endpoint that leaves the port open within limits.
_PORT_RANGE = re.compile(r"(tcp://.+):(\d+)-(\d+)")


#: Exit code when every port that this worker may take is taken; the log has which.
NO_PORT_EXIT = 72


class NoFreePort(OSError):
    """All ports that were allowed are taken."""


def router(context: Context, endpoint: str, bytes_max: int, curve: Curve | None = None) -> Socket:
    """Return a ROUTER bound to ``endpoint`` that refuses messages over ``bytes_max``.

    Sending raises EHOSTUNREACH for peers that are gone, EAGAIN for those that do not read.

    Args:
        context: of this process.
        endpoint: for tcp the port may be ``*`` or a range ``LO-HI``, of which the first free one
            is taken; ``bound_endpoint`` tells which.
        bytes_max: of a message.
        curve: with it only those are let in whom the CurveServer knows.

    Raises:
        NoFreePort: all ports of the range are taken.
        zmq.ZMQError: it cannot be bound.
    """
    socket = _socket(context, zmq.ROUTER, endpoint, bytes_max)
    # Without it, what cannot be sent is dropped without a word.
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    try:
        if curve is not None:
            curve.secure_router(socket)
        _bind(socket, endpoint)
    except BaseException:
        socket.close(linger=0)
        raise
    return socket


def _bind(socket: Socket, endpoint: str) -> None:
    found = _PORT_RANGE.fullmatch(endpoint)
    if found is None:
        socket.bind(endpoint)
        return
    address, low, high = found[1], int(found[2]), int(found[3])
    for port in range(low, high + 1):
        try:
            socket.bind(f"{address}:{port}")
        except zmq.ZMQError as error:
            if error.errno != zmq.EADDRINUSE:
                raise
        else:
            return
    raise NoFreePort(f"no free port in {low}-{high} at {address}")


def bound_endpoint(socket: Socket) -> str:
    """Return where a socket that was bound last can be reached: with the port that it got."""
    return socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()  # type: ignore[union-attr]


def dealer(
    context: Context,
    endpoint: str,
    bytes_max: int,
    monitored: int = 0,
    curve: Curve | None = None,
) -> Socket:
    """Return a DEALER that connects to ``endpoint``, as often as it takes.

    One that is refused for its key never tries again: whoever dials makes a new socket then.

    Args:
        context: of this process.
        endpoint: of the peer.
        bytes_max: of a message.
        monitored: events that its monitor socket tells (``get_monitor_socket`` returns that).
            It is there before the socket connects, as a connection can be made in no time.
        curve: with it, it speaks only with the owner of ``curve.server_key``.
    """
    socket = _socket(context, zmq.DEALER, endpoint, bytes_max)
    # Never the name of a worker: of two peers with one id a ROUTER serves only one, and the
    # other's messages vanish. Ids that begin with a zero byte are ZeroMQ's own.
    socket.setsockopt(zmq.ROUTING_ID, b"W" + os.urandom(15))
    # Queue nothing for a peer that is not there.
    socket.setsockopt(zmq.IMMEDIATE, 1)
    socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS[0])
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, RECONNECT_MS[1])
    if monitored:
        socket.get_monitor_socket(monitored)
    if curve is not None:
        curve.secure_dealer(socket)
    socket.connect(endpoint)
    return socket


def _socket(context: Context, kind: int, endpoint: str, bytes_max: int) -> Socket:
    socket = context.socket(kind)
    # Where it is not needed it would show addresses in a form that nobody expects.
    socket.setsockopt(zmq.IPV6, int("[" in endpoint))
    socket.setsockopt(zmq.LINGER, LINGER_MS)
    socket.setsockopt(zmq.SNDHWM, HWM_MESSAGES)
    socket.setsockopt(zmq.RCVHWM, HWM_MESSAGES)
    socket.setsockopt(zmq.MAXMSGSIZE, bytes_max)
    return socket
