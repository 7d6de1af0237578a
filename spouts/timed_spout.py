"""The part of a spout's executor that has to do with event time; nothing when it has none."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice

from waterspout.topology.channels import Rows
from waterspout.topology.control_frames import Failure
from waterspout.topology.emitter import Emitter
from waterspout.topology.tuples import DEFAULT_STREAM

from .ledger import Ledger
from .partitions import Partition
from .retries import Retry
from .spout_time import SpoutTime

#: Stands for "not soon", in seconds.
NEVER_S = 3600.0
#: Partitions of a task that are read by turns; those behind them wait, and hold the watermark.
BY_TURNS_MAX = 64


def bring_forward(time: SpoutTime, partitions: deque[Partition], now: float) -> None:
    """Let the partition be read next whose event time is furthest behind.

    One after the other would do for messages. But a partition that is not read holds the
    watermark, and what the others bring meanwhile would pile up in windows.
    """
    came = time.watermarks.came
    first = [each for each in islice(partitions, BY_TURNS_MAX) if not each.rests(now)]
    best = min(first, key=lambda each: came(each.name), default=None)
    if best is not None and best is not partitions[0]:
        partitions.remove(best)
        partitions.appendleft(best)


class TimedSpout:
    """Base of the executors of spouts."""

    ledger: Ledger
    emitter: Emitter
    exhausted: bool
    #: None: the spout has no event time.
    time: SpoutTime | None = None

    def use_time(self, time: SpoutTime, *, held: bool) -> None:
        """Send watermarks. Called before the first turn.

        Args:
            held: they wait for what may come again (at-least-once).
        """
        self.time = time
        if held:
            time.held_back = lambda: self.ledger.held_back(self.retries_at_work())

    def failed_message(self, failure: Failure, now: float) -> bool:
        """Say whether the rest of a group may go on of which one message failed."""
        return False

    @property
    def before(self) -> int | None:
        """The watermark before the rows of the next group count; None: there is no event time."""
        return None if self.time is None else self.time.before

    def watermarks_anew(self, again: Iterable[str] = ()) -> None:
        """Start over in a new epoch; partitions ``again`` are read from where they are durable."""
        if self.time is not None:
            self.time.new_epoch(again)

    def retries_at_work(self) -> tuple[Retry, ...]:
        """Return retries that were taken from the ledger and are not through."""
        return ()

    def drained(self) -> bool:
        """Whether nothing is in flight, waits for replay or to be stored."""
        return self.ledger.idle

    def note_time(
        self, partition: str, rows: Rows, stream: str = DEFAULT_STREAM
    ) -> BaseException | None:
        """Take note of the event time of rows before they go out; return why they may not."""
        if self.time is not None:
            try:
                self.time.going_out(partition, stream, rows)
            except (Exception, SystemExit) as error:
                return error
        return None

    def try_many(self, partition: str, rows: Rows) -> BaseException | None:
        """Emit the rows of a group: all, or none and say why not."""
        error = None if self.time is None else self.note_time(partition, rows)
        return error or self.emitter.try_many(rows)

    def partition_found(self, name: str) -> None:
        """A partition was found: it holds the watermark until it has rows."""
        if self.time is not None:
            self.time.watermarks.opened(name)

    def partitions_found(self) -> None:
        """Partitions were looked for; ``partition_found`` was called for each."""
        if self.time is not None:
            self.time.looked()

    def partition_silent(self, name: str, now: float) -> None:
        """A partition was asked and had nothing."""
        if self.time is not None:
            self.time.watermarks.silent(name, now)

    def partition_ended(self, name: str, now: float) -> None:
        """All messages of a partition were read, and went out."""
        if self.time is not None:
            self.time.watermarks.closed(name, now)

    def send_watermark(self, now: float) -> None:
        """Send a watermark when it is time. Called at the end of each turn."""
        if self.time is not None:
            if self.exhausted and self.drained():
                self.time.ended()
            self.time.turn(now)

    def next_watermark(self, now: float) -> float:
        """Return the seconds until there may be a watermark to send, or a long time."""
        return NEVER_S if self.time is None else self.time.wakeup(now)
