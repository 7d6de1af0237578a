"""Event time of one spout task: reads it from what goes out, and sends watermarks as marks.

Under at-least-once a message may come again, and must not be late then because of it. So each
group notes the watermark before its rows counted, and what is sent never passes the lowest one
among the groups that are not durable:

    group       1     2     3     4        watermark worked out so far   40
    before      .    10    20    30
    durable     yes   no    yes   no       watermark sent                10

A window fires, then, when all it holds is durable: no failure brings any of it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from waterspout.topology.channels import Rows
from waterspout.topology.event_time import RowTimes, iso_text
from waterspout.topology.marks import IDLE, MAX_WATERMARK, MIN_WATERMARK, WATERMARK, Mark

from .watermarks import Watermarks

#: Of the name of a partition that holds the watermark back, so much is shown.
PARTITION_CHARS_MAX = 120
_NO_ROWS, _NOT_KNOWN = "no partition has rows", "its partitions could not be looked for yet"


class SpoutTime:
    """Event time of one spout task.

    Args:
        times: reads the event times of rows.
        watermarks: of the task.
        interval_s: least time between two marks.
        send: puts a mark behind everything that the task has emitted.
    """

    def __init__(
        self, times: RowTimes, watermarks: Watermarks, interval_s: float,
        send: Callable[[Mark], None],
    ) -> None:  # fmt: skip
        self.watermarks = watermarks
        self._times, self._interval_s, self._send = times, interval_s, send
        #: Returns the watermark that messages hold back which may come again; None: none do.
        self.held_back: Callable[[], int | None] = _nothing
        self._next = 0.0
        #: What was sent last, and whether it was IDLE; and whether more may have to be sent.
        self.sent = MIN_WATERMARK
        self._sent_idle = self._stale = False

    @property
    def before(self) -> int:
        """The watermark before the rows of the next group count."""
        return self.watermarks.reached

    def looked(self) -> None:
        """Partitions were looked for: without any the task is idle from now on."""
        self._stale |= not self.watermarks.looked
        self.watermarks.looked = True

    def going_out(self, partition: str, stream: str, rows: Rows) -> None:
        """Take note of rows that are about to be emitted.

        Raises:
            EventTimeError: the time of one cannot be read; then none of them counts.
            Exception: whatever a function of the user's raises.
        """
        max_ms = self._times.max_ms(stream, rows)
        if max_ms is None:
            return
        if self._sent_idle:
            # Before the rows: nobody may take the channel for silent when they come.
            self._put(Mark(WATERMARK, self.sent))
        self.watermarks.seen(partition, max_ms)
        self._stale = True

    def ended(self) -> None:
        """All has gone out, and nothing will be read any more."""
        if self.watermarks.reached != MAX_WATERMARK:
            self.watermarks.ended()
            self._stale, self._next = True, 0.0

    def turn(self, now: float) -> None:
        """Send what there is to send, when it is time. Called at the end of each turn."""
        if now < self._next:
            return
        self._next = now + self._interval_s
        watermarks = self.watermarks
        reached, held = watermarks.advance(now), self.held_back()
        value = max(reached if held is None else min(reached, held), self.sent)
        idle = held is None and watermarks.idle(now)
        if idle is not self._sent_idle or value > self.sent:
            self._put(Mark(IDLE if idle else WATERMARK, value))
        self._stale = reached > self.sent or watermarks.idle(now) is not self._sent_idle

    def wakeup(self, now: float) -> float:
        """Return the seconds until ``turn`` may have something to send."""
        if self._stale:
            return max(self._next - now, 0.0)
        return self.watermarks.next_change(now)

    def status(self, now: float) -> tuple[int, str]:
        """Return the watermark and what holds it back. Only reads: any thread may call it."""
        watermarks, sent = self.watermarks, self.sent
        behind, idle = watermarks.behind(now), watermarks.idle_partitions(now)
        why = f", {idle} of its partitions left out as idle" if idle else ""
        if sent < watermarks.reached:
            return sent, f"waits until the messages under it are durable{why}"
        if watermarks.reached == MAX_WATERMARK:
            return sent, ""
        if behind is None:
            return sent, _NO_ROWS if watermarks.known else _NOT_KNOWN
        name, came = behind
        where = "has no rows yet" if came == MIN_WATERMARK else f"is at {iso_text(came)}"
        return sent, f"partition {name[:PARTITION_CHARS_MAX]!r} {where}{why}"

    def new_epoch(self, again: Iterable[str] = ()) -> None:
        """Send everything anew: nobody knows of it.

        Args:
            again: partitions that are read again from where they are durable.
        """
        self.sent, self._sent_idle, self._next, self._stale = MIN_WATERMARK, False, 0.0, True
        self.watermarks.again(again)

    def _put(self, mark: Mark) -> None:
        self._send(mark)
        self.sent, self._sent_idle = mark.value, mark.kind == IDLE


def _nothing() -> None:
    """Hold nothing back: no message comes again."""
