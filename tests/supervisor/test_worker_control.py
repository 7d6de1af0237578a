"""The control thread: registers first, reports, and its last words are said."""

from __future__ import annotations

import os
import queue
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq
from waterspout.supervisor import worker_control, worker_end
from waterspout.supervisor.control_session import Session
from waterspout.supervisor.control_wire import unpack
from waterspout.supervisor.sockets import Context
from waterspout.supervisor.worker_control import ControlThread
from waterspout.supervisor.worker_end import ORPHAN_EXIT, TERMINATED_EXIT

from .shell_fakes import FakeCore


class FakeData:
    """The data thread: notes what it is to take."""

    turned_at = 0.0
    key = "K"

    def __init__(self, core: FakeCore) -> None:
        self.core = core
        self.posted: list[Callable[[float], object]] = []

    def post(self, call: Callable[[float], object]) -> None:
        self.posted.append(call)

    def on_control(self, message: Any, now: float) -> None:
        self.core.on_control(message, now)


class Talk:
    """A control thread and the coordinator's end of its socket."""

    def __init__(self, context: Context, parent: int = os.getppid(), **more: Any) -> None:
        self.core = FakeCore()
        self.data = FakeData(self.core)
        self.housekeeping: list[int] = []
        self.socket = context.socket(zmq.ROUTER)
        self.socket.bind("inproc://control")
        self.session = Session(1)
        self.thread = ControlThread(
            self.core, self.data, context, worker=3, incarnation=77, control="inproc://control",  # type: ignore[arg-type]
            endpoint="ipc://w3", parent=parent,
            each_report=lambda: self.housekeeping.append(1), **more,
        )  # fmt: skip
        self.thread.start()

    def hear(self) -> dict[str, Any]:
        message = self.session.receive(self.hear_envelope(), 0.0)
        assert message is not None, "it says things twice"
        self.session.handled()
        return message

    def hear_envelope(self) -> dict[str, Any]:
        """Return what comes next, as it lies on the wire."""
        assert self.socket.poll(5000), "it says nothing"
        self.routing_id, data = self.socket.recv_multipart()
        return unpack(data)

    def hear_all(self) -> list[dict[str, Any]]:
        found = []
        while self.socket.poll(0):
            found.append(self.hear())
        return found

    def say(self, **message: Any) -> None:
        self.socket.send_multipart([self.routing_id, self.session.send(message, 0.0)])


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    monkeypatch.setattr(worker_control, "FIRST_INTERVAL_S", 0.01)
    context: Context = zmq.Context()
    talk = Talk(context)
    yield talk
    talk.thread.finish(5)
    context.destroy(linger=0)


def test_it_registers_first_and_signs_everything(talk: Talk) -> None:
    first = talk.hear()
    assert first == {
        "kind": "register", "endpoint": "ipc://w3", "key": "K", "pid": os.getpid(),
        "worker": 3, "incarnation": 77,
    }  # fmt: skip
    report = talk.hear()
    assert (report["kind"], report["worker"], report["incarnation"]) == ("report", 3, 77)
    assert report["loop_age_s"] > 0
    assert talk.housekeeping


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    """A thread that reports only when something makes it."""
    monkeypatch.setattr(worker_control, "FIRST_INTERVAL_S", 60.0)
    context: Context = zmq.Context()
    talk = Talk(context)
    yield talk
    talk.thread.finish(5)
    context.destroy(linger=0)


def test_what_the_core_says_goes_out_in_order_and_at_once(quiet: Talk) -> None:
    talk = quiet
    talk.hear()
    talk.core.control_outbox.extend({"kind": "built", "number": n} for n in range(3))
    talk.thread.wake()
    heard = [talk.hear() for _ in range(3)]
    assert [message.get("number") for message in heard] == [0, 1, 2]


def test_what_the_coordinator_says_goes_to_the_data_thread(quiet: Talk) -> None:
    talk = quiet
    talk.hear()
    talk.say(kind="go", epoch=1)
    talk.say(kind="stop")
    # A stop is answered with a report by this thread, however busy the other one is.
    assert talk.hear()["kind"] == "report"
    for call in talk.data.posted:
        call(0.0)
    assert [message["kind"] for message in talk.core.controls] == ["go", "stop"]


def test_the_last_words_are_what_the_core_said_and_a_report(quiet: Talk) -> None:
    talk = quiet
    talk.hear()
    talk.core.control_outbox.append({"kind": "summaries", "tasks": {}})
    assert talk.thread.finish(5)
    kinds = [message["kind"] for message in talk.hear_all()]
    assert kinds == ["summaries", "report"]


