"""The coordinator's mailbox: peers that do not read, that are gone, and that send nonsense."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
import zmq
from waterspout.supervisor.cluster import mailbox
from waterspout.supervisor.cluster.mailbox import Mailbox
from waterspout.supervisor.control_wire import pack, unpack


class Frame:
    """A frame with the name of the key that it came with."""

    def __init__(self, data: bytes, user: str | None = None) -> None:
        self.bytes, self._user = data, user

    def get(self, name: str) -> str:
        if self._user is None:
            raise zmq.ZMQError(zmq.EINVAL)
        return self._user


class FakeSocket:
    """A ROUTER in memory."""

    def __init__(self) -> None:
        self.arrived: deque[list[Frame]] = deque()
        self.sent: list[tuple[bytes, dict[str, Any]]] = []
        self.stuck: set[bytes] = set()
        self.gone: set[bytes] = set()

    def getsockopt(self, option: int) -> int:
        assert option == zmq.EVENTS
        return zmq.POLLIN if self.arrived else 0

    def recv_multipart(self, flags: int, copy: bool) -> list[Frame]:
        if not self.arrived:
            raise zmq.Again
        return self.arrived.popleft()

    def send_multipart(self, parts: list[bytes], flags: int) -> None:
        route, data = parts
        if route in self.gone:
            raise zmq.ZMQError(zmq.EHOSTUNREACH)
        if route in self.stuck:
            raise zmq.ZMQError(zmq.EAGAIN)
        self.sent.append((route, unpack(data)))


@pytest.fixture
def socket() -> FakeSocket:
    """Return a socket in memory."""
    return FakeSocket()


def box(socket: FakeSocket, *, secure: bool = False) -> Mailbox:
    """Return a mailbox over a fake socket."""
    return Mailbox(socket, secure=secure)  # type: ignore[arg-type]


def test_mail_comes_with_its_route_and_size(socket: FakeSocket):
    data = pack({"kind": "list"})
    socket.arrived.append([Frame(b"r"), Frame(data)])
    assert box(socket).receive() == [(b"r", "", {"kind": "list"}, len(data))]


def test_mail_of_a_client_with_an_empty_part_is_taken(socket: FakeSocket):
    socket.arrived.append([Frame(b"r"), Frame(b""), Frame(pack({"kind": "list"}))])
    assert box(socket).receive()[0].message == {"kind": "list"}


def test_nonsense_is_counted_and_what_follows_is_read(socket: FakeSocket):
    socket.arrived.append([Frame(b"r"), Frame(b"\xc1")])
    socket.arrived.append([Frame(b"r"), Frame(pack({"kind": "list"}))])
    mails = box(socket)
    assert [mail.message for mail in mails.receive()] == [{"kind": "list"}]
    assert mails.refused == 1


def test_with_keys_mail_names_its_key_and_mail_without_one_is_refused(socket: FakeSocket):
    socket.arrived.append([Frame(b"r"), Frame(pack({}), "KEY")])
    socket.arrived.append([Frame(b"r"), Frame(pack({}))])
    mails = box(socket, secure=True)
    assert [mail.user for mail in mails.receive()] == ["KEY"]
    assert mails.refused == 1


def test_what_a_slow_peer_does_not_take_waits_in_order(socket: FakeSocket):
    mails = box(socket)
    socket.stuck = {b"slow"}
    for number in range(3):
        mails.send(b"slow", {"n": number})
    mails.send(b"quick", {"n": 9})
    assert socket.sent == [(b"quick", {"n": 9})]
    socket.stuck.clear()
    mails.flush()
    assert [message["n"] for _, message in socket.sent] == [9, 0, 1, 2]


def test_a_peer_that_never_reads_costs_a_bounded_amount(
    socket: FakeSocket, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(mailbox, "WAITING_BYTES_MAX", 1000)
    mails = box(socket)
    socket.stuck = {b"slow"}
    for _ in range(10):
        mails.send(b"slow", {"data": b"x" * 400})
    assert mails.dropped >= 6
    socket.stuck.clear()
    mails.flush()
    assert len(socket.sent) <= 3


def test_no_more_peers_are_waited_for_than_the_limit(
    socket: FakeSocket, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(mailbox, "PEERS_MAX", 2)
    mails = box(socket)
    socket.stuck = {b"a", b"b", b"c"}
    for route in (b"a", b"b", b"c"):
        mails.send(route, {})
    assert mails.dropped == 1


def test_nothing_is_kept_for_a_peer_that_is_gone(socket: FakeSocket):
    mails = box(socket)
    socket.stuck = {b"r"}
    mails.send(b"r", {"n": 1})
    socket.stuck, socket.gone = set(), {b"r"}
    mails.flush()
    socket.gone = set()
    mails.send(b"r", {"n": 2})
    assert [message["n"] for _, message in socket.sent] == [2]
