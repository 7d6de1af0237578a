"""The coordinator: keeps a topology's workers, epochs, snapshots and dead letters in order.

A pure state machine: fed with messages of workers (protocol.py has all of them), exits, ticks
and the user's wishes, each with ``now`` in monotonic seconds; drained of ``outbox`` by the shell
after every call. It never imports user code. Its parts:

    handover   who is in the topology, epochs         durability what becomes durable, and when
    phases     from start to the last exit            letters    dead letters, reservations
    progress   what reports add up to                 watch      whom to kill
    suspects   what was at work in a dead worker      store      what must not be forgotten
    resuming   what went on without a coordinator     replacing  who is to move
    orders     what all workers are to do a while     ending     from the stop to the last exit
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from waterspout.topology.settings import Settings

from . import protocol
from .durability import Durability
from .effects import LinkCut, Outbox, Send, Taps, TopologyDone
from .ending import Ending
from .falling_back import NO_OLDER, FallingBack
from .handover import HandOver
from .letters import Letters
from .orders import Orders
from .overview import Overview
from .phases import Phase, Phases, Step
from .progress import Progress
from .replacing import Replacing
from .restarts import Worker, WorkerEvent, WorkerState
from .resuming import Resuming
from .snapshotting import RoundState
from .store import Store, StoreError
from .suspects import Suspects
from .watch import Watch

_NOTHING: Mapping[int, Any] = {}


class Coordinator:
    """Runs one topology.

    Args:
        plan: which task of which component lives in which worker.
        settings: of the topology.
        store: the run's memory; owned by this coordinator until the run is over.
        rng: draws incarnations; must not repeat itself over runs.
        paths: put into every ``assign`` as they are (state_dir, folder).
    """

    def __init__(
        self,
        plan: Any,
        settings: Settings,
        store: Store,
        rng: random.Random,
        paths: Mapping[str, Any] | None = None,
    ) -> None:
        self.outbox = Outbox()
        self._plan, self._settings, self._store = plan, settings, store
        self._paths = dict(paths or {})
        worker_of = {t.task: t.worker for t in plan.tasks}
        self.progress = Progress(plan, settings)
        spouts = {tally.task for tally in self.progress.spouts()}
        self.suspects = Suspects(store, worker_of, spouts, settings.attempts_max)
        self.handover = HandOver(
            plan, settings, store, rng, self.outbox, self.suspects, self._assign_extra
        )
        self.letters = Letters(
            store, worker_of, settings.dead_letters_max, self.handover.send, self.progress,
            plan.guarantee == "exactly-once",
        )  # fmt: skip
        self.phases = Phases(len(plan.levels), plan.workers, settings, self.handover.broadcast)
        self._ending = Ending(self.handover, self.phases, settings.stop_timeout_s, self.outbox)
        self.durability = Durability(
            plan, settings, store, handover=self.handover, progress=self.progress,
            letters=self.letters, phases=self.phases, ending=self._ending, outbox=self.outbox,
            restore=self._restore,
        )  # fmt: skip
        self.rounds = self.durability.snapshots
        self.watch = Watch(plan, self.handover, self.progress, settings.boot_timeout_s)
        #: Messages dropped because an incarnation or epoch was over.
        self.stale = 0
        self.overview = Overview(
            plan, self.progress, self.handover, self.rounds, self.letters, self.phases
        )
        self.resuming = Resuming(self.handover, self.rounds)
        self._replacing = Replacing(self.handover, self.rounds, settings.round_timeout_s)
        self._orders, self._paused = Orders(self.handover.broadcast), False
        self._falling = FallingBack(plan, store, self.handover, self.rounds, self.outbox)
        self._exact = plan.guarantee == "exactly-once"
        self._handlers: dict[str, Callable[[Worker, Mapping[str, Any], float], None]] = {
            "register": lambda w, m, now: self.handover.on_register(w, m),
            "here": lambda w, m, now: self.resuming.on_here(w, m),
            "taps": lambda w, m, now: self.outbox.append(Taps(m["id"], m["rows"])),
            "boot_failed": self._on_boot_failed,
            "built": self._on_built,
            "ready": lambda w, m, now: self.handover.on_ready(w),
            "report": self._on_report,
            "restore": self._on_restore,
            **self.durability.handlers,
            "dead_letters": lambda w, m, now: self.letters.on_request(w.number, m, w.incarnation),
            "reserve": lambda w, m, now: self.letters.on_request(w.number, m, w.incarnation),
            "finished": lambda w, m, now: self.phases.on_finished(w.number, m, now),
            "summaries": lambda w, m, now: self.phases.on_summaries(w.number, m, now),
            "link_down": self._on_link_down,
        }

    # What the shell calls.

    def start(self, now: float) -> None:
        """Begin the run.

        Raises:
            TopologyChanged: the store belongs to another topology.
            StoreError: it cannot be used.
        """
        self.resume({}, now)

    def resume(self, known: Mapping[int, int], now: float) -> None:
        """Go on with a run where a coordinator before this one left it; else as ``start``.

        Args:
            known: worker -> incarnation of processes that were started and not seen to end.
        """
        self._store.bind(self._plan.fingerprint())
        self.overview.started_at = now
        self.durability.begin()
        self.resuming.begin(known, now)
        self.handover.start_due(now)

    def on_message(
        self, worker: int, incarnation: int, message: Mapping[str, Any], now: float
    ) -> None:
        """Take a message from the control socket; it may be late, stale or malformed.

        Raises:
            StaleEpoch: another coordinator uses the store; this process must end.
        """
        if not self.handover.workers.known(worker, incarnation):
            self.stale += 1
            self.outbox.append(Send(worker, incarnation, {"kind": "stop"}))
            return
        wrong = protocol.problem(message)
        if wrong is not None:
            self.outbox.event("control message refused", worker=worker, why=wrong)
            return
        sender, kind = self.handover.workers[worker], message["kind"]
        sender.seen_at = now
        if kind in protocol.OF_ONE_EPOCH and message["epoch"] != self.handover.epoch:
            self.stale += 1
            return
        self._handlers[kind](sender, message, now)
        self._advance(now)

    def on_worker_exit(
        self,
        worker: int,
        incarnation: int,
        reason: str,
        suspect_roots: Iterable[int],
        suspect_positions: Mapping[int, Iterable[Sequence[Any]]],
        now: float,
        drawn: Mapping[int, int] = _NOTHING,
    ) -> None:
        """A worker process ended, by itself or killed.

        Args:
            reason: for people: ``exit code 1``, ``killed by signal 9``.
            suspect_roots: roots that its executors had at work.
            suspect_positions: of its spout tasks' messages (CrashSlot.positions_of).
            drawn: task -> emissions of its spout tasks until the end, where known.
        """
        if not self.handover.workers.known(worker, incarnation):
            self.stale += 1
            return
        gone = self.handover.workers[worker]
        if gone.state in (WorkerState.STARTING, WorkerState.RUNNING):
            self.progress.on_lost(worker, drawn)
            self._on_lost(gone, reason, suspect_roots, suspect_positions, now)
        else:
            gone.lost(reason, now)
        self._advance(now)

    def on_worker_stats(self, worker: int, memory_bytes: int, cpu_percent: float) -> None:
        """Note what the operating system says of a worker's process."""
        self.handover.workers[worker].memory_bytes = memory_bytes
        self.handover.workers[worker].cpu_percent = cpu_percent

    def on_tick(self, now: float) -> None:
        """Look at the time; called some ten times a second."""
        if self.phases.phase is Phase.STOPPING:
            self._ending.on_tick(now)
        elif self.phases.phase is not Phase.DONE:
            for worker, why in self.watch.on_tick(now):
                self.handover.kill(worker, why)
            self.handover.start_due(now)
            self.durability.on_tick(now)
            wanted = self.handover.live and self.phases.phase is Phase.RUNNING
            self.letters.on_tick(now, replay=wanted)
            self.phases.on_tick(now)
        self._advance(now)

    def drain(self, now: float) -> None:
        """End soon: spouts stop, what is pending is worked off within drain_timeout."""
        self.phases.drain(now)
        if self.phases.phase is Phase.STARTING and not self.resuming.resumed:
            self._ending.stop(TopologyDone(True, "drained", "stopped before it began"), now)
        self._advance(now)

    def stop(self, now: float) -> None:
        """End at once; what is not durable is replayed by the next run."""
        self._ending.stop(TopologyDone(False, "stopped", "stopped by the user"), now)
        self._advance(now)

    def pause(self, paused: bool, now: float) -> None:
        """Let spouts draw no more, or again; what they drew is worked off."""
        self._paused = paused
        self.handover.broadcast({"kind": "pause", "paused": paused})
        self._advance(now)

    def replace(self, workers: Collection[int], why: str, now: float) -> None:
        """Have workers started anew, elsewhere: all are killed together after a fresh round."""
        self._replacing.want(workers, why, now)
        self._advance(now)

    def order(self, kind: str, fields: Mapping[str, Any], now: float) -> None:
        """Have all workers ``tap`` or change a ``log_level`` for ``for_s`` seconds; 0: no more."""
        self._orders.give(kind, fields, now)

    def on_worker_preparing(self, worker: int, incarnation: int, now: float) -> None:
        """It waits: for a slot, for code or an environment, or for contact with its host.

        Called again and again meanwhile; boot_timeout counts from the last call.
        """
        if self.handover.workers.known(worker, incarnation):
            self.handover.on_preparing(self.handover.workers[worker], now)

    def on_cannot_boot(self, worker: int, incarnation: int, text: str, now: float) -> None:
        """Its host will never start it (class not allowed, requirements); may come repeatedly."""
        known = self.handover.workers.known(worker, incarnation)
        if known and self._ending.verdict is None:
            self._cannot_boot(self.handover.workers[worker], f"cannot be started: {text}", now)
            self._advance(now)

    @property
    def done(self) -> bool:
        """All workers have ended; TopologyDone was put out."""
        return self.phases.phase is Phase.DONE

    # Messages and exits.

    def _on_boot_failed(self, worker: Worker, message: Mapping[str, Any], now: float) -> None:
        if message.get("corrupt") and self._falling.fall_back(message):
            return
        advice = f"; {NO_OLDER}" if message.get("corrupt") else ""
        text = f"cannot be built: {message['text']}{advice}"
        reason = f"component {message['component']!r} {text}"
        if worker.was_built and not advice:
            # It was built before: what it needs may be away. Tried again, as after a crash there.
            self.progress.errors.add(message["component"], None, text, message["traceback"])
            self.handover.kill(worker, reason)
            return
        worker.apply(WorkerEvent.CANNOT_BOOT)
        self._ending.stop(TopologyDone(False, "boot_failed", reason, message["traceback"]), now)

    def _on_report(self, worker: Worker, message: Mapping[str, Any], now: float) -> None:
        # What was restored meanwhile counts from 0 again, and that is reported in its epoch.
        counts = not self._exact or message["epoch"] == self.handover.epoch
        self.progress.on_report(worker.number, message, now, counts=counts)
        worker.loop_age_s = float(message.get("loop_age_s") or 0.0)
        worker.links = message.get("links") or ()
        self.resuming.on_report(worker, message)
        if message.get("suspects"):
            self._try(lambda: self.suspects.on_report(message["suspects"]))

    def _on_link_down(self, worker: Worker, message: Mapping[str, Any], now: float) -> None:
        blamed = None if worker.killed_why else self.watch.on_link_down(worker.number, message, now)
        if blamed is not None:
            self.outbox.append(LinkCut(worker.number, blamed[0].number))
            self.handover.kill(*blamed)

    def _on_lost(
        self, gone: Worker, reason: str, roots: Iterable[int],
        positions: Mapping[int, Iterable[Sequence[Any]]], now: float,
    ) -> None:  # fmt: skip
        explained = self._try(lambda: self.suspects.on_death(gone.number, roots, positions))
        self.handover.on_lost(gone, reason, now, explained=bool(explained))
        self.resuming.on_lost(gone)
        self.letters.on_lost(gone.number)
        self.durability.on_rolled_back(now)
        if gone.cannot_boot:
            text = f"ended {gone.boot_losses} times while it booted: {gone.last_exit}"
            self._cannot_boot(gone, text, now)

    def _on_built(self, worker: Worker, message: Mapping[str, Any], now: float) -> None:
        self.progress.on_drawn(worker.number, message.get("drawn") or {})
        self.handover.on_built(worker)

    def _on_restore(self, worker: Worker, message: Mapping[str, Any], now: float) -> None:
        """Under exactly-once a message failed: nothing is emitted again but by a restore (P1)."""
        component, reason = message["component"], message["reason"]
        self.progress.errors.add(component, message["task"], reason, message["traceback"])
        self._try(lambda: self.suspects.on_failed(message["suspects"]))
        self._try(lambda: self._store.keep_letters(message.get("letters") or ()))
        if self._exact and not self.handover.raise_wanted:
            self._restore(f"{component}: {reason}", now)

    def _restore(self, why: str, now: float) -> None:
        """Have all tasks go back to the last complete checkpoint, after a back-off."""
        self.outbox.event("restore", why=why, checkpoint=self.rounds.last or None)
        self.handover.want_raise(now)
        self.durability.on_rolled_back(now, why)

    def _cannot_boot(self, worker: Worker, text: str, now: float) -> None:
        worker.apply(WorkerEvent.CANNOT_BOOT)
        reason = f"worker {worker.number} {text}"
        self._ending.stop(TopologyDone(False, "boot_failed", reason), now)

    def _try(self, keep: Callable[[], object]) -> object:
        """Keep what is of use but not needed for the guarantee; a full disk is no reason to end."""
        try:
            return keep()
        except StoreError as error:
            self.outbox.event("store failed", error=str(error))
            return None

    def _assign_extra(self, worker: int) -> dict[str, Any]:
        flags = {"draining": self.phases.draining, "paused": self._paused}
        return {**self._paths, **flags, **self.durability.assign_extra(worker)}

    # Moving on: called after every event.

    def _advance(self, now: float) -> None:
        if self.phases.phase in (Phase.STOPPING, Phase.DONE):
            self._ending.end_if_all_exited(now)
            return
        self.resuming.step()
        # A commit in doubt is settled first: the new epoch tells survivors what is durable.
        if self.handover.raise_due(now) and self.rounds.state is RoundState.IDLE:
            self._raise_epoch(now)
        if self.handover.go_due():
            self._go(now)
        if self.handover.live:
            self._end_of_input(now)
            self.durability.step(now)
        self._replacing.step(now, live=self.handover.live and self.phases.rounds_wanted)
        if self.phases.overdue(now):
            reason = "drained in part: what was not worked through in time is replayed next time"
            self._ending.stop(TopologyDone(True, "drained", reason), now)

    def _raise_epoch(self, now: float) -> None:
        if self._exact:
            # Before letters to be tried again are given out with the assignments.
            self._try(self.letters.on_restored)
        if self.handover.raise_epoch(now):
            self._orders.repeat(now)
            self.durability.on_raised()

    def _go(self, now: float) -> None:
        if self.phases.draining:
            self.handover.broadcast({"kind": "drain"})
        if self._paused or self.resuming.resumed:
            self.handover.broadcast({"kind": "pause", "paused": self._paused})
        self.handover.go(now, spouts=not self.durability.over)
        self.durability.go(now)
        self.outbox.event("running", epoch=self.handover.epoch)

    def _end_of_input(self, now: float) -> None:
        """See whether all spout tasks said, in this epoch, that they have nothing left."""
        if self._exact and self.rounds.state is not RoundState.IDLE:
            # What finish() does belongs into the last checkpoint, and into none before.
            return
        drained = self.progress.all_spouts("drained", self.handover.epoch)
        if drained and self.phases.phase is Phase.DRAINING:
            self.phases.step(Step.DRAINED, now)
        elif (
            drained
            and self.phases.phase is Phase.RUNNING
            and not (self._paused or self.letters.replaying)
            and self.progress.input_over(self.handover.epoch)
        ):
            self.phases.step(Step.INPUT_ENDED, now)

    # What is shown.

    def status(self, now: float, pid: int = 0) -> dict[str, Any]:
        """Return the dict that ``waterspout status --json`` prints."""
        return self.overview.status(now, pid, self._ending.verdict)

    def summary(self, now: float) -> dict[str, Any]:
        """Return the dict that is shown at the end of a run."""
        return self.overview.summary(
            self._ending.ended_at if self.done else now, self._ending.verdict
        )
