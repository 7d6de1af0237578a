"""Snapshots of a whole topology, one after the other: numbers, the commit, and who was told of it.

What rounds and checkpoints have in common; how the cut is made is theirs (rounds.py,
checkpoints.py). A snapshot is durable when positions, parts and the letters whose other try it
holds are stored in one step; only then is anybody told. One that is being committed is never
given up: when the store could not say whether it is stored, the same commit is tried again
until it can.

    IDLE -start-> (the cut: FREEZING, SNAPSHOTTING or ALIGNING) -all parts-> COMMITTING
         -stored, all are told ``durable``-> IDLE
    the cut -lost worker, timeout, a part that failed-> IDLE, with ``abort`` sent

A number is used once: it was stored before anybody hears of it, so no answer to an older
snapshot, of whatever coordinator, is taken for one to this. What is in a part that comes too
late is never read, and its file is deleted after the next snapshot.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .durable_answers import DurableAnswers
from .store import Part, PositionWentBack, StaleEpoch, Store, StoreError, TaskPositions

#: A commit that the store could not do is tried again after this, and a start, too.
COMMIT_RETRY_S = 1.0
#: Numbers that are stored as used at once: one write of the store for so many snapshots.
NUMBERS_AHEAD = 100


class RoundState(StrEnum):
    """Where the snapshot under way stands."""

    IDLE = "idle"
    FREEZING = "freezing"
    SNAPSHOTTING = "snapshotting"
    ALIGNING = "aligning"
    COMMITTING = "committing"


@dataclass(slots=True)
class Underway:
    """What has come in for the snapshot under way.

    Attributes:
        waiting: workers whose answer is missing.
        last: nothing comes after it in this run.
        final: it holds the end of the input.
        whole: it is committed even when nothing changed.
        took: task -> (seconds of alignment, seconds of copying, bytes, and the rows that were
            logged for it where it overtook its late channels, else None).
    """

    number: int
    epoch: int
    started_at: float
    waiting: set[int]
    last: bool = False
    final: bool = False
    whole: bool = False
    changed: bool = False
    snapshot_at: float | None = None
    commit_at: float = 0.0
    positions: dict[int, TaskPositions] = field(default_factory=dict)
    settled: dict[int, Sequence[int]] = field(default_factory=dict)
    letters: list[int] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    took: dict[int, Sequence[float]] = field(default_factory=dict)


class Snapshotting(ABC):
    """Makes one snapshot after the other. Fed by the coordinator, which sends what it says.

    Args:
        tasks: worker -> those of its tasks that may have parts.
        workers: numbers of all workers.
        store: where snapshots are committed.
        send: called with (worker, message without epoch) to send to the current incarnation.
        timeout_s: a cut that takes longer is given up.
        retained: complete snapshots that are kept.
        tells_positions: workers are told which positions are durable.
    """

    #: What people call one.
    noun = "snapshot"

    def __init__(
        self,
        *,
        tasks: Mapping[int, frozenset[int]],
        workers: Iterable[int],
        store: Store,
        send: Callable[[int, dict[str, Any]], None],
        timeout_s: float,
        retained: int = 1,
        tells_positions: bool = False,
    ) -> None:
        self.state = RoundState.IDLE
        #: Figures for ``status``.
        self.last = store.last_round()
        self.last_at: float | None = None
        self.duration_s = 0.0
        self.bytes = 0
        self.took: Mapping[int, Sequence[float]] = {}
        self.done = 0
        self.failures = 0
        #: Failures since the last success, and the reason of the newest; "" after a success.
        self.failures_in_row = 0
        self.failure = ""
        #: The snapshot that was committed was the last one of the run.
        self.last_done = False
        #: Messages of each spout task's incarnation that are acked, and dead, by the last one.
        self.settled: Mapping[int, Sequence[int]] = {}
        #: Dead letters whose other try is durable by the last one.
        self.letters: list[int] = []
        #: Files of the snapshots that are kept.
        self.kept: frozenset[str] = store.files()
        #: Who did what is to be done once a snapshot is durable.
        self.answers = DurableAnswers(workers, send)
        self._tasks = {worker: of_worker for worker, of_worker in tasks.items() if of_worker}
        self._workers = tuple(workers)
        self._store, self._send = store, send
        self._timeout_s, self._retained = timeout_s, retained
        self._tells_positions = tells_positions
        self._number, self._numbers_end = self.last, 0
        self._next_at = 0.0
        self._now: Underway | None = None

    # How the cut is made.

    @abstractmethod
    def _begin(self, current: Underway) -> None:
        """Set the state and tell the workers."""

    @abstractmethod
    def _pause_s(self, current: Underway, now: float) -> float:
        """Return how long no snapshot begins after this one, which has ended."""

    # Starting and giving up.

    def due(self, now: float) -> bool:
        """Say whether the next one may start."""
        return self.state is RoundState.IDLE and now >= self._next_at

    def under_way_s(self, now: float) -> float | None:
        """Return how long one has been under way; None: none is."""
        return None if self._now is None else now - self._now.started_at

    def next_s(self, now: float) -> float | None:
        """Return how long none begins yet; None while one is under way."""
        return max(0.0, self._next_at - now) if self._now is None else None

    @abstractmethod
    def postpone(self, now: float) -> None:
        """Spouts start (again) now: the next one comes an interval later."""

    def start(
        self, epoch: int, now: float, *, last: bool = False, final: bool = False,
        whole: bool = False,
    ) -> int:  # fmt: skip
        """Begin one and return its number; 0 when the store has no number for it now.

        Args:
            epoch: the epoch.
            now: monotonic seconds.
            last: of a run; it is committed even when there is nothing new.
            final: it is the last one because the input has ended.
            whole: commit it even when there is nothing new (a savepoint).
        """
        assert self.state is RoundState.IDLE, self.state
        try:
            number = self._take_number()
        except StoreError as error:
            self._note_failure(str(error))
            self._next_at = now + COMMIT_RETRY_S
            return 0
        self._now = Underway(
            number, epoch, now, set(self._workers), last=last, final=final, whole=whole or last
        )
        self._begin(self._now)
        return number

    def _take_number(self) -> int:
        if self._number >= self._numbers_end:
            first = self._store.next_rounds(NUMBERS_AHEAD)
            self._number = max(self._number, first - 1)
            self._numbers_end = first + NUMBERS_AHEAD - 1
        self._number += 1
        return self._number

    def go_on_after(self, number: int) -> None:
        """Use no number up to ``number``: workers heard of it from another coordinator."""
        self._number = max(self._number, number)

    @property
    def fell_back(self) -> bool:
        """Say whether an older snapshot is in force, and none was committed since.

        Raises:
            StoreError: the store cannot be read.
        """
        restore = self._store.restore_round()
        return restore is not None and restore < self._store.last_round()

    def settle(self) -> None:
        """Tell all workers what another coordinator left open: which one is durable, and that
        a later one was given up."""
        positions = self._store.positions() if self._tells_positions else None
        self.answers.say(self._store.last_round(), positions)
        for worker in self._workers:
            self._send(worker, {"kind": "abort", "round": self._number})

    def abort(self, now: float, why: str = "", *, failed: bool = False) -> None:
        """Give up the one under way, if any; nothing that it held becomes durable by it."""
        if self._now is None or self.state is RoundState.COMMITTING:
            return
        self._give_up(now, why, failed)

    def _give_up(self, now: float, why: str, failed: bool) -> None:
        if failed:
            self._note_failure(why)
        self._tell(self._workers, "abort")
        self._end(now)

    def _note_failure(self, why: str) -> None:
        self.failures += 1
        self.failures_in_row += 1
        self.failure = why

    def on_tick(self, now: float) -> bool:
        """Time out, or try a commit again; return whether one was committed."""
        self.answers.on_tick(now)
        if self._now is None:
            return False
        if self.state is RoundState.COMMITTING:
            return now >= self._now.commit_at and self.commit(now)
        if now - self._now.started_at > self._timeout_s:
            who = ", ".join(map(str, sorted(self._now.waiting)))
            self.abort(now, f"timed out while {self.state}: no answer of worker {who}", failed=True)
        return False

    # What workers answer. Each returns True when it completed the snapshot.

    def on_frozen(self, worker: int, message: Mapping[str, Any], now: float) -> bool:
        """A worker froze all its ledgers; only rounds ask for it."""
        return False

    def on_snapshotted(self, worker: int, message: Mapping[str, Any], now: float) -> bool:
        """A worker's parts are durable files; a late or second answer is ignored."""
        current = self._expected(worker, message, RoundState.SNAPSHOTTING, RoundState.ALIGNING)
        if current is None:
            return False
        parts = [Part(p["task"], p["file"], p["bytes"], p["sha256"]) for p in message["parts"]]
        strange = {part.task for part in parts} - self._tasks.get(worker, frozenset())
        if strange:
            self.abort(now, f"worker {worker} sent parts of tasks {sorted(strange)}", failed=True)
            return False
        current.parts += parts
        current.took.update(message.get("took") or {})
        self._add(current, message)
        current.waiting.discard(worker)
        if current.waiting:
            return False
        self.state = RoundState.COMMITTING
        return self.commit(now)

    def _add(self, current: Underway, message: Mapping[str, Any]) -> None:
        """Take what a message says of positions and counts."""
        current.positions.update(message.get("positions") or {})
        current.settled.update(message.get("settled") or {})
        current.letters += message.get("letters") or ()

    def on_snapshot_failed(self, worker: int, message: Mapping[str, Any], now: float) -> None:
        """A worker could not write a part (disk full, a value with no wire form)."""
        asked = RoundState.SNAPSHOTTING, RoundState.ALIGNING
        if self._expected(worker, message, *asked) is not None:
            self.abort(now, f"worker {worker}: {message['text']}", failed=True)

    def _expected(
        self, worker: int, message: Mapping[str, Any], *states: RoundState
    ) -> Underway | None:
        current = self._now
        if current is None or self.state not in states or message["round"] != current.number:
            return None
        return current if worker in current.waiting else None

    # The commit.

    def commit(self, now: float) -> bool:
        """Commit the one under way when its answers are all in; return whether it is stored.

        When the store cannot say, the same commit is tried again later: an abort would make
        workers believe that it is void although it may be stored.
        """
        current = self._now
        if current is None or self.state is not RoundState.COMMITTING:
            return False
        try:
            self._store.commit_round(
                current.number, current.epoch, current.positions, current.parts,
                current.letters, current.final, self._retained,
            )  # fmt: skip
            self.kept = self._store.files()
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

    def _succeed(self, current: Underway, now: float) -> None:
        self.last, self.last_at = current.number, now
        self.duration_s = now - current.started_at
        self.bytes = sum(part.bytes for part in current.parts)
        self.took = current.took
        self.done += 1
        self.failures_in_row, self.failure = 0, ""
        self.settled, self.letters = current.settled, current.letters
        self.last_done = current.last
        self.answers.say(current.number, current.positions if self._tells_positions else None)
        self._end(now)

    def _end(self, now: float) -> None:
        assert self._now is not None
        self._next_at = now + self._pause_s(self._now, now)
        self._now = None
        self.state = RoundState.IDLE

    def _tell(self, workers: Iterable[int], kind: str, **fields: Any) -> None:
        assert self._now is not None
        for worker in workers:
            self._send(worker, {"kind": kind, "round": self._now.number, **fields})
