"""The figures of one topology, as ``status`` shows them, and how they go on.

They go on when the coordinator is killed and started again, and when the topology is swapped,
rebalanced or has ended. What is shown is stored: no later coordinator shows less, unless a worker
was lost and what it had not made durable is counted anew, as in ``run``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ..control_wire import pack, unpack
from ..run_driver import RunDriver
from ..store import StoreError
from .cluster_rows import TopologyRow
from .cluster_store import ClusterStore
from .totals import ERRORS_KEPT, go_on, totals_of

#: How often figures are stored that nobody asked for.
TOTALS_S = 5.0
#: When somebody asks again and again, those of so many tasks are stored in a second.
TASKS_PER_S = 2000

_log = logging.getLogger(__name__)


class Figures:
    """Shows and keeps the figures of a topology.

    Args:
        row: its record as it was found.
        store: of the cluster.
    """

    def __init__(self, row: TopologyRow, store: ClusterStore) -> None:
        self._id, self._store = row.id, store
        #: As they are stored; part of the record.
        self.packed = row.totals
        self._last: dict[str, Any] | None = _unpacked(row.totals).get("status")
        self._generation = row.generation
        #: What is kept of components that only the version before this one had.
        self._others: list[Mapping[str, Any]] = []
        self._kept: dict[str, Any] = {}
        self._keep_at = self._shown_at = 0.0
        self._restarts = 0

    def begin(
        self, driver: RunDriver, row: TopologyRow, known: Mapping[int, int], now: float
    ) -> None:
        """A driver of the record's version was started: it counts on from what is kept.

        Args:
            driver: it has heard of no worker yet.
            row: the record.
            known: worker -> incarnation of processes that go on.
            now: monotonic seconds.
        """
        coordinator, self._generation = driver.coordinator, row.generation
        try:
            kept = _unpacked(self.packed)
            if "tasks" in kept:
                self._others = go_on(coordinator, kept, row.generation, known, now)
                coordinator.overview.started_at = now - kept["uptime_s"]
        except (KeyError, TypeError, ValueError) as error:
            _log.warning("totals not taken over topology=%s reason=%r", self._id, error)
        self._keep_at, self._restarts = now + TOTALS_S, _restarts(driver)

    def status(self, driver: RunDriver | None, now: float) -> dict[str, Any] | None:
        """Return the status dict of the driver; without one the last that there was."""
        if driver is not None:
            self._last = driver.status(now)
            if now >= self._shown_at:
                self._shown_at = now + len(driver.plan.tasks) / TASKS_PER_S
                self._keep(driver, now, shown=True)
        return self._last

    def look(self, driver: RunDriver, now: float) -> None:
        """Store the figures when it is time, or when a worker was lost; called in every turn."""
        if now >= self._keep_at or _restarts(driver) != self._restarts:
            self._keep(driver, now)

    def _keep(self, driver: RunDriver, now: float, *, shown: bool = False) -> None:
        self._keep_at, self._restarts = now + TOTALS_S, _restarts(driver)
        kept = totals_of(driver.coordinator, self._generation) | {"others": self._others}
        if shown or kept != self._kept:
            self._kept = kept
            uptime_s = now - driver.coordinator.overview.started_at
            self._put(pack({**kept, "uptime_s": uptime_s}))

    def _put(self, packed: bytes) -> None:
        self.packed = packed
        try:
            self._store.set_totals(self._id, packed)
        except StoreError as error:
            # They are for display: a full disk is no reason to do without the rest.
            _log.warning("totals not stored topology=%s reason=%s", self._id, error)

    def end(self) -> bytes:
        """The topology has ended: its last status is what stays, and is returned as it is kept."""
        if self._last is not None:
            errors = self._last["errors"][-ERRORS_KEPT:]
            self._put(pack({"status": {**self._last, "errors": errors}}))
        return self.packed


def _unpacked(packed: bytes) -> dict[str, Any]:
    try:
        return unpack(packed) if packed else {}
    except ValueError:
        return {}


def _restarts(driver: RunDriver) -> int:
    return sum(worker.restarts for worker in driver.coordinator.handover.workers)