def test_errors_are_numbered_on_their_own_and_the_counters_are_not(quiet: Talk) -> None:
    """A report that is sent again must not put counters back, and no error may be lost.

    thread   report n=2 (errors, no tasks)   report n=0 (tasks, no errors)
    """
    talk = quiet
    talk.hear()
    errors = [{"component": "b", "task": 1, "text": "x", "traceback": "", "count": 1}]
    report = {"kind": "report", "epoch": 1, "tasks": [{"task": 1}], "errors": errors}
    talk.core.next_report = {**report, "suspects": {1: [[0, 3, 4, 1]]}}
    talk.say(kind="stop")
    first, second = talk.hear_envelope(), talk.hear_envelope()
    assert (first["n"], first["tasks"], first["errors"]) == (2, [], errors)
    assert first["suspects"] == {1: [[0, 3, 4, 1]]}
    assert (second["n"], second["tasks"], second["errors"]) == (0, [{"task": 1}], [])
    assert "suspects" not in second


def test_what_the_coordinator_lost_is_said_again(quiet: Talk) -> None:
    talk = quiet
    assert talk.hear_envelope()["n"] == 1
    talk.say(kind="go", epoch=1)
    # It is started again before it confirmed anything, and asks who is there.
    talk.session = Session(2)
    talk.say(kind="who")
    again = talk.hear_envelope()
    assert (again["n"], again["kind"], again["peer_boot"]) == (1, "register", 2)


def test_one_that_shall_outlive_its_parent_does_not_look_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context: Context = zmq.Context()
    talk = orphan(context, monkeypatch)
    assert [talk.hear()["kind"] for _ in range(2)] == ["register", "report"]
    assert talk.thread.finish(5)
    context.destroy(linger=0)


def test_a_coordinator_that_asks_who_is_there_hears_what_is_still_open(quiet: Talk) -> None:
    """It may have had the question in memory only.

    thread   dead_letters 1, reserve 2 ..             here, dead_letters 1
    coordinator                          reserved 2
    """
    talk = quiet
    talk.hear()
    assert talk.core.verbs.place == {"endpoint": "ipc://w3", "key": "K", "pid": os.getpid()}
    talk.core.control_outbox.append({"kind": "dead_letters", "id": 1, "records": []})
    talk.core.control_outbox.append({"kind": "reserve", "id": 2})
    talk.thread.wake()
    assert [talk.hear()["id"] for _ in range(2)] == [1, 2]
    talk.say(kind="reserved", id=2)
    talk.say(kind="stop")
    assert talk.hear()["kind"] == "report"
    talk.core.control_outbox.append({"kind": "here", "epoch": 1})
    talk.thread.wake()
    assert [talk.hear()["kind"] for _ in range(2)] == ["here", "dead_letters"]


def orphan(context: Context, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Talk:
    """Return a thread without a parent that reports often."""
    monkeypatch.setattr(worker_control, "FIRST_INTERVAL_S", 0.01)
    return Talk(context, parent=0, **more)


def ended(talk: Talk, go_on: Callable[[], object] = lambda: None) -> bool:
    """Do what the thread posts for the data thread, until it has the core end."""
    for _ in range(500):
        go_on()
        if talk.socket.poll(10):
            talk.socket.recv_multipart()
        for call in talk.data.posted:
            call(0.0)
        if talk.core.stopped:
            return True
    return False


def test_a_sigterm_has_the_data_thread_end(monkeypatch: pytest.MonkeyPatch) -> None:
    context: Context = zmq.Context()
    read, write = os.pipe()
    os.set_blocking(read, False)
    talk = orphan(context, monkeypatch, signals=read)
    talk.hear()
    os.write(write, bytes([signal.SIGTERM]))
    assert ended(talk)
    assert talk.thread.end.code == TERMINATED_EXIT
    talk.thread.finish(5)
    context.destroy(linger=0)


def test_without_a_supervisor_for_too_long_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    context: Context = zmq.Context()
    monkeypatch.setattr(worker_end, "END_MAX_S", 1e9)
    seconds = [0.0]

    def later(by_s: float = 8.0) -> None:
        seconds[0] += by_s

    talk = orphan(context, monkeypatch, orphan_s=30.0, clock=lambda: seconds[0])
    talk.hear()
    for wait_s in (29.0, 29.0, 1.0):
        later(wait_s)
        talk.hear()
    assert talk.thread.end.code == 0
    talk.socket.close(linger=0)
    talk.socket = context.socket(zmq.PAIR)
    # It may notice a moment later that nobody is there.
    assert ended(talk, later)
    assert talk.thread.end.code == ORPHAN_EXIT
    talk.thread.finish(5)
    context.destroy(linger=0)


def test_a_call_that_does_not_return_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: queue.SimpleQueue[int] = queue.SimpleQueue()
    monkeypatch.setattr(worker_end, "END_MAX_S", 0.05)
    monkeypatch.setattr(worker_control.os, "_exit", codes.put)
    context: Context = zmq.Context()
    read, write = os.pipe()
    os.set_blocking(read, False)
    talk = orphan(context, monkeypatch, signals=read)
    talk.hear()
    os.write(write, bytes([signal.SIGTERM]))
    assert codes.get(timeout=5) == TERMINATED_EXIT
    talk.thread.finish(5)
    context.destroy(linger=0)
