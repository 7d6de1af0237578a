"""Messages that were at work when a worker died: each gains an attempt and comes back singly.

A message that kills its worker each time so ends as a dead letter, and its neighbours do not.
Where the ledger of the message lives on, it gets the root and counts; where it died too, the
position and its attempts are kept in the store until the position is durable.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from .store import Store, Suspect

#: The task that drew a root is in its upper bits.
ROOT_TASK_SHIFT = 48
#: Suspect roots kept for one surviving worker between two epochs; more are not needed, since a
#: worker has few executors.
ROOTS_MAX = 10_000


class Suspects:
    """Collects suspects at deaths, hands them out when the epoch rises.

    Args:
        store: keeps attempts by position.
        worker_of: task -> worker.
        spouts: tasks whose ledgers count the attempts of what they drew.
        attempts_max: a message that had so many is given up.
    """

    def __init__(
        self,
        store: Store,
        worker_of: Mapping[int, int],
        spouts: Collection[int],
        attempts_max: int,
    ) -> None:
        self._store = store
        self._worker_of = worker_of
        self._spouts, self._attempts_max = spouts, attempts_max
        self._roots: dict[int, list[int]] = {}

    def on_death(
        self,
        worker: int,
        roots: Iterable[int],
        positions: Mapping[int, Iterable[Sequence[Any]]],
    ) -> bool:
        """Note what was at work in ``worker``; what earlier deaths left for it is void.

        Return whether that explains the death: a message gained one of the attempts that it has
        at most. So deaths that are explained come to an end by themselves; what a bolt's timer
        or own message does, or a message that should have been given up, explains nothing.

        Args:
            roots: roots at work in its executors, of any task.
            positions: of its spout tasks: task -> [[partition, start, end, tried, at work]]. What
                was not at work gains nothing, but what its ledger knew of it is kept.

        Raises:
            StoreError: the attempts could not be kept.
        """
        self._roots.pop(worker, None)
        explained = False
        for root in roots:
            home = self._worker_of.get(root >> ROOT_TASK_SHIFT)
            if home is not None and home != worker:
                explained |= root >> ROOT_TASK_SHIFT in self._spouts
                kept = self._roots.setdefault(home, [])
                if len(kept) < ROOTS_MAX and root not in kept:
                    kept.append(root)
        known = {(s.task, s.partition, s.start): s.attempts for s in self._store.suspects()}
        found: dict[tuple[int, str, int], Suspect] = {}
        for task, ranges in positions.items():
            for partition, start, end, tried, at_work in ranges:
                key = task, partition, start
                attempts = max(known.get(key, 0), tried) + at_work
                explained |= bool(at_work) and attempts <= self._attempts_max
                if key not in found or attempts > found[key].attempts:
                    found[key] = Suspect(task, partition, start, end, attempts)
        if found:
            self._store.note_suspects(found.values())
        return explained

    def on_report(self, suspects: Mapping[int, Iterable[Sequence[Any]]]) -> None:
        """Keep what a surviving ledger made of its roots, so that it outlives the ledger."""
        self._store.note_suspects(
            Suspect(task, partition, start, end, attempts)
            for task, ranges in suspects.items()
            for partition, start, end, attempts in ranges
        )

    def on_failed(self, rows: Iterable[Sequence[Any]]) -> None:
        """Keep attempts, [task, partition, start, end, attempts], of messages that failed.

        Raises:
            StoreError: the attempts could not be kept.
        """
        self._store.note_suspects(Suspect(*row) for row in rows)

    def take_roots(self, worker: int) -> list[int]:
        """Return the suspect roots for the ledgers of a survivor, once."""
        return self._roots.pop(worker, [])

    def of_worker(self, worker: int) -> dict[int, list[list[Any]]]:
        """Return task -> [[partition, start, end, attempts]] for an ``assign``."""
        found: dict[int, list[list[Any]]] = {}
        for s in self._store.suspects():
            if self._worker_of.get(s.task) == worker:
                row = [s.partition, s.start, s.end, s.attempts]
                found.setdefault(s.task, []).append(row)
        return found
