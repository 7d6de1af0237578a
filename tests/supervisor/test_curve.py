"""Keys on real sockets (ipc): who has the right key is heard and named, nobody else is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from waterspout.supervisor.curve import Curve, CurveServer, KeyPair
from waterspout.supervisor.sockets import Context, Socket, dealer, router
from zmq.utils import z85

SERVER, ALICE, MALLORY = KeyPair.new(), KeyPair.new(), KeyPair.new()


class Place:
    """A listening socket whose rule is in ``known``, and a context for clients."""

    def __init__(self, folder: Path) -> None:
        self.server: Context = zmq.Context()
        self.client: Context = zmq.Context()
        self.endpoint = f"ipc://{folder}/s"
        self.known = {ALICE.public: "alice"}
        self.door = CurveServer(
            self.server, {"links": lambda key: self.known.get(key, "")}, hold_s=5.0
        )
        self.socket = router(self.server, self.endpoint, 1000, Curve(SERVER, domain="links"))

    def dial(self, keys: KeyPair, server_key: bytes = SERVER.public) -> Socket:
        return dealer(self.client, self.endpoint, 1000, curve=Curve(keys, server_key))

    def turn_until(self, *sockets: tuple[Socket, int], now: float = 0.0) -> bool:
        """Answer at the door until one of the sockets is ready; False: it takes too long."""
        poller = zmq.Poller()
        poller.register(self.door.socket, zmq.POLLIN)
        for socket, events in sockets:
            poller.register(socket, events)
        for _ in range(1000):
            ready = dict(poller.poll(20))
            if any(socket in ready for socket, _ in sockets):
                return True
            self.door.turn(now)
        return False

    def turn_until_held(self) -> None:
        """Answer at the door until somebody waits there."""
        for _ in range(2000):
            self.door.socket.poll(10)
            self.door.turn(0.0)
            if self.door.holding:
                return
        raise AssertionError("nobody waits at the door")

    def close(self) -> None:
        self.server.destroy(linger=0)
        self.client.destroy(linger=0)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()


def refusals(socket: Socket) -> Socket:
    """Return a socket that is readable once a handshake of ``socket`` failed."""
    return socket.get_monitor_socket(
        zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
        | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_DISCONNECTED
    )  # fmt: skip


def test_whoever_has_the_key_is_heard_and_each_message_names_him(place: Place) -> None:
    alice = place.dial(ALICE)
    assert place.turn_until((alice, zmq.POLLOUT))
    alice.send(b"hello")
    assert place.socket.poll(2000)
    id, data = place.socket.recv_multipart(copy=False)
    assert (id.get("User-Id"), data.get("User-Id"), data.bytes) == ("alice", "alice", b"hello")
    assert place.door.refused == 0


def test_whoever_has_another_key_is_refused_and_logged(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    mallory = place.dial(MALLORY)
    place.turn_until_held()
    place.door.turn(5.0)
    assert place.door.refused == 1
    assert MALLORY.public.decode() in caplog.text
    assert "domain=links" in caplog.text
    assert not mallory.poll(20, zmq.POLLOUT)


def test_a_key_that_becomes_known_a_moment_later_is_let_in(place: Place) -> None:
    bob = KeyPair.new()
    socket = place.dial(bob)
    place.turn_until_held()
    assert not socket.poll(20, zmq.POLLOUT)
    place.known[bob.public] = "bob"
    place.door.turn(1.0)
    assert place.turn_until((socket, zmq.POLLOUT))


def test_nothing_is_said_to_a_server_with_another_key(place: Place) -> None:
    alice = place.dial(ALICE, server_key=MALLORY.public)
    failed = refusals(alice)
    assert place.turn_until((failed, zmq.POLLIN))
    assert not alice.poll(0, zmq.POLLOUT)


def test_nobody_without_a_key_is_heard(place: Place) -> None:
    plain = dealer(place.client, place.endpoint, 1000)
    failed = refusals(plain)
    assert place.turn_until((failed, zmq.POLLIN))
    assert not plain.poll(0, zmq.POLLOUT)


def test_without_a_door_nobody_is_let_in(tmp_path: Path) -> None:
    context: Context = zmq.Context()
    socket = router(context, f"ipc://{tmp_path}/s", 1000, Curve(SERVER, domain="links"))
    alice = dealer(context, f"ipc://{tmp_path}/s", 1000, curve=Curve(ALICE, SERVER.public))
    assert not alice.poll(20, zmq.POLLOUT)
    assert not socket.poll(0)
    context.destroy(linger=0)


def test_a_secret_is_not_shown() -> None:
    assert ALICE.secret.decode() not in repr(ALICE)
    assert len(ALICE.public) == len(ALICE.secret) == 40


def test_refusals_are_logged_once_a_second_however_many_there_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def rule(key: bytes) -> str:
        if key == ALICE.public:
            raise RuntimeError("no list")
        return ""

    context: Context = zmq.Context()
    door = CurveServer(context, {"links": rule})
    asker = context.socket(zmq.DEALER)
    asker.connect("inproc://zeromq.zap.01")

    def ask(keys: KeyPair, now: float) -> None:
        key = z85.decode(keys.public)
        asker.send_multipart([b"", b"1.0", b"1", b"links", b"10.0.0.7", b"", b"CURVE", key])
        door.turn(now)
        assert asker.recv_multipart()[3] == b"400"

    for now in (0.0, 0.1, 0.9, 1.0):
        ask(MALLORY, now)
    ask(ALICE, 2.0)
    lines = [record.getMessage() for record in caplog.records]
    refused = f"connection refused domain=links address=10.0.0.7 key={MALLORY.public.decode()}"
    assert lines[:2] == [f"{refused} count=1", f"{refused} count=3"]
    assert lines[2] == "authentication failed for a fault count=1"
    assert len(lines) == 4
    assert door.refused == 5
    context.destroy(linger=0)
