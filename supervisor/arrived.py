"""Whether a socket has something to read, without the exception that says it has not."""

from __future__ import annotations

from typing import Any

import zmq


def arrived(socket: zmq.Socket[bytes]) -> bool:
    """Say whether a message can be taken; a tenth of the cost of zmq.Again. Called each turn."""
    events: Any = socket.getsockopt(zmq.EVENTS)
    return bool(events & zmq.POLLIN)
