"""The valve of one bolt task: brings the watermarks of all channels into it to one. Pure.

The task has come as far as the channel that is furthest behind, of those that count. A channel
counts while it is *active* and has kept up with what went out:

    channel a  ---- 10 ---- 20 ------------- 30        active
    channel b  ---- 12 ---- idle . . . 13 -- 31        idle: left out; 13: active again, but behind
    channel c  ----  8 ---------- 25 ------- 33          what went out (20): left out until 31
    out             8   10       20          30

What goes out never goes back. When every channel is idle nobody is left to wait for: the largest
watermark of all goes out, and IDLE behind it. Source: Flink's StatusWatermarkValve.

Channels with the same spout tasks above, as those of all tasks of a bolt, are idle together: where
one is and another is not, that has only not come through everywhere. So they are left out, and
have kept up, all or none. Flink's valve goes by each channel alone: one task that wakes before
another would take the watermark past what that one has yet to bring::

    task 1 of a bolt   ---- 20 idle ................ 20 row of 25 -- 30
    task 2             ---- 20 idle -- 20 -- 30
    out                     20 idle -- 20 . . . . . . . . . . . . .  30

The end of event time (``MAX_WATERMARK``) is another matter: it goes out once every channel has
brought it, idle ones too. A channel that has brought it counts no more. Where one that is idle
could be passed by, what the end sets off behind it would be late here: it comes to several tasks
above at the same time, and to this one from each in turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from waterspout.topology.frames import Channel
from waterspout.topology.marks import IDLE, MAX_WATERMARK, MIN_WATERMARK, WATERMARK, Mark


class Input:
    """One channel: how far it came, and whether it is idle."""

    __slots__ = ("active", "siblings", "watermark")

    def __init__(self, siblings: Siblings) -> None:
        self.siblings = siblings
        self.watermark = MIN_WATERMARK
        self.active = True

    def put(self, watermark: int, *, active: bool) -> None:
        """It came so far, and is idle or not."""
        self.watermark, self.active = watermark, active
        self.siblings.note()


class Siblings:
    """The channels that have the same spout tasks above.

    Attributes:
        inputs: these channels.
        within: others that have only some of these spout tasks above, and none else: while one of
            them is active these are, too, or will be once they have heard of it.
        around: others that have all of these above, and more: when all are idle these come at
            least as far.
        low: how far all have come.
        high: how far one has come; so far the others will come, too.
        active: one is not idle; it may be at its end.
        lives: one is neither idle nor at its end.
    """

    __slots__ = ("active", "around", "high", "inputs", "lives", "low", "within")

    def __init__(self) -> None:
        self.inputs: list[Input] = []
        self.within: list[Siblings] = []
        self.around: list[Siblings] = []

    def note(self) -> None:
        """One of them has changed. What it comes to is kept: marks come by all channels."""
        came = [each.watermark for each in self.inputs]
        active = [each.watermark for each in self.inputs if each.active]
        self.low, self.high = min(came), max(came)
        self.active, self.lives = bool(active), bool(active) and min(active) < MAX_WATERMARK

    @property
    def counts(self) -> bool:
        """Whether they are waited for: not when all are idle, or at their end."""
        if self.low == MAX_WATERMARK:
            return False
        return self.active or any(each.lives for each in self.within)

    @property
    def settled(self) -> int:
        """How far they have come, when all channels are idle, and nobody has more to bring."""
        return min([self.low, *(each.low for each in self.around)])


class Valve:
    """Combines the watermarks of the channels into one task.

    Args:
        above: of each channel that carries watermarks the spout tasks above it that have event
            time; a mark on any other channel is ignored.
    """

    def __init__(self, above: Mapping[Channel, frozenset[int]]) -> None:
        by_spouts = {spouts: Siblings() for spouts in above.values()}
        for spouts, siblings in by_spouts.items():
            siblings.within = [each for some, each in by_spouts.items() if some < spouts]
            siblings.around = [each for more, each in by_spouts.items() if more > spouts]
        self._siblings = list(by_spouts.values())
        self._inputs = {channel: Input(by_spouts[spouts]) for channel, spouts in above.items()}
        for each in self._inputs.values():
            each.siblings.inputs.append(each)
        self.reset()

    def reset(self) -> None:
        """A new epoch: every channel starts from nothing."""
        for each in self._inputs.values():
            each.put(MIN_WATERMARK, active=True)
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
        each.put(max(each.watermark, value), active=True)
        return self._look()

    def on_idle(self, channel: Channel, value: int) -> list[Mark]:
        """Take IDLE with the last watermark of the channel; returns what goes out."""
        each = self._inputs.get(channel)
        if each is None:
            return []
        value = max(each.watermark, value)
        # It still counts with this one.
        out = self.on_watermark(channel, value) if each.active else []
        each.put(value, active=False)
        return out + self._look()

    def behind(self) -> Channel | None:
        """Return the channel that holds the task back; None: all are idle or at their end."""
        return min(
            (channel for channel, each in self._inputs.items()
             if each.watermark < MAX_WATERMARK and each.siblings.counts
             and each.siblings.high >= self.out),
            key=lambda channel: (self._inputs[channel].watermark, channel), default=None,
        )  # fmt: skip

    def watermark_of(self, channel: Channel) -> int:
        """Return the last watermark of a channel."""
        return self._inputs[channel].watermark

    def idle_channels(self) -> list[Channel]:
        """Return the channels that are left out because they are idle."""
        return [
            channel for channel, each in self._inputs.items()
            if not (each.active or each.siblings.counts)
        ]  # fmt: skip

    def _look(self) -> list[Mark]:
        """Return what goes out now."""
        counting = [each for each in self._siblings if each.counts]
        if counting:
            woken = [Mark(WATERMARK, self.out)] if self.idle else []
            self.idle = False
            return woken + self._advance(counting)
        going = [each for each in self._siblings if each.low < MAX_WATERMARK]
        if not going:
            self.idle = False
            return self._put(MAX_WATERMARK)
        # Those that are idle now were left out of an earlier flush.
        out = self._put(max(each.settled for each in going))
        if not self.idle:
            self.idle = True
            out.append(Mark(IDLE, self.out))
        return out

    def _advance(self, counting: Iterable[Siblings]) -> list[Mark]:
        """Go as far as those that count and have kept up with what went out."""
        kept_up = [each.low for each in counting if each.high >= self.out]
        return self._put(min(kept_up)) if kept_up else []

    def _put(self, value: int) -> list[Mark]:
        if value <= self.out:
            return []
        self.out = value
        return [Mark(WATERMARK, value)]
