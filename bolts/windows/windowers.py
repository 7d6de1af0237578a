"""Windowers: which windows a time falls into. Pure arithmetic of milliseconds since 1970.

Windows of fixed size are cut into *panes*, the largest pieces that never lie across the border of
a window, so that a row is added to one pane however many windows it falls into:

    sliding, size 60 s, slide 20 s, panes of 20 s

    |0        |20       |40       |60       |80       |100
    |---------window------------->|                         end 60
              |---------window-------------->|              end 80
                        |---------window-------------->|    end 100

A window has the rows of ``start <= time < end``.
Source of the floor rule: Flink's TimeWindow.getWindowStartWithOffset; right before 1970, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd


@dataclass(frozen=True, slots=True)
class Aligned:
    """Tumbling (``slide == size``) and sliding windows of one size, for all keys alike.

    Attributes:
        size_ms, slide_ms: length of a window, and from one to the next; above 0.
        offset_ms: windows start at ``offset_ms`` + any number of ``slide_ms``.
    """

    size_ms: int
    slide_ms: int
    offset_ms: int = 0

    @property
    def pane_ms(self) -> int:
        """Length of a pane."""
        return gcd(self.size_ms, self.slide_ms)

    @property
    def tumbling(self) -> bool:
        """Whether a window is one pane, and each time in one window."""
        return self.size_ms == self.slide_ms

    def pane(self, time: int) -> int:
        """Return the start of the pane that ``time`` falls into."""
        return time - (time - self.offset_ms) % self.pane_ms

    def panes(self, times: list[int]) -> list[int]:
        """Return the start of each time's pane: 45 ns each."""
        width, offset = self.pane_ms, self.offset_ms % self.pane_ms
        if not offset:
            return [time - time % width for time in times]
        return [time - (time - offset) % width for time in times]

    def first_end(self, pane: int) -> int:
        """Return the end of the first window that a pane is in, or would be but for a gap."""
        # The smallest end >= the pane's own; ends lie at offset + size + k * slide.
        least = pane + self.pane_ms
        return least + (self.offset_ms + self.size_ms - least) % self.slide_ms

    def covers(self, time: int) -> bool:
        """Say whether any window has this time; with ``slide > size`` there are gaps."""
        return bool(self.ends(self.pane(time)))

    def ends(self, pane: int) -> range:
        """Return the ends of all windows that a pane is in."""
        return range(self.first_end(pane), pane + self.size_ms + 1, self.slide_ms)

    def last_end(self, time: int) -> int:
        """Return the latest end of a window that is not after ``time``."""
        return time - (time - self.offset_ms - self.size_ms) % self.slide_ms

    def windows(self, time: int) -> list[tuple[int, int]]:
        """Return (start, end) of all windows that ``time`` falls into, the first one first."""
        return [(end - self.size_ms, end) for end in self.ends(self.pane(time))]


@dataclass(frozen=True, slots=True)
class Session:
    """Windows that end when a key was silent for ``gap_ms``.

    A row alone is the window [time, time + gap); windows that overlap or touch are one, as in
    Flink's TimeWindow.intersects: rows exactly ``gap_ms`` apart are in the same session.
    """

    gap_ms: int

    def joins(self, first: int, last: int, time: int) -> bool:
        """Say whether a row belongs to the session of rows from ``first`` to ``last``."""
        return first <= time + self.gap_ms and time <= last + self.gap_ms


@dataclass(frozen=True, slots=True)
class Counted:
    """Windows of ``size`` rows of a key, a new one every ``slide`` rows."""

    size: int
    slide: int

    @property
    def pane(self) -> int:
        """Rows of a pane."""
        return gcd(self.size, self.slide)


Windower = Aligned | Session | Counted
