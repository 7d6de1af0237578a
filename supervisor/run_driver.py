"""Drives a coordinator: gives it messages, exits and the time, and does what it wants done.

What every way of running has in common; where workers are (processes on this machine, an
object in this process) is up to the ``Host``.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from waterspout.topology.plan import Plan

from .coordinator import Coordinator
from .effects import (
    Event,
    KillWorker,
    LinkCut,
    PruneSnapshots,
    Send,
    StartWorker,
    Taps,
    TopologyDone,
)
from .run_result import RunResult
from .snapshot_store import SnapshotStore
from .store import Part, StoreError
from .store_sqlite import SqliteStore

#: How often the coordinator looks at the time.
TICK_S = 0.1
#: How often ``on_progress`` is called.
PROGRESS_S = 0.5

_NOBODY: Mapping[int, Any] = {}


class Host(Protocol):
    """Where the workers of a run live."""

    def start(self, worker: int, incarnation: int) -> None:
        """Start a worker; it registers under ``incarnation``."""

    def kill(self, worker: int, incarnation: int, why: str) -> None:
        """Kill it, if it is still there; its exit is reported like any other."""

    def send(self, worker: int, incarnation: int, message: Mapping[str, Any]) -> None:
        """Send it a message; dropped when it is gone."""


class RunDriver:
    """Runs one coordinator over a host. Everything is called on one thread, but requests.

    Args:
        plan: what to run.
        host: where the workers are.
        state_dir: folder of the store and of the snapshots, made when it is not there.
        fresh: forget the state of earlier runs.
        on_progress: called with the status dict every PROGRESS_S.
        on_event: called with every event.
        resume: worker -> incarnation of processes that an earlier driver of this state started
            and that were not seen to end: they are taken over. None: there are none.
        paths: put into every ``assign`` as they are; default: ``state_dir`` and the plan's folder.
        on_prune: called with a durable round and the part files that it needs, to delete older
            ones, wherever they are. None: they are deleted here, at once.
        on_other: called with the effects that only some hosts have a use for.

    Raises:
        StateInUse: another run uses ``state_dir``.
        StoreError: it cannot be used.
    """

    def __init__(
        self,
        plan: Plan,
        host: Host,
        *,
        state_dir: Path,
        fresh: bool = False,
        on_progress: Callable[[dict[str, Any]], None] | None = None,
        on_event: Callable[[Event], None] | None = None,
        resume: Mapping[int, int] | None = None,
        paths: Mapping[str, Any] | None = None,
        on_prune: Callable[[int, frozenset[str]], None] | None = None,
        on_other: Callable[[LinkCut | Taps], None] | None = None,
    ) -> None:
        self.plan, self._host = plan, host
        self._on_progress, self._on_event = on_progress, on_event
        self._on_prune, self._on_other = on_prune, on_other
        self._resume = dict(resume or {})
        self._store = SqliteStore(state_dir / "store.sqlite", owner=True)
        self._snapshots = SnapshotStore(state_dir / "snapshots")
        if fresh:
            self._clear()
        if paths is None:
            paths = {"state_dir": str(state_dir), "folder": plan.folder}
        # Incarnations must differ between runs: nobody seeds this one.
        self.coordinator = Coordinator(
            plan, plan.settings, self._store, random.SystemRandom(), paths
        )
        self._done: TopologyDone | None = None
        self._drain_wanted = self._stop_wanted = False
        self._tick_at = self._progress_at = 0.0

    def _clear(self) -> None:
        self._store.clear()
        self._snapshots.prune(self._store.last_round(), frozenset())

    # What the loop of a run calls.

    @property
    def done(self) -> bool:
        """The run is over and all workers have ended."""
        return self._done is not None

    def start(self, now: float) -> None:
        """Start the workers, and take over those of ``resume``.

        Raises:
            TopologyChanged: the state belongs to another topology.
            StoreError: the store cannot be used.
        """
        self.coordinator.resume(self._resume, now)
        self._progress_at = now + PROGRESS_S
        self._act()

    def on_message(
        self, worker: int, incarnation: int, message: Mapping[str, Any], now: float
    ) -> None:
        """Hand on what a worker said."""
        self.coordinator.on_message(worker, incarnation, message, now)
        self._act()

    def on_exit(
        self,
        worker: int,
        incarnation: int,
        reason: str,
        now: float,
        suspect_roots: Iterable[int] = (),
        suspect_positions: Mapping[int, Iterable[Sequence[Any]]] = _NOBODY,
        drawn: Mapping[int, int] = _NOBODY,
    ) -> None:
        """Hand on that a worker ended."""
        self.coordinator.on_worker_exit(
            worker, incarnation, reason, suspect_roots, suspect_positions, now, drawn
        )
        self._act()

    def turn(self, now: float) -> None:
        """Look at the time and at requests; called at least every 50 ms."""
        if self._stop_wanted:
            self._stop_wanted = False
            self.coordinator.stop(now)
        elif self._drain_wanted:
            self._drain_wanted = False
            self.coordinator.drain(now)
        if now >= self._tick_at:
            self._tick_at = now + TICK_S
            self.coordinator.on_tick(now)
        self._act()
        if now >= self._progress_at:
            self._progress_at = now + PROGRESS_S
            if self._on_progress is not None:
                self._on_progress(self.status(now))

    def request_drain(self) -> None:
        """Ask for a drain; may be called from a signal handler or another thread."""
        self._drain_wanted = True

    def request_stop(self) -> None:
        """Ask for an end at once; may be called from a signal handler or another thread."""
        self._stop_wanted = True

    def status(self, now: float) -> dict[str, Any]:
        """Return the status dict."""
        return self.coordinator.status(now, os.getpid())

    def kept(self) -> tuple[dict[int, dict[str, list[Any]]], list[Part]]:
        """Return the positions and the parts of the last round, as they are durable."""
        return self._store.positions(), self._store.parts()

    def mark_replay(self, ids: Iterable[int] | None) -> int:
        """Mark dead letters for another try (None: all); return how many."""
        return self._store.mark_replay(ids)

    def drop_dead_letters(self, ids: Iterable[int] | None) -> int:
        """Forget dead letters (None: all); return how many."""
        return self._store.drop_dead_letters(ids)

    def result(self, now: float) -> RunResult:
        """Return how the run ended; called when it is done."""
        done = self._done
        assert done is not None, "the run is not over"
        summary = self.coordinator.summary(now)
        return RunResult(done.outcome, done.ok, done.reason, done.details, summary)

    def close(self) -> None:
        """Release the store."""
        self._store.close()

    # Effects.

    def _act(self) -> None:
        outbox = self.coordinator.outbox
        while outbox:
            match outbox.popleft():
                case Send(worker, incarnation, message):
                    self._host.send(worker, incarnation, message)
                case StartWorker(worker, incarnation):
                    self._host.start(worker, incarnation)
                case KillWorker(worker, incarnation, why):
                    self._host.kill(worker, incarnation, why)
                case PruneSnapshots(round, keep):
                    self._prune(round, keep)
                case Event() as event:
                    self._tell(event)
                case TopologyDone() as done:
                    self._done = done
                case LinkCut() | Taps() as other:
                    if self._on_other is not None:
                        self._on_other(other)

    def _prune(self, round: int, keep: frozenset[str]) -> None:
        if self._on_prune is not None:
            self._on_prune(round, keep)
            return
        # What cannot be deleted now is tried again after the next round.
        with suppress(OSError):
            self._snapshots.prune(round, keep)

    def _tell(self, event: Event) -> None:
        # The history is of use, but a full disk that it cannot be written to ends nothing.
        with suppress(StoreError):
            self._store.add_event(event.name, event.fields)
        if self._on_event is not None:
            self._on_event(event)
