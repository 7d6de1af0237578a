"""What a receiver knows of one sender: how far its frames came, and what to tell it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from waterspout.topology.control_frames import CreditFrame, pack_credit
from waterspout.topology.frames import Channel
from waterspout.topology.wire_limits import CREDIT_CHANNELS_MAX

from .credits import CreditBook
from .link_states import RECEIVER_TRANSITIONS, ReceiverState

#: How far ahead a frame's number may be to pass for one whose predecessors were lost. No
#: sender has so many frames under way; beyond is nonsense and closes the link.
SEQ_GAP_MAX = 1 << 20


@dataclass(slots=True)
class LinkCounters:
    """What a receiver has dropped, over all links and epochs; shown by ``status``."""

    #: Frames that had arrived before.
    duplicates: int = 0
    #: Times that frames were missing and asked for again.
    gaps: int = 0
    #: Frames of earlier epochs, and greetings of earlier connections.
    stale: int = 0
    #: Links and frames that were refused, by REJECT code.
    refused: Counter[str] = field(default_factory=Counter)
    #: Malformed frames, by E_FRAME_* code.
    bad_frames: Counter[str] = field(default_factory=Counter)
    #: Text of the last refusal, for a rate-limited log line.
    last_refusal: str = ""


class InLink:
    """One sender in one epoch."""

    def __init__(self, worker: int, incarnation: int, routing_id: bytes, pool_frames: int) -> None:
        self.worker = worker
        self.incarnation = incarnation
        #: Where answers go; changes when the sender connects anew.
        self.routing_id = routing_id
        #: Number of the newest HELLO.
        self.hello = 0
        #: All frames up to this number have arrived.
        self.last_seq = 0
        #: The sender was asked for what is missing, and nothing of it has come yet.
        self.asked = False
        self.state = ReceiverState.OPEN
        #: Number of the last CREDIT.
        self.credits_sent = 0
        self.heard_at: float | None = None
        self.book = CreditBook(pool_frames)
        self._ack_due = False
        self._returned: dict[Channel, int] = {}

    @property
    def closed(self) -> bool:
        """Say whether nothing more will come in this epoch."""
        return self.state is not ReceiverState.OPEN

    def step(self, what: str) -> bool:
        """Note what the sender did; False when it has no place here and is to be refused."""
        state = RECEIVER_TRANSITIONS.get((self.state, what))
        if state is None:
            return False
        self.state = state
        return True

    @property
    def news(self) -> bool:
        """Say whether there is anything to tell the sender."""
        return self._ack_due or bool(self._returned)

    def arrived(self, seq: int) -> None:
        """Note that frame ``seq``, the next in order, is here."""
        self.last_seq = seq
        self.asked = False
        self._ack_due = True

    def ack_again(self) -> None:
        """Note that the sender seems to have missed an ack."""
        self._ack_due = True

    def give_back(self, channel: Channel, frames: int) -> None:
        """Give back the credit of ``frames`` of ``channel``."""
        self._returned[channel] = self.book.give_back(channel, frames)

    def tell_all(self) -> None:
        """Tell the sender all credits with the next flush, since it may have missed some."""
        self.asked = False
        self._ack_due = True
        self._returned.update(self.book.channels())

    def credit_bodies(self) -> Iterator[bytes]:
        """Take out what is new, as the bodies of one CREDIT (or several, over many channels)."""
        credits = iter(self._returned.items())
        self._returned = {}
        self._ack_due = False
        part = list(islice(credits, CREDIT_CHANNELS_MAX))
        while True:
            self.credits_sent += 1
            yield pack_credit(CreditFrame(self.credits_sent, part))
            part = list(islice(credits, CREDIT_CHANNELS_MAX))
            if not part:
                return
