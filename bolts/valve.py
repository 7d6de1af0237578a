"""The valve of one bolt task: brings the watermarks of all channels into it to one. Pure.

The task has come as far as the channel that is furthest behind, of those that count. A channel
counts while it is *active* and *aligned*:

    channel a  ---- 10 ---- 20 ------------- 30        active, aligned
    channel b  ---- 12 ---- idle . . . 13 -- 31        idle: left out; 13: active again, but behind
    channel c  ----  8 ---------- 25 ------- 33          what went out (20): not aligned until 31
    out             8   10       20          30

What goes out never goes back. When every channel is idle nobody is left to wait for: the largest
watermark of all goes out, and IDLE behind it. Source: Flink's StatusWatermarkValve.

The end of event time (``MAX_WATERMARK``) is another matter: it goes out once every channel has
brought it, idle ones too. A channel that has brought it counts no more. Where one that is idle
could be passed by, what the end sets off behind it would be late here: it comes to several tasks
above at the same time, and to this one from each in turn.
"""

from __future__ import annotations

from collections.abc import Iterable

from waterspout.topology.frames import Channel
from waterspout.topology.marks import IDLE, MAX_WATERMARK, MIN_WATERMARK, WATERMARK, Mark


class Input:
    """One channel: how far it came, and whether it counts."""

    __slots__ = ("active", "aligned", "watermark")

    def __init__(self) -> None:
        self.watermark = MIN_WATERMARK
        self.active = True
        self.aligned = True

    @property
    def lives(self) -> bool:
        """It is neither idle nor at its end."""
        return self.active and self.watermark < MAX_WATERMARK


class Valve:
    """Combines the watermarks of the channels into one task.

    Args:
        channels: all that carry watermarks; a mark on any other is ignored.
    """

    def __init__(self, channels: Iterable[Channel]) -> None:
        self._inputs = {channel: Input() for channel in channels}
        self.reset()

    def reset(self) -> None:
        """A new epoch: every channel starts from nothing."""
        self._inputs = {channel: Input() for channel in self._inputs}
        #: What went out last, and whether IDLE was behind it.
        self.out = MIN_WATERMARK
        self.idle = False

    def on_watermark(self, channel: Channel, value: int) -> list[Mark]:
        """Take a watermark; a channel that was idle is active again with it.

        Returns what goes out. ``MIN_WATERMARK`` promises nothing and only says active.
        """
        each = self._inputs.get(channel)
        if each is None:
            return []
        if value == MAX_WATERMARK:
            each.watermark, each.active, each.aligned = value, True, True
            return self._look()
        out = [] if each.active else self._wake(each)
        if value > each.watermark:
            each.watermark = value
            each.aligned |= value >= self.out
            out += self._look()
        return out

    def on_idle(self, channel: Channel, value: int) -> list[Mark]:
        """Take IDLE with the last watermark of the channel; returns what goes out."""
        each = self._inputs.get(channel)
        if each is None:
            return []
        each.watermark = max(each.watermark, value)
        if each.active and not self.idle:
            # It still counts with this one.
            out = self._advance()
            each.active = each.aligned = False
            return out + self._look()
        each.active = each.aligned = False
        return self._look()

    def behind(self) -> Channel | None:
        """Return the channel that holds the task back; None: all are idle or at their end."""
        return min(
            (channel for channel, each in self._inputs.items() if each.lives and each.aligned),
            key=lambda channel: (self._inputs[channel].watermark, channel), default=None,
        )  # fmt: skip

    def watermark_of(self, channel: Channel) -> int:
        """Return the last watermark of a channel."""
        return self._inputs[channel].watermark

    def idle_channels(self) -> list[Channel]:
        """Return the channels that are left out because they are idle."""
        return [channel for channel, each in self._inputs.items() if not each.active]

    def _wake(self, each: Input) -> list[Mark]:
        """A channel is active again: it counts once it has caught up with what went out."""
        each.active = True
        each.aligned = each.watermark >= self.out
        if not self.idle:
            return []
        self.idle = False
        return [Mark(WATERMARK, self.out)]

    def _look(self) -> list[Mark]:
        """Return what goes out now."""
        inputs = self._inputs.values()
        if any(each.lives for each in inputs):
            return self._advance()
        if all(each.watermark == MAX_WATERMARK for each in inputs):
            self.idle = False
            return self._put(MAX_WATERMARK)
        # Those that are idle now were left out of an earlier flush.
        out = self._put(max(w for each in inputs if (w := each.watermark) < MAX_WATERMARK))
        if not self.idle:
            self.idle = True
            out.append(Mark(IDLE, self.out))
        return out

    def _advance(self) -> list[Mark]:
        counting = [each.watermark for each in self._inputs.values() if each.lives and each.aligned]
        return self._put(min(counting)) if counting else []

    def _put(self, value: int) -> list[Mark]:
        if value <= self.out:
            return []
        self.out = value
        return [Mark(WATERMARK, value)]
