"""Bugs of exactly-once that the simulation must find: each breaks one promise on purpose.

As in bugs.py, a bug is a function that patches the engine through ``patch``.
"""

from __future__ import annotations

from typing import Any

from waterspout.bolts.alignment import Alignment, Verdict
from waterspout.bolts.exact_messages import ExactOwnMessages
from waterspout.bolts.gate import Gate
from waterspout.bolts.offload import OffloadExecutor
from waterspout.bolts.queued_mark import QueuedMark
from waterspout.bolts.state import TaskState
from waterspout.spouts.exact_executor import ExactExecutor
from waterspout.spouts.exact_ledger import ExactLedger
from waterspout.supervisor.dispatch import Dispatch
from waterspout.supervisor.durable_calls import DurableCalls
from waterspout.supervisor.worker_checkpoints import WorkerCheckpoints
from waterspout.supervisor.worker_core import WorkerCore
from waterspout.supervisor.worker_finish import WorkerFinish
from waterspout.topology.marks import Mark

from .bugs import Bug, Patch


def no_blocking(patch: Patch) -> None:
    """What comes behind a barrier is worked on before the others have it (Storm does that)."""
    patch(Alignment, "blocks", lambda self, channel: False)


def cut_at_the_first_barrier(patch: Patch) -> None:
    """A task is cut when one channel has the barrier, and nothing is logged of the others."""
    original = Alignment.barrier

    def barrier(self: Alignment[Any], channel: Any, number: int) -> Verdict:
        verdict = original(self, channel, number)
        return Verdict.COMPLETE if verdict is Verdict.BLOCKED else verdict

    patch(Alignment, "barrier", barrier)


def no_barrier_on_idle_channels(patch: Patch) -> None:
    """A barrier goes only to channels with rows to send."""
    original = Dispatch.mark

    def mark(self: Dispatch, emitter: Any, mark: Mark) -> None:
        frames = emitter.frames
        emitter.frames = [f for f in frames if f.count or f.ready] or frames[:1]
        original(self, emitter, mark)
        emitter.frames = frames

    patch(Dispatch, "mark", mark)


def barrier_overtakes_rows(patch: Patch) -> None:
    """A barrier leaves before rows that wait for credit or for the end of the slice."""

    def mark(self: Dispatch, emitter: Any, mark: Mark) -> None:
        for frame in emitter.frames:
            target = self._executors.get(frame.key[2])
            link = self._links.get(frame.target_worker)
            if target is not None:
                target.enqueue_mark(frame.key, mark)
            elif link is not None and link.open:
                link.send_mark(frame.key, mark)

    patch(Dispatch, "mark", mark)


def first_unacked_is_the_position(patch: Patch) -> None:
    """The position of a checkpoint is the first message that is not worked through (P3)."""
    original = ExactExecutor.cut

    def cut(self: ExactExecutor, number: int) -> dict[str, Any]:
        following = dict(self._following)
        for group in self.ledger._groups.values():
            start = min(group.start, self._following.get(group.partition, group.start))
            self._following[group.partition] = start
        positions = original(self, number)
        self._following = following
        return positions

    patch(ExactExecutor, "cut", cut)


def position_after_more_was_drawn(patch: Patch) -> None:
    """Something is emitted between the barrier and the note of the position (C4)."""
    original = Dispatch.mark

    def checkpoint(self: WorkerCheckpoints, message: Any) -> None:
        core = self._core

        def mark(dispatch: Dispatch, emitter: Any, mark: Mark) -> None:
            original(dispatch, emitter, mark)

        for spout in core.tasks.spouts.values():
            cut = spout.cut

            def late(number: int, spout: Any = spout, cut: Any = cut) -> Any:
                mark(core.dispatch, spout.emitter, Mark(3, number))
                if core.going:
                    spout.turn(core.clock(), 4)
                return cut(number)

            spout.cut = late
        real(self, message)
        for spout in core.tasks.spouts.values():
            del spout.cut

    real = WorkerCheckpoints.checkpoint
    patch(WorkerCheckpoints, "checkpoint", checkpoint)


def survivors_keep_their_state(patch: Patch) -> None:
    """Only the new worker is restored; the others go on with what they have (P9)."""
    original = WorkerCore._build

    def build(self: WorkerCore, task: Any, message: Any) -> bool:
        kept = self.__dict__.setdefault("states_of_bug", {})
        done = original(self, task, message)
        state = self.tasks.states.get(task.task)
        if state is not None:
            old = kept.get(task.task)
            bolt: Any = self.tasks.bolts[task.task].bolt
            if old is not None and hasattr(bolt, "seen"):
                bolt.seen.clear()
                bolt.seen.update(old)
            kept[task.task] = getattr(bolt, "seen", None)
        return done

    patch(WorkerCore, "_build", build)


def old_epochs_frames_are_taken(patch: Patch) -> None:
    """What was under way in the old epoch is worked on in the new one (C6)."""
    original = WorkerCore._on_assign

    def on_assign(self: WorkerCore, message: Any, now: float) -> None:
        queues = {bolt.task: list(bolt.queue) for bolt in self.order}
        original(self, message, now)
        for bolt in self.order:
            for work in queues.get(bolt.task, ()):
                if not isinstance(work, QueuedMark) and not work.run_left:
                    bolt.enqueue(work)

    patch(WorkerCore, "_on_assign", on_assign)


def commit_before_durable(patch: Patch) -> None:
    """A sink commits when it was cut (C5)."""
    original = DurableCalls.before

    def before(self: DurableCalls, executor: Any, number: int, now: float) -> None:
        original(self, executor, number, now)
        executor.bolt.on_durable(number)

    patch(DurableCalls, "before", before)


