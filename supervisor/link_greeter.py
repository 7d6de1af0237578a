"""What a sender says at the beginning of a link, over each new connection, and at its end."""

from __future__ import annotations

from waterspout.topology.control_frames import control_frame
from waterspout.topology.frame_header import BYE, HELLO, Header
from waterspout.topology.greetings import Hello, pack_hello


class Greeter:
    """Makes the HELLOs and BYEs of one sender, and knows which answers still count.

    HELLOs are numbered through all epochs, so that a receiver can tell one that an old
    connection brings late.

    Args:
        topology, worker, incarnation: of the sender.
        frame_bytes_max: of a whole frame, as the sender would have it.
    """

    def __init__(self, topology: str, worker: int, incarnation: int, frame_bytes_max: int) -> None:
        self._topology, self._worker, self._incarnation = topology, worker, incarnation
        self._frame_bytes_max = frame_bytes_max
        #: HELLOs so far.
        self.said = 0
        self._counts_from = 1

    def ask_anew(self) -> None:
        """Have answers to all HELLOs so far count no more."""
        self._counts_from = self.said + 1

    def counts(self, number: int) -> bool:
        """Say whether the answer to HELLO ``number`` still counts."""
        return number >= self._counts_from

    def hello(self, epoch: int, peer_incarnation: int) -> bytes:
        """Return the next HELLO."""
        self.said += 1
        hello = Hello(self._topology, self._worker, peer_incarnation, self._frame_bytes_max)
        return control_frame(Header(HELLO, epoch, self._incarnation, self.said), pack_hello(hello))

    def bye(self, epoch: int, frames: int) -> bytes:
        """Return the BYE after so many frames of this epoch."""
        return control_frame(Header(BYE, epoch, self._incarnation, frames))
