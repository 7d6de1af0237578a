"""What is made of ZeroMQ's events, in the orders in which it says them."""

from __future__ import annotations

import struct
from typing import Any

import pytest
import zmq
from waterspout.supervisor.cluster.handshakes import WATCHED, Handshakes

SUCCEEDED = zmq.EVENT_HANDSHAKE_SUCCEEDED
AUTH = zmq.EVENT_HANDSHAKE_FAILED_AUTH
PROTOCOL = zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
HUNG_UP = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
GONE = zmq.EVENT_DISCONNECTED


class Monitored:
    """Stands in for a socket and for its monitor."""

    def __init__(self, *events: int) -> None:
        self.events = list(events)
        self.monitored = True
        self.closed = False

    def get_monitor_socket(self) -> Monitored:
        return self

    def disable_monitor(self) -> None:
        self.monitored = False

    def recv_multipart(self, flags: int) -> list[bytes]:
        assert flags == zmq.NOBLOCK
        if not self.events:
            raise zmq.Again
        return [struct.pack("=hi", self.events.pop(0), 0), b"tcp://there:1"]

    def close(self, linger: int) -> None:
        self.closed = True


def seen(*events: int) -> Handshakes:
    """Return what is known after these events."""
    socket: Any = Monitored(*events)
    made = Handshakes(socket)
    made.look()
    assert not socket.events, "all of them are taken in one look"
    return made


@pytest.mark.parametrize("events", [(), (SUCCEEDED,), (SUCCEEDED, GONE), (HUNG_UP, GONE)])
def test_what_is_tried_again_is_not_over(events: tuple[int, ...]) -> None:
    assert not seen(*events).over


def test_a_key_that_is_not_known_is_the_end() -> None:
    """
    we   connect .. our key ..
    they                      refused, hang up; ZeroMQ does not try again
    """
    found = seen(AUTH, GONE)
    assert (found.over, found.key_refused) == (True, True)


def test_keys_against_none_are_the_end() -> None:
    found = seen(HUNG_UP, GONE, PROTOCOL, GONE)
    assert (found.over, found.key_refused) == (True, False)


def test_what_hangs_up_without_any_handshake_is_no_zeromq() -> None:
    assert seen(GONE).over
    assert seen(SUCCEEDED, GONE, GONE).over


def test_connections_that_were_hung_up_on_count_until_one_is_made() -> None:
    found = seen(HUNG_UP, GONE, HUNG_UP, GONE)
    assert found.hung_up == 2
    found.take(SUCCEEDED)
    assert found.hung_up == 0


def test_only_these_events_are_asked_for() -> None:
    assert SUCCEEDED | AUTH | PROTOCOL | HUNG_UP | GONE == WATCHED


def test_a_closed_one_looks_no_more_and_may_be_closed_again() -> None:
    socket: Any = Monitored(AUTH)
    made = Handshakes(socket)
    made.close()
    made.close()
    made.look()
    assert (socket.closed, socket.monitored, made.over) == (True, False, False)
