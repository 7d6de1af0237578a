"""The sending end of a link: one per ordered pair of workers, over one DEALER socket.

ZeroMQ loses what is under way when a connection breaks. This end numbers its frames, keeps
their bytes until the peer has acknowledged them, and sends them again when the peer is found
to miss some; the other end (``link_receiver``) drops what it has. So every frame arrives
exactly once and in order, as long as both processes live and the epoch lasts.

Pure: it is fed with messages and time, and drained through ``outbox``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping

from waterspout.topology.control_frames import Failure, control_frame, decode_credit, decode_empty
from waterspout.topology.errors import WireError
from waterspout.topology.frame_header import (
    BYE_OK,
    CREDIT,
    DATA,
    END,
    HEADER_BYTES,
    HELLO_OK,
    MARK,
    REJECT,
    RESEND,
    Header,
    decode_header,
)
from waterspout.topology.frames import (
    DATA_HEADER_BYTES,
    Channel,
    FrameTooLarge,
    data_frame,
    end_frame,
    mark_frame,
)
from waterspout.topology.greetings import decode_hello_ok, decode_reject
from waterspout.topology.marks import Mark
from waterspout.topology.wire_limits import E_FRAME_STATE, message_bytes_max

from .credits import CreditBook
from .link_clock import RESEND_AFTER_S, LinkClock
from .link_events import Broken, Closed, CreditBack, Opened, Rejected, SenderEvent
from .link_greeter import Greeter
from .link_lane import TrackingLane
from .link_states import DEAF, SENDER_TRANSITIONS, TAKING, SenderState
from .link_window import Window


class LinkSender:
    """Sends frames to one peer.

    The worker calls ``send_*`` when it has something, ``flush`` once per loop turn,
    ``on_message`` for what the socket received and ``on_tick`` about every 50 ms; its shell
    sends what is in ``outbox``, in order, as far as the socket takes it.

    Args:
        topology: name both ends must agree on.
        worker: number of the own worker, ``peer`` of the other.
        incarnation: of the own process.
        peer_incarnation: that the peer must have; 0 = whoever answers first.
        frame_bytes_max: of a whole frame; the peer may lower it.
        pool_frames: frames under way beyond one per channel.
    """

    def __init__(
        self,
        topology: str,
        worker: int,
        *,
        incarnation: int,
        peer: int,
        epoch: int,
        frame_bytes_max: int,
        pool_frames: int,
        peer_incarnation: int = 0,
    ) -> None:
        self.incarnation = incarnation
        self.peer = peer
        self.pool_frames = pool_frames
        self._own_bytes_max = frame_bytes_max
        #: What the shell has to send.
        self.outbox: deque[bytes] = deque()
        self.state = SenderState.CONNECTING
        #: Messages that were ignored: of another epoch, or answers nobody waits for.
        self.ignored = 0
        self._greeter = Greeter(topology, worker, incarnation, frame_bytes_max)
        self._begin(epoch, peer_incarnation)

    def new_epoch(self, epoch: int, peer_incarnation: int = 0) -> None:
        """Start anew in a later epoch: what was under way is forgotten, the peer is greeted.

        Called when the worker adopts the epoch; messages of the old one are replayed by spouts.
        """
        assert epoch > self.epoch, "epochs only rise"
        self._step("epoch")
        self._begin(epoch, peer_incarnation)

    def _begin(self, epoch: int, peer_incarnation: int) -> None:
        self.epoch = epoch
        self.peer_incarnation = peer_incarnation
        self.frame_bytes_max = self._own_bytes_max
        self._window = Window()
        self._lane = TrackingLane()
        self._credits = CreditBook(self.pool_frames)
        self._credits_heard = 0
        self._closing = False
        self._doubt = False
        self._clock = LinkClock()
        self._greet()

    # What the worker asks and gives.

    @property
    def open(self) -> bool:
        """Say whether the peer has answered in this epoch and takes frames."""
        return self.state in TAKING

    @property
    def deaf(self) -> bool:
        """Say whether nothing is heard or said until the next epoch."""
        return self.state in DEAF

    @property
    def drained(self) -> bool:
        """Say whether everything given so far has arrived and all credit is back."""
        return not (self._window.frames or self._credits.outstanding or self._lane.waiting)

    @property
    def window_frames(self) -> int:
        """Return how many frames wait to be acknowledged."""
        return len(self._window.frames)

    @property
    def credit(self) -> tuple[int, int, int]:
        """Return frames under way, frames that the shared pool still allows, and its size."""
        credits = self._credits
        return credits.outstanding, credits.pool_frames - credits.pool_used, credits.pool_frames

    @property
    def waiting_roots(self) -> int:
        """Return how many roots have toggles, fails or vouches that wait for room in the window."""
        return self._lane.waiting

    def has_credit(self, channel: Channel) -> bool:
        """Say whether ``send_data`` on ``channel`` is allowed now."""
        return self.state in TAKING and self._credits.available(channel)

    def under_way(self, channel: Channel) -> int:
        """Return how many frames of ``channel`` the peer has not worked through yet."""
        return self._credits.under_way(channel)

    def send_data(self, channel: Channel, edge: int, width: int, rows: int, body: bytes) -> None:
        """Send one frame of rows; ``body`` comes from BodyPacker.pack(runs, rows).

        Called after ``has_credit(channel)`` said yes in the same turn.

        Raises:
            FrameTooLarge: nothing was sent and no credit taken.
        """
        size = DATA_HEADER_BYTES + len(body)
        if size > self.frame_bytes_max:
            raise FrameTooLarge(size, self.frame_bytes_max)
        assert self.state in TAKING, "send_data needs credit"
        self._credits.take(channel)
        self._keep(data_frame(self._next(DATA), channel, edge, width, rows, body))

    def send_end(self, channel: Channel) -> None:
        """Send the mark that no frame of ``channel`` follows in this epoch. Needs no credit."""
        self._keep(end_frame(self._next(END), channel))

    def send_mark(self, channel: Channel, mark: Mark) -> None:
        """Send a mark behind all rows of ``channel`` so far. Called while ``open``; no credit."""
        self._keep(mark_frame(self._next(MARK), channel, mark))

    def send_toggles(self, toggles: Mapping[int, int]) -> None:
        """Send XORs by root. They are merged until ``flush``, and on while the window is full."""
        self._lane.add_toggles(toggles)

    def send_fails(self, failures: Iterable[Failure]) -> None:
        """Send failures; of several of one root that wait together the first is kept."""
        self._lane.add_fails(failures)

    def send_vouch(self, roots: Iterable[int]) -> None:
        """Send signs of life for ``roots``; those that wait already are not doubled."""
        self._lane.add_vouches(roots)

    def flush(self) -> None:
        """Turn waiting fails, toggles and vouches into frames. Called once per loop turn."""
        if not self._lane.waiting or self.state not in TAKING:
            return
        bytes_max = message_bytes_max(self.frame_bytes_max) - HEADER_BYTES
        while self._window.tracking_room and (part := self._lane.next_bodies(bytes_max)):
            kind, bodies = part
            for body in bodies:
                self._keep(control_frame(self._next(kind), body), tracking=True)

    def close(self) -> None:
        """Say BYE as soon as everything is drained; ``Closed`` reports the peer's answer."""
        self._closing = True

    def reconnected(self, now: float) -> None:
        """Say HELLO before anything else. Called when the shell has made a new connection."""
        if self.deaf:
            return
        if self.state is SenderState.OPEN:
            self._step("doubt")
        self._greet()
        self._clock.said(now)

    def down_since(self, now: float) -> float:
        """Return the seconds without a sign of life while something is owed; 0 when idle.

        A link that was refused is owed an epoch: it is down until that comes.
        """
        return 0.0 if self.state is SenderState.CLOSED else self._clock.silent_s(now)

    # What arrives, and the time.

    def on_message(self, data: bytes, now: float) -> list[SenderEvent]:
        """Take one message from the peer. Called for each that the socket received."""
        if self.deaf:
            self.ignored += 1
            return []
        try:
            header = decode_header(data, message_bytes_max(self._own_bytes_max))
            events = self._take(header, data)
        except WireError as error:
            return [self._break("frame", str(error))]
        self._clock.heard(now)
        return events

    def on_tick(self, now: float) -> list[SenderEvent]:
        """Look at the clock: greet, resend, say BYE. Called about every 50 ms.

        Bytes that wait in ``outbox`` are not sent twice while they wait.
        """
        waiting = self.state is not SenderState.OPEN or not self.drained
        self._clock.look(now, waiting=waiting, unacked=bool(self._window.frames))
        if self._closing and self.drained and self._can("done"):
            return self._finish(now)
        if self.state is SenderState.OPEN and (self._doubt or self._overdue(now)):
            self._step("doubt")
            self._greet()
            self._clock.said(now)
        elif not self.outbox and self._clock.repeat_due(self.state, now):
            self._say_again()
            self._clock.said(now)
        return []

    def _take(self, header: Header, data: bytes) -> list[SenderEvent]:
        if header.kind == REJECT:
            return self._on_reject(header, data)
        if header.epoch != self.epoch:
            self.ignored += 1
            return []
        if self.peer_incarnation not in (0, header.incarnation):
            return [self._break("identity", f"incarnation {header.incarnation} answers")]
        handler = _HANDLERS.get(header.kind)
        if handler is None:
            raise WireError(E_FRAME_STATE, f"kind {header.kind} is not for a sender")
        return handler(self, header, data)

    def _on_hello_ok(self, header: Header, data: bytes) -> list[SenderEvent]:
        answer = decode_hello_ok(data)
        if not self._can("answered") or not self._greeter.counts(header.seq):
            self.ignored += 1
            return []
        self._ack(answer.last_seq)
        self.peer_incarnation = header.incarnation
        self.frame_bytes_max = min(self._own_bytes_max, answer.frame_bytes_max)
        self._credits_heard = answer.credits_sent
        self._doubt = False
        self._step("answered")
        # What is sent now has not been waited for: asked again at once, the peer would never
        # get it, because every question clears the outbox.
        self._clock.acked()
        self._send_window()
        return [Opened(self.peer, len(self._window.frames))]

    def _on_credit(self, header: Header, data: bytes) -> list[SenderEvent]:
        credit = decode_credit(data)
        if self.state is SenderState.CONNECTING:
            self.ignored += 1
            return []
        self._ack(header.seq)
        channels = [
            channel for channel, returned in credit.returned if self._back(channel, returned)
        ]
        if credit.number > self._credits_heard + 1:
            self._doubt = True
        self._credits_heard = max(self._credits_heard, credit.number)
        return [CreditBack(channels)] if channels else []

    def _on_resend(self, header: Header, data: bytes) -> list[SenderEvent]:
        decode_empty(data)
        if self.state is SenderState.OPEN:
            self._ack(header.seq)
            self._send_window()
        return []

    def _on_bye_ok(self, header: Header, data: bytes) -> list[SenderEvent]:
        decode_empty(data)
        if self.state is not SenderState.CLOSING or header.seq != self._window.seq:
            self.ignored += 1
            return []
        self._step("confirmed")
        return [Closed(self.peer)]

    def _on_reject(self, header: Header, data: bytes) -> list[SenderEvent]:
        reject = decode_reject(data)
        if header.epoch not in (0, self.epoch):
            self.ignored += 1
            return []
        if reject.code != "misrouted":
            self._refuse()
        return [Rejected(self.peer, reject.code, reject.text, reject.epoch)]

    # How it is done.

    def _can(self, what: str) -> bool:
        return (self.state, what) in SENDER_TRANSITIONS

    def _step(self, what: str) -> None:
        self.state = SENDER_TRANSITIONS[self.state, what]

    def _next(self, kind: int) -> Header:
        return Header(kind, self.epoch, self.incarnation, self._window.seq + 1)

    def _keep(self, frame: bytes, tracking: bool = False) -> None:
        self._window.add(frame, tracking)
        if self.state is SenderState.OPEN:
            self.outbox.append(frame)

    def _ack(self, seq: int) -> None:
        if seq > self._window.seq:
            raise WireError(E_FRAME_STATE, f"acknowledges {seq}, sent were {self._window.seq}")
        if self._window.ack(seq):
            self._clock.acked()

    def _back(self, channel: Channel, returned: int) -> bool:
        before = self._credits.under_way(channel)
        try:
            self._credits.set_returned(channel, returned)
        except ValueError as error:
            raise WireError(E_FRAME_STATE, str(error)) from None
        return self._credits.under_way(channel) < before

    def _send_window(self) -> None:
        # The outbox holds nothing but frames of the window and greetings that were answered.
        self.outbox.clear()
        self.outbox.extend(self._window.frames)

    def _greet(self) -> None:
        """Begin to ask; answers to earlier questions do not count any more."""
        self._greeter.ask_anew()
        self.outbox.clear()
        self._say_again()

    def _say_again(self) -> None:
        self.outbox.append(self._greeter.hello(self.epoch, self.peer_incarnation))
        if self.state is SenderState.CLOSING:
            # Behind a HELLO: over a new connection nobody would know whose BYE it is.
            self._say_bye()

    def _say_bye(self) -> None:
        self.outbox.append(self._greeter.bye(self.epoch, self._window.seq))

    def _finish(self, now: float) -> list[SenderEvent]:
        self._step("done")
        self._clock.said(now)
        self.outbox.clear()
        if self.state is SenderState.CLOSED:
            return [Closed(self.peer)]
        self._say_bye()
        return []

    def _overdue(self, now: float) -> bool:
        return self._clock.unacked_too_long(now) or (
            self._credits.outstanding > 0 and self._clock.silent_s(now) >= RESEND_AFTER_S
        )

    def _refuse(self) -> None:
        self._step("refused")
        self.outbox.clear()

    def _break(self, code: str, text: str) -> Broken:
        self._refuse()
        return Broken(self.peer, code, text)


_HANDLERS: dict[int, Callable[[LinkSender, Header, bytes], list[SenderEvent]]] = {
    HELLO_OK: LinkSender._on_hello_ok,
    CREDIT: LinkSender._on_credit,
    RESEND: LinkSender._on_resend,
    BYE_OK: LinkSender._on_bye_ok,
}
