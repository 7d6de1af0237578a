"""The ROUTER of workers' control messages: bytes to each incarnation in order, bounded for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import zmq
from waterspout.supervisor import control_router
from waterspout.supervisor.control_router import ControlRouter
from waterspout.supervisor.control_wire import pack, unpack
from waterspout.supervisor.sockets import Context, Socket


@pytest.fixture
def context() -> Iterator[Context]:
    context: Context = zmq.Context()
    yield context
    context.destroy(linger=0)


def connect(context: Context, worker: int, incarnation: int, **message: Any) -> Socket:
    socket = context.socket(zmq.DEALER)
    socket.connect("inproc://control")
    socket.send(pack({"worker": worker, "incarnation": incarnation, **message}))
    return socket


def test_bytes_find_the_incarnation_that_spoke(context: Context) -> None:
    control = ControlRouter(context, "inproc://control")
    old = connect(context, 1, 100, kind="register")
    new = connect(context, 1, 200, kind="register")
    received = {(each.worker, each.incarnation): unpack(each.data) for each in control.receive()}
    assert received[1, 200] == {"worker": 1, "incarnation": 200, "kind": "register"}
    assert control.known(1, 100)
    assert control.send(1, 200, b"go")
    assert new.poll(1000)
    assert new.recv() == b"go"
    assert not old.poll(0)
    assert control.send(1, 100, b"stop")
    assert old.poll(1000)
    assert old.recv() == b"stop"


def test_nothing_is_sent_to_who_never_spoke_or_is_forgotten(context: Context) -> None:
    control = ControlRouter(context, "inproc://control")
    worker = connect(context, 0, 1, kind="register")
    assert control.send(0, 1, b"go")
    control.receive()
    control.forget(0, 1)
    assert control.send(0, 1, b"go")
    assert not control.known(0, 1)
    assert not worker.poll(10)


def test_nonsense_is_counted_and_the_rest_is_read(context: Context) -> None:
    control = ControlRouter(context, "inproc://control")
    bad = context.socket(zmq.DEALER)
    bad.connect("inproc://control")
    bad.send(b"\xc1")
    bad.send(pack({"kind": "register"}))
    bad.send(pack({"worker": "x", "incarnation": 1}))
    bad.send_multipart([b"two", b"parts"])
    bad.send(pack({"worker": 0, "incarnation": 1, "kind": "built"}))
    assert [unpack(each.data)["kind"] for each in control.receive()] == ["built"]
    assert control.refused == 4


def test_a_worker_that_does_not_read_is_given_up(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_router, "WAITING_MAX", 10)
    control = ControlRouter(context, "inproc://control")
    worker = context.socket(zmq.DEALER)
    worker.setsockopt(zmq.RCVHWM, 1)
    worker.connect("inproc://control")
    worker.send(pack({"worker": 0, "incarnation": 1, "kind": "register"}))
    control.receive()
    sent = 0
    while control.send(0, 1, b"%d" % sent):
        sent += 1
        assert sent < 100_000, "nothing bounds what waits"
    assert control.waiting(0, 1) == 11
    # What was accepted still comes, in order, once it reads.
    numbers = []
    while len(numbers) <= sent:
        assert worker.poll(1000), f"{len(numbers)} of {sent + 1}"
        numbers.append(int(worker.recv()))
        control.flush()
    assert numbers == list(range(sent + 1))
    assert not worker.poll(0)


class Unreachable:
    """A socket whose peer is away for the first sends."""

    def __init__(self, away: int) -> None:
        self.away = away
        self.sent: list[list[bytes]] = []

    def send_multipart(self, parts: list[bytes], flags: int) -> None:
        self.away -= 1
        if self.away >= 0:
            raise zmq.ZMQError(zmq.EHOSTUNREACH)
        self.sent.append(parts)


def test_what_is_for_a_worker_whose_connection_is_down_waits_for_it(context: Context) -> None:
    control = ControlRouter(context, "inproc://control")
    connect(context, 0, 1, kind="register")
    control.receive()
    real, control.socket = control.socket, Unreachable(away=3)  # type: ignore[assignment]
    assert control.send(0, 1, b"one")
    assert control.send(0, 1, b"two")
    control.flush()
    assert control.waiting(0, 1) == 2
    control.flush()
    assert [parts[1] for parts in control.socket.sent] == [b"one", b"two"]  # type: ignore[attr-defined]
    assert control.waiting(0, 1) == 0
    real.close()
