"""Steps that take whole runs of a frame at once: ``process_batch``, and functions over columns.

Many runs go to user code in one call. When that raises, they go again run by run, so that only
the run at fault fails; of rows without a root, which nobody replays, only those at fault do. Where
each row is a message (culprits.py), functions over columns are given halves of the run, and halves
of the half at fault, until it is one row: only its message fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import length_hint
from typing import TYPE_CHECKING, Any

from waterspout.topology.channels import Rows
from waterspout.topology.columns import Columns
from waterspout.topology.errors import EmitOverflow
from waterspout.topology.frames import Run
from waterspout.topology.task_env import AGAIN, TRACED
from waterspout.topology.tuples import DEFAULT_STREAM

from .contract import Batch, Made
from .frame_work import FrameWork
from .tracing import Tracing, tracing_of

if TYPE_CHECKING:
    from .executor import BoltExecutor

#: Runs taken at once; each may bring a root, and all are noted in the crash slot.
RUNS_MAX = 1024


class WholeRuns:
    """What both kinds have in common: which runs are taken, and what happens when a call raises.

    Args:
        executor: of the task; it counts, and notes errors.
    """

    #: Whether a long run may be taken in parts.
    cuts_runs = False

    def __init__(self, executor: BoltExecutor) -> None:
        self.executor = executor
        #: Index in the frame of the first run at work, and rows of it that were taken before.
        self._first = self._begun = 0

    def run(self, work: FrameWork, budget: int) -> int:
        """Work on about ``budget`` rows of a frame whose run was begun; return how many it took."""
        executor = self.executor
        self._first, self._begun = work.unread - 1, work.rows_of_run() - work.run_left
        runs = self._take_runs(work, budget)
        last = work.roots
        total = sum(count for count, _ in runs)
        rows = work.take(total)
        executor.executed += total
        executor.queued_rows -= total
        failed = self.at_once(work, rows, runs) if _divisible(runs) else None
        if failed is None:
            failed = self._run_by_run(work, rows, runs)
        if work.run_left and last and len(runs) - 1 in failed:
            # Its messages are replayed: the rest of the run is not begun.
            executor.queued_rows -= len(work.take(work.run_left))
            work.run_left = 0
        for _, roots in runs[: -1 if work.run_left else None]:
            work.roots = roots
            work.settle_run(executor.env.toggles)
        work.roots = last
        return total

    def _take_runs(self, work: FrameWork, budget: int) -> list[Run]:
        """Return (rows, roots) of what is worked on now; of the last run perhaps only a part."""
        left, runs_max = budget, self.runs_max()
        if length_hint(work.counter) <= left and len(work.runs) <= runs_max:
            return work.rest()
        runs: list[Run] = []
        while True:
            count = min(work.run_left, left) if self.cuts_runs else work.run_left
            runs.append((count, work.roots))
            work.run_left -= count
            left -= count
            if work.run_left or left <= 0 or len(runs) >= runs_max or not work.next_run():
                return runs

    def _run_by_run(self, work: FrameWork, rows: Rows, runs: list[Run]) -> set[int]:
        """Work on each run alone; return the indexes of those that failed."""
        failed = set()
        start = 0
        for index, (count, roots) in enumerate(runs):
            if not self.run_alone(work, rows[start : start + count], index, roots):
                failed.add(index)
            start += count
        return failed

    def run_alone(self, work: FrameWork, rows: Rows, index: int, roots: tuple[int, ...]) -> bool:
        """Work on what was taken of run number ``index``; say whether it did not fail."""
        if roots:
            return self.alone(work, rows, roots)
        went_well = [self.alone(work, rows[n : n + 1], roots) for n in range(len(rows))]
        return all(went_well)

    def runs_max(self) -> int:
        """Return how many runs may be taken at once."""
        return RUNS_MAX

    def fail(
        self, error: BaseException, roots: tuple[int, ...], culprit: tuple[int, int] = (0, 0)
    ) -> None:
        """Fail a run's messages, or one of them, for what user code raised."""
        self.executor.failed += 1
        self.executor.note(error, roots, culprit)

    def at_once(self, work: FrameWork, rows: Rows, runs: list[Run]) -> set[int] | None:
        """Work on several runs; return which failed. None: it raised, and nothing was emitted."""
        raise NotImplementedError

    def alone(self, work: FrameWork, rows: Rows, roots: tuple[int, ...]) -> bool:
        """Work on a run, or on one row without a root; say whether it went well."""
        raise NotImplementedError


class BatchRuns(WholeRuns):
    """``process_batch``: what it emits descends from all messages of the batch."""

    def run(self, work: FrameWork, budget: int) -> int:
        total = super().run(work, budget)
        executor = self.executor
        while executor.bolt.due:
            # Before the call: one that raises is not made again and again.
            executor.bolt.due = False
            executor.own_calls.after_batch()
        return total

    def runs_max(self) -> int:
        return 1 if self.executor.batch_by_run else RUNS_MAX

    def at_once(self, work: FrameWork, rows: Rows, runs: list[Run]) -> set[int] | None:
        executor = self.executor
        roots = _roots_of(runs)
        if any(map(AGAIN.__and__, roots)):
            # What failed together in a batch does not come together again.
            return None
        anchors = executor.work_on(roots)
        try:
            self.call(work, rows)
        except (Exception, SystemExit):
            executor.emitter.take_back()
            return None
        executor.emitter.close_run(anchors)
        return set()

    def alone(self, work: FrameWork, rows: Rows, roots: tuple[int, ...]) -> bool:
        executor = self.executor
        anchors = executor.work_on(roots)
        failed = False
        try:
            self.call(work, rows)
        except (Exception, SystemExit) as error:
            failed = True
            self.fail(error, roots)
        executor.emitter.close_run(anchors)
        return not failed

    def call(self, work: FrameWork, rows: Rows) -> None:
        """Call ``process_batch`` with these rows."""
        self.executor.call_batch(Batch(work.cls, rows))


