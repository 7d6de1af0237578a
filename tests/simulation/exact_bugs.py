"""Bugs of exactly-once that the simulation must find: each breaks one promise on purpose.

As in bugs.py, a bug is a function that patches the engine through ``patch``.
"""

from __future__ import annotations

from typing import Any

from waterspout.bolts.alignment import Alignment, Verdict
from waterspout.bolts.channel_log import put_back
from waterspout.bolts.exact_messages import ExactOwnMessages
from waterspout.bolts.gate import Gate
from waterspout.bolts.offload import OffloadExecutor
from waterspout.bolts.queued_mark import QueuedMark
from waterspout.bolts.state import TaskState
from waterspout.bolts.timers import STATE_MAP as TIMERS_MAP
from waterspout.spouts.exact_executor import ExactExecutor
from waterspout.spouts.retries import Retry
from waterspout.supervisor import worker_checkpoints
from waterspout.supervisor.dispatch import Dispatch
from waterspout.supervisor.durable_calls import DurableCalls
from waterspout.supervisor.worker_checkpoints import WorkerCheckpoints
from waterspout.supervisor.worker_core import WorkerCore
from waterspout.topology.frames import DataFrame
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


def task_maps_are_not_kept(patch: Patch) -> None:
    """What a bolt wants to emit at its next tick is not in the copy of its state (C8)."""
    original = TaskState.task

    def task(self: TaskState, name: str, *more: Any) -> Any:
        return {} if name == "waiting" else original(self, name, *more)

    patch(TaskState, "task", task)


def timers_are_not_kept(patch: Patch) -> None:
    """What a bolt waits for is not in the copy of its state (C8)."""
    original = TaskState.records

    def records(self: TaskState, name: str, *more: Any) -> Any:
        return {} if name == TIMERS_MAP else original(self, name, *more)

    patch(TaskState, "records", records)


def failures_count_as_done(patch: Patch) -> None:
    """A checkpoint is complete although something before its barrier failed (P1)."""

    def failed(self: ExactExecutor, failure: Any, now: float) -> None:
        self.ledger.completed(failure.root, now)

    patch(ExactExecutor, "failed", failed)


def own_failures_count_as_done(patch: Patch) -> None:
    """A checkpoint is complete although an own message before its cut failed (P8)."""
    patch(ExactOwnMessages, "failed", lambda self, failure, now: self.completed(failure.root))


def failures_are_emitted_again(patch: Patch) -> None:
    """A message that failed goes out once more within the epoch (P1)."""

    def failed(self: ExactExecutor, failure: Any, now: float) -> None:
        group = self.ledger._groups.pop(failure.root, None)
        if group is not None:
            self.ledger.pending -= group.count
            self.ledger.retries.put(Retry(group, group.attempts + 1), now)

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


def keys_go_to_every_task(patch: Patch) -> None:
    """After a rescaling a task goes on with keys that are another's as well (C7)."""
    original = TaskState.restore

    def restore(self: TaskState, parts: Any, owned: Any = None, key_group: Any = None) -> None:
        original(self, parts)

    patch(TaskState, "restore", restore)


def the_log_is_forgotten(patch: Patch) -> None:
    """What late channels brought before their barriers is not in the checkpoint."""
    patch(Gate, "take_log", lambda self: [])


def what_is_queued_is_not_logged(patch: Patch) -> None:
    """Only what comes after the cut is logged, and not what lay before the task already."""
    original = Gate.overtake

    def overtake(self: Gate) -> None:
        queue = self._executor.queue
        barriers = [w for w in queue if isinstance(w, QueuedMark)]
        rest = [work for work in queue if work not in barriers]
        queue.clear()
        queue.extend(barriers)
        original(self)
        queue.extendleft(reversed(rest))

    patch(Gate, "overtake", overtake)


def the_log_goes_on_behind_the_barrier(patch: Patch) -> None:
    """What comes behind the barrier of a late channel is logged, too, while others are late."""
    patch(Alignment, "logs", lambda self, channel: self.logging)


def the_log_is_worked_through_twice(patch: Patch) -> None:
    """A restored task gets its log, and once more."""

    def twice(executor: Any, log: Any, *more: Any) -> None:
        put_back(executor, [*log, *log], *more)

    patch(worker_checkpoints, "put_back", twice)


def the_log_is_not_tracked(patch: Patch) -> None:
    """What is in a log has no roots: nobody waits for it, or hears that it failed."""

    def untracked(executor: Any, log: Any, *more: Any) -> None:
        bare = [
            (channel, item._replace(runs=[(len(item.rows), ())]))
            if isinstance(item, DataFrame) else (channel, item)
            for channel, item in log
        ]  # fmt: skip
        put_back(executor, bare, *more)

    patch(worker_checkpoints, "put_back", untracked)


def the_barrier_waits_for_the_log(patch: Patch) -> None:
    """A task that overtook passes the barrier on behind what it made of the log."""
    cut, take = WorkerCheckpoints._cut, WorkerCheckpoints._take_logs
    mark = Dispatch.mark
    waiting: list[Any] = []

    def late_cut(self: WorkerCheckpoints, bolt: Any, now: Any, *, overtakes: bool = False) -> None:
        dispatch = self._core.dispatch
        if overtakes:
            dispatch.mark = lambda *more: waiting.append((self, bolt, more))
        try:
            cut(self, bolt, now, overtakes=overtakes)
        finally:
            dispatch.__dict__.pop("mark", None)

    def late_mark(self: WorkerCheckpoints, now: Any) -> None:
        take(self, now)
        for each in [w for w in waiting if w[0] is self and w[1].task not in now.logging]:
            waiting.remove(each)
            mark(self._core.dispatch, *each[2])

    patch(WorkerCheckpoints, "_cut", late_cut)
    patch(WorkerCheckpoints, "_take_logs", late_mark)


def calls_are_cut_in_the_middle(patch: Patch) -> None:
    """A task overtakes while calls run elsewhere: what they emit is in no state (C11)."""
    patch(OffloadExecutor, "stand_still", lambda self, wanted=True: True)


#: Every bug by its name, and a seed that is known to see it: it is tried first.
BUGS: dict[str, tuple[Bug, int]] = {
    bug.__name__: (bug, seed)
    for bug, seed in (
        (no_blocking, 2),
        (cut_at_the_first_barrier, 2),
        (no_barrier_on_idle_channels, 0),
        (barrier_overtakes_rows, 5),
        (first_unacked_is_the_position, 2),
        (position_after_more_was_drawn, 1),
        (survivors_keep_their_state, 0),
        (old_epochs_frames_are_taken, 10),
        (commit_before_durable, 1),
        (commit_is_forgotten, 26),
        (abort_does_not_release, 7),
        (task_maps_are_not_kept, 39),
        (timers_are_not_kept, 32),
        (failures_count_as_done, 0),
        (own_failures_count_as_done, 7),
        (failures_are_emitted_again, 5),
        (own_messages_are_kept_in_state, 39),
        (calls_under_way_are_not_waited_for, 2),
        (keys_go_to_every_task, 28),
        (the_log_is_forgotten, 5),
        (what_is_queued_is_not_logged, 5),
        (the_log_goes_on_behind_the_barrier, 5),
        (the_log_is_worked_through_twice, 51),
        (the_log_is_not_tracked, 5),
        (the_barrier_waits_for_the_log, 5),
        (calls_are_cut_in_the_middle, 11),
    )
}
