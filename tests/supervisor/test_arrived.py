"""A socket is asked, not tried."""

from __future__ import annotations

import zmq
from waterspout.supervisor.arrived import arrived


def test_whether_something_has_arrived_is_asked_without_taking_it() -> None:
    with zmq.Context() as context:
        left, right = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        left.bind("inproc://arrived")
        right.connect("inproc://arrived")
        before = arrived(left)
        right.send(b"x")
        assert (before, arrived(left), left.recv(), arrived(left)) == (False, True, b"x", False)
        left.close(0)
        right.close(0)
