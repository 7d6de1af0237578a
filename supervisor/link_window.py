"""The frames of a link that were numbered and are not acknowledged yet."""

from __future__ import annotations

from collections import deque

#: TOGGLES, FAILS and VOUCH that may be unacknowledged; what comes then is merged and waits.
#: DATA is bounded by credits, END and MARK by the number of channels and of frames between marks.
TRACKING_FRAMES_MAX = 32


class Window:
    """Numbers frames from 1 and keeps their bytes until they are acknowledged."""

    def __init__(self) -> None:
        #: Number of the last frame.
        self.seq = 0
        self.acked = 0
        #: Frames acked + 1 .. seq.
        self.frames: deque[bytes] = deque()
        self._tracking_seqs: deque[int] = deque()

    @property
    def tracking_room(self) -> bool:
        """Say whether another frame of the tracking lane may be added."""
        return len(self._tracking_seqs) < TRACKING_FRAMES_MAX

    def add(self, frame: bytes, tracking: bool) -> None:
        """Keep the frame that bears the number seq + 1."""
        self.seq += 1
        self.frames.append(frame)
        if tracking:
            self._tracking_seqs.append(self.seq)

    def ack(self, seq: int) -> bool:
        """Forget all frames up to ``seq`` (at most ``self.seq``); say whether there were any."""
        if seq <= self.acked:
            return False
        for _ in range(seq - self.acked):
            self.frames.popleft()
        self.acked = seq
        while self._tracking_seqs and self._tracking_seqs[0] <= seq:
            self._tracking_seqs.popleft()
        return True
