"""What links report to their worker: openings, refusals, credits, and frames that arrived.

Frames that arrive come as topology.frames.DataFrame and EndFrame and as
topology.control_frames.ToggleFrame, FailFrame and VouchFrame; everything else is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from waterspout.topology.control_frames import FailFrame, ToggleFrame, VouchFrame
from waterspout.topology.frames import Channel, DataFrame, EndFrame


class Opened(NamedTuple):
    """The peer takes frames of this epoch (for the first time, or again after a break)."""

    peer: int
    #: Frames that were sent again, since the peer had not got them.
    resent: int


class CreditBack(NamedTuple):
    """Frames of these channels were worked through: they may send again."""

    channels: Sequence[Channel]


class Rejected(NamedTuple):
    """The peer refused the link, or one frame of it (code misrouted).

    stale_epoch: this worker is behind; it adopts the new epoch or, as a zombie, ends.
    Others: a link that no retry can open; the coordinator has to know.
    """

    peer: int
    code: str
    text: str
    #: Epoch of the peer.
    epoch: int


class Broken(NamedTuple):
    """The peer broke the protocol or is another process now; the link is closed until an epoch."""

    peer: int
    code: str
    text: str


class Closed(NamedTuple):
    """The peer confirmed that it has everything: its socket may be closed."""

    peer: int


class HelloAhead(NamedTuple):
    """A sender is in a later epoch; it is answered once the receiver has adopted that."""

    worker: int
    epoch: int


class PeerOpened(NamedTuple):
    """A sender of this epoch is connected."""

    worker: int


class PeerClosed(NamedTuple):
    """A sender said that it is done and everything of it has arrived."""

    worker: int


class BadData(NamedTuple):
    """A DATA frame cannot be delivered: broken body or wrong task. Its roots are to be failed.

    Its credit was given back. ``roots`` is empty when not even the runs could be read; the
    messages then fail by timeout.
    """

    channel: Channel
    roots: tuple[int, ...]
    #: An E_FRAME_* code, or ``misrouted``.
    code: str
    text: str


SenderEvent = Opened | CreditBack | Rejected | Broken | Closed
ReceiverEvent = (
    DataFrame
    | EndFrame
    | ToggleFrame
    | FailFrame
    | VouchFrame
    | BadData
    | HelloAhead
    | PeerOpened
    | PeerClosed
)