def commit_is_forgotten(patch: Patch) -> None:
    """A worker answers that its sinks have committed, and they have not."""

    def tell(self: DurableCalls, executor: Any, number: int) -> bool:
        return number % 3 == 0 or executor.bolt.on_durable(number) is None

    patch(DurableCalls, "_tell", tell)


def abort_does_not_release(patch: Patch) -> None:
    """What waits for a checkpoint that was given up waits for ever."""
    patch(Gate, "abort", lambda self, number: None)


def aborted_numbers_are_forgotten(patch: Patch) -> None:
    """A late barrier of a checkpoint that was given up blocks its channel."""

    def abort(self: Alignment[Any], number: int) -> bool:
        if self.pending and number >= self.current:
            self._give_up()
            self.current = 0
        return False

    patch(Alignment, "abort", abort)


def stash_goes_on_backwards(patch: Patch) -> None:
    """What waited goes on in another order than it came."""

    def release(self: Alignment[Any]) -> None:
        self.released += reversed(self._stash)
        self._stash.clear()

    patch(Alignment, "_release", release)


def stash_is_lost(patch: Patch) -> None:
    """What waited is forgotten when its checkpoint is given up."""
    original = Alignment._give_up

    def give_up(self: Alignment[Any]) -> None:
        self._stash.clear()
        original(self)

    patch(Alignment, "_give_up", give_up)


def task_maps_are_not_kept(patch: Patch) -> None:
    """What a bolt wants to emit at its next tick is not in the copy of its state (C8)."""
    original = TaskState.task

    def task(self: TaskState, name: str, *more: Any) -> Any:
        return {} if name == "waiting" else original(self, name, *more)

    patch(TaskState, "task", task)


def failures_are_forgotten(patch: Patch) -> None:
    """A checkpoint is complete although something before its barrier failed (P1)."""
    original = ExactLedger.settled

    def settled(self: ExactLedger, number: int) -> list[int] | None:
        if number in self._cuts:
            self._cuts[number].open.clear()
        lost, self._lost = self._lost, []
        counts = original(self, number)
        self._lost = lost
        return counts

    patch(ExactLedger, "settled", settled)


def own_failures_are_forgotten(patch: Patch) -> None:
    """A checkpoint is complete although an own message before its cut failed (P8)."""
    patch(ExactOwnMessages, "settled", lambda self, number: True)


def failures_are_emitted_again(patch: Patch) -> None:
    """A message that failed goes out once more within the epoch (P1)."""

    def failed(self: ExactExecutor, failure: Any, now: float) -> None:
        group = self.ledger._groups.pop(failure.root, None)
        if group is not None:
            self.ledger.pending -= group.count
            self.ledger._later(group, group.attempts + 1, now)

    patch(ExactExecutor, "failed", failed)


def own_messages_are_kept_in_state(patch: Patch) -> None:
    """What ticks had emitted is emitted again by a restored task (P8)."""
    original = WorkerCore._build

    def build(self: WorkerCore, task: Any, message: Any) -> bool:
        done = original(self, task, message)
        bolt = self.tasks.bolts.get(task.task)
        if bolt is not None and bolt.bolt.stateful:
            kept = self.tasks.states[task.task].task("own_of_bug")
            rows = [row for each in kept.values() for row in each]
            kept.clear()
            bolt.own._kept = kept
            for stream, target, row in rows:
                bolt.own._frames[stream, target].rows.append(row)
        return done

    patch(WorkerCore, "_build", build)


def calls_under_way_are_not_waited_for(patch: Patch) -> None:
    """A task is cut while calls run elsewhere: what they emit is in no state (C11)."""
    original = OffloadExecutor.run

    def run(self: OffloadExecutor) -> bool:
        while self.queue and isinstance(self.queue[0], QueuedMark):
            self._frame_done(self.queue.popleft())
        return original(self)

    patch(OffloadExecutor, "run", run)


def finish_is_in_any_checkpoint(patch: Patch) -> None:
    """A level goes on finishing after a restore, when not all input is there."""
    original = WorkerFinish.begin

    def begin(self: WorkerFinish, plan: Any) -> None:
        level = self.level
        original(self, plan)
        self.level = level

    patch(WorkerFinish, "begin", begin)


def epoch_of_frames_is_not_looked_at(patch: Patch) -> None:
    """A part of an old epoch counts for a checkpoint of the new one."""
    original = WorkerCheckpoints._current

    def current(self: WorkerCheckpoints, job: Any) -> Any:
        now = self._now
        return now if now is not None and job.task in now.writing else original(self, job)

    patch(WorkerCheckpoints, "_current", current)


BUGS: dict[str, Bug] = {
    bug.__name__: bug
    for bug in (
        no_blocking, cut_at_the_first_barrier, no_barrier_on_idle_channels,
        barrier_overtakes_rows, first_unacked_is_the_position, position_after_more_was_drawn,
        survivors_keep_their_state, old_epochs_frames_are_taken, commit_before_durable,
        commit_is_forgotten, abort_does_not_release, aborted_numbers_are_forgotten,
        stash_goes_on_backwards, stash_is_lost, task_maps_are_not_kept, failures_are_forgotten,
        own_failures_are_forgotten, failures_are_emitted_again, own_messages_are_kept_in_state,
        calls_under_way_are_not_waited_for, finish_is_in_any_checkpoint,
        epoch_of_frames_is_not_looked_at,
    )
}  # fmt: skip
