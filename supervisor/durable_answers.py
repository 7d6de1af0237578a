"""Who did what is to be done once a snapshot is durable: sinks commit, sources move on.

    durable n  ->  every worker            all of it is stored
    durable_done n  <-  each worker        ``on_durable(n)`` ran on all its tasks

A worker where that failed is told again until it succeeds: the snapshot stands, so what it
holds has to be committed some day. Answers count for the newest snapshot only, as it covers
all before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

#: A worker whose ``on_durable`` failed is told again after this.
AGAIN_S = 1.0


class DurableAnswers:
    """The answers to the newest ``durable``. Fed by the snapshotting.

    Args:
        workers: numbers of all workers.
        send: called with (worker, message without epoch).
    """

    def __init__(
        self, workers: Iterable[int], send: Callable[[int, dict[str, Any]], None]
    ) -> None:
        #: Why a worker could not commit what is durable, or "".
        self.failure = ""
        #: Failures for the newest snapshot.
        self.failures = 0
        self._workers, self._send = frozenset(workers), send
        self._number = 0
        self._positions: Mapping[int, Any] = {}
        self._waiting: set[int] = set()
        #: worker -> when it is told again.
        self._again: dict[int, float] = {}

    @property
    def complete(self) -> bool:
        """Every worker did it for the newest snapshot that was told."""
        return not self._waiting

    def say(self, number: int, positions: Mapping[int, Any] | None = None) -> None:
        """Tell everybody that a snapshot is durable; told again, all are waited for again.

        Args:
            number: its number.
            positions: those that moved with it, by task, where bolts want to know.
        """
        if number != self._number:
            self.failures = 0
        self._number, self.failure = number, ""
        self._positions = positions or {}
        self._waiting, self._again = set(self._workers), {}
        for worker in sorted(self._workers):
            self._send(worker, self._message())

    def on_done(self, worker: int, message: Mapping[str, Any], now: float) -> None:
        """Take a ``durable_done``."""
        if message["round"] != self._number or worker not in self._waiting:
            return
        failed = message.get("failed")
        if failed:
            self.failure = f"worker {worker}: {failed}"
            self.failures += 1
            self._again[worker] = now + AGAIN_S
            return
        self._waiting.discard(worker)
        self._again.pop(worker, None)
        if not self._again:
            self.failure = ""

    def on_tick(self, now: float) -> None:
        """Tell those again that failed."""
        for worker in [w for w, at in self._again.items() if now >= at]:
            del self._again[worker]
            self._send(worker, self._message())

    def _message(self) -> dict[str, Any]:
        told = {"positions": self._positions} if self._positions else {}
        return {"kind": "durable", "round": self._number, **told}
