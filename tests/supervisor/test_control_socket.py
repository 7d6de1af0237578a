"""The coordinator's control socket: a session with each incarnation, over one ROUTER."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import zmq
from waterspout.supervisor import control_session
from waterspout.supervisor.control_session import Session
from waterspout.supervisor.control_socket import ControlSocket
from waterspout.supervisor.control_wire import pack, unpack
from waterspout.supervisor.sockets import Context


@pytest.fixture
def context() -> Iterator[Context]:
    context: Context = zmq.Context()
    yield context
    context.destroy(linger=0)


class Worker:
    """A worker's end: a DEALER and a session."""

    def __init__(self, context: Context, worker: int, incarnation: int) -> None:
        self.session = Session(1, head={"worker": worker, "incarnation": incarnation})
        self.socket = context.socket(zmq.DEALER)
        self.socket.connect("inproc://control")

    def say(self, *, lost: bool = False, **message: Any) -> None:
        data = self.session.send(message, 0.0)
        if not lost:
            self.socket.send(data)

    def hear(self) -> dict[str, Any] | None:
        assert self.socket.poll(1000), "it hears nothing"
        return self.session.receive(unpack(self.socket.recv()), 0.0)


def test_messages_find_the_incarnation_that_spoke(context: Context) -> None:
    control = ControlSocket(context, "inproc://control")
    old, new = Worker(context, 1, 100), Worker(context, 1, 200)
    old.say(kind="register")
    new.say(kind="register")
    received = control.receive(0.0)
    assert sorted(received) == [(1, 100, {"kind": "register"}), (1, 200, {"kind": "register"})]
    assert control.send(1, 200, {"kind": "go"}, 0.0)
    assert new.hear() == {"kind": "go"}
    assert not old.socket.poll(0)
    assert control.send(1, 100, {"kind": "stop"}, 0.0)
    assert old.hear() == {"kind": "stop"}


def test_nothing_is_sent_to_who_never_spoke_or_is_forgotten(context: Context) -> None:
    control = ControlSocket(context, "inproc://control")
    worker = Worker(context, 0, 1)
    worker.say(kind="register")
    assert control.send(0, 1, {"kind": "go"}, 0.0)
    control.receive(0.0)
    control.forget(0, 1)
    assert control.send(0, 1, {"kind": "go"}, 0.0)
    control.turn(99.0)
    assert not worker.socket.poll(10)


def test_nonsense_is_counted_and_the_rest_is_read(context: Context) -> None:
    control = ControlSocket(context, "inproc://control")
    bad = Worker(context, 0, 1)
    bad.socket.send(b"\xc1")
    bad.socket.send(pack({"worker": 0, "incarnation": 1, "kind": "built"}))
    bad.say(kind="built")
    assert [each.message["kind"] for each in control.receive(0.0)] == ["built"]
    assert control.refused == 2


def test_what_was_lost_comes_again_and_is_confirmed_when_handled(context: Context) -> None:
    control = ControlSocket(context, "inproc://control")
    worker = Worker(context, 0, 1)
    worker.say(kind="register")
    worker.say(kind="built", lost=True)
    worker.say(kind="ready")
    assert [each.message["kind"] for each in control.receive(0.0)] == ["register"]
    control.handled()
    for data in worker.session.due(1.0):
        worker.socket.send(data)
    assert [each.message["kind"] for each in control.receive(1.0)] == ["built", "ready"]
    control.turn(2.0)
    assert worker.hear() is None
    assert worker.session.unacked == 2, "confirmed before it was handled"
    control.handled()
    control.turn(3.0)
    assert worker.hear() is None
    assert worker.session.unacked == 0


def test_what_a_worker_does_not_confirm_is_sent_again(context: Context) -> None:
    control = ControlSocket(context, "inproc://control")
    worker = Worker(context, 0, 1)
    worker.say(kind="register")
    control.receive(0.0)
    control.send(0, 1, {"kind": "go"}, 0.0)
    control.turn(0.9)
    control.turn(1.0)
    found = [unpack(worker.socket.recv()) for _ in range(2)]
    assert [(each["n"], each["kind"]) for each in found] == [(1, "go"), (1, "go")]
    assert not worker.socket.poll(0)


def test_a_worker_that_confirms_nothing_is_given_up(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_session, "UNACKED_MAX", 10)
    control = ControlSocket(context, "inproc://control")
    worker = Worker(context, 0, 1)
    worker.say(kind="register")
    control.receive(0.0)
    sent = [control.send(0, 1, {"kind": "go", "number": n}, 0.0) for n in range(11)]
    assert sent == [True] * 10 + [False]
