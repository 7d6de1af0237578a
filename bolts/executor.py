"""The executor of one bolt task: feeds it tuples, settles and fails them, closes runs.

Fed with frames (``enqueue``) and time, it runs a slice per call: so many rows that a slice
takes about ``SLICE_S``. How the rows of a run are handed to the bolt is the one thing that
differs between kinds of bolts: see ``use_step``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice
from operator import length_hint
from typing import Any

from waterspout.topology.emit_limit import EmitLimit
from waterspout.topology.emitter import Emitter
from waterspout.topology.errors import FailTuple
from waterspout.topology.frames import Channel
from waterspout.topology.marks import IDLE, REPLACEABLE, WATERMARK, Mark
from waterspout.topology.plan import TaskPlan
from waterspout.topology.returned import refuse_rows
from waterspout.topology.task_env import TaskEnv, reason_of
from waterspout.topology.tracebacks import user_traceback
from waterspout.topology.tuples import Tuple

from .contract import Batch, Bolt
from .culprits import Culprits
from .frame_work import FrameWork
from .gate import Gate
from .holds import Holds
from .own_calls import OwnCalls
from .own_messages import OwnMessages
from .queued_mark import QueuedMark
from .task_time import TaskTime
from .tracing import give
from .whole_runs import BatchRuns, ColumnRuns, WholeRuns

#: What a slice should take, and the rows it may have.
SLICE_S = 0.004
SLICE_ROWS_MAX = 8192
#: Takes the channel and the value of a mark.
TakeMark = Callable[[Channel, int], None]
#: Hands ``count`` rows of the run at work to the bolt; returns when done or raises.
Step = Callable[[FrameWork, int], None]


class BoltExecutor:
    """Runs one bolt task.

    Args:
        blocked: says whether the task's outbox is full; asked between runs.
        state: the task's state, or None.
    """

    #: Values at the end of each row that are not the bolt's (origin_executor.py).
    hidden = 0

    def __init__(
        self, plan: TaskPlan, bolt: Bolt, emitter: Emitter, env: TaskEnv, *,
        blocked: Callable[[], bool], own: OwnMessages, tick_interval_s: float | None = None,
    ) -> None:  # fmt: skip
        self.plan, self.bolt, self.emitter, self.env = plan, bolt, emitter, env
        self.task, self.component = plan.task, plan.component
        self.blocked, self.own = blocked, own
        self.queue: deque[FrameWork | QueuedMark] = deque()
        self.queued_rows = 0
        self.holds = Holds(plan.component, plan.task, env)
        self.executed = self.failed = 0
        self.busy_s = 0.0
        self.running = False
        #: Rows that a slice may have now; what ``SLICE_S`` is enough for.
        self.slice_rows = 64
        #: Calls that take no row from the queue: ticks, ``finish``, pulls of generators.
        self.calls = 0
        emitter.limit = EmitLimit(self.component, env.settings.emit_max, self._call_at_work)
        #: Roots of the tuples at work; emits descend from them, but with auto_anchor = False.
        self.roots_at_work: tuple[int, ...] = ()
        #: Told of the roots at work, and () after each slice: what outlives a crash.
        self.at_work: Callable[[tuple[int, ...]], None] = _forget
        self.culprits = Culprits()
        self._step: Step = self._step_process
        #: Takes the place of the step for bolts that work on many rows at once.
        self._whole: WholeRuns | None = None
        #: What a batch emits descends from all its messages: where a bolt below holds tuples, one
        #: that waits for a half that never comes would pin them all, so a batch is one run there.
        self.batch_by_run = False
        self._generator: Any = None
        #: Goes on with what a watermark set off and no slice could end; says whether it has ended.
        self.unfinished: Callable[[], bool] | None = None
        #: Watermarks and timers of the task; None: it has neither.
        self.time: TaskTime | None = None
        self.own_calls = OwnCalls(self, tick_interval_s)
        #: Called when a mark's turn has come, between two calls of the bolt: (channel, value).
        self.on_watermark: TakeMark = _no_mark
        self.on_idle: TakeMark = _no_mark
        self.on_barrier: TakeMark = _no_mark
        #: Under exactly-once: holds back what channels bring behind a barrier.
        self.gate: Gate | None = None
        #: The watermark at the end of each channel's queue, if one is: a later one replaces it.
        self._last_watermarks: dict[Channel, QueuedMark] = {}

    # Frames come in.

    def enqueue(self, work: FrameWork) -> None:
        """Take a frame; the router keeps the queue within ``queue_rows_max``."""
        if self._whole is None:
            work.take_apart()
        if self._last_watermarks:
            self._last_watermarks.pop(work.channel, None)
        if self.gate is not None and self.gate.holds_back(work):
            return
        self.queue.append(work)
        self.queued_rows += length_hint(work.counter)

    def enqueue_mark(self, channel: Channel, mark: Mark) -> None:
        """Take a mark: its turn comes behind the frames that came before it on its channel."""
        last = self._last_watermarks.get(channel)
        if mark.kind in REPLACEABLE:
            if last is not None and not (self.gate is not None and self.gate.alignment.logging):
                last.mark = mark
                return
            self._last_watermarks[channel] = queued = QueuedMark(channel, mark)
        else:
            self._last_watermarks.pop(channel, None)
            queued = QueuedMark(channel, mark)
        if self.gate is None or not self.gate.holds_back(queued):
            self.queue.append(queued)

    def _take_mark(self, queued: QueuedMark) -> None:
        channel, (kind, value) = queued.channel, queued.mark
        if self._last_watermarks.get(channel) is queued:
            del self._last_watermarks[channel]
        if kind == WATERMARK:
            self.on_watermark(channel, value)
        elif kind == IDLE:
            self.on_idle(channel, value)
        else:
            self.on_barrier(channel, value)

    @property
    def idle(self) -> bool:
        """Whether nothing waits here for a call, or for one to end."""
        return not self.queue and self.unfinished is None

    @property
    def paused(self) -> bool:
        """Whether a generator, or what a watermark set off, waits for room in the outbox."""
        return self._generator is not None or self.unfinished is not None

    def stand_still(self, wanted: bool = True) -> bool:
        """Say whether all that was begun has ended, so that the task may be cut between two tuples.

        Args:
            wanted: begin nothing that would last; False: the cut is made, or not wanted any more.
        """
        return not self.paused

    def _call_at_work(self) -> tuple[int, int, int]:
        """Return what differs from one call of the bolt to the next (for ``emit_max``)."""
        rows_left = length_hint(self.queue[0].counter) if self.queue else 0
        return self.executed, self.calls, rows_left

    def work_on(self, roots: tuple[int, ...]) -> tuple[int, ...]:
        """Note the roots at work; return those that emits without ``anchors=`` descend from."""
        self.at_work(roots)
        self.roots_at_work = roots
        self.emitter.roots = roots if self.bolt.auto_anchor else ()
        return self.emitter.roots

    # Slices.

    def run(self) -> bool:
        """Work for one slice; called while there is something queued and the outbox has room."""
        if not self.queue and not self.paused:
            return False
        started = self.env.clock()
        self.running = True
        done = self._slice(self.slice_rows)
        self.running = False
        self.at_work(())
        took = self.env.clock() - started
        self.busy_s += took
        if took < SLICE_S / 2 and done >= self.slice_rows:
            self.slice_rows = min(2 * self.slice_rows, SLICE_ROWS_MAX)
        elif took > SLICE_S and done:
            self.slice_rows = max(1, int(done * SLICE_S / took))
        return True

    def _slice(self, budget: int) -> int:
        left, whole = budget, self._whole
        if self.paused and not (self._resume() if self._generator is not None else self.go_on()):
            return 1
        while left > 0 and self.queue:
            work: Any = self.queue[0]
            if not work.run_left and not work.next_run():
                self._frame_done(self.queue.popleft())
                if self.unfinished is not None:
                    break
                continue
            left -= whole.run(work, left) if whole is not None else self._run_part(work, left)
            if self._generator is not None or (left > 0 and self.blocked()):
                break
        while self.queue and not self.queue[0].run_left and self.queue[0].unread == len(
            self.queue[0].runs
        ) and not self.paused:
            self._frame_done(self.queue.popleft())
        return budget - left

    def emit_whole(self, rows: Any) -> None:
        """Emit all of these rows or none; counts as a call of its own for ``emit_max``."""
        self.calls += 1
        self.emitter.keep()
        try:
            self.bolt.emit_many(rows)
        except BaseException:
            self.emitter.take_back()
            raise

    def go_on(self) -> bool:
        """Go on with what a watermark set off; say whether it has ended."""
        if self.unfinished is not None and self.unfinished():
            self.unfinished = None
        return self.unfinished is None

    def _run_part(self, work: FrameWork, budget: int) -> int:
        """Hand up to ``budget`` rows of the run at work to the bolt."""
        count = min(work.run_left, budget)
        roots = self.work_on(work.roots)
        before = length_hint(work.counter)
        try:
            self._step(work, count)
        except (Exception, SystemExit) as error:
            self._fail_run(work, error)
        return max(self._took(work, before, roots), 1)

    def _took(self, work: FrameWork, before: int, roots: tuple[int, ...]) -> int:
        """Count what was taken of the run at work, and settle it when that was all of it."""
        done = before - length_hint(work.counter)
        self.executed += done
        self.queued_rows -= done
        work.run_left -= done
        self.emitter.close_run(roots)
        if not work.run_left and self._generator is None and not work.by_row:
            work.settle_run(self.env.toggles)
        return done

    def _fail_run(self, work: FrameWork, error: BaseException) -> None:
        """Fail the message whose row raised; all of the run, where nobody can tell which that is,
        and skip its rest: it is replayed anyway. Of rows without a root only that one is lost."""
        self.failed += 1
        left, rows = work.unread_of_run(), work.rows_of_run()
        culprit = self.culprits.told(work, work.roots, rows - left - 1, rows)
        self.note(error, work.roots, culprit or (0, 0))
        if work.roots and not culprit:
            deque(islice(work.source, left), maxlen=0)

    def note(
        self, error: BaseException, roots: tuple[int, ...], culprit: tuple[int, int] = (0, 0)
    ) -> None:
        """Fail roots, or one message of one, for what user code raised."""
        reason = reason_of(error)
        details = "" if isinstance(error, FailTuple) else user_traceback(error)
        self.env.fail_roots(roots, self.component, self.task, reason, details, culprit)
        if not isinstance(error, FailTuple):
            self.env.note_error(self.component, self.task, reason, details)

    def _frame_done(self, work: FrameWork | QueuedMark) -> None:
        if isinstance(work, QueuedMark):
            self._take_mark(work)
        elif work.remote:
            self.env.credit(work.channel)

    # Steps: how the rows of a run reach the bolt.

    def use_step(self, *, kind: str) -> None:
        """Choose the step: process, generator, columns, batch or held. Called once at the start."""
        if kind in _WHOLE_RUNS:
            self._whole = _WHOLE_RUNS[kind](self)
            return
        self._step = {
            "process": self._step_process,
            "generator": self._step_generator,
            "held": self._step_held,
        }[kind]

    def _step_process(self, work: FrameWork, count: int) -> None:
        give(self, self.bolt.process, work, count)

    def _step_held(self, work: FrameWork, count: int) -> None:
        process, holds, now = self.bolt.process, self.holds, self.env.clock()
        source_task = work.channel[0]
        for tup in map(work.cls, islice(work.source, count)):
            tup.task = source_task
            holds.take(tup, work, work.roots, now)
            try:
                made = process(tup)
                if made is not None:
                    refuse_rows(self.component, "process", made)
            except (Exception, SystemExit) as error:
                self.failed += 1
                reason, details = reason_of(error), user_traceback(error)
                holds.fail(tup, reason, details)
                if not isinstance(error, FailTuple):
                    self.env.note_error(self.component, self.task, reason, details)

    def _step_generator(self, work: FrameWork, count: int) -> None:
        """One tuple at a time: its generator may be paused for longer than a slice."""
        give(self, self._generate, work, 1)

    def _generate(self, tup: Tuple) -> None:
        try:
            self._generator = iter(self.bolt.process(tup) or ())
            self._pull()
        except BaseException:
            self._generator = None
            raise

    def _pull(self) -> None:
        """Take rows from the generator until it ends or the outbox is full."""
        emit = self.bolt.emit
        for pulled, row in enumerate(self._generator, 1):
            self.calls += 1
            if row is not None:
                emit(row)
            if pulled % 64 == 0:
                self.emitter.close_run(self.emitter.roots)
                if self.blocked():
                    return
        self._generator = None

    def _resume(self) -> bool:
        """Go on with a paused generator; say whether it has ended."""
        work: Any = self.queue[0]
        roots = self.work_on(work.roots)
        before = length_hint(work.counter)
        try:
            self._pull()
        except (Exception, SystemExit) as error:
            self._generator = None
            self._fail_run(work, error)
        self._took(work, before, roots)
        return self._generator is None

    def call_batch(self, batch: Batch) -> None:
        """Call ``process_batch``."""
        self.calls += 1
        made = self.bolt.process_batch(batch)  # type: ignore[attr-defined]
        if made is not None:
            refuse_rows(self.component, "process_batch", made)

    # A new epoch.

    def new_epoch(self, now: float) -> None:
        """Forget what is queued: spouts replay it. State stays."""
        self.queue.clear()
        self.queued_rows = 0
        self._generator = self.unfinished = None
        self._last_watermarks.clear()
        self.own_calls.new_epoch()
        if self.time is not None:
            self.time.new_epoch()
        old = self.holds.drop_all()
        self.emitter.roots = self.roots_at_work = ()
        if not self.bolt.auto_ack:
            self._reset(old)
        self.own.again_all(now)

    def _reset(self, old: list[Tuple]) -> None:
        try:
            self.bolt.reset(old)
        except (Exception, SystemExit) as error:
            text = f"reset: {reason_of(error)}"
            self.env.note_error(self.component, self.task, text, user_traceback(error))

    def vouched(self, now: float) -> set[int]:
        """Return the roots that are queued or held here."""
        return self.holds.vouched(now).union(*(work.all_roots() for work in self.queue))


#: Steps over many rows at once.
_WHOLE_RUNS = {"columns": ColumnRuns, "batch": BatchRuns}


def _forget(roots: tuple[int, ...]) -> None:
    """Stand in for ``at_work`` where nobody reads it."""


def _no_mark(channel: Channel, value: int) -> None:
    """Stand in for marks that mean nothing to a task."""
