"""A worker's part in checkpoints: barriers cut its tasks, parts are written, all of it is told.

    checkpoint n  ->  spout tasks: barrier n and the position of the next message, in one step
    barrier n     ->  a bolt task that has it from all its inputs: before_snapshot, barrier n to
                      all its outputs, copy of its state, in one step between two calls
    snapshotted   <-  all tasks were cut, parts are on disk, and all that was emitted before the
                      cuts is worked through: something that failed before its barrier is in no
                      checkpoint that is complete

A bolt is cut once its worker has heard of the checkpoint, too: the barrier may be faster.

A task that has waited for ``checkpoint_alignment_timeout`` overtakes: it is cut as it is, and what
its late channels bring before their barriers is logged (bolts/gate.py). The log is one more part
of the task (bolts/channel_log.py), and the worker answers only when it is on disk. What is in a
log is worked through as usual meanwhile, and the worker waits for that, too: what is in the log of
a complete checkpoint has been worked through once without a failure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

from waterspout.bolts.alignment import Verdict
from waterspout.bolts.channel_log import log_copy, put_back
from waterspout.bolts.exact_messages import ExactOwnMessages
from waterspout.bolts.executor import BoltExecutor
from waterspout.bolts.gate import Gate
from waterspout.spouts.exact_executor import ExactExecutor
from waterspout.spouts.groups import Group
from waterspout.topology.control_frames import Failure
from waterspout.topology.frames import Channel
from waterspout.topology.marks import BARRIER, Mark
from waterspout.topology.task_env import reason_of
from waterspout.topology.tracebacks import user_traceback

from .durable_calls import DurableCalls
from .end_marks import channels_into
from .exact_letter_box import ExactLetterBox
from .worker_rounds import NEVER_S, SnapshotJob, parts_of, totals_of

if TYPE_CHECKING:
    from .worker_core import WorkerCore

#: Requests for a restore of one epoch that are said again; one is enough for it.
ASKED_MAX = 100


@dataclass(slots=True)
class _Underway:
    """The checkpoint under way here."""

    number: int
    last: bool
    #: No task overtakes.
    aligned: bool
    #: Tasks that were not cut, and those whose log is not whole.
    uncut: set[int]
    logging: set[int] = field(default_factory=set)
    #: (task, whether it is the log) of parts that are not on disk.
    writing: set[tuple[int, bool]] = field(default_factory=set)
    parts: list[dict[str, Any]] = field(default_factory=list)
    positions: dict[int, Any] = field(default_factory=dict)
    #: task -> [seconds of alignment, seconds of copying, bytes, rows logged or None]
    took: dict[int, list[Any]] = field(default_factory=dict)


class WorkerCheckpoints:
    """Checkpoints in one worker and epoch. Made when its tasks are built, before any runs.

    Args:
        told: highest checkpoint that this process heard of.
    """

    def __init__(self, core: WorkerCore, told: int) -> None:
        self._core = core
        self.told = told
        self._now: _Underway | None = None
        #: Checkpoints up to this one are over.
        self._over = 0
        self._durables = DurableCalls(core)
        self._asked: list[dict[str, Any]] = []
        assert core.plan is not None
        self._timeout_s = core.plan.settings.checkpoint_alignment_timeout_s
        #: When it was last looked at who has waited for too long.
        self._looked_at = core.clock()
        self._take_over()
        self._seen = self._seen_at_cut = totals_of(core)

    def _take_over(self) -> None:
        core = self._core
        assert core.plan is not None
        classes = core.builder.classes
        self._letters().ask_restore = self.ask_restore
        for task, bolt in core.tasks.bolts.items():
            bolt.gate = Gate(bolt, channels_into(core.plan, bolt.component, task))
            bolt.on_barrier = partial(self._on_barrier, bolt)
            assert isinstance(bolt.own, ExactOwnMessages)
            bolt.own.ask_restore = partial(self.ask_restore, task)
            log = core.builder.logs.get(task, ())
            put_back(bolt, log, lambda channel: classes[channel[:2]], core.clock())
        for spout in core.tasks.spouts.values():
            assert isinstance(spout, ExactExecutor), "lint lets only sources that seek through"
            spout.ask_restore = self._spout_failed
            spout.last_failure = partial(core.restore.last_failure, spout.task)

    @property
    def news(self) -> bool:
        """Whether a checkpoint would make something durable. Asked by the control thread."""
        spouts = list(self._core.tasks.spouts.values())
        ledgers = any(spout.ledger.news for spout in spouts)
        return ledgers or self._core.letters.news or totals_of(self._core) != self._seen

    # Cuts.

    def checkpoint(self, message: Mapping[str, Any]) -> None:
        """Begin: cut the spout tasks, and bolts whose barriers were faster."""
        core, number = self._core, message["round"]
        if number <= self._over:
            return
        self.told = max(self.told, number)
        tasks = {*core.tasks.spouts, *core.tasks.bolts}
        now = self._now = _Underway(
            number, bool(message.get("last")), bool(message.get("aligned")), tasks
        )
        letters = self._letters()
        for task, spout in core.tasks.spouts.items():
            assert isinstance(spout, ExactExecutor)
            positions = spout.cut(number)
            core.dispatch.mark(spout.emitter, Mark(BARRIER, number))
            if positions:
                now.positions[task] = positions
            now.uncut.discard(task)
        letters.cut(number)
        self._seen_at_cut = totals_of(core)
        for bolt in core.order:
            if self._now is now and bolt.gate is not None and bolt.gate.complete(number):
                self._cut(bolt, now)

    def _letters(self) -> ExactLetterBox:
        letters = self._core.letters
        assert isinstance(letters, ExactLetterBox)
        return letters

    def _on_barrier(self, bolt: BoltExecutor, channel: Channel, number: int) -> None:
        """The turn of a barrier has come in a task's queue."""
        assert bolt.gate is not None
        complete = bolt.gate.barrier(channel, number) is Verdict.COMPLETE
        if complete and self._now is not None and self._now.number == number:
            self._cut(bolt, self._now)

    def _cut(self, bolt: BoltExecutor, now: _Underway, *, overtakes: bool = False) -> None:
        """Cut a bolt task: all before the barrier is in its state (or log), nothing behind it."""
        core, gate = self._core, bolt.gate
        assert core.plan is not None and gate is not None and isinstance(bolt.own, ExactOwnMessages)
        facts, started = core.plan.facts[bolt.component], core.clock()
        try:
            if bolt.own_calls.finishing and not now.last:
                # What ``finish`` emits would be in it, and be emitted again after a restore.
                self._decline(now, f"{bolt.component} finishes")
                return
            if facts.sink:
                bolt.bolt.flush()
            self._durables.before(bolt, now.number, started)
            core.dispatch.mark(bolt.emitter, Mark(BARRIER, now.number))
            bolt.own.cut(now.number)
            copy = core.tasks.states[bolt.task].snapshot_begin() if facts.stateful else None
        except (Exception, SystemExit) as error:
            text = f"checkpoint {now.number}: {reason_of(error)}"
            core.env.note_error(bolt.component, bolt.task, text, user_traceback(error))
            self._decline(now, f"{bolt.component}: {reason_of(error)}")
            return
        now.took[bolt.task] = [started - gate.since, core.clock() - started, 0, None]
        now.uncut.discard(bolt.task)
        if copy is not None:
            self._write(now, SnapshotJob(core.epoch, now.number, bolt.task, copy))
        if overtakes:
            now.logging.add(bolt.task)
            gate.overtake()
        else:
            gate.cut()

    # Who does not wait any longer.

    def _overtake(self, now: _Underway, time_s: float) -> None:
        """Cut the tasks that have waited for too long, once what they have begun has ended."""
        self._looked_at = time_s
        for bolt in self._core.order:
            due = self._now is now and self._waits_until(bolt, now) <= time_s
            if due and bolt.stand_still():
                self._cut(bolt, now, overtakes=True)

    def _waits_until(self, bolt: BoltExecutor, now: _Underway) -> float:
        """Return until when a task waits for late channels; infinity: it does not wait."""
        gate = bolt.gate
        assert gate is not None
        alignment = gate.alignment
        waits = alignment.pending and alignment.current == now.number and bolt.task in now.uncut
        return gate.since + self._timeout_s if waits else inf

    def wakeup(self, now: float) -> float:
        """Return the seconds until a task has waited for too long, or a long time."""
        if self._now is None or not self._timeout_s or self._now.aligned:
            return NEVER_S
        until = [self._waits_until(bolt, self._now) for bolt in self._core.order]
        # One that has, and has not overtaken, goes on when what it has begun ends.
        due = min((each for each in until if each > self._looked_at), default=inf)
        return min(max(due - now, 0.0), NEVER_S)

    def _take_logs(self, now: _Underway) -> None:
        """Have the logs written that are whole."""
        core = self._core
        assert core.plan is not None
        for task in sorted(now.logging):
            bolt = core.tasks.bolts[task]
            gate = bolt.gate
            assert gate is not None
            if gate.log_failure:
                self._decline(now, f"{bolt.component}: {gate.log_failure}")
                return
            if gate.logged(now.number):
                now.logging.discard(task)
                now.took[task][3] = gate.log_rows
                log = gate.take_log()
                if log:
                    copy = log_copy(core.plan, bolt.plan, log)
                    self._write(now, SnapshotJob(core.epoch, now.number, task, copy, log=True))

    # Parts, and the answer.

    def _write(self, now: _Underway, job: SnapshotJob) -> None:
        now.writing.add((job.task, job.log))
        self._core.snapshot_jobs.append(job)

    def part_written(self, job: SnapshotJob, part: Any) -> None:
        """Take a part that is on disk."""
        now = self._current(job)
        if now is not None:
            now.parts += parts_of(self._core, job, part)
            now.took[job.task][2] += part.bytes
            now.writing.discard((job.task, job.log))

    def part_failed(self, job: SnapshotJob, text: str) -> None:
        """Give the checkpoint up: the disk is full, say."""
        now = self._current(job)
        if now is not None:
            self._decline(now, text)

    def _current(self, job: SnapshotJob) -> _Underway | None:
        now = self._now
        known = now is not None and job.epoch == self._core.epoch and job.round == now.number
        return now if known else None

    def turn(self, time_s: float) -> None:
        """Say that all is done, once it is; called at the end of each turn."""
        self._durables.turn()
        now = self._now
        if now is not None and now.uncut and self._timeout_s and not now.aligned:
            self._overtake(now, time_s)
        if now is not None and now.logging:
            self._take_logs(now)
        if now is None or self._now is not now or now.uncut or now.logging or now.writing:
            return
        core = self._core
        settled: dict[int, list[int]] = {}
        for task, spout in core.tasks.spouts.items():
            assert isinstance(spout, ExactExecutor)
            counts = spout.ledger.settled(now.number)
            if counts is None:
                return
            settled[task] = counts
        letters = self._letters().settled(now.number)
        if letters is None or not all(self._own_settled(b, now.number) for b in core.order):
            return
        core.control_outbox.append({
            "kind": "snapshotted", "epoch": core.epoch, "round": now.number, "parts": now.parts,
            "positions": now.positions, "settled": settled, "letters": letters, "took": now.took,
        })  # fmt: skip
        self._now = None

    @staticmethod
    def _own_settled(bolt: BoltExecutor, number: int) -> bool:
        assert isinstance(bolt.own, ExactOwnMessages)
        return bolt.own.settled(number)

    def _decline(self, now: _Underway, text: str) -> None:
        core = self._core
        core.control_outbox.append(
            {"kind": "snapshot_failed", "epoch": core.epoch, "round": now.number, "text": text}
        )
        self.abort(now.number)

    # What became of it.

    def durable(self, number: int) -> None:
        """A checkpoint is complete: all that was drawn before it is durable, sinks commit."""
        core = self._core
        self._over = max(self._over, number)
        if number == self.told:
            self._seen = self._seen_at_cut
        for spout in core.tasks.spouts.values():
            spout.ledger.durable(number)
        for bolt in core.order:
            bolt.own.durable(number)
        core.letters.durable(number)
        self._durables.durable(number)

    def abort(self, number: int) -> None:
        """A checkpoint was given up: nothing waits for it, and its late barriers count nothing."""
        self._over = max(self._over, number)
        if self._now is not None and self._now.number <= number:
            self._now = None
        for bolt in self._core.order:
            if bolt.gate is not None:
                bolt.gate.abort(number)

    # What failed.

    def _spout_failed(self, spout: ExactExecutor, group: Group, failure: Failure) -> None:
        suspect = [spout.task, group.partition, group.start, group.end, group.attempts + 1]
        if group.count == 1:
            self._core.restore.note_failure(spout.task, group.partition, group.start, failure)
        self.ask_restore(spout.task, failure, suspects=[suspect])

    def ask_restore(
        self, task: int, failure: Failure, *, suspects: Sequence[Any] = (),
        letters: Sequence[int] = (),
    ) -> None:  # fmt: skip
        """Have everything taken back to the last complete checkpoint.

        Args:
            task: whose message failed.
            failure: of its root.
            suspects: [[task, partition, start, end, attempts]] of a spout's message.
            letters: dead letters whose other try it was.
        """
        core = self._core
        asked = {
            "kind": "restore", "epoch": core.epoch, "task": task, "component": failure.component,
            "reason": failure.reason, "traceback": failure.traceback, "suspects": list(suspects),
            "letters": list(letters),
        }  # fmt: skip
        core.control_outbox.append(asked)
        if len(self._asked) < ASKED_MAX:
            self._asked.append(asked)

    def ask_again(self) -> None:
        """Say to a coordinator that was started anew what the one before it was asked for."""
        self._core.control_outbox += self._asked
