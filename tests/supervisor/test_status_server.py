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


def test_a_client_that_left_does_not_disturb_the_next() -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    server = StatusServer(context, "inproc://status", FakeDriver())  # type: ignore[arg-type]
    gone = context.socket(zmq.DEALER)
    gone.connect("inproc://status")
    gone.send(pack({"kind": "status"}))
    gone.close(linger=0)
    client = context.socket(zmq.REQ)
    client.connect("inproc://status")
    client.send(pack({"kind": "status"}))
    server.turn(1.0)
    assert client.poll(1000)
    assert unpack(client.recv())["status"]["uptime_s"] == 1.0
    client.close()
    server.close()
    context.term()
