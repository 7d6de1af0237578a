"""The coordinator's control socket: in order to each incarnation, bounded for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import zmq
from waterspout.supervisor import control_socket
from waterspout.supervisor.control_socket import ControlSocket
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


def test_messages_find_the_incarnation_that_spoke(context: Context) -> None:
    control = ControlSocket(context, "inproc://control")
    old = connect(context, 1, 100, kind="register")
    new = connect(context, 1, 200, kind="register")
    received = control.receive()
    assert sorted(received) == [(1, 100, {"kind": "register"}), (1, 200, {"kind": "register"})]
    assert control.send(1, 200, {"kind": "go"})
    assert new.poll(1000)
    assert unpack(new.recv()) == {"kind": "go"}
    assert not old.poll(0)
    assert control.send(1, 100, {"kind": "stop"})
    assert old.poll(1000)
    assert unpack(old.recv()) == {"kind": "stop"}


def test_nothing_is_sent_to_who_never_spoke_or_is_forgotten(context: Context) -> None:
    control = ControlSocket(context, "inproc://control")
    worker = connect(context, 0, 1, kind="register")
    assert control.send(0, 1, {"kind": "go"})
    control.receive()
    control.forget(0, 1)
    assert control.send(0, 1, {"kind": "go"})
    assert not worker.poll(10)


def test_nonsense_is_counted_and_the_rest_is_read(context: Context) -> None:
    control = ControlSocket(context, "inproc://control")
    bad = context.socket(zmq.DEALER)
    bad.connect("inproc://control")
    bad.send(b"\xc1")
    bad.send(pack({"kind": "register"}))
    bad.send(pack({"worker": "x", "incarnation": 1}))
    bad.send_multipart([b"two", b"parts"])
    bad.send(pack({"worker": 0, "incarnation": 1, "kind": "built"}))
    assert [each.message["kind"] for each in control.receive()] == ["built"]
    assert control.refused == 4


def test_a_worker_that_does_not_read_is_given_up(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_socket, "WAITING_MAX", 10)
    control = ControlSocket(context, "inproc://control")
    worker = context.socket(zmq.DEALER)
    worker.setsockopt(zmq.RCVHWM, 1)
    worker.connect("inproc://control")
    worker.send(pack({"worker": 0, "incarnation": 1, "kind": "register"}))
    control.receive()
    sent = 0
    while control.send(0, 1, {"kind": "go", "number": sent}):
        sent += 1
        assert sent < 100_000, "nothing bounds what waits"
    # What was accepted still comes, in order, once it reads.
    numbers = []
    while worker.poll(50):
        numbers.append(unpack(worker.recv())["number"])
        control.flush()
    assert numbers == list(range(sent + 1))