class ColumnRuns(WholeRuns):
    """``ColumnBolt.columns``: an output row descends from the messages of its input row."""

    cuts_runs = True

    def at_once(self, work: FrameWork, rows: Rows, runs: list[Run]) -> set[int] | None:
        if any(roots and roots[0] & TRACED for _, roots in runs):
            # These are asked for row by row, and followed run by run.
            return None
        self.executor.work_on(_roots_of(runs))
        try:
            made, counts = self._make(work, rows, [count for count, _ in runs])
        except (Exception, SystemExit):
            return None
        if self._put_whole(made, runs, counts):
            return set()
        failed = set()
        start = made_start = 0
        for index, ((count, roots), some) in enumerate(zip(runs, counts, strict=True)):
            try:
                self._put(made[made_start : made_start + some], count, roots)
            except (Exception, SystemExit) as error:
                self.executor.emitter.take_back()
                if not self._again(work, rows[start : start + count], index, roots, error):
                    failed.add(index)
            start += count
            made_start += some
        return failed

    def _put_whole(self, made: Columns, runs: list[Run], counts: list[int]) -> bool:
        """Emit what all runs brought in one go, where that can be."""
        emitter = self.executor.emitter
        # More might be more than emit_max for a single run.
        if len(made) > self.executor.env.settings.emit_max or not emitter.is_whole(DEFAULT_STREAM):
            return False
        anchored = self.executor.bolt.auto_anchor
        sent = [(n, roots if anchored else ()) for n, (_, roots) in zip(counts, runs, strict=True)]
        try:
            emitter.put_runs(DEFAULT_STREAM, made, sent)
        except (Exception, SystemExit):
            emitter.take_back()
            return False
        return True

    def _again(
        self, work: FrameWork, rows: Rows, index: int, roots: tuple[int, ...], error: BaseException
    ) -> bool:
        """Work on a run once more that raised, for as long as only a part of it is at fault."""
        whole = work.runs[self._first + index][0]
        if len(rows) > 1 and (not roots or self.executor.culprits.known(work, roots, whole)):
            return self.run_alone(work, rows, index, roots)
        return self._fail_row(work, roots, 0 if index else self._begun, whole, error)

    def run_alone(self, work: FrameWork, rows: Rows, index: int, roots: tuple[int, ...]) -> bool:
        whole = work.runs[self._first + index][0]
        if not self.executor.culprits.known(work, roots, whole):
            return super().run_alone(work, rows, index, roots)
        return self._halves(work, rows, roots, 0 if index else self._begun, whole)

    def _halves(
        self, work: FrameWork, rows: Rows, roots: tuple[int, ...], first: int, whole: int
    ) -> bool:
        """Work on rows of a run, of which number ``first`` is the first one; say whether the run
        goes on."""
        tracing = tracing_of(self.executor, work, roots, first, whole)
        error = self._try(work, rows, roots, tracing)
        if error is None:
            return True
        middle = len(rows) // 2
        if middle:
            return self._halves(work, rows[:middle], roots, first, whole) and self._halves(
                work, rows[middle:], roots, first + middle, whole
            )
        return self._fail_row(work, roots, first, whole, error)

    def _fail_row(
        self, work: FrameWork, roots: tuple[int, ...], row: int, whole: int, error: BaseException
    ) -> bool:
        """Fail the message of a row; say whether the others of its run go on."""
        culprit = self.executor.culprits.told(work, roots, row, whole)
        self.fail(error, roots, culprit or (0, 0))
        return culprit is not None

    def alone(self, work: FrameWork, rows: Rows, roots: tuple[int, ...]) -> bool:
        error = self._try(work, rows, roots)
        if error is not None:
            self.fail(error, roots)
        return error is None

    def _try(
        self, work: FrameWork, rows: Rows, roots: tuple[int, ...], tracing: Tracing | None = None
    ) -> BaseException | None:
        self.executor.work_on(roots)
        try:
            each = [len(rows)] if tracing is None else [1] * len(rows)
            made, counts = self._make(work, rows, each)
            self._put(made, len(rows), roots, tracing, counts)
        except (Exception, SystemExit) as error:
            self.executor.emitter.take_back()
            return error
        return None

    def _make(self, work: FrameWork, rows: Rows, counts: list[int]) -> Made:
        if not isinstance(rows, Columns):
            rows = Columns.of_rows(rows, len(work.cls.fields))
        bolt: Any = self.executor.bolt
        made: Made = bolt.columns(work.cls, rows, counts)
        return made

    def _put(
        self, made: Columns, count: int, roots: tuple[int, ...],
        tracing: Tracing | None = None, counts: Sequence[int] = (),
    ) -> None:  # fmt: skip
        executor = self.executor
        emit_max = executor.env.settings.emit_max
        if len(made) > emit_max * count:
            raise EmitOverflow(executor.component, DEFAULT_STREAM, emit_max)
        executor.emitter.put_many(DEFAULT_STREAM, made)
        if tracing is not None:
            tracing.leave(made, counts)
        executor.emitter.close_run(roots if executor.bolt.auto_anchor else ())


def _divisible(runs: list[Run]) -> bool:
    """Say whether only a part of these rows can fail."""
    return len(runs) > 1 or (runs[0][0] > 1 and not runs[0][1])


def _roots_of(runs: list[Run]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(root for _, roots in runs for root in roots))
