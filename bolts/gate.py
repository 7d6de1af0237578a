"""The gate before the queue of one bolt task: holds back what channels bring behind a barrier.

What is held back is not in the queue and does not count as queued: the task's other channels
need room there, and the barrier that is missing may stand behind it. Each channel is bounded by
itself: over a link by credit, within the worker by ``rows_of`` (dispatch).
"""

from __future__ import annotations

from collections.abc import Collection
from operator import length_hint
from typing import TYPE_CHECKING

from waterspout.topology.frames import Channel
from waterspout.topology.marks import BARRIER

from .alignment import Alignment, Verdict
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
    """

    def __init__(self, executor: BoltExecutor, channels: Collection[Channel]) -> None:
        self.alignment: Alignment[Queued] = Alignment(channels)
        self.rows_of: dict[Channel, int] = {}
        self.since = 0.0
        self._executor = executor

    def holds_back(self, work: Queued) -> bool:
        """Take what a channel brings, if it has to wait. Asked for each frame and mark."""
        if not self.alignment.pending or not self.alignment.blocks(work.channel):
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
        self._let_go()

    def abort(self, number: int) -> None:
        """Checkpoints up to ``number`` are given up: nothing waits for them."""
        self.alignment.abort(number)
        self._let_go()

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
