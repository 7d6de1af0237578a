"""Checkpoints: exactly once, a barrier cuts every channel, and no ledger decides what counts.

Spouts put barrier n behind what they emitted and note their position; a task that has it from
all its inputs is copied and passes it on (bolts/alignment.py), so part and positions hold the
effects of exactly the messages before the barrier. When every worker has answered, all of it is
stored in one step. After a failure all tasks go back to the newest complete checkpoint.

    IDLE -start, ``checkpoint n`` to all-> ALIGNING -all answered-> COMMITTING -stored-> IDLE

When one begins, as in Flink: ``checkpoint_interval`` after the last one began, not before
``checkpoint_min_pause`` after it ended, never two at once, and only while all tasks run (the
coordinator asks no earlier). More failures in a row than are tolerable are ``intolerable``:
then all tasks are restored. What is undone by that has to be done again, which may be why the
next ones time out, too: until one succeeds, each restore doubles what is borne before the next.
Where failures set everybody back before one is complete, spouts draw less (slow_start.py), and one
begins as soon as that is through.
Source: Carbone et al., Lightweight Asynchronous Snapshots for Distributed Dataflows, 2015.
"""

from __future__ import annotations

from typing import Any

from .slow_start import SlowStart
from .snapshotting import RoundState, Snapshotting, Underway

#: Failures in a row that are borne at most beyond the tolerable ones.
GRACE_MAX = 1000


class Checkpoints(Snapshotting):
    """Runs one checkpoint after the other.

    Args:
        interval_s: from the start of a checkpoint to that of the next.
        min_pause_s: from the end of a checkpoint to the start of the next.
        tolerable: failures in a row that lead to nothing.
        max_pending: messages that a spout task has in flight at most.
        more: see Snapshotting.
    """

    noun = "checkpoint"

    def __init__(
        self, *, interval_s: float, min_pause_s: float, tolerable: int, max_pending: int,
        **more: Any,
    ) -> None:  # fmt: skip
        super().__init__(**more)
        self.slow_start = SlowStart(max_pending)
        #: While spouts draw less: news of what they drew counts from here, monotonic seconds.
        self.early_at = 0.0
        self._interval_s, self._min_pause_s = interval_s, min_pause_s
        self._tolerable = tolerable
        #: Failures since the last success or restore.
        self._counted = 0
        #: Failures that are borne beyond the tolerable ones; grows from restore to restore.
        self._grace = 0

    @property
    def intolerable(self) -> bool:
        """More failed in a row than are tolerable: all tasks are to be restored."""
        return self._counted > self._tolerable + self._grace

    def restored(self) -> None:
        """All tasks go back to the last checkpoint: failures count anew."""
        if self.intolerable:
            self._grace = min(2 * self._grace + 1, GRACE_MAX)
        self._counted = 0

    def postpone(self, now: float) -> None:
        self._next_at = max(self._next_at, now + self._interval_s)

    def due_early(self, now: float) -> bool:
        """Say whether one may begin because what spouts may draw is through."""
        wanted = self.slow_start.draw_max is not None and self.state is RoundState.IDLE
        return wanted and now >= self.early_at

    def _begin(self, current: Underway) -> None:
        self.state = RoundState.ALIGNING
        fields = {"aligned": current.whole, "last": current.last}
        self._tell(self._workers, "checkpoint", **fields)

    def _give_up(self, now: float, why: str, failed: bool) -> None:
        self._counted += failed
        super()._give_up(now, why, failed)

    def _succeed(self, current: Underway, now: float) -> None:
        self._counted = self._grace = 0
        self.slow_start.completed()
        super()._succeed(current, now)

    def _pause_s(self, current: Underway, now: float) -> float:
        self.early_at = now + self._min_pause_s
        return max(current.started_at + self._interval_s - now, self._min_pause_s)
