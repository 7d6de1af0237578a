"""Two workers joined by a link over a transport that may lose, double and delay messages."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from waterspout.supervisor.link import LinkSender
from waterspout.supervisor.link_events import (
    BadData,
    HelloAhead,
    PeerClosed,
    PeerOpened,
    ReceiverEvent,
    SenderEvent,
)
from waterspout.supervisor.link_receiver import LinkReceiver
from waterspout.topology.control_frames import (
    CreditFrame,
    FailFrame,
    Failure,
    ToggleFrame,
    VouchFrame,
    control_frame,
    pack_credit,
)
from waterspout.topology.frame_header import CREDIT, Header
from waterspout.topology.frames import BodyPacker, Channel, DataFrame, EndFrame

#: How a test names a frame: what was sent, and what must come out.
Note = tuple[Any, ...]

POOL_FRAMES = 3
FRAME_BYTES_MAX = 2048
ROUTING_ID = b"W-sender-1"


def make_sender(epoch: int = 1, **changes: Any) -> LinkSender:
    """Return the end of worker 1 that sends to worker 2."""
    fields: dict[str, Any] = {
        "incarnation": 111,
        "peer": 2,
        "epoch": epoch,
        "frame_bytes_max": FRAME_BYTES_MAX,
        "pool_frames": POOL_FRAMES,
    }
    return LinkSender("words", 1, **{**fields, **changes})


def make_receiver(epoch: int = 1, **changes: Any) -> LinkReceiver:
    """Return the receiving end of worker 2."""
    fields: dict[str, Any] = {
        "incarnation": 222,
        "epoch": epoch,
        "frame_bytes_max": FRAME_BYTES_MAX,
        "pool_frames": POOL_FRAMES,
    }
    return LinkReceiver("words", 2, **{**fields, **changes})


def note_of(event: ReceiverEvent) -> list[Note]:
    """Return what a delivered frame says, record by record."""
    if isinstance(event, DataFrame):
        return [("data", event.channel, event.edge, tuple(event.rows))]
    if isinstance(event, EndFrame):
        return [("end", event.channel)]
    if isinstance(event, ToggleFrame):
        return [("toggle", *pair) for pair in event.pairs]
    if isinstance(event, FailFrame):
        return [("fail", failure.root) for failure in event.failures]
    assert isinstance(event, VouchFrame)
    return [("vouch", root) for root in event.roots]


class Wire:
    """Sender and receiver, and what is under way between them in either direction."""

    def __init__(self, sender: LinkSender | None = None, receiver: LinkReceiver | None = None):
        self.sender = sender or make_sender()
        self.receiver = receiver or make_receiver()
        self.now = 0.0
        self.to_receiver: deque[bytes] = deque()
        self.to_sender: deque[bytes] = deque()
        #: Of the connection that the sender has now.
        self.routing_id = ROUTING_ID
        #: What connections before it still bring, with their routing ids.
        self.late: deque[tuple[bytes, bytes]] = deque()
        self.sender_events: list[SenderEvent] = []
        self.receiver_events: list[ReceiverEvent] = []
        #: What was delivered, in order.
        self.delivered: list[Note] = []
        #: Channels of frames that were delivered and not worked through.
        self.queued: deque[Channel] = deque()
        self._packer = BodyPacker()

    def send(self, channel: Channel, edge: int, rows: Sequence[Sequence[Any]]) -> None:
        """Send rows as one frame of one root."""
        body = self._packer.pack([(len(rows), (edge + 1000,))], rows)
        self.sender.send_data(channel, edge, len(rows[0]), len(rows), body)

    def push(self) -> None:
        """Put what both ends want to say on the wire."""
        self.sender.flush()
        self.receiver.flush()
        self.to_receiver.extend(self.sender.outbox)
        self.sender.outbox.clear()
        for routing_id, data in self.receiver.outbox:
            if routing_id == self.routing_id:
                self.to_sender.append(data)
        self.receiver.outbox.clear()

    def step_right(self) -> list[ReceiverEvent]:
        """Deliver one message to the receiver."""
        if not self.to_receiver:
            return []
        return self._arrives(self.routing_id, self.to_receiver.popleft())

    def step_late(self) -> list[ReceiverEvent]:
        """Deliver one message of a connection that was given up."""
        return self._arrives(*self.late.popleft()) if self.late else []

    def _arrives(self, routing_id: bytes, data: bytes) -> list[ReceiverEvent]:
        events = self.receiver.on_message(routing_id, data, self.now)
        self.receiver_events += events
        for event in events:
            if isinstance(event, DataFrame):
                self.queued.append(event.channel)
            if not isinstance(event, (HelloAhead, PeerOpened, PeerClosed, BadData)):
                self.delivered += note_of(event)
        return events

    def step_left(self) -> list[SenderEvent]:
        """Deliver one message to the sender."""
        if not self.to_sender:
            return []
        events = self.sender.on_message(self.to_sender.popleft(), self.now)
        self.sender_events += events
        return events

    def work(self) -> None:
        """Work through the oldest frame that was delivered."""
        if self.queued:
            self.receiver.credit(self.queued.popleft())

    def lose(self) -> None:
        """The connection breaks: everything under way is gone."""
        self.to_receiver.clear()
        self.to_sender.clear()

    def redial(self) -> None:
        """Have a new connection; what is under way on the old one may come late."""
        self.late.extend((self.routing_id, data) for data in self.to_receiver)
        self.to_receiver.clear()
        self.to_sender.clear()
        self.routing_id += b"+"
        self.sender.reconnected(self.now)

    def tick(self, seconds: float = 0.05) -> None:
        """Let time pass and the sender look at its clock."""
        self.now += seconds
        self.sender_events += self.sender.on_tick(self.now)

    def settle(self, seconds: float = 0.0, *, work: bool = False) -> None:
        """Deliver everything both ways, for some time, until nothing moves."""
        until = self.now + seconds
        while True:
            self.push()
            while self.to_receiver or self.to_sender:
                self.step_right()
                self.step_left()
                if work:
                    self.work()
                self.push()
            if work and self.queued:
                self.work()
                continue
            if self.now >= until:
                return
            self.tick()

    def opened(self) -> Wire:
        """Let both ends greet each other."""
        self.settle()
        assert self.sender.open
        self.sender_events.clear()
        self.receiver_events.clear()
        return self


def failure(root: int, text: str = "no") -> Failure:
    """Return a failure of ``root``."""
    return Failure(root, "split", 7, text, "Traceback ...")


def one_frame_sent() -> Wire:
    """Return an open wire whose sender has sent frame 1, not delivered."""
    wire = Wire().opened()
    wire.send((1, 0, 2), 1, [["a"]])
    wire.push()
    return wire


def from_peer(kind: int, seq: int, body: bytes = b"", **header: Any) -> bytes:
    """Return a message of worker 2, incarnation 222, epoch 1."""
    fields = {"epoch": 1, "incarnation": 222, **header}
    return control_frame(Header(kind, fields["epoch"], fields["incarnation"], seq), body)


def credit(number: int, returned: list[Any], ack: int = 1, **header: Any) -> bytes:
    """Return a CREDIT of worker 2."""
    return from_peer(CREDIT, ack, pack_credit(CreditFrame(number, returned)), **header)
