"""Requests to a run: each has one answer, whatever was sent."""

from __future__ import annotations

from typing import Any

import zmq
from waterspout.supervisor.control_wire import pack, unpack
from waterspout.supervisor.status_server import StatusServer, answer_request

from .shell_fakes import FakeDriver


def answer(request: Any, driver: FakeDriver | None = None) -> dict[str, Any]:
    data = request if isinstance(request, bytes) else pack(request)
    return answer_request(driver or FakeDriver(), data, 7.0)  # type: ignore[arg-type]


def test_status_is_answered_from_the_driver() -> None:
    assert answer({"kind": "status"}) == {
        "ok": True,
        "status": {"topology": "fake", "uptime_s": 7.0},
    }


def test_wishes_are_passed_on() -> None:
    driver = FakeDriver()
    assert answer({"kind": "drain"}, driver) == {"ok": True}
    assert answer({"kind": "stop"}, driver) == {"ok": True}
    replay = {"kind": "dead_letters", "action": "replay", "ids": [4, 5]}
    assert answer(replay, driver) == {"ok": True, "count": 2}
    drop = {"kind": "dead_letters", "action": "drop", "ids": None}
    assert answer(drop, driver) == {"ok": True, "count": 3}
    assert driver.asked == ["drain", "stop", "replay [4, 5]", "drop None"]


def test_nonsense_is_answered_with_an_error() -> None:
    driver = FakeDriver()
    for request in (
        b"\xc1",
        {"kind": "reboot"},
        {},
        {"kind": "dead_letters", "action": "drop", "ids": ["x"]},
        {"kind": "dead_letters", "action": "drop", "ids": 4},
        {"kind": "dead_letters", "action": "drop"},
    ):
        found = answer(request, driver)
        assert found["ok"] is False
        assert found["error"]
    assert driver.asked == []


class Leaving:
    """A ROUTER with two requests, whose first client is gone when it is answered."""

    def __init__(self) -> None:
        self.requests = [[b"gone", pack({"kind": "status"})], [b"here", b"", pack({})]]
        self.answers: list[list[bytes]] = []

    def recv_multipart(self, flags: int) -> list[bytes]:
        if not self.requests:
            raise zmq.Again
        return self.requests.pop(0)

    def send_multipart(self, parts: list[bytes], flags: int) -> None:
        if parts[0] == b"gone":
            raise zmq.ZMQError(zmq.EHOSTUNREACH)
        self.answers.append(parts)


def test_a_client_that_left_does_not_disturb_the_next() -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    server = StatusServer(context, "inproc://status", FakeDriver())  # type: ignore[arg-type]
    server.close()
    leaving = Leaving()
    server.socket = leaving  # type: ignore[assignment]
    server.turn(1.0)
    ((client, empty, answer_),) = leaving.answers
    assert (client, empty) == (b"here", b"")
    assert unpack(answer_)["ok"] is False
    context.term()


def test_both_kinds_of_clients_are_answered() -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    server = StatusServer(context, "inproc://status", FakeDriver())  # type: ignore[arg-type]
    clients = [context.socket(zmq.REQ), context.socket(zmq.DEALER)]
    for client in clients:
        client.connect("inproc://status")
        client.send(pack({"kind": "status"}))
    server.turn(1.0)
    for client in clients:
        assert client.poll(1000)
        assert unpack(client.recv())["status"]["uptime_s"] == 1.0
        client.close()
    server.close()
    context.term()
