"""Sockets: a port out of a range, and where it can be reached."""

from __future__ import annotations

import pytest
import zmq
from waterspout.supervisor import sockets
from waterspout.supervisor.sockets import Context, NoFreePort, bound_endpoint, router


class Ports:
    """A socket on a machine where some ports are taken."""

    def __init__(self, taken: set[int], errno: int = zmq.EADDRINUSE) -> None:
        self.taken, self.errno = taken, errno
        self.bound: list[str] = []

    def bind(self, endpoint: str) -> None:
        port = endpoint.rpartition(":")[2]
        if port.isdecimal() and int(port) in self.taken:
            raise zmq.ZMQError(self.errno)
        self.bound.append(endpoint)


def test_the_first_free_port_of_a_range_is_taken() -> None:
    socket = Ports({7000, 7001})
    sockets._bind(socket, "tcp://10.0.0.1:7000-7005")  # type: ignore[arg-type]
    assert socket.bound == ["tcp://10.0.0.1:7002"]


@pytest.mark.parametrize("endpoint", ["tcp://10.0.0.1:7000", "tcp://[::1]:*", "ipc:///a:1-2"])
def test_what_names_no_range_is_bound_as_it_is(endpoint: str) -> None:
    socket = Ports(set())
    sockets._bind(socket, endpoint)  # type: ignore[arg-type]
    assert socket.bound == [endpoint]


def test_a_range_that_is_used_up_is_named() -> None:
    """F17: no port is left, and the error says of which."""
    with pytest.raises(NoFreePort, match=r"no free port in 7000-7001 at tcp://10\.0\.0\.1"):
        sockets._bind(Ports({7000, 7001}), "tcp://10.0.0.1:7000-7001")  # type: ignore[arg-type]


def test_an_address_that_is_not_ours_is_not_taken_for_a_port_that_is_taken() -> None:
    socket = Ports({7000}, zmq.EADDRNOTAVAIL)
    with pytest.raises(zmq.ZMQError) as caught:
        sockets._bind(socket, "tcp://10.0.0.1:7000-7001")  # type: ignore[arg-type]
    assert caught.value.errno == zmq.EADDRNOTAVAIL


def test_a_bound_socket_tells_where_it_is() -> None:
    context: Context = zmq.Context()
    assert bound_endpoint(router(context, "inproc://here", 100)) == "inproc://here"
    context.destroy(linger=0)
