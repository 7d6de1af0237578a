"""The executor of a bolt whose rows have origins: on the way to one that asks, or asking itself.

It takes the origin off each row before the bolt sees it, and says which row is at work, so that
what is emitted descends from it (topology/origins.py). Where the bolt asks, rows that it knows
(seen.py) are not given to it. ``process_batch`` is given one row at a time where it emits: else
nobody could say for which row.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any

from waterspout.topology.channels import Rows
from waterspout.topology.columns import Columns
from waterspout.topology.errors import EmitError, UserError
from waterspout.topology.frames import Run
from waterspout.topology.origins import (
    RowAtWork,
    copy_of,
    descendants,
    salt_of,
    with_origins,
    without_origins,
)
from waterspout.topology.returned import refuse_rows
from waterspout.topology.tuples import DEFAULT_STREAM, Tuple

from .contract import Batch, Made
from .executor import BoltExecutor
from .frame_work import FrameWork
from .seen import Seen
from .whole_runs import BatchRuns, ColumnRuns

#: Metric of a task: rows that came again and were not worked on.
AGAIN_METRIC = "seen_again"


class OriginExecutor(BoltExecutor):
    """Runs one bolt task whose rows have origins."""

    hidden = 1
    #: Set by ``use_origins``.
    row: RowAtWork
    #: None: the bolt does not ask.
    seen: Seen | None = None

    def use_origins(
        self, row: RowAtWork, seen: Seen | None, *, copied: Collection[tuple[str, str]]
    ) -> None:
        """Say which row is at work; called once, before ``use_step``.

        Args:
            row: the one that the emitter's routes look at.
            seen: of a bolt that asks.
            copied: (component, stream) of inputs of which every task gets a copy.
        """
        self.row, self.seen = row, seen
        self._copied = frozenset(copied)
        #: What is emitted for rows matters: somebody reads it.
        self.emits = bool(self.emitter.frames) and self.bolt.batch_emits
        self._group = 0
        #: Of a generator that is paused: origin, and emits so far.
        self._paused = (b"", 0)

    def use_step(self, *, kind: str) -> None:
        """Choose the step.

        Raises:
            UserError: rows of such a bolt cannot have origins; lint says so before.
        """
        if kind == "columns" and self.seen is None:
            self._whole = OriginColumnRuns(self)
        elif kind == "batch":
            self._whole = OriginBatchRuns(self)
        elif kind == "process" and self.seen is not None:
            self._step = self._step_asking
        elif kind in ("process", "generator"):
            super().use_step(kind=kind)
        else:
            raise UserError(f"{self.component}: effectively_once: not with a bolt of this kind")

    # Rows.

    def own_origins(self, work: FrameWork, origins: list[bytes]) -> list[bytes]:
        """Return the origins of rows as this task has them: each copy has one of its own."""
        if self._copied and (work.cls.component, work.cls.stream) in self._copied:
            return [copy_of(origin, self.plan.index) for origin in origins]
        return origins

    def begin(self, work: FrameWork, values: Sequence[Any]) -> Tuple | None:
        """Return the tuple that is at work now; None: it needs no work."""
        origin, bare = values[-1], values[:-1]
        if self._copied:
            (origin,) = self.own_origins(work, [origin])
        seen = self.seen
        if seen is not None:
            if seen.knows(origin):
                self.emit_again(origin)
                return None
            self._group = seen.group(work.cls)(bare)
            self.row.kept = [] if self.emitter.frames else None
        self.row.begin(origin)
        return work.cls(bare)

    def done(self) -> None:
        """The bolt is done with the row at work."""
        if self.seen is not None:
            self.seen.mark(self.row.origin, self._group, self.row.kept)

    def emit_again(self, origin: bytes) -> None:
        """Emit what the bolt emitted for a row when it worked on it: it may have been lost.

        Raises:
            EmitError: its streams are others now.
        """
        assert self.seen is not None
        self.note_again(1)
        streams = list(self.emitter.streams.values())
        self.row.kept = None
        self.row.begin(origin)
        try:
            for stream, values in self.seen.emitted(origin):
                if stream >= len(streams) or len(values) != streams[stream].arity:
                    what = "a row that was emitted before a change of the streams cannot go again"
                    raise EmitError(self.component, DEFAULT_STREAM, what)
                streams[stream].put(values)
        finally:
            self.row.end()

    def note_again(self, count: int) -> None:
        """Count rows that came again."""
        if count:
            self.bolt.context.metrics.count(AGAIN_METRIC, count)

    # Steps.

    def _step_process(self, work: FrameWork, count: int) -> None:
        process, made = self.bolt.process, None
        try:
            for values in islice(work.source, count):
                tup = self.begin(work, values)
                if tup is not None:
                    made = process(tup)
        finally:
            self.row.end()
        if made is not None:
            refuse_rows(self.component, "process", made)

    def _step_asking(self, work: FrameWork, count: int) -> None:
        """``begin``, ``process`` and ``done`` written out: half the price of the calls."""
        process, row, seen, cls = self.bolt.process, self.row, self.seen, work.cls
        assert seen is not None
        rows, ends, group = seen.rows, seen.ends, seen.group(cls)
        # No cut comes in between. ``older`` goes before ``held`` (seen_rows.py).
        entries, older, held = rows.entries, rows.older, rows.held
        keeps = bool(self.emitter.frames)
        # Rows come partition by partition, and mostly behind all that is durable.
        low = high = b""
        try:
            for values in islice(work.source, count):
                origin, bare = values[-1], values[:-1]
                known = origin in entries or origin in older or origin in held
                if not known and not low < origin < high:
                    known = ends.holds(origin)
                    low, high = ends.unheld(origin)
                if known:
                    self.emit_again(origin)
                    continue
                row.origin, row.index = origin, 0
                if keeps:
                    row.kept = []
                made = process(cls(bare))
                if made is not None:
                    refuse_rows(self.component, "process", made)
                if not row.kept:
                    if origin:
                        entries[origin] = group(bare)
                else:
                    seen.mark(origin, group(bare), row.kept)
        finally:
            row.end()

    def _step_generator(self, work: FrameWork, count: int) -> None:
        if self.seen is not None:
            self._step_whole_generators(work, count)
            return
        for values in islice(work.source, 1):
            tup = self.begin(work, values)
            if tup is not None:
                self._suspend()
                self._generate(tup)

    def _step_whole_generators(self, work: FrameWork, count: int) -> None:
        """Run each generator to its end: a snapshot in between would hold half of its effects."""
        process, emit = self.bolt.process, self.bolt.emit
        try:
            for values in islice(work.source, count):
                tup = self.begin(work, values)
                if tup is not None:
                    for row in process(tup) or ():
                        if row is not None:
                            emit(row)
                    self.done()
        finally:
            self.row.end()

    def _pull(self) -> None:
        self.row.begin(*self._paused)
        try:
            super()._pull()
        finally:
            self._suspend()

    def _suspend(self) -> None:
        """Put the row at work aside: a tick or a timer may be called meanwhile."""
        self._paused = self.row.origin, self.row.index
        self.row.end()

    def new_epoch(self, now: float) -> None:
        """Forget what is queued, and the row at work."""
        self.row.end()
        super().new_epoch(now)


class OriginBatchRuns(BatchRuns):
    """``process_batch`` with rows that have origins."""

    executor: OriginExecutor

    def at_once(self, work: FrameWork, rows: Rows, runs: list[Run]) -> set[int] | None:
        if self.executor.emits:
            return None
        return super().at_once(work, rows, runs)

    def alone(self, work: FrameWork, rows: Rows, roots: tuple[int, ...]) -> bool:
        if not self.executor.emits:
            return super().alone(work, rows, roots)
        executor = self.executor
        anchors = executor.work_on(roots)
        failed = False
        try:
            for values in rows.tuples() if isinstance(rows, Columns) else rows:
                tup = executor.begin(work, values)
                if tup is not None:
                    executor.call_batch(Batch(work.cls, [tuple(tup)]))
                    executor.done()
        except (Exception, SystemExit) as error:
            failed = True
            self.fail(error, roots)
        finally:
            executor.row.end()
        executor.emitter.close_run(anchors)
        return not failed

    def call(self, work: FrameWork, rows: Rows) -> None:
        """Call ``process_batch`` with the rows that the bolt does not know; nothing is emitted."""
        seen = self.executor.seen
        bare, origins = without_origins(rows)
        if seen is None:
            self._call_silent(Batch(work.cls, bare))
            return
        if not (
            seen.ends.holds_none(origins)
            and seen.rows.has_none(origins)
            and len(set(origins)) == len(origins)
        ):
            bare, origins = self._unknown(bare, origins)
        if origins:
            batch = Batch(work.cls, bare)
            groups = seen.groups(work.cls, [batch.column(at) for at in seen.positions(work.cls)])
            self._call_silent(batch)
            seen.mark_all(origins, groups)

    def _call_silent(self, batch: Batch) -> None:
        """Call ``process_batch`` where nobody could say which row it emits for."""
        executor = self.executor
        executor.row.kept = []
        try:
            executor.call_batch(batch)
            if executor.row.kept:
                what = "process_batch emits, and its class says 'batch_emits = False'"
                raise EmitError(executor.component, DEFAULT_STREAM, what)
        finally:
            executor.row.kept = None

    def _unknown(self, rows: Rows, origins: list[bytes]) -> tuple[Rows, list[bytes]]:
        """Return the rows that need work, each once."""
        seen, here = self.executor.seen, set()
        assert seen is not None
        wanted = []
        for at, origin in enumerate(origins):
            if not origin or not (origin in here or seen.knows(origin)):
                wanted.append(at)
                here.add(origin)
        self.executor.note_again(len(origins) - len(wanted))
        if isinstance(rows, Columns):
            columns = tuple([[column[at] for at in wanted] for column in rows.values])
            left: Rows = Columns.of(columns, len(wanted), normal=rows.normal)
        else:
            left = [rows[at] for at in wanted]
        return left, [origins[at] for at in wanted]


class OriginColumnRuns(ColumnRuns):
    """``ColumnBolt.columns`` with rows that have origins: each row is a run of its own."""

    executor: OriginExecutor

    def at_once(self, work: FrameWork, rows: Rows, runs: list[Run]) -> set[int] | None:
        self.executor.row.attached = True
        try:
            return super().at_once(work, rows, runs)
        finally:
            self.executor.row.attached = False

    def alone(self, work: FrameWork, rows: Rows, roots: tuple[int, ...]) -> bool:
        self.executor.row.attached = True
        try:
            return super().alone(work, rows, roots)
        finally:
            self.executor.row.attached = False

    def _make(self, work: FrameWork, rows: Rows, counts: list[int]) -> Made:
        if not isinstance(rows, Columns):
            rows = Columns.of_rows(rows, len(work.cls.fields) + 1)
        bare, origins = without_origins(rows)
        origins = self.executor.own_origins(work, origins)
        bolt: Any = self.executor.bolt
        made, by_row = bolt.columns(work.cls, bare, [1] * len(origins))
        salt = salt_of(self.executor.component, DEFAULT_STREAM)
        children: list[bytes] = []
        for origin, count in zip(origins, by_row, strict=True):
            children += descendants(origin, salt, count)
        following = iter(by_row)
        stamped: Any = with_origins(made, children)
        return stamped, [sum(islice(following, count)) for count in counts]
