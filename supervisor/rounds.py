"""Rounds: what is worked through becomes durable, all at once for the whole topology.

In round n every ledger freezes its worked-through set W_n; only after all froze does every
task with state snapshot (and every sink fsync); when all parts are there the coordinator
commits positions and parts in one step, and exactly W_n is durable. Snapshots taken after all
froze hold at least the effects of W_n; what they hold beyond it is replayed after a restore.

    IDLE -start-> FREEZING -all frozen-> SNAPSHOTTING -all parts-> COMMITTING -stored-> IDLE
           no task with state: FREEZING -all frozen-> COMMITTING
           FREEZING, SNAPSHOTTING -lost worker, round_timeout, a part that failed-> IDLE,
           with ``abort`` sent

A round that is being committed is never aborted: when the store could not say whether it is
stored, the same commit is tried again until it can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .store import Part, PositionWentBack, StaleEpoch, Store, StoreError, TaskPositions

#: After a snapshot of d seconds no round starts for this many times d: at most 5 % of the time
#: goes into snapshots.
SNAPSHOT_PAUSE = 20
#: A commit that the store could not do is tried again after this.
COMMIT_RETRY_S = 1.0


class RoundState(StrEnum):
    """Where the round under way stands."""

    IDLE = "idle"
    FREEZING = "freezing"
    SNAPSHOTTING = "snapshotting"
    COMMITTING = "committing"


@dataclass(slots=True)
class _Round:
    """What has come in for the round under way."""

    number: int
    epoch: int
    started_at: float
    waiting: set[int]
    snapshot_at: float | None = None
    commit_at: float = 0.0
    changed: bool = False
    last: bool = False
    positions: dict[int, TaskPositions] = field(default_factory=dict)
    settled: dict[int, Sequence[int]] = field(default_factory=dict)
    letters: list[int] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)


class Rounds:
    """Runs one round after the other. Fed by the coordinator, which sends what it says.

    Args:
        tasks: worker -> its tasks with state or a sink, which have a part in every snapshot.
        workers: numbers of all workers.
        store: where rounds are committed.
        send: called with (worker, message without epoch) to send to the current incarnation.
        interval_s, timeout_s: settings of the topology.
    """

    def __init__(
        self,
        *,
        tasks: Mapping[int, frozenset[int]],
        workers: Iterable[int],
        store: Store,
        send: Callable[[int, dict[str, Any]], None],
        interval_s: float,
        timeout_s: float,
    ) -> None:
        self.state = RoundState.IDLE
        #: Figures for ``status``.
        self.last = store.last_round()
        self.last_at: float | None = None
        self.duration_s = 0.0
        self.failures = 0
        #: Failures since the last success, and the reason of the newest.
        self.failures_in_row = 0
        self.failure = ""
        #: The round that was committed was the last one of the run.
        self.last_done = False
        #: Messages of each spout task's incarnation that are acked, and dead, by the last round.
        self.settled: dict[int, Sequence[int]] = {}
        #: Dead letters whose other try is durable by the last round.
        self.letters: list[int] = []
        #: Files of the last committed snapshot.
        self.kept: frozenset[str] = frozenset(part.file for part in store.parts())
        self._tasks = {worker: of_worker for worker, of_worker in tasks.items() if of_worker}
        self._workers = tuple(workers)
        self._store = store
        self._send = send
        self._interval_s, self._timeout_s = interval_s, timeout_s
        self._number = self.last
        self._next_at = 0.0
        self._now: _Round | None = None

    # Starting and giving up.

    def due(self, now: float) -> bool:
        """Say whether the next round may start."""
        return self.state is RoundState.IDLE and now >= self._next_at

    def postpone(self, now: float) -> None:
        """Spouts start (again) now: the next round comes an interval later."""
        self._next_at = max(self._next_at, now + self._interval_s)

    def start(self, epoch: int, now: float, *, last: bool = False) -> int:
        """Begin a round; the last one of a run is committed even when there is nothing new."""
        assert self.state is RoundState.IDLE, self.state
        self._number = max(self._number, self._store.last_round()) + 1
        self._now = _Round(self._number, epoch, now, set(self._workers), last=last)
        self.state = RoundState.FREEZING
        self._tell(self._workers, "freeze")
        return self._number

    def go_on_after(self, number: int) -> None:
        """Use no round up to ``number``: workers heard of them from another coordinator."""
        self._number = max(self._number, number)

    def settle(self) -> None:
        """Tell all workers what another coordinator left open: which round is durable, and that
        a later one was given up."""
        for kind, number in (("durable", self._store.last_round()), ("abort", self._number)):
            for worker in self._workers:
                self._send(worker, {"kind": kind, "round": number})

    def abort(self, now: float, why: str = "", *, failed: bool = False) -> None:
        """Give up the round under way, if any; W_n is worked through as before."""
        if self._now is None or self.state is RoundState.COMMITTING:
            return
        self._give_up(now, why, failed)

    def _give_up(self, now: float, why: str, failed: bool) -> None:
        if failed:
            self._note_failure(why)
        self._tell(self._workers, "abort")
        self._end(now, self._interval_s)

    def _note_failure(self, why: str) -> None:
        self.failures += 1
        self.failures_in_row += 1
        self.failure = why

    def on_tick(self, now: float) -> bool:
        """Time out, or try a commit again; return whether a round was committed."""
        if self._now is None:
            return False
        if self.state is RoundState.COMMITTING:
            return now >= self._now.commit_at and self.commit(now)
        if now - self._now.started_at > self._timeout_s:
            who = ", ".join(map(str, sorted(self._now.waiting)))
            self.abort(now, f"timed out while {self.state}: no answer of worker {who}", failed=True)
        return False

    # What workers answer. Each returns True when it completed the round.

    def on_frozen(self, worker: int, message: Mapping[str, Any], now: float) -> bool:
        """A worker froze all its ledgers."""
        current = self._expected(RoundState.FREEZING, worker, message)
        if current is None:
            return False
        current.positions.update(message["positions"])
        current.settled.update(message.get("settled") or {})
        current.letters += message.get("letters") or ()
        current.changed |= bool(message.get("changed", True))
        current.waiting.discard(worker)
        return not current.waiting and self._all_frozen(current, now)

    def _all_frozen(self, current: _Round, now: float) -> bool:
        if not current.changed and not current.last:
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

    def on_snapshotted(self, worker: int, message: Mapping[str, Any], now: float) -> bool:
        """A worker's parts are durable files."""
        current = self._expected(RoundState.SNAPSHOTTING, worker, message)
        if current is None:
            return False
        parts = [Part(p["task"], p["file"], p["bytes"], p["sha256"]) for p in message["parts"]]
        strange = {part.task for part in parts} - self._tasks[worker]
        if strange:
            self.abort(now, f"worker {worker} sent parts of tasks {sorted(strange)}", failed=True)
            return False
        current.parts += parts
        current.waiting.discard(worker)
        if current.waiting:
            return False
        self.state = RoundState.COMMITTING
        return self.commit(now)

    def on_snapshot_failed(self, worker: int, message: Mapping[str, Any], now: float) -> None:
        """A worker could not write a part (disk full, a value with no wire form)."""
        if self._expected(RoundState.SNAPSHOTTING, worker, message) is not None:
            self.abort(now, f"worker {worker}: {message['text']}", failed=True)

    def _expected(
        self, state: RoundState, worker: int, message: Mapping[str, Any]
    ) -> _Round | None:
        current = self._now
        if current is None or state is not self.state or message["round"] != current.number:
            return None
        return current if worker in current.waiting else None

    # The commit.

    def commit(self, now: float) -> bool:
        """Commit the round under way when its answers are all in; return whether it is stored.

        When the store cannot say, the same commit is tried again later: an abort would make
        workers believe that the round is void although it may be stored.
        """
        current = self._now
        if current is None or self.state is not RoundState.COMMITTING:
            return False
        try:
            self._store.commit_round(
                current.number, current.epoch, current.positions, current.parts
            )
        except StaleEpoch:
            raise
        except PositionWentBack as error:
            self._give_up(now, str(error), failed=True)
            return False
        except StoreError as error:
            self._note_failure(str(error))
            current.commit_at = now + COMMIT_RETRY_S
            return False
        self._succeed(current, now)
        return True

    def _succeed(self, current: _Round, now: float) -> None:
        self.last, self.last_at = current.number, now
        self.duration_s = now - current.started_at
        self.failures_in_row, self.failure = 0, ""
        self.settled, self.letters = current.settled, current.letters
        self.last_done = current.last
        self.kept = frozenset(part.file for part in current.parts)
        self._tell(self._workers, "durable")
        snapshot_s = 0.0 if current.snapshot_at is None else now - current.snapshot_at
        self._end(now, max(self._interval_s, SNAPSHOT_PAUSE * snapshot_s))

    def _end(self, now: float, pause_s: float) -> None:
        self._now = None
        self.state = RoundState.IDLE
        self._next_at = now + pause_s

    def _tell(self, workers: Iterable[int], kind: str) -> None:
        assert self._now is not None
        for worker in workers:
            self._send(worker, {"kind": kind, "round": self._now.number})
