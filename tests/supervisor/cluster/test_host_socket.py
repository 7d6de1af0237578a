"""The supervisor's socket: what befalls it, what it lets through, and that it can be made anew."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from waterspout.supervisor.cluster.host_socket import MONITORED, Befell, HostSocket
from waterspout.supervisor.control_wire import pack, unpack
from waterspout.supervisor.sockets import Socket, dealer, router

WAIT_MS = 10_000


class Pair:
    """A coordinator's ROUTER and the socket of a host."""

    def __init__(self, context: Any, path: Path) -> None:
        self._context, self._endpoint = context, f"ipc://{path / 'c'}"
        self.poller = zmq.Poller()
        self.router: Socket = router(context, self._endpoint, 1 << 20)
        self.host = HostSocket(context, self._dial, self.poller)

    def _dial(self, context: Any) -> Socket:
        return dealer(context, self._endpoint, 1 << 20, MONITORED)

    def befell(self) -> list[Befell]:
        """Wait until something happened to the connection."""
        found: list[Befell] = []
        while not found:
            assert self.poller.poll(WAIT_MS)
            found = self.host.events()
        return found

    def heard(self, count: int) -> tuple[bytes, list[dict[str, Any]]]:
        """Wait for messages at the coordinator."""
        found = []
        for _ in range(count):
            assert self.router.poll(WAIT_MS)
            route, data = self.router.recv_multipart()
            found.append(unpack(data))
        return route, found


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    context = zmq.Context()
    made = Pair(context, tmp_path)
    yield made
    made.host.close(linger_ms=0)
    made.router.close(linger=0)
    context.term()


def test_a_connection_is_told_and_carries_messages(pair: Pair) -> None:
    assert pair.befell() == [Befell.CONNECTED]
    assert pair.host.send({"kind": "beat"})
    assert pair.heard(1)[1] == [{"kind": "beat"}]


def test_only_messages_that_pass_their_table_come_through(pair: Pair) -> None:
    pair.befell()
    pair.host.send({"kind": "beat"})
    route, _ = pair.heard(1)
    wish = {"kind": "wish", "term": 1, "version": 2, "beat": 3, "workers": None}
    for data in (b"\xc1", pack({"kind": "wish"}), pack({"kind": "nonsense"}), pack(wish)):
        pair.router.send_multipart([route, data])
    found: list[dict[str, Any]] = []
    while not found:
        assert pair.poller.poll(WAIT_MS)
        found = pair.host.receive()
    assert found == [wish]
    assert pair.host.refused == 3


def test_a_redial_is_a_new_connection(pair: Pair) -> None:
    pair.befell()
    pair.host.send({"kind": "beat"})
    first, _ = pair.heard(1)
    pair.host.redial()
    assert pair.befell() == [Befell.CONNECTED]
    pair.host.send({"kind": "beat"})
    second, _ = pair.heard(1)
    assert first != second


def test_a_coordinator_that_is_gone_is_told_and_nothing_is_taken(pair: Pair) -> None:
    pair.befell()
    pair.router.close(linger=0)
    assert Befell.DISCONNECTED in pair.befell()
    # The socket itself hears of it a moment after its monitor.
    end = time.monotonic() + WAIT_MS / 1000
    while pair.host.send({"kind": "beat"}):
        assert time.monotonic() < end
