"""What becomes durable and when: begins snapshots, and does what follows from a complete one.

Rounds under at-least-once and at-most-once, checkpoints under exactly-once. A run ends with a
last snapshot, and when every worker has done what is to be done once that is durable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from waterspout.topology.settings import Settings

from .checkpoints import Checkpoints
from .effects import Outbox, PruneSnapshots, TopologyDone
from .ending import Ending
from .handover import HandOver
from .letters import Letters
from .phases import LAST_ROUNDS_MAX, Phase, Phases, Step
from .progress import Progress
from .restarts import Worker
from .rounds import Rounds
from .savepoint_requests import SavepointRequests
from .snapshotting import RoundState, Snapshotting
from .store import Store, StoreError

#: Failures to commit the last snapshot that end the run all the same; the next run tries again.
LAST_DURABLES_MAX = 10

_Message = Mapping[str, Any]
Handler = Callable[[Worker, _Message, float], None]


class Durability:
    """Makes snapshots. Fed by the coordinator.

    Args:
        plan: which tasks take part, and which guarantee it is.
        settings: of the topology.
        store: where snapshots are committed.
        handover: for workers and the epoch.
        progress: told what is settled; knows whether there is news.
        letters: told which are done.
        phases: say when a snapshot is wanted, and when the last one.
        ending: told when the run is over.
        outbox: where effects go.
        restore: called with (why, now) to have all tasks go back to the last checkpoint.
    """

    def __init__(
        self,
        plan: Any,
        settings: Settings,
        store: Store,
        *,
        handover: HandOver,
        progress: Progress,
        letters: Letters,
        phases: Phases,
        ending: Ending,
        outbox: Outbox,
        restore: Callable[[str, float], None],
    ) -> None:
        self.snapshots = make_snapshotting(plan, settings, store, handover)
        self.savepoints = SavepointRequests()
        self.handlers: dict[str, Handler] = {
            "frozen": lambda w, m, now: self._after(self.snapshots.on_frozen(w.number, m, now)),
            "snapshotted": lambda w, m, now: self._after(
                self.snapshots.on_snapshotted(w.number, m, now)
            ),
            "snapshot_failed": self._on_failed,
            "durable_done": self._on_durable_done,
        }
        self._store, self._handover, self._progress = store, handover, progress
        self._letters, self._phases, self._ending = letters, phases, ending
        self._outbox, self._restore = outbox, restore
        self._last_snapshots = 0

    @property
    def over(self) -> bool:
        """All that is left to do is what follows from the last snapshot."""
        return self.snapshots.last_done

    def begin(self) -> None:
        """The run begins, or goes on where an earlier coordinator left it.

        Raises:
            StoreError: the store cannot be read.
        """
        self.snapshots.last_done = self._store.final()

    def assign_extra(self, worker: int) -> dict[str, Any]:
        """Return fields for an ``assign``: letters to be tried again, and how much is drawn."""
        extra: dict[str, Any] = {"replays": self._letters.replays(worker)}
        if isinstance(self.snapshots, Checkpoints):
            extra["draw_max"] = self.snapshots.slow_start.draw_max
        return extra

    def go(self, now: float) -> None:
        """All tasks run; called in every epoch."""
        self.snapshots.postpone(now)
        if self.snapshots.last:
            # Whoever is new has to do what its predecessor was asked for, and may not have done.
            self.snapshots.answers.say(self.snapshots.last)
        if not self.over:
            self._phases.step(Step.GO, now)
        elif self._phases.phase is Phase.STARTING:
            self._phases.input_ended = True
            self._phases.step(Step.OVER, now)

    def on_rolled_back(self, now: float, why: str = "") -> None:
        """A worker is lost, or all tasks are to be restored: nothing under way completes.

        Args:
            now: monotonic seconds.
            why: the failure that leads to it; "" for a loss.
        """
        self.snapshots.abort(now)
        self.savepoints.broken("a worker was lost, or a message failed")
        self._last_snapshots = 0
        if isinstance(self.snapshots, Checkpoints):
            self.snapshots.restored()
            if why:
                self.snapshots.slow_start.restored(why)
        if not self.over:
            self._phases.step(Step.LOST, now)
            self._take_back(self._handover.epoch)

    def on_raised(self) -> None:
        """The epoch was raised: what is not durable of the one before does not count."""
        self._take_back(self._handover.epoch - 1)
        if isinstance(self.snapshots, Checkpoints):
            self._progress.on_restored()

    def _take_back(self, epoch: int) -> None:
        if taken := self._progress.take_back(epoch):
            self._outbox.event("taken back", messages=taken)

    def on_tick(self, now: float) -> None:
        """Look at the time."""
        self._after(self.snapshots.on_tick(now))
        self.savepoints.on_tick(now)
        self._judge(now)

    def _on_durable_done(self, worker: Worker, message: _Message, now: float) -> None:
        answers = self.snapshots.answers
        answers.on_done(worker.number, message, now)
        if answers.complete:
            self.savepoints.committed()

    def _on_failed(self, worker: Worker, message: _Message, now: float) -> None:
        self.snapshots.on_snapshot_failed(worker.number, message, now)
        self._judge(now)

    def _judge(self, now: float) -> None:
        """See whether what was under way was given up, and whether that is too much."""
        if self.snapshots.state is RoundState.IDLE:
            self.savepoints.broken(self.snapshots.failure)
        # The last one is tried again as it is: there is nothing left to be drawn meanwhile.
        intolerable = isinstance(self.snapshots, Checkpoints) and self.snapshots.intolerable
        if intolerable and self._phases.rounds_wanted and self._handover.live:
            self._restore(f"checkpoint failed: {self.snapshots.failure}", now)

    def step(self, now: float) -> None:
        """Begin what is due; called after every event while all tasks run."""
        snapshots, phases = self.snapshots, self._phases
        if not phases.rounds_wanted:
            self.savepoints.over("the input has ended")
            if phases.phase is Phase.CLOSING:
                self._close(now)
        elif snapshots.state is not RoundState.IDLE:
            return
        elif self.savepoints.wanted:
            if snapshots.start(self._handover.epoch, now, whole=True):
                self.savepoints.began()
        elif self._progress.news and (snapshots.due(now) or self._due_early(now)):
            snapshots.start(self._handover.epoch, now)

    def _due_early(self, now: float) -> bool:
        """Say whether spouts wait for a checkpoint, and all that they drew is through."""
        snapshots = self.snapshots
        if not isinstance(snapshots, Checkpoints) or not snapshots.due_early(now):
            return False
        return self._progress.all_through(self._handover.epoch, snapshots.early_at)

    def _close(self, now: float) -> None:
        """Make the last snapshot, then wait until everybody did what follows from it."""
        snapshots = self.snapshots
        if self.over:
            self._end_if_told(now)
        elif snapshots.state is not RoundState.IDLE:
            return
        elif self._last_snapshots >= LAST_ROUNDS_MAX:
            what = f"the last {snapshots.noun} failed {self._last_snapshots} times"
            self._ending.stop(TopologyDone(False, "failed", f"{what}: {snapshots.failure}"), now)
        elif not self._last_snapshots or snapshots.due(now):
            self._last_snapshots += 1
            final = self._phases.input_ended
            snapshots.start(self._handover.epoch, now, last=True, final=final)

    def _end_if_told(self, now: float) -> None:
        answers = self.snapshots.answers
        if answers.failures >= LAST_DURABLES_MAX:
            reason = f"what is durable could not be committed, the next run does: {answers.failure}"
            self._ending.stop(TopologyDone(False, "failed", reason), now)
        elif not answers.complete:
            return
        elif self._phases.input_ended:
            # Of use, but a full disk is no reason to go on.
            with suppress(StoreError):
                self._store.mark_finished()
            self._ending.stop(TopologyDone(True, "finished", "all input was worked through"), now)
        else:
            self._ending.stop(TopologyDone(True, "drained", "drained on request"), now)

    def _after(self, committed: bool) -> None:
        """Do what follows from a snapshot that was committed."""
        if not committed:
            return
        snapshots = self.snapshots
        self._handover.got_on()
        self._progress.on_durable(snapshots.settled)
        with suppress(StoreError):
            self._letters.on_replayed(snapshots.letters)
        if self.savepoints.cutting:
            try:
                kept = self._store.positions(), self._store.parts()
                self.savepoints.complete(snapshots.last, *kept)
            except StoreError as error:
                self.savepoints.broken(str(error))
        self._outbox.append(PruneSnapshots(snapshots.last, snapshots.kept | self.savepoints.files))


def make_snapshotting(
    plan: Any, settings: Settings, store: Store, handover: HandOver
) -> Snapshotting:
    """Return what makes the snapshots of a topology with this guarantee."""
    worker_of = {task.task: task.worker for task in plan.tasks}
    with_parts = plan.stateful_tasks()
    if plan.guarantee == "exactly-once" and settings.checkpoint_alignment_timeout_s:
        # Whatever task overtakes has what was on its way to it.
        with_parts = set(worker_of)
    common: dict[str, Any] = {
        "tasks": {
            worker: frozenset(t for t in with_parts if worker_of[t] == worker)
            for worker in range(plan.workers)
        },
        "workers": range(plan.workers),
        "store": store,
        "send": handover.send,
        "retained": settings.checkpoint_retained,
        "tells_positions": plan.origins.any,
    }
    if plan.guarantee == "exactly-once":
        return Checkpoints(
            interval_s=settings.checkpoint_interval_s,
            min_pause_s=settings.checkpoint_min_pause_s,
            tolerable=settings.checkpoint_tolerable_failures,
            max_pending=settings.max_pending,
            timeout_s=settings.checkpoint_timeout_s,
            **common,
        )
    return Rounds(
        interval_s=settings.round_interval_s, timeout_s=settings.round_timeout_s, **common
    )
