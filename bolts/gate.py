"""The gate before the queue of one bolt task: holds back what channels bring behind a barrier.

What is held back is not in the queue and does not count as queued: the task's other channels
need room there, and the barrier that is missing may stand behind it. Each channel is bounded by
itself: over a link by credit, within the worker by ``rows_of`` (dispatch).

Where the task was cut before its late channels had the barrier (``overtake``), the gate takes
copies of what they have in the queue, and of what they bring until it comes: as it comes, not
when its turn has come, so that the log is whole as soon as all of it has arrived.
"""

from __future__ import annotations

from collections.abc import Collection
from operator import length_hint
from typing import TYPE_CHECKING

from waterspout.topology.frames import Channel, FrameTooLarge
from waterspout.topology.marks import BARRIER
from waterspout.topology.units import format_size
from waterspout.topology.wire_values import NotPackable

from .alignment import Alignment, Verdict
from .channel_log import LogPacker
from .frame_work import FrameWork
from .queued_mark import QueuedMark

if TYPE_CHECKING:
    from .executor import BoltExecutor

Queued = FrameWork | QueuedMark


class Gate:
    """Aligns the barriers of one bolt task. Set as ``executor.gate`` under exactly-once.

    Args:
        channels: all channels into the task.

    Attributes:
        rows_of: rows that are held back, by channel; empty while nothing is.
        since: when the first barrier of the pending checkpoint came, by the worker's clock.
        log_rows: rows in the log.
        log_failure: why the log of the newest cut cannot be had; "": it can.
    """

    def __init__(self, executor: BoltExecutor, channels: Collection[Channel]) -> None:
        self.alignment: Alignment[Queued] = Alignment(channels)
        self.rows_of: dict[Channel, int] = {}
        self.since = 0.0
        self.log_rows = self._log_bytes = 0
        self.log_failure = ""
        #: Made when it is first needed: it has a buffer.
        self._packer: LogPacker | None = None
        self._executor = executor

    def holds_back(self, work: Queued) -> bool:
        """Take what a channel brings, if it has to wait. Asked for each frame and mark."""
        alignment = self.alignment
        if alignment.logging:
            return self._log(work)
        if not alignment.pending or not alignment.blocks(work.channel):
            return False
        if self._supersedes(work, self.alignment.current):
            self.abort(self.alignment.current)
            return False
        self._hold(work)
        return True

    def _supersedes(self, work: Queued, number: int) -> bool:
        """Say whether it is the barrier of a later checkpoint: ``number`` cannot complete."""
        return (
            isinstance(work, QueuedMark)
            and work.mark.kind == BARRIER
            and work.mark.value > number
        )

    def _hold(self, work: Queued) -> None:
        self.alignment.stash(work.channel, work)
        self.rows_of[work.channel] = self.rows_of.get(work.channel, 0) + length_hint(work.counter)

    def barrier(self, channel: Channel, number: int) -> Verdict:
        """Take a barrier whose turn has come; its channel waits from now on."""
        alignment, queue = self.alignment, self._executor.queue
        queued = [work for work in queue if work.channel == channel]
        if any(self._supersedes(work, number) for work in queued):
            self.abort(number)
            return Verdict.OBSOLETE
        before = alignment.current
        verdict = alignment.barrier(channel, number)
        if alignment.current != before:
            self._executor.stand_still(False)
        self._let_go()
        if verdict is Verdict.BLOCKED or verdict is Verdict.COMPLETE:
            if alignment.current != before:
                self.since = self._executor.env.clock()
            if queued:
                self._hold_queued(channel)
        return verdict

    def complete(self, number: int) -> bool:
        """Say whether all channels have barrier ``number`` and the task waits for its cut."""
        alignment = self.alignment
        return alignment.pending and alignment.current == number and not alignment.late

    def _hold_queued(self, channel: Channel) -> None:
        """Take what the channel has in the queue already."""
        executor = self._executor
        queued = list(executor.queue)
        executor.queue.clear()
        for work in queued:
            if work.channel != channel:
                executor.queue.append(work)
                continue
            executor.queued_rows -= length_hint(work.counter)
            self._hold(work)

    def cut(self) -> None:
        """The task was cut: what waited goes on."""
        self.alignment.cut()
        self._executor.stand_still(False)
        self._let_go()

    def abort(self, number: int) -> None:
        """Checkpoints up to ``number`` are given up: nothing waits for them, nor is logged."""
        self.alignment.abort(number)
        self._executor.stand_still(False)
        self._let_go()

    # The log.

    def overtake(self) -> None:
        """The task was cut before all channels have the barrier: what waited goes on.

        What late channels have in the queue, and bring until their barrier, is logged.
        """
        alignment, executor = self.alignment, self._executor
        alignment.overtake()
        executor.stand_still(False)
        self.log_rows = self._log_bytes = 0
        self.log_failure = ""
        self._packer = self._packer or LogPacker()
        queued = list(executor.queue)
        executor.queue.clear()
        executor.queue.extend(work for work in queued if not self._log(work))
        self._let_go()

    def _log(self, work: Queued) -> bool:
        """Log what a late channel brings; True: it is the barrier, which ends its log."""
        alignment = self.alignment
        if not alignment.logs(work.channel):
            return False
        if isinstance(work, QueuedMark) and work.mark.kind == BARRIER:
            if self._supersedes(work, alignment.current):
                alignment.abort(alignment.current)
            if work.mark.value != alignment.current:
                return False
            alignment.barrier(work.channel, alignment.current)
            return True
        assert self._packer is not None
        try:
            for frame in self._packer.pack(work):
                alignment.note(work.channel, frame)
                self._log_bytes += len(frame)
        except (NotPackable, FrameTooLarge) as error:
            self._give_log_up(f"a tuple on its way to it cannot be kept: {error}")
            return False
        self.log_rows += length_hint(work.counter)
        bytes_max = self._executor.env.settings.checkpoint_log_max
        if self._log_bytes > bytes_max:
            self._give_log_up(
                f"its late inputs brought over {format_size(bytes_max)} (checkpoint_log_max) "
                "before their barriers"
            )
        return False

    def _give_log_up(self, why: str) -> None:
        self.log_failure = why
        self.alignment.abort(self.alignment.current)

    def logged(self, number: int) -> bool:
        """Say whether the log of checkpoint ``number``, for which the task was cut, is whole."""
        alignment = self.alignment
        return alignment.current == number and not (alignment.logging or self.log_failure)

    def take_log(self) -> list[tuple[Channel, bytes]]:
        """Return the log, and forget it."""
        log, self.alignment.log = self.alignment.log, []
        return log

    def _let_go(self) -> None:
        """Put what may go on behind what is queued: nothing of its channels is before it."""
        executor, released = self._executor, self.alignment.released
        if not released:
            return
        while released:
            _, work = released.popleft()
            executor.queue.append(work)
            executor.queued_rows += length_hint(work.counter)
        self.rows_of.clear()
