"""The data loop: what it carries between sockets and core, and when it connects to whom."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
import zmq
from waterspout.supervisor import worker_data
from waterspout.supervisor.sockets import Context
from waterspout.supervisor.worker_data import GC_THRESHOLDS, DataLoop
from waterspout.topology.wire_limits import FRAMES_MAX

from .shell_fakes import FakeCore, FakeReceiver


@pytest.fixture
def context() -> Iterator[Context]:
    context: Context = zmq.Context()
    yield context
    context.destroy(linger=0)


class FakeCollector:
    """Stands in for ``gc``: the real one keeps to the tests' own garbage."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self.told.append((name, *args))


@pytest.fixture(autouse=True)
def collector(monkeypatch: pytest.MonkeyPatch) -> FakeCollector:
    collector = FakeCollector()
    monkeypatch.setattr(worker_data, "gc", collector)
    return collector


@pytest.fixture
def core() -> FakeCore:
    return FakeCore()


def loop_of(core: FakeCore, context: Context, name: str = "own", **more: Any) -> DataLoop:
    on_output = more.pop("on_output", lambda: None)
    return DataLoop(core, context, f"inproc://{name}", 1 << 20, on_output)  # type: ignore[arg-type]


def listener(context: Context, name: str) -> zmq.Socket[bytes]:
    """Return what another worker listens with."""
    socket = context.socket(zmq.ROUTER)
    socket.bind(f"inproc://{name}")
    return socket


def peers(**of: str) -> dict[str, Any]:
    """Return a control message after which worker 1 is a peer."""
    return {"kind": "epoch", "peers": {1: {"endpoint": f"inproc://{of['at']}", "incarnation": 7}}}


def test_frames_go_to_the_peer_and_its_answers_come_back(context: Context, core: FakeCore) -> None:
    peer, loop = listener(context, "peer"), loop_of(core, context)
    loop.post(lambda now: loop.on_control(peers(at="peer"), now))
    loop.post(lambda now: core.links[1].outbox.extend([b"one", b"two"]))
    core.turns_left = 3
    loop.run()
    routing_id, *frames = peer.recv_multipart()
    assert frames == [b"one", b"two"]
    # Ids are random: a name would clash with that of the next incarnation.
    assert routing_id[:1] == b"W"
    assert len(routing_id) == 16
    peer.send_multipart([routing_id, b"answer", b"another"])
    core.stopped, core.turns_left = False, 3
    loop.run()
    assert core.from_peers == [(1, b"answer"), (1, b"another")]
    loop.close()


def test_what_arrives_is_handed_over_and_answered(context: Context, core: FakeCore) -> None:
    loop = loop_of(core, context)
    sender = context.socket(zmq.DEALER)
    sender.setsockopt(zmq.ROUTING_ID, b"Wsender")
    sender.connect("inproc://own")
    sender.send(b"frame")
    sender.send_multipart([b"two", b"frames"])
    core.receiver = FakeReceiver()
    core.receiver.outbox.append((b"Wgone", b"dropped"))
    core.receiver.outbox.extend((b"Wsender", b"%d" % number) for number in range(FRAMES_MAX + 1))
    core.turns_left = 2
    loop.run()
    assert core.data == [(b"Wsender", b"frame"), (b"Wsender", b"two", b"frames")]
    assert sender.recv_multipart() == [b"%d" % number for number in range(FRAMES_MAX)]
    assert sender.recv_multipart() == [b"%d" % FRAMES_MAX]
    loop.close()


def test_frames_for_different_peers_are_different_messages(
    context: Context, core: FakeCore
) -> None:
    loop = loop_of(core, context)
    senders = [context.socket(zmq.DEALER) for _ in range(2)]
    for number, sender in enumerate(senders):
        sender.setsockopt(zmq.ROUTING_ID, b"W%d" % number)
        sender.connect("inproc://own")
        sender.send(b"frame")
    core.receiver = FakeReceiver()
    core.receiver.outbox.extend([(b"W0", b"a"), (b"W1", b"b"), (b"W1", b"c"), (b"W0", b"d")])
    core.turns_left = 2
    loop.run()
    assert [senders[0].recv_multipart() for _ in range(2)] == [[b"a"], [b"d"]]
    assert senders[1].recv_multipart() == [b"b", b"c"]
    loop.close()


def test_more_frames_than_fit_into_a_message_go_out_as_several(
    context: Context, core: FakeCore
) -> None:
    peer, loop = listener(context, "peer"), loop_of(core, context)
    frames = [b"%d" % number for number in range(2 * FRAMES_MAX + 1)]
    loop.post(lambda now: loop.on_control(peers(at="peer"), now))
    loop.post(lambda now: core.links[1].outbox.extend(frames))
    core.turns_left = 3
    loop.run()
    messages = [peer.recv_multipart()[1:] for _ in range(3)]
    assert [len(message) for message in messages] == [FRAMES_MAX, FRAMES_MAX, 1]
    assert [*chain(*messages)] == frames and not core.links[1].outbox
    loop.close()


def test_a_peer_that_was_replaced_gets_a_new_connection(context: Context, core: FakeCore) -> None:
    old, new = listener(context, "old"), listener(context, "new")
    loop = loop_of(core, context)
    loop.post(lambda now: loop.on_control(peers(at="old"), now))
    loop.post(lambda now: loop.on_control(peers(at="new"), now))
    loop.post(lambda now: core.links[1].outbox.append(b"hello"))
    core.turns_left = 2
    loop.run()
    assert new.recv_multipart()[1] == b"hello"
    assert not old.poll(0)
    loop.close()


def test_a_peer_that_does_not_read_keeps_its_frames_waiting_in_order(
    context: Context, core: FakeCore
) -> None:
    loop = loop_of(core, context)
    # Nobody listens there yet: with IMMEDIATE nothing is queued.
    message = peers(at="later")
    loop.post(lambda now: loop.on_control(message, now))
    loop.post(lambda now: core.links[1].outbox.extend([b"one", b"two"]))
    core.turns_left = 2
    loop.run()
    waiting = list(core.links[1].outbox)
    peer = listener(context, "later")
    core.stopped, core.turns_left = False, 50
    loop.run()
    assert peer.recv_multipart()[1:] == [b"one", b"two"]
    assert waiting in ([b"one", b"two"], [])
    loop.close()


def test_other_threads_wake_the_loop(context: Context, core: FakeCore) -> None:
    loop = loop_of(core, context)
    core.wakeup = lambda now: 30.0  # type: ignore[method-assign]
    turning = threading.Thread(target=loop.run)
    turning.start()
    loop.post(lambda now: setattr(core, "stopped", True))
    turning.join(5)
    assert not turning.is_alive()
    loop.close()


def test_output_is_passed_on_after_every_turn(context: Context, core: FakeCore) -> None:
    seen: list[int] = []
    loop = loop_of(core, context, on_output=lambda: seen.append(core.turns_left))
    core.turns_left = 3
    loop.run()
    assert seen == [2, 1, 0]
    loop.close()


def test_what_was_built_is_taken_out_of_the_collectors_sight(
    context: Context, core: FakeCore, collector: FakeCollector
) -> None:
    loop = loop_of(core, context)
    loop.on_control({"kind": "go"}, 0.0)
    assert collector.told == []
    loop.on_control({"kind": "assign", "peers": {}}, 0.0)
    assert collector.told == [("collect",), ("freeze",), ("set_threshold", *GC_THRESHOLDS)]
    loop.close()
