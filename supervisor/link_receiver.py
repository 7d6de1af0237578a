"""The receiving end of all links into a worker, behind one ROUTER socket.

It takes every frame of a peer exactly once and in order, by its number; says how far it has
come and which frames were worked through; and refuses, with a reason, whatever does not
belong to this topology, epoch and plan. ``link`` is the other end.

Pure: it is fed with messages, and drained through ``outbox``. Every message in ``outbox``
may be dropped (ROUTER raises EHOSTUNREACH or EAGAIN): senders ask again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from waterspout.topology.control_frames import DECODERS, control_frame, decode_empty
from waterspout.topology.errors import WireError
from waterspout.topology.frame_header import (
    BYE,
    BYE_OK,
    CREDIT,
    DATA,
    END,
    HELLO,
    HELLO_OK,
    MARK,
    REJECT,
    RESEND,
    SEQUENCED,
    Header,
    check_parts,
    decode_header,
)
from waterspout.topology.frames import Channel, decode_channel, decode_data, salvage_roots
from waterspout.topology.greetings import (
    Hello,
    HelloOk,
    Reject,
    decode_hello,
    pack_hello_ok,
    pack_reject,
)
from waterspout.topology.wire_limits import (
    E_FRAME_SIZE,
    E_FRAME_STATE,
    E_FRAME_VERSION,
    PROTOCOL_MAX,
    PROTOCOL_MIN,
    message_bytes_max,
)

from .inlink import SEQ_GAP_MAX, InLink, LinkCounters
from .link_events import BadData, HelloAhead, PeerClosed, PeerOpened, ReceiverEvent
from .link_states import ReceiverState

#: Links into one worker; a HELLO beyond is refused. A plan names all peers, so that this
#: matters only where no plan was given.
LINKS_MAX = 1024
#: Messages in the outbox beyond which nothing is added until it is drained.
OUTBOX_MAX = 4096


class _Refusal(Exception):
    """Ends the handling of a message: tell the sender why, and close its link."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class LinkReceiver:
    """Receives the frames of all peers.

    The worker calls ``on_parts`` for each message of the ROUTER socket, ``credit`` when it
    has worked through a frame, ``flush`` once per loop turn, and sends what is in ``outbox``.

    Args:
        topology, worker, incarnation: of the own worker.
        peers: worker -> incarnation as the plan has them; None = whoever comes first.
        channels: channel into this worker -> worker that it comes from, as the plan has them;
            what comes on another is misrouted; None = not checked.
        pool_frames: as the senders have it: frames under way beyond one per channel.
        is_peer: (worker, incarnation) -> whether the message at hand was sent with that
            process's key; asked with every HELLO.
    """

    def __init__(
        self,
        topology: str,
        worker: int,
        *,
        incarnation: int,
        epoch: int,
        frame_bytes_max: int,
        pool_frames: int,
        peers: Mapping[int, int] | None = None,
        channels: Mapping[Channel, int] | None = None,
        is_peer: Callable[[int, int], bool] = lambda worker, incarnation: True,
    ) -> None:
        self._is_peer = is_peer
        self.topology = topology
        self.worker = worker
        self.incarnation = incarnation
        self.epoch = epoch
        self.frame_bytes_max = frame_bytes_max
        self.pool_frames = pool_frames
        #: (routing id, message) in the order they are to be sent.
        self.outbox: deque[tuple[bytes, bytes]] = deque()
        self.counters = LinkCounters()
        self._set_plan(peers, channels)

    def adopt(
        self,
        epoch: int,
        peers: Mapping[int, int] | None = None,
        channels: Mapping[Channel, int] | None = None,
    ) -> None:
        """Enter a later epoch: all links are forgotten, senders greet anew.

        Called when the coordinator has raised the epoch, before the own senders change.
        """
        assert epoch > self.epoch, "epochs only rise"
        self.epoch = epoch
        self.outbox.clear()
        self._set_plan(peers, channels)

    def _set_plan(
        self, peers: Mapping[int, int] | None, channels: Mapping[Channel, int] | None
    ) -> None:
        self._peers = peers
        self._channels = channels
        self._links: dict[int, InLink] = {}
        self._by_routing_id: dict[bytes, InLink] = {}
        self._by_channel: dict[Channel, InLink] = {}

    @property
    def all_closed(self) -> bool:
        """Say whether nothing more will come of any peer that connected in this epoch."""
        return all(link.closed for link in self._links.values())

    def open_peers(self) -> list[int]:
        """Return the workers whose links are open."""
        return [worker for worker, link in self._links.items() if not link.closed]

    def credit(self, channel: Channel, frames: int = 1, epoch: int | None = None) -> None:
        """Give back the credit of frames that were worked through; it goes out with ``flush``.

        Called by executors. ``epoch`` is the one the frame came in: credit for an earlier
        one is void.
        """
        link = self._by_channel.get(channel)
        if link is not None and epoch in (None, self.epoch):
            link.give_back(channel, frames)

    def flush(self) -> None:
        """Tell every peer what is new since the last flush: acks and credits in one message."""
        for link in self._links.values():
            if link.news and len(self.outbox) < OUTBOX_MAX:
                for body in link.credit_bodies():
                    self._answer(link.routing_id, CREDIT, link.last_seq, body)

    def has_frames(self, parts: Sequence[bytes]) -> bool:
        """Say whether a message, as ROUTER gives it, holds an id and then as many frames as it may;
        it is refused otherwise."""
        try:
            check_parts(parts[1:])
        except WireError as error:
            self._refuse_frame(parts[0], error)
            return False
        return True

    def on_message(self, routing_id: bytes, data: bytes, now: float) -> list[ReceiverEvent]:
        """Take one frame. Returns what the worker has to act on."""
        try:
            header = decode_header(data, message_bytes_max(self.frame_bytes_max))
        except WireError as error:
            return self._refuse_frame(routing_id, error)
        link = self._by_routing_id.get(routing_id)
        if link is not None:
            link.heard_at = now
        try:
            if header.kind in SEQUENCED:
                return self._on_sequenced(link, header, data)
            if header.kind == HELLO:
                return self._on_hello(routing_id, header, data)
            if header.kind == BYE:
                return self._on_bye(link, header, data)
            raise WireError(E_FRAME_STATE, f"kind {header.kind} is not for a receiver")
        except WireError as error:
            return self._refuse_frame(routing_id, error, header)
        except _Refusal as refusal:
            self._refuse(routing_id, refusal.code, refusal.text, header)
            return []

    def _on_hello(self, routing_id: bytes, header: Header, data: bytes) -> list[ReceiverEvent]:
        hello = decode_hello(data)
        self._check_versions(hello)
        if hello.topology != self.topology:
            raise _Refusal("topology", f"this is {self.topology!r}, not {hello.topology!r}")
        if header.epoch < self.epoch:
            raise _Refusal("stale_epoch", f"epoch {header.epoch}, this worker is in {self.epoch}")
        if header.epoch > self.epoch:
            # Not answered: the sender asks again, and by then the epoch may be adopted.
            return [HelloAhead(hello.worker, header.epoch)]
        self._check_identity(hello, header)
        known = self._links.get(hello.worker)
        if known is not None and header.seq <= known.hello:
            # Said before the newest one, over a connection that was given up for it: followed,
            # it would lead back there, and what comes over the new one would belong to nobody.
            self.counters.stale += 1
            return []
        link, new = self._connect(routing_id, hello.worker, header.incarnation)
        link.hello = header.seq
        answer = HelloOk(link.last_seq, link.credits_sent, self.frame_bytes_max)
        self._answer(routing_id, HELLO_OK, header.seq, pack_hello_ok(answer))
        link.tell_all()
        return [PeerOpened(hello.worker)] if new else []

    def _check_versions(self, hello: Hello) -> None:
        if hello.proto_max < PROTOCOL_MIN or hello.proto_min > PROTOCOL_MAX:
            raise _Refusal(
                "version",
                f"the peer speaks protocol {hello.proto_min}..{hello.proto_max}, "
                f"this worker {PROTOCOL_MIN}..{PROTOCOL_MAX}",
            )

    def _check_identity(self, hello: Hello, header: Header) -> None:
        if hello.peer_incarnation not in (0, self.incarnation):
            raise _Refusal("identity", "the worker meant is another process than this")
        known = self._links.get(hello.worker)
        if self._peers is not None:
            expected = self._peers.get(hello.worker)
        else:
            expected = known.incarnation if known is not None else header.incarnation
        if header.incarnation != expected:
            raise _Refusal("identity", f"worker {hello.worker} is another process in the plan")
        if not self._is_peer(hello.worker, header.incarnation):
            raise _Refusal("identity", f"the key is not that of worker {hello.worker}")
        if known is None and len(self._links) >= LINKS_MAX:
            raise _Refusal("state", f"more than {LINKS_MAX} links")

    def _connect(self, routing_id: bytes, worker: int, incarnation: int) -> tuple[InLink, bool]:
        """Return the link of a sender that was checked, and whether it is a new one."""
        link = self._links.get(worker)
        holder = self._by_routing_id.get(routing_id)
        if holder is not None and holder is not link:
            raise _Refusal("state", "second HELLO, for another worker")
        if link is None:
            link = InLink(worker, incarnation, routing_id, self.pool_frames)
            self._links[worker] = self._by_routing_id[routing_id] = link
            return link, True
        if not link.step("hello"):
            raise _Refusal("state", "HELLO on a link that ended in this epoch")
        # The sender may come over a new connection with a new routing id. What the old one
        # still brings is refused there, where nobody listens.
        del self._by_routing_id[link.routing_id]
        link.routing_id = routing_id
        self._by_routing_id[routing_id] = link
        return link, False

    def _on_sequenced(
        self, link: InLink | None, header: Header, data: bytes
    ) -> list[ReceiverEvent]:
        if header.epoch < self.epoch:
            self.counters.stale += 1
            return []
        link = self._current(link, header)
        if header.seq == 0:
            raise WireError(E_FRAME_STATE, "a frame without number")
        if not self._in_order(link, header.seq):
            return []
        if not link.step("frame"):
            raise WireError(E_FRAME_STATE, f"frame {header.seq} after BYE")
        link.arrived(header.seq)
        if header.kind == DATA:
            return [self._on_data(link, data)]
        event = DECODERS[header.kind](data)
        if header.kind in _OF_CHANNEL and (why := self._misrouted(link, event.channel)):
            return [BadData(event.channel, (), "misrouted", why)]
        return [event]

    def _current(self, link: InLink | None, header: Header) -> InLink:
        if link is None or link.state is ReceiverState.REFUSED or header.epoch != self.epoch:
            raise _Refusal("state", f"frame {header.seq} of epoch {header.epoch} before HELLO")
        if header.incarnation != link.incarnation:
            raise WireError(E_FRAME_STATE, f"incarnation changed on the link of {link.worker}")
        return link

    def _in_order(self, link: InLink, seq: int) -> bool:
        if seq <= link.last_seq:
            self.counters.duplicates += 1
            link.ack_again()
            return False
        if seq == link.last_seq + 1:
            return True
        if seq > link.last_seq + SEQ_GAP_MAX:
            raise WireError(E_FRAME_STATE, f"frame {seq} after frame {link.last_seq}")
        if not link.asked:
            # Once per gap: the frames behind it that are under way would ask again and again.
            # Should this get lost, the sender's own timer makes it say HELLO.
            link.asked = True
            self.counters.gaps += 1
            self._answer(link.routing_id, RESEND, link.last_seq)
        return False

    def _on_data(self, link: InLink, data: bytes) -> ReceiverEvent:
        channel = decode_channel(data)
        if not link.book.available(channel):
            raise WireError(E_FRAME_STATE, f"frame without credit on channel {channel}")
        if len(data) > self.frame_bytes_max:
            raise WireError(E_FRAME_SIZE, f"{len(data)} bytes, the limit is {self.frame_bytes_max}")
        link.book.take(channel)
        if why := self._misrouted(link, channel):
            return self._undeliverable(link, channel, data, "misrouted", why)
        self._by_channel[channel] = link
        try:
            return decode_data(data)
        except WireError as error:
            self._count_bad(error)
            return self._undeliverable(link, channel, data, error.code, error.text)

    def _misrouted(self, link: InLink, channel: Channel) -> str:
        """Refuse what the plan does not have on this link; return why, "" when it has it."""
        if self._channels is None or self._channels.get(channel) == link.worker:
            return ""
        source, stream, target = channel
        text = (
            f"worker {link.worker} has no channel to worker {self.worker} "
            f"from task {source}, stream {stream}, to task {target}"
        )
        self._refuse(link.routing_id, "misrouted", text)
        return text

    def _undeliverable(
        self, link: InLink, channel: Channel, data: bytes, code: str, text: str
    ) -> BadData:
        link.give_back(channel, 1)
        return BadData(channel, salvage_roots(data), code, text)

    def _on_bye(self, link: InLink | None, header: Header, data: bytes) -> list[ReceiverEvent]:
        decode_empty(data)
        if header.epoch < self.epoch:
            self.counters.stale += 1
            return []
        link = self._current(link, header)
        if not self._complete(link, header.seq):
            return []
        self._answer(link.routing_id, BYE_OK, header.seq)
        first = not link.closed
        link.step("bye")
        return [PeerClosed(link.worker)] if first else []

    def _complete(self, link: InLink, seq: int) -> bool:
        if seq < link.last_seq:
            raise WireError(E_FRAME_STATE, f"BYE after {seq} frames, {link.last_seq} arrived")
        return seq == link.last_seq or self._in_order(link, seq + 1)

    def _refuse_frame(
        self, routing_id: bytes, error: WireError, header: Header | None = None
    ) -> list[ReceiverEvent]:
        """Answer a malformed frame; its link, if it has one, is closed for this epoch."""
        self._count_bad(error)
        link = self._by_routing_id.get(routing_id)
        if link is not None:
            link.step("violation")
        code = _REJECT_CODES.get(error.code, "frame")
        self._refuse(routing_id, code, str(error), header)
        return []

    def _count_bad(self, error: WireError) -> None:
        self.counters.bad_frames[error.code] += 1

    def _refuse(
        self, routing_id: bytes, code: str, text: str, header: Header | None = None
    ) -> None:
        self.counters.refused[code] += 1
        self.counters.last_refusal = f"{code}: {text}"
        # A REJECT bears the epoch of what it refuses, so that a sender that has moved on does
        # not take it for an answer to its new HELLO; 0 when that could not be read.
        epoch, seq = (header.epoch, header.seq) if header else (0, 0)
        frame = control_frame(
            Header(REJECT, epoch, self.incarnation, seq),
            pack_reject(Reject(code, text, self.epoch)),
        )
        self._say(routing_id, frame)

    def _answer(self, routing_id: bytes, kind: int, seq: int, body: bytes = b"") -> None:
        header = Header(kind, self.epoch, self.incarnation, seq)
        self._say(routing_id, control_frame(header, body))

    def _say(self, routing_id: bytes, frame: bytes) -> None:
        if len(self.outbox) < OUTBOX_MAX:
            self.outbox.append((routing_id, frame))


#: Kinds that belong to a channel; DATA is looked at before it is decoded.
_OF_CHANNEL = frozenset({END, MARK})
#: What a sender is told for a malformed frame, where it is not just ``frame``.
_REJECT_CODES = {E_FRAME_STATE: "state", E_FRAME_VERSION: "version"}
