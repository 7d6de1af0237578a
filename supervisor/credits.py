"""Credits: how many frames of each channel may be under way to a worker.

Each channel (source task -> target task) has one frame for itself; what it sends beyond that
comes from a pool that all channels of a link share. So a slow channel cannot stop another one
of the same link, which would deadlock a chain that crosses a link twice. Both ends count the
same way: the sender so that it never sends without credit, the receiver so that a sender
that does is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from waterspout.topology.frames import Channel

#: Channels that one link may have in an epoch; a plan has a few hundred.
CHANNELS_MAX = 1 << 16


class CreditBook:
    """Counts frames per channel: sent (or received) and returned, since the epoch began."""

    def __init__(self, pool_frames: int) -> None:
        #: Frames that all channels together may have under way beyond one each.
        self.pool_frames = pool_frames
        self.pool_used = 0
        #: Frames under way over all channels.
        self.outstanding = 0
        #: channel -> [taken, returned]
        self._counts: dict[Channel, list[int]] = {}

    def available(self, channel: Channel) -> bool:
        """Say whether one more frame of ``channel`` may be taken. Asked before every frame."""
        counts = self._counts.get(channel)
        if counts is None:
            return len(self._counts) < CHANNELS_MAX
        return counts[0] == counts[1] or self.pool_used < self.pool_frames

    def take(self, channel: Channel) -> None:
        """Count one frame of ``channel`` as under way; ``available`` was asked before."""
        counts = self._counts.get(channel)
        if counts is None:
            counts = self._counts[channel] = [0, 0]
        elif counts[0] > counts[1]:
            assert self.pool_used < self.pool_frames, "a frame was taken without credit"
            self.pool_used += 1
        counts[0] += 1
        self.outstanding += 1

    def give_back(self, channel: Channel, frames: int) -> int:
        """Return ``frames`` more of ``channel``; the total returned so far is the answer.

        Raises:
            ValueError: more than is under way.
        """
        counts = self._counts.get(channel, [0, 0])
        return self.set_returned(channel, counts[1] + frames)

    def set_returned(self, channel: Channel, returned: int) -> int:
        """Set how many frames of ``channel`` came back so far; less than known changes nothing.

        Raises:
            ValueError: more than were ever under way, or a channel never used.
        """
        counts = self._counts.get(channel)
        if counts is None or returned > counts[0]:
            taken = counts[0] if counts else 0
            raise ValueError(f"{returned} frames of channel {channel} returned, {taken} were sent")
        before = counts[0] - counts[1]
        counts[1] = max(counts[1], returned)
        after = counts[0] - counts[1]
        self.pool_used -= max(before - 1, 0) - max(after - 1, 0)
        self.outstanding -= before - after
        return counts[1]

    def under_way(self, channel: Channel) -> int:
        """Return the frames of ``channel`` that have not come back."""
        counts = self._counts.get(channel)
        return counts[0] - counts[1] if counts else 0

    def channels(self) -> Iterator[tuple[Channel, int]]:
        """Yield each channel that ever returned a frame, with its total."""
        for channel, counts in self._counts.items():
            if counts[1]:
                yield channel, counts[1]
