"""Watermarks of one spout task: how far its event time has come. Pure: fed with times and `now`.

A watermark ``w`` says that no row with an event time of ``w`` or before is expected any more.
Each partition has come as far as its largest time so far; the task as far as the one of its
partitions that is furthest behind; ``lag`` allows for rows that come out of order:

    partition a   1 3 2 7 5                      largest 7
    partition b   1 2 4                          largest 4    <- holds the task back
    partition c   8 9 (nothing for `idle`)       left out

    watermark = 4 s - lag - 1 ms

Source: Flink's bounded-out-of-orderness generator, per split and with idleness.
"""

from __future__ import annotations

from collections.abc import Iterable

from waterspout.topology.marks import MAX_WATERMARK, MIN_WATERMARK


class PartitionTime:
    """How far one partition has come.

    Attributes:
        max_ms: its largest event time so far, or ``MIN_WATERMARK``.
        silent_since: when it was asked for the first time after its last row and had nothing;
            None: it has rows, or was not asked (a full outbox is no silence).
    """

    __slots__ = ("max_ms", "silent_since")

    def __init__(self) -> None:
        self.max_ms = MIN_WATERMARK
        self.silent_since: float | None = None


class Watermarks:
    """The watermark of one spout task.

    Args:
        lag_ms: how far rows may be out of order.
        idle_s: a partition that had nothing for so long holds nobody back; None: it always does.
    """

    def __init__(self, lag_ms: int, idle_s: float | None = None) -> None:
        self._lag_ms, self._idle_s = lag_ms, idle_s
        self._partitions: dict[str, PartitionTime] = {}
        #: The watermark when it was last worked out (``advance``); it never goes back.
        self.reached = MIN_WATERMARK
        self._ended = False
        #: Partitions were looked for: that there are none is known then.
        self.looked = False

    @property
    def known(self) -> bool:
        """Whether it is known which partitions there are."""
        return self.looked or bool(self._partitions)

    def opened(self, partition: str) -> None:
        """A partition was found: it holds the task back until it has rows."""
        self._partitions.setdefault(partition, PartitionTime())

    def seen(self, partition: str, max_ms: int) -> None:
        """Rows of a partition go out; ``max_ms`` is their largest event time."""
        time = self._partitions.get(partition)
        if time is None:
            time = self._partitions[partition] = PartitionTime()
        if max_ms > time.max_ms:
            time.max_ms = max_ms
        time.silent_since = None

    def silent(self, partition: str, now: float) -> None:
        """A partition was asked and had nothing."""
        time = self._partitions.get(partition)
        if time is not None and time.silent_since is None:
            time.silent_since = now

    def closed(self, partition: str, now: float) -> None:
        """A partition has ended: it holds nobody back any more."""
        self.advance(now)
        self._partitions.pop(partition, None)

    def ended(self) -> None:
        """The input has ended: nothing follows, and no partition will be found."""
        self._ended = True

    def again(self, partitions: Iterable[str]) -> None:
        """These are read again from where they are durable: forget how far all had come."""
        again = {name: PartitionTime() for name in partitions}
        if again:
            self._partitions, self.reached, self._ended = again, MIN_WATERMARK, False

    def advance(self, now: float) -> int:
        """Work out and return the watermark; ``MIN_WATERMARK``: there is none yet."""
        if self._ended:
            self.reached = MAX_WATERMARK
            return MAX_WATERMARK
        times = self._partitions.values()
        active = [time.max_ms for time in times if not self._is_idle(time, now)]
        # Where all are idle nobody is left to wait for: as far as the furthest came.
        came = min(active) if active else max((t.max_ms for t in times), default=MIN_WATERMARK)
        if came > MIN_WATERMARK:
            self.reached = max(self.reached, came - self._lag_ms - 1)
        return self.reached

    def came(self, partition: str) -> int:
        """Return the largest event time of a partition; ``MIN_WATERMARK``: it had no rows yet."""
        time = self._partitions.get(partition)
        return MIN_WATERMARK if time is None else time.max_ms

    def idle(self, now: float) -> bool:
        """Say whether no partition is at work; a task without partitions is idle, too.

        One that could not look for them yet is not: what it finds may be far behind.
        """
        if self._ended or not self.known:
            return False
        return all(self._is_idle(time, now) for time in self._partitions.values())

    def behind(self, now: float) -> tuple[str, int] | None:
        """Return (partition, its largest time) of the one that holds the watermark back."""
        active = [
            (time.max_ms, name)
            for name, time in self._partitions.items() if not self._is_idle(time, now)
        ]  # fmt: skip
        if not active or self._ended:
            return None
        max_ms, name = min(active)
        return name, max_ms

    def idle_partitions(self, now: float) -> int:
        """Return how many partitions are left out."""
        return sum(self._is_idle(time, now) for time in self._partitions.values())

    def next_change(self, now: float) -> float:
        """Return the seconds until another partition counts as idle, or a long time."""
        if self._idle_s is None:
            return 3600.0
        waits = [
            time.silent_since + self._idle_s - now
            for time in self._partitions.values()
            if time.silent_since is not None and not self._is_idle(time, now)
        ]
        return max(min(waits, default=3600.0), 0.0)

    def _is_idle(self, time: PartitionTime, now: float) -> bool:
        since = time.silent_since
        return self._idle_s is not None and since is not None and now - since >= self._idle_s
