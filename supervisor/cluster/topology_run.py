"""One topology in the cluster: its record in the store, and its driver while it lives.

The driver is that of ``run``; where its workers are is ClusterHost's business, and what becomes
of the topology as a whole is decided by the table of lifecycle.py. Everything is called on the
coordinator's main thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from waterspout.topology.errors import UserError

from ..effects import Event, LinkCut, Taps
from ..run_driver import RunDriver
from ..store import StaleEpoch
from .cluster_host import ClusterHost, Services
from .cluster_rows import TopologyRow
from .field_checks import cut
from .figures import Figures
from .host_protocol import WishWorker
from .hosts import WorkerExit, WorkerSeen
from .lifecycle import RESUMED, LifeAction, LifeEvent, LifeState, step, takes
from .topology_move import (
    Version,
    fit_store,
    quiescing,
    rolled_back,
    switched,
    version_of,
)
from .topology_wish import needs_of, wished

#: How the outcome of a driver reads as an event of its topology's life.
_ENDS = {"drained": LifeEvent.DRAINED, "boot_failed": LifeEvent.CANNOT_BOOT}
#: A link between two hosts that was cut is avoided for so long.
CUT_S = 300.0
#: What could not be done for a fault of the disk is tried again after this.
RETRY_S = 1.0
#: A new version has so many boot_timeouts to come up, before the last one is taken again.
BOOTS = 2

#: Told of an event: topology id, host, name, fields.
Tell = Callable[[str, str, str, Mapping[str, Any]], None]


class TopologyRun:
    """A topology that was submitted and has not been forgotten.

    Args:
        row: its record.
        services: of the coordinator.
        folder: of its own: store and snapshots.
        tell: called with every event.
        prune: called with its id, a durable round and the part files that are needed.
    """

    def __init__(
        self,
        row: TopologyRow,
        services: Services,
        folder: Path,
        tell: Tell,
        prune: Callable[[str, int, frozenset[str]], None],
    ) -> None:
        self.row = row
        self.plan = version_of(row).plan
        self.host = ClusterHost(row.id, needs_of(self.plan), services)
        #: Exceptions that nobody expected.
        self.faults = 0
        #: Who takes the samples of a tap, by its id.
        self.taps: dict[int, Callable[[Iterable[Any]], None]] = {}
        #: When a kill stops to wait for the drain.
        self.kill_at: float | None = None
        #: Actions of the last step that are not done yet.
        self._todo: list[LifeAction] = []
        self._retry_at = 0.0
        #: Until when a new version has to run.
        self._boot_by = 0.0
        self._services, self._folder = services, folder
        self._tell_cluster, self._prune_hosts = tell, prune
        self._driver: RunDriver | None = None
        #: How often the driver said that all is running, and nothing was made of it yet.
        self._ran = 0
        self._figures = Figures(row, services.store)
        #: worker -> (host, pid) as last seen; for events and status.
        self.seen: dict[int, WorkerSeen] = {}

    # What is known.

    @property
    def id(self) -> str:
        """``NAME-xxxxxx``."""
        return self.row.id

    @property
    def state(self) -> LifeState:
        """Where its life stands."""
        return LifeState(self.row.state)

    @property
    def driver(self) -> RunDriver | None:
        """Its driver, while it has one."""
        return self._driver

    def status(self, now: float) -> dict[str, Any] | None:
        """Return the status dict of its driver; the last one when it has ended."""
        return self._figures.status(self._driver, now)

    def hosts(self) -> Mapping[int, str]:
        """Return worker -> host of those that have a place."""
        return self._services.places.hosts_of(self.id)

    # Beginning.

    def begin(self, now: float, *, fresh: bool) -> None:
        """Start a topology that was just submitted.

        Raises:
            TopologyChanged: the kept state is of another topology.
            StoreError: the state cannot be used.
        """
        try:
            self._open({}, now, fresh=fresh)
        except BaseException:
            self.host.close()
            raise

    def resume(self, known: Mapping[int, int], now: float) -> None:
        """Go on where an earlier coordinator left it.

        Args:
            known: worker -> incarnation of the processes that it started.
        """
        self.host.adopt(known)
        self._todo = list(RESUMED[self.state])
        self._work(now)

    def _open(self, known: Mapping[int, int], now: float, *, fresh: bool = False) -> None:
        self.host.now = now
        fit_store(self.row, self._folder)
        self._services.places.expect(self.id, list(needs_of(self.plan).values()))
        driver = RunDriver(
            self.plan,
            self.host,
            state_dir=self._folder,
            fresh=fresh,
            on_event=self._on_event,
            resume=known,
            paths={},
            on_prune=lambda round, keep: self._prune_hosts(self.id, round, keep),
            on_other=self._on_other,
        )
        try:
            driver.start(now)
            self._figures.begin(driver, self.row, known, now)
            if self.row.paused:
                driver.coordinator.pause(True, now)
        except BaseException:
            driver.close()
            raise
        self._driver = driver
        self._boot_by = now + BOOTS * self.plan.settings.boot_timeout_s

    # What comes from hosts.

    def on_data(self, worker: int, incarnation: int, data: bytes, now: float) -> None:
        """Take an envelope of a worker."""
        self.host.now = now
        if self._driver is None:
            return
        message = self.host.receive(worker, incarnation, data)
        if message is not None:
            self._driver.on_message(worker, incarnation, message, now)
        self.host.handled(worker, incarnation)

    def on_seen(self, seen: WorkerSeen, now: float) -> None:
        """A beat says how a worker is."""
        self.host.now = now
        if self._driver is None or self.host.current.get(seen.worker) != seen.incarnation:
            return
        self.seen[seen.worker] = seen
        coordinator = self._driver.coordinator
        if seen.state in ("preparing", "backoff"):
            coordinator.on_worker_preparing(seen.worker, seen.incarnation, now)
            self._boot_by = max(self._boot_by, now + self.plan.settings.boot_timeout_s)
        elif seen.state == "fatal":
            coordinator.on_cannot_boot(seen.worker, seen.incarnation, seen.why, now)
        coordinator.on_worker_stats(seen.worker, seen.memory, seen.cpu)

    def on_exit(self, left: WorkerExit, now: float) -> None:
        """A beat says that a worker has ended; it is said until the worker is wished no more."""
        self.host.now = now
        if self.host.ended(left.worker, left.incarnation) and self._driver is not None:
            known = (left.reason, now, left.roots, left.positions, left.drawn)
            self._driver.on_exit(left.worker, left.incarnation, *known)

    def on_host_lost(self, worker: int, incarnation: int, why: str, now: float) -> None:
        """The host of a worker is lost, and with it the worker, as far as anybody can tell."""
        self.host.now = now
        if self.host.lost(worker, incarnation) and self._driver is not None:
            self._driver.coordinator.handover.workers.excuse(worker, incarnation)
            self._driver.on_exit(worker, incarnation, why, now)

    def out_of_contact(self, workers: Mapping[int, int], now: float) -> None:
        """The host of these (worker -> incarnation) says nothing now, but its lease runs."""
        if self._driver is not None:
            for worker, incarnation in workers.items():
                self._driver.coordinator.on_worker_preparing(worker, incarnation, now)

    # Time.

    def turn(self, now: float) -> None:
        """Look at the time; called at least every 50 ms."""
        self.host.now = now
        if self._todo and now >= self._retry_at:
            self._work(now)
        if self._driver is None or self._todo:
            return
        while self.host.exits:
            worker, incarnation, reason = self.host.exits.pop(0)
            if self.host.lost(worker, incarnation):
                self._driver.on_exit(worker, incarnation, reason, now)
        for worker in self.host.waiting:
            incarnation = self.host.current[worker]
            self._driver.coordinator.on_worker_preparing(worker, incarnation, now)
        self._driver.turn(now)
        self._figures.look(self._driver, now)
        self.host.turn()
        self._look(now)

    def _look(self, now: float) -> None:
        """See what became of the topology."""
        assert self._driver is not None
        while self._ran:
            self._happened(LifeEvent.RUNNING, now)
            self._ran -= 1
        if self.kill_at is not None and now >= self.kill_at:
            self.kill_at = None
            self._happened(LifeEvent.KILL_NOW, now)
        if self._driver.done:
            self._happened(self._ended(now), now)
        elif self.state is LifeState.SWITCHING and now > self._boot_by:
            why = "the new version did not run within boot_timeout"
            self.row = replace(self.row, reason=why)
            self._happened(LifeEvent.CANNOT_BOOT, now)
        elif self.state is LifeState.ACTIVE and self.row.paused:
            self._happened(LifeEvent.PAUSE, now)
        elif self.state is LifeState.ACTIVE and self.host.waiting:
            self._happened(LifeEvent.UNPLACED, now)
        elif self.state is LifeState.WAITING and not self.host.waiting:
            self._happened(LifeEvent.PLACED, now)

    def _happened(self, event: LifeEvent, now: float) -> None:
        if takes(self.state, event):
            self.apply(event, now)

    def _ended(self, now: float) -> LifeEvent:
        """Note how the driver ended, and return what that means."""
        assert self._driver is not None
        self.status(now)
        result = self._driver.result(now)
        reason = result.reason + (f"\n{result.details}" if result.details else "")
        self.row = replace(self.row, outcome=result.outcome, reason=cut(reason, 20_000))
        return _ENDS.get(result.outcome, LifeEvent.DONE)

    def order(self, kind: str, fields: Mapping[str, Any], now: float) -> None:
        """Have all workers do something for a while; one that has ended has none."""
        if self._driver is not None:
            self._driver.coordinator.order(kind, fields, now)

    # Life.

    def move(self, version: Version, now: float) -> None:
        """Go over to another version: drain, switch, start; see lifecycle.py.

        Raises:
            WrongState: it is not running.
            StoreError: it could not be stored; nothing has changed.
        """
        self.apply(LifeEvent.MOVE, now, previous=quiescing(version))

    def apply(self, event: LifeEvent, now: float, **changes: Any) -> None:
        """Take an event: the new state is stored, then its actions are done.

        Args:
            event: what happened, or what is asked for.
            now: monotonic seconds.
            changes: of the record, stored together with the state.

        Raises:
            WrongState: it is not possible in this state.
            StoreError: it could not be stored; nothing has changed.
        """
        self.host.now = now
        before = self.state
        state, actions = step(before, event)
        totals = self._figures.packed
        row = replace(self._changed(event), state=str(state), totals=totals, **changes)
        if row != self.row:
            self._services.store.put_topology(row)
        self.row = row
        if state is not before:
            self._tell(str(state), {"reason": row.reason.partition("\n")[0]} if row.reason else {})
        self._todo += actions
        self._work(now)

    def _changed(self, event: LifeEvent) -> TopologyRow:
        """Return the record as an event changes it."""
        match self.state, event:
            case LifeState.QUIESCING, LifeEvent.DRAINED:
                assert self._driver is not None
                # What is left of the old version must not be taken for the new one's.
                self.host.close()
                return switched(self.row, *self._driver.kept())
            case LifeState.SWITCHING, LifeEvent.CANNOT_BOOT:
                return rolled_back(self.row, self.row.reason)
            case _, LifeEvent.RUNNING:
                return replace(self.row, previous=b"")
            case _, (LifeEvent.PAUSE | LifeEvent.RESUME):
                return replace(self.row, paused=event is LifeEvent.PAUSE)
        return self.row

    def _work(self, now: float) -> None:
        """Do what is to be done; what fails for a fault of the disk is tried again later."""
        self._retry_at = now + RETRY_S
        while self._todo:
            try:
                self._do(self._todo[0], now)
            except StaleEpoch:
                raise
            except UserError as error:
                # It will not be better the next time.
                self._todo.clear()
                self.row = replace(self.row, outcome="failed", reason=str(error))
                self._happened(LifeEvent.CANNOT_BOOT, now)
                return
            self._todo.pop(0)

    def _do(self, action: LifeAction, now: float) -> None:
        match action:
            case LifeAction.START:
                self._open(self.host.current.copy(), now)
            case LifeAction.DRAIN if self._driver is not None:
                self._driver.request_drain()
            case LifeAction.STOP if self._driver is not None:
                self._driver.request_stop()
            case LifeAction.PAUSE | LifeAction.UNPAUSE if self._driver is not None:
                self._driver.coordinator.pause(action is LifeAction.PAUSE, now)
            case LifeAction.FREE:
                self._free(now)
                self.row = replace(self.row, totals=self._figures.end())
            case LifeAction.SWITCH | LifeAction.RESTORE if self._driver is not None:
                self._free(now)
                self.plan = version_of(self.row).plan
                self.host = ClusterHost(self.id, needs_of(self.plan), self._services)
                self.host.now = now

    def _free(self, now: float) -> None:
        """End the driver and give the places back; its workers have ended or are killed."""
        self.status(now)
        self.close()
        self.host.close()
        self.seen.clear()

    def close(self) -> None:
        """The coordinator ends; workers go on."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None

    # What the driver says.

    def _on_event(self, event: Event) -> None:
        self._tell(event.name, event.fields)
        # The driver is in the middle of something: what follows from it is done in a turn.
        if event.name == "running":
            self._ran += 1

    def _tell(self, name: str, fields: Mapping[str, Any]) -> None:
        worker = fields.get("worker")
        host = self.seen[worker].host if worker in self.seen else ""
        self._tell_cluster(self.id, host, name, fields)

    def _on_other(self, effect: LinkCut | Taps) -> None:
        if isinstance(effect, LinkCut):
            until = self.host.now + CUT_S
            self._services.places.cut(self.id, effect.worker_a, effect.worker_b, until)
        elif effect.id in self.taps:
            self.taps[effect.id](effect.rows)

    # What hosts are told.

    def wished(self, wish: WishWorker) -> WishWorker:
        """Return a line of a host's wish with all that is known here."""
        return wished(wish, self.row, self.plan)
