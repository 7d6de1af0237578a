"""Rounds: at least once, what is worked through becomes durable, all at once for the topology.

In round n every ledger freezes its worked-through set W_n; only after all froze does every
task with state snapshot (and every sink fsync); when all parts are there the coordinator
commits positions and parts in one step, and exactly W_n is durable. Snapshots taken after all
froze hold at least the effects of W_n; what they hold beyond it is replayed after a restore.

    IDLE -start-> FREEZING -all frozen-> SNAPSHOTTING -all parts-> COMMITTING -stored-> IDLE
           no task with state: FREEZING -all frozen-> COMMITTING
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .snapshotting import RoundState, Snapshotting, Underway

#: After a snapshot of d seconds no round starts for this many times d: at most 5 % of the time
#: goes into snapshots.
SNAPSHOT_PAUSE = 20


class Rounds(Snapshotting):
    """Runs one round after the other.

    Args:
        interval_s: between the end of a round and the next.
        more: see Snapshotting.
    """

    noun = "round"

    def __init__(self, *, interval_s: float, **more: Any) -> None:
        super().__init__(**more)
        self._interval_s = interval_s

    def postpone(self, now: float) -> None:
        self._next_at = max(self._next_at, now + self._interval_s)

    def _begin(self, current: Underway) -> None:
        self.state = RoundState.FREEZING
        self._tell(self._workers, "freeze")

    def on_frozen(self, worker: int, message: Mapping[str, Any], now: float) -> bool:
        current = self._expected(worker, message, RoundState.FREEZING)
        if current is None:
            return False
        self._add(current, message)
        current.changed |= bool(message.get("changed", True))
        current.waiting.discard(worker)
        return not current.waiting and self._all_frozen(current, now)

    def _all_frozen(self, current: Underway, now: float) -> bool:
        if not current.changed and not current.whole:
            self.abort(now)
            return False
        if not self._tasks:
            self.state = RoundState.COMMITTING
            return self.commit(now)
        current.snapshot_at = now
        current.waiting = set(self._tasks)
        self.state = RoundState.SNAPSHOTTING
        self._tell(self._tasks, "snapshot")
        return False

    def _pause_s(self, current: Underway, now: float) -> float:
        if self.last != current.number or current.snapshot_at is None:
            return self._interval_s
        return max(self._interval_s, SNAPSHOT_PAUSE * (now - current.snapshot_at))
