"""Epochs: who is in the topology now, and how a lost worker's place is handed over.

    lost -> BACKOFF -> started -> registered -> (all are registered) EPOCH RAISED
         -> assign to the new, epoch to survivors -> (all are ready) go

The epoch rises when every place is taken again, so losses close together are one raise; the
back-off of each worker, and one of the topology as a whole, space raises out. Until then
survivors work on: what was meant for the lost one waits at its links. An epoch is durable in
the store before anybody hears of it.

Under exactly-once every raise is global: all workers, survivors too, are assigned the parts and
positions of the last complete checkpoint, since state that had seen more than the others' would
count messages twice. There an epoch is raised without a loss, too, when a message failed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from waterspout.topology.settings import Settings

from .effects import KillWorker, Outbox, Send, StartWorker
from .restarts import Backoff, Worker, Workers, WorkerState
from .store import Part, Store, StoreError
from .suspects import Suspects

#: An epoch that the store could not raise is tried again after this.
RAISE_RETRY_S = 1.0
#: States in which a worker builds what it is assigned.
_BUILDS = (WorkerState.STARTING, WorkerState.RUNNING)


class HandOver:
    """Owns the workers and the epoch.

    Args:
        plan: the plan; sent with every ``assign``.
        settings: of the topology.
        store: keeps the epoch.
        rng: draws incarnations.
        outbox: where effects go.
        suspects: handed out with a new epoch.
        assign_extra: called with a worker's number; more fields for its ``assign``.
    """

    def __init__(
        self,
        plan: Any,
        settings: Settings,
        store: Store,
        rng: random.Random,
        outbox: Outbox,
        suspects: Suspects,
        assign_extra: Callable[[int], Mapping[str, Any]],
    ) -> None:
        self.workers = Workers.make(
            plan.workers, settings.restart_backoff_min_s, settings.restart_backoff_max_s
        )
        self.epoch = store.epoch()
        #: Epochs of this run.
        self.epochs = 0
        #: When the epoch was raised.
        self.raised_at = 0.0
        #: All workers are ready in this epoch and none was lost since.
        self.live = False
        #: No epoch is raised while this is set; and one is raised although nobody is new.
        self.held = self.raise_wanted = False
        #: Workers were told to go: from now on nobody begins from the start.
        self.went = False
        self._plan_wire = plan.to_wire()
        self._tasks = {
            worker.number: {t.task for t in plan.tasks if t.worker == worker.number}
            for worker in self.workers
        }
        self._store, self._rng, self._outbox = store, rng, outbox
        self._suspects, self._assign_extra = suspects, assign_extra
        self._spacing = Backoff(settings.restart_backoff_min_s, settings.restart_backoff_max_s)
        self._boot_timeout_s = settings.boot_timeout_s
        #: All go back together.
        self._all = plan.guarantee == "exactly-once"
        #: Bolts count each tuple once: they are told what is durable.
        self.tells_positions = plan.origins.any
        self._raise_at = 0.0
        self._gone_at = 0.0

    # Sending.

    def send(self, worker: int, message: dict[str, Any]) -> None:
        """Send to the current incarnation, if it registered; the epoch goes along."""
        target = self.workers[worker]
        if target.registered:
            message.setdefault("epoch", self.epoch)
            self._outbox.append(Send(worker, target.incarnation, message))

    def send_raw(self, worker: int, message: dict[str, Any]) -> None:
        """Send to the current incarnation although it did not say yet where it is."""
        self._outbox.append(Send(worker, self.workers[worker].incarnation, message))

    def broadcast(self, message: dict[str, Any]) -> None:
        """Send to every worker."""
        for worker in self.workers:
            self.send(worker.number, dict(message))

    def kill(self, worker: Worker, why: str) -> None:
        """Have a worker killed, once; its exit comes later."""
        if worker.alive and not worker.killed_why:
            worker.killed_why = why
            self._outbox.event("worker killed", worker=worker.number, why=why)
            self._outbox.append(KillWorker(worker.number, worker.incarnation, why))

    # What workers say and what becomes of them.

    def on_register(self, worker: Worker, message: Mapping[str, Any]) -> None:
        """A new incarnation can be reached."""
        worker.endpoint, worker.pid = message["endpoint"], message["pid"]
        worker.key = message.get("key") or ""

    def on_preparing(self, worker: Worker, now: float) -> None:
        """It cannot boot yet, and that is not its fault."""
        worker.seen_at = now
        if worker.state is WorkerState.STARTING:
            worker.started_at = now

    def on_built(self, worker: Worker) -> None:
        """Its components are built and restored."""
        if worker.state in (WorkerState.STARTING, WorkerState.RUNNING):
            worker.built()

    def on_ready(self, worker: Worker) -> None:
        """All its out-links of this epoch are open."""
        self.on_built(worker)
        worker.ready_epoch = self.epoch

    def on_lost(
        self, worker: Worker, reason: str, now: float, *, explained: bool = False
    ) -> None:
        """Its process is gone; ``explained``: a message at work gained an attempt by it."""
        if self.live:
            pause_s = self._spacing.next(now - self._gone_at, explained=explained)
            self._raise_at = now + pause_s
        self.live = False
        worker.lost(reason, now, explained=explained)
        self._outbox.event(
            "worker lost", worker=worker.number, reason=worker.last_exit,
            restarts=worker.restarts, boot_losses=worker.boot_losses,
            wait_s=round(max(worker.start_at - now, 0.0), 3),
        )  # fmt: skip

    def want_raise(self, now: float) -> None:
        """Raise the epoch although nobody is lost: all tasks are to be restored."""
        if self.live or not self.raise_wanted:
            self._raise_at = now + self._spacing.next(now - self._gone_at)
        self.live, self.raise_wanted = False, True

    def got_on(self) -> None:
        """A snapshot is complete: raises that come later begin with the shortest pause."""
        if self._all:
            self._spacing.wait_s = 0.0

    # Time.

    def start_due(self, now: float) -> None:
        """Start workers whose back-off is over; kill those that do not boot."""
        for worker in self.workers:
            if worker.state is WorkerState.BACKOFF and now >= worker.start_at:
                worker.started(self._rng.getrandbits(64), now)
                self._outbox.append(StartWorker(worker.number, worker.incarnation))
            elif (
                worker.state is WorkerState.STARTING
                and now - worker.started_at > self._boot_timeout_s
            ):
                self.kill(worker, f"not ready within boot_timeout ({self._boot_timeout_s:g} s)")

    def raise_due(self, now: float) -> bool:
        """Say whether every place is taken by a process that registered, and one is new."""
        return (
            now >= self._raise_at
            and not self.held
            and all(worker.registered for worker in self.workers)
            and (self.raise_wanted or any(not w.epoch for w in self.workers))
        )

    def raise_epoch(self, now: float) -> bool:
        """Raise the epoch and tell everybody; False when the store cannot do it now."""
        try:
            epoch = self._store.next_epoch()
            messages = self._messages(epoch)
        except StoreError as error:
            self._raise_at = now + RAISE_RETRY_S
            self._outbox.event("epoch not raised", error=str(error))
            return False
        self.epoch, self.raised_at = epoch, now
        self.raise_wanted = False
        self.epochs += 1
        self._outbox.event("epoch raised", epoch=epoch)
        for worker, message in messages:
            worker.epoch = epoch
            if self._all and worker.state in _BUILDS:
                worker.assigned(now)
            self.send(worker.number, message)
        return True

    def _messages(self, epoch: int) -> list[tuple[Worker, dict[str, Any]]]:
        peers = {
            w.number: {"endpoint": w.endpoint, "incarnation": w.incarnation, "key": w.key}
            for w in self.workers
        }
        durable = self._store.last_round()
        positions, parts = self._store.positions(), self._store.parts()
        restore = self._store.restore_round()
        found: list[tuple[Worker, dict[str, Any]]] = []
        for worker in self.workers:
            number, tasks = worker.number, self._tasks[worker.number]
            message = {"epoch": epoch, "peers": peers}
            if self.tells_positions:
                message["all_positions"] = positions
            if worker.epoch:
                message["roots"] = self._suspects.take_roots(number)
            if worker.epoch and not self._all:
                message |= {"kind": "epoch", "durable_round": durable}
            else:
                message |= {"kind": "assign", "plan": self._plan_wire, "restore_round": restore}
                message["fresh"] = restore is None and not positions and not self.went
                message["parts"] = _parts_of(parts, tasks)
                message["positions"] = {t: positions[t] for t in tasks if t in positions}
                message["suspects"] = self._suspects.of_worker(number)
                message |= self._assign_extra(number)
            found.append((worker, message))
        return found

    def go_due(self) -> bool:
        """Say whether everybody is ready in this epoch and nobody was told to start yet."""
        if self.live or self.held or self.raise_wanted or not self.epoch:
            return False
        return all(
            worker.registered and worker.ready_epoch == self.epoch == worker.epoch
            for worker in self.workers
        )

    def go(self, now: float, *, spouts: bool = True) -> None:
        """All tasks run from now on; let spouts start, unless nothing is left to be drawn."""
        self.live, self.went, self._gone_at = True, True, now
        if spouts:
            self.broadcast({"kind": "go"})


def _parts_of(
    parts: Iterable[Part], tasks: Collection[int]
) -> dict[int, list[list[str]]]:
    """Return task -> [[file, sha256]] for these tasks."""
    files: dict[int, list[list[str]]] = {}
    for part in parts:
        if part.task in tasks:
            files.setdefault(part.task, []).append([part.file, part.sha256])
    return files
