"""Data links with keys: peers of the epoch are let in, and each may only speak for itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from waterspout.supervisor import worker_data
from waterspout.supervisor.curve import Curve, KeyPair
from waterspout.supervisor.link_events import PeerOpened
from waterspout.supervisor.sockets import Context, Socket, dealer
from waterspout.supervisor.worker_data import DataLoop
from waterspout.topology.control_frames import control_frame
from waterspout.topology.frame_header import HELLO, Header, decode_header
from waterspout.topology.greetings import Hello, decode_reject, pack_hello

from .lossy import FRAME_BYTES_MAX, make_receiver
from .shell_fakes import FakeCore

OWN, PEER, OTHER, STRANGER = (KeyPair.new() for _ in range(4))


class Secure:
    """A data loop with keys, workers 1 and 2 as its peers, and a context to dial from."""

    def __init__(self, folder: Path) -> None:
        self.context: Context = zmq.Context()
        self.outside: Context = zmq.Context()
        self.core = FakeCore()
        self.endpoint = f"ipc://{folder}/own"
        self.loop = DataLoop(
            self.core, self.context, self.endpoint, 1 << 20, lambda: None, keys=OWN  # type: ignore[arg-type]
        )
        #: What each message was taken for: (data, is it worker 1, is it worker 2).
        self.taken: list[tuple[bytes, bool, bool]] = []
        self.core.on_parts = self.take  # type: ignore[method-assign]

    def take(self, parts: Any, now: float) -> None:
        is_peer = self.core.net.is_peer
        self.taken.append((parts[-1], is_peer(1, 7), is_peer(2, 8)))

    def dial(self, keys: KeyPair) -> Socket:
        return dealer(self.outside, self.endpoint, 1 << 20, curve=Curve(keys, OWN.public))

    def know(self, **keys: KeyPair) -> None:
        """Take an epoch with these peers."""
        incarnations = {"1": 7, "2": 8}
        peers = {
            int(name[1:]): {"endpoint": f"inproc://{name}", "key": key.public.decode(),
                            "incarnation": incarnations[name[1:]]}
            for name, key in keys.items()
        }  # fmt: skip
        self.core.peers = peers
        self.loop._door.turn(0.0)  # type: ignore[union-attr]

    def turn(self, turns: int = 20) -> None:
        self.core.stopped, self.core.turns_left = False, turns
        self.core.wakeup = lambda now: 0.005  # type: ignore[method-assign]
        self.loop.run()

    def turn_until(self, socket: Socket, events: int = zmq.POLLOUT) -> None:
        for _ in range(100):
            self.turn(3)
            if socket.poll(0, events):
                return
        raise AssertionError("it takes too long")


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Secure]:
    made = Secure(tmp_path)
    yield made
    made.loop.close()
    made.context.destroy(linger=0)
    made.outside.destroy(linger=0)


def test_a_peer_is_let_in_and_taken_for_nobody_else(secure: Secure) -> None:
    """B63: worker 2, with its own good key, cannot say that it is worker 1."""
    secure.know(w1=PEER, w2=OTHER)
    for keys in (PEER, OTHER):
        socket = secure.dial(keys)
        secure.turn_until(socket)
        socket.send(keys.public)
        for _ in range(50):
            secure.turn(2)
            if any(data == keys.public for data, _, _ in secure.taken):
                break
    assert secure.taken == [(PEER.public, True, False), (OTHER.public, False, True)]
    # Nor may a message that comes by no connection at all be anybody's.
    secure.loop._user = ""
    assert not secure.core.net.is_peer(1, 7)
    assert not secure.core.net.is_peer(3, 7)


def test_one_that_dials_before_its_epoch_is_known_here_gets_in_when_it_is(secure: Secure) -> None:
    socket = secure.dial(PEER)
    for _ in range(100):
        secure.turn(2)
        if secure.loop._door.holding:  # type: ignore[union-attr]
            break
    assert not socket.poll(0, zmq.POLLOUT)
    secure.know(w1=PEER)
    secure.turn_until(socket)


def test_a_stranger_is_not_let_in(secure: Secure, monkeypatch: pytest.MonkeyPatch) -> None:
    secure.know(w1=PEER)
    secure.loop._door._gate._hold_s = 0.0  # type: ignore[union-attr]
    socket = secure.dial(STRANGER)
    for _ in range(100):
        secure.turn(2)
        if secure.loop._door.refused:  # type: ignore[union-attr]
            break
    assert secure.loop._door.refused == 1  # type: ignore[union-attr]
    assert not socket.poll(20, zmq.POLLOUT)


def test_the_public_key_is_told_and_the_peers_key_is_dialled(
    secure: Secure, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialled: list[Curve] = []

    def dial(context: Context, endpoint: str, bytes_max: int, curve: Curve) -> Socket:
        dialled.append(curve)
        return dealer(context, "inproc://nowhere", bytes_max)

    monkeypatch.setattr(worker_data, "dealer", dial)
    peers = {1: {"endpoint": "tcp://h:1", "incarnation": 7, "key": PEER.public.decode()}}
    secure.loop.on_control({"kind": "epoch", "peers": peers}, 0.0)
    assert dialled == [Curve(OWN, server_key=PEER.public)]
    assert secure.loop.key == OWN.public.decode()


def hello(worker: int, incarnation: int) -> bytes:
    greeting = Hello("words", worker, 0, FRAME_BYTES_MAX)
    return control_frame(Header(HELLO, 1, incarnation, 1), pack_hello(greeting))


def test_a_hello_with_the_key_of_another_worker_is_rejected() -> None:
    """B63: the REJECT says ``identity``, and the true worker is still welcome."""
    asked: list[tuple[int, int]] = []

    def is_peer(worker: int, incarnation: int) -> bool:
        asked.append((worker, incarnation))
        return worker == 1

    receiver = make_receiver(peers={1: 111, 2: 222}, is_peer=is_peer)
    assert receiver.on_message(b"W2", hello(2, 222), 0.0) == []
    ((_, frame),) = receiver.outbox
    reject = decode_reject(frame)
    assert (reject.code, reject.text) == ("identity", "the key is not that of worker 2")
    assert decode_header(frame).epoch == 1
    assert receiver.on_message(b"W1", hello(1, 111), 0.0) == [PeerOpened(1)]
    assert asked == [(2, 222), (1, 111)]


class Phone:
    """Counts what was dialled, and never gets through."""

    def __init__(self) -> None:
        self.dialled: list[str] = []

    def __call__(self, context: Any, endpoint: str, bytes_max: int, curve: Any) -> Socket:
        self.dialled.append(endpoint)
        return dealer(context, "inproc://nowhere", bytes_max)


@pytest.mark.parametrize(
    ("endpoint", "silent_s", "dialled"),
    [("tcp://h:1", 2.5, 2), ("tcp://h:1", 1.5, 1), ("ipc:///h", 60.0, 1)],
)
def test_a_link_over_tcp_that_is_silent_gets_a_new_connection(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, silent_s: float, dialled: int
) -> None:
    """Once in two seconds: dialled at 0 s; at 1 s too early; at 2 s again; at 3 s too early."""
    phone, core, context = Phone(), FakeCore(), zmq.Context()
    monkeypatch.setattr(worker_data, "dealer", phone)
    loop = DataLoop(core, context, "inproc://own", 1000, lambda: None)  # type: ignore[arg-type]
    loop.on_control({"kind": "epoch", "peers": {1: {"endpoint": endpoint, "incarnation": 7}}}, 0.0)
    core.links[1].silent_s = silent_s
    for now in (1.0, 2.0, 3.0):
        loop._redial(now)
    assert phone.dialled == [endpoint] * dialled
    assert core.links[1].reconnections == dialled - 1
    core.links[1].deaf = True
    loop._redial(9.0)
    assert len(phone.dialled) == dialled, "what was refused waits for the next epoch"
    loop.close()
    context.destroy(linger=0)
