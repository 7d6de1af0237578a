"""Takes what tasks have emitted to where it goes: a queue of this worker, or a link.

Called at the end of every slice. Rows that have no wire form fail exactly their messages,
here or over the wire, so that a topology behaves alike on one worker and on ten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import compress
from typing import Any

from waterspout.bolts.executor import BoltExecutor
from waterspout.bolts.frame_work import FrameWork
from waterspout.topology.channels import OpenFrame, Rows, Sealed, draw_edge
from waterspout.topology.emitter import Emitter
from waterspout.topology.errors import EmitError, TupleTooLarge, UnserialisableValue
from waterspout.topology.frame_split import Part, pack_parts, runs_without, split_runs
from waterspout.topology.frames import DATA_HEADER_BYTES, BodyPacker, FrameTooLarge, Run
from waterspout.topology.marks import Mark
from waterspout.topology.task_env import TaskEnv
from waterspout.topology.tuples import Tuple
from waterspout.topology.wire_values import (
    NotPackable,
    find_oversized,
    find_unpackables,
    normalise_rows,
    scan_rows,
)

from .link import LinkSender

#: Slices of rows that a shuffle keeps under way to a task elsewhere before it counts as busy.
SLICES_AHEAD = 2

#: (component, stream name, field names) of a channel's stream.
StreamInfo = tuple[str, str, tuple[str, ...]]


class Dispatch:
    """The way out of every task of a worker.

    Args:
        executors: bolt executors of this worker by task.
        classes: (source task, stream index) -> Tuple class.
        links: peer -> sender; shared with the worker core, which changes it.
    """

    def __init__(
        self, env: TaskEnv, executors: Mapping[int, BoltExecutor],
        classes: Mapping[tuple[int, int], type[Tuple]], links: Mapping[int, LinkSender],
        worker: int,
    ) -> None:  # fmt: skip
        self._env, self._executors, self._classes, self._links = env, executors, classes, links
        self._worker = worker
        self._packer = BodyPacker()
        self._rows_max = env.settings.frame_rows_max
        self._queue_max = env.settings.queue_rows_max
        self._check = env.settings.check_values
        #: Rows of the last frame of each remote channel; what a frame under way is taken to hold.
        self._last_rows: dict[tuple[int, int, int], int] = {}

    def blocked_of(self, emitter: Emitter) -> Callable[[], bool]:
        """Return the function that says whether the outbox of a task is full."""
        frames = emitter.frames
        targets = [self._executors.get(frame.key[2]) for frame in frames]
        pairs = list(zip(frames, targets, strict=True))
        rows_max, queue_max = self._rows_max, self._queue_max

        def blocked() -> bool:
            for frame, target in pairs:
                if target is not None:
                    if target.queued_rows + len(frame.rows) + frame.block_rows >= queue_max:
                        return True
                    gate = target.gate
                    if gate and gate.rows_of and gate.rows_of.get(frame.key, 0) >= queue_max:
                        return True
                elif frame.ready or frame.count >= rows_max:
                    self.flush_frame(frame)
                    if frame.ready:
                        return True
            return False

        return blocked

    def load_of(self, frame: OpenFrame) -> int:
        """Return the rows that wait at the target of a frame, as far as this worker knows."""
        target = self._executors.get(frame.key[2])
        if target is not None:
            return target.queued_rows + frame.count
        link = self._links.get(frame.target_worker)
        under_way = link.under_way(frame.key) if link is not None else 0
        return under_way * self._last_rows.get(frame.key, 1) + frame.waiting_rows()

    def ahead_of(self, frame: OpenFrame) -> int:
        """Return the rows that a task elsewhere may have more of than the own target of ``frame``.

        What a slice takes, twice, by the speed of the own task: one at work, one that waits.
        """
        target = self._executors.get(frame.key[2])
        return SLICES_AHEAD * target.slice_rows if target is not None else 0

    def flush(self, emitter: Emitter) -> bool:
        """Send what a task has emitted, as far as credit and queues allow; True: something left."""
        moved = False
        for frame in emitter.frames:
            if frame.count or frame.ready:
                moved |= self.flush_frame(frame)
        return moved

    def flush_frame(self, frame: OpenFrame) -> bool:
        """Send one open frame, as far as possible."""
        target = self._executors.get(frame.key[2])
        if target is not None:
            if not frame.count:
                return False
            self._hand_over(target, frame)
            return True
        link = self._links.get(frame.target_worker)
        moved = False
        while link is not None:
            if not frame.ready:
                if not (frame.count and link.has_credit(frame.key)):
                    break
                self._seal(frame)
            first = frame.ready[0]
            if not (link.open if isinstance(first, Mark) else link.has_credit(frame.key)):
                break
            frame.ready.popleft()
            if isinstance(first, Mark):
                link.send_mark(frame.key, first)
            else:
                moved |= self._send(link, frame, first)
        if frame.count >= self._rows_max:
            self._seal(frame)
        return moved

    def mark(self, emitter: Emitter, mark: Mark) -> None:
        """Put a mark on every channel of a task, whatever its grouping, behind all that it has
        emitted. Called between two calls of the component, when its run was closed."""
        for frame in emitter.frames:
            target = self._executors.get(frame.key[2])
            if target is not None:
                if frame.count:
                    self._hand_over(target, frame)
                target.enqueue_mark(frame.key, mark)
                continue
            if frame.count:
                self._seal(frame)
            frame.add_mark(mark)
            self.flush_frame(frame)

    def _seal(self, frame: OpenFrame) -> None:
        """Close a frame; one that grew over ``frame_rows_max`` in a single call is cut."""
        sealed = frame.take()
        while len(sealed[2]) > self._rows_max:
            head, sealed = self._cut(sealed, self._rows_of_head(sealed[1]))
            frame.ready.append(head)
        frame.ready.append(sealed)

    def _rows_of_head(self, runs: list[Run]) -> int:
        """Return the rows of a frame that is cut: whole runs if that can be. A message that fails
        is told from its group only where all of the group are together (culprits.py)."""
        rows = 0
        for count, _ in runs:
            if rows + count > self._rows_max:
                break
            rows += count
        return rows or self._rows_max

    def _cut(self, sealed: Sealed, rows: int) -> tuple[Sealed, Sealed]:
        edge, runs, values, trails = sealed
        first, second = split_runs(runs, rows)
        edges = self._spread_edge(edge, [first, second])
        # Those of the run that is cut, if one is, say nothing any more.
        head, rest = values[:rows], values[rows:]
        return (edge, first, head, trails), (edges[1], second, rest, trails)

    def _spread_edge(self, edge: int, parts: list[list[Run]]) -> list[int]:
        """Return an edge for each part of a frame; the first keeps ``edge``.

        Roots of later parts are toggled with theirs, and out of ``edge`` where the first part
        does not carry them.
        """
        if not edge:
            return [0] * len(parts)
        toggles = self._env.toggles
        edges = [edge, *(draw_edge(self._env.draw) for _ in parts[1:])]
        inside = [{root for _, roots in runs for root in roots} for runs in parts]
        for own, roots in zip(edges[1:], inside[1:], strict=True):
            for root in roots:
                toggles[root] = toggles.get(root, 0) ^ own
        for root in set().union(*inside[1:]) - inside[0]:
            toggles[root] = toggles.get(root, 0) ^ edge
        return edges

    # Within the worker.

    def _hand_over(self, target: BoltExecutor, frame: OpenFrame) -> None:
        edge, runs, rows, trails = frame.take()
        if not scan_rows(rows):
            rows, problems = normalise_rows(rows)
            if problems:
                bad = {problem.row: self._unserialisable(frame, problem) for problem in problems}
                runs, rows = self._drop_rows(frame, edge, runs, rows, bad)
        if self._check and rows:
            runs, rows = self._checked(frame, edge, runs, rows)
        if rows:
            source, stream, _ = frame.key
            cls = self._classes[source, stream]
            target.enqueue(FrameWork(frame.key, cls, edge, runs, rows, trails, remote=False))

    def _checked(
        self, frame: OpenFrame, edge: int, runs: list[Run], rows: Rows
    ) -> tuple[list[Run], Rows]:
        """Treat local rows as if they went over the wire (``check_values``)."""
        bad: dict[int, EmitError] = {
            problem.row: self._unserialisable(frame, problem) for problem in find_unpackables(rows)
        }
        packable = [row for row in range(len(rows)) if row not in bad]
        oversized = self._oversized(frame, [rows[row] for row in packable])
        bad |= {packable[index]: error for index, error in oversized.items()}
        return self._drop_rows(frame, edge, runs, rows, bad) if bad else (runs, rows)

    # Over a link.

    def _send(self, link: LinkSender, frame: OpenFrame, sealed: Sealed) -> bool:
        edge, runs, rows, trails = sealed
        bytes_max = link.frame_bytes_max
        try:
            parts = pack_parts(self._packer, runs, rows, bytes_max, trails)
        except NotPackable:
            bad: dict[int, EmitError] = {
                p.row: self._unserialisable(frame, p) for p in find_unpackables(rows)
            }
            return self._without(frame, sealed, bad or self._unknown(frame, rows))
        except FrameTooLarge:
            oversized = self._oversized(frame, rows, bytes_max)
            unfitting = oversized or self._unfitting(frame, sealed, bytes_max)
            return self._without(frame, sealed, unfitting)
        if len(parts) > 1 or len(parts[0].body) > self._env.settings.tuple_bytes_max:
            oversized = self._oversized(frame, rows)
            if oversized:
                return self._without(frame, sealed, oversized)
        self._send_parts(link, frame, edge, parts)
        return True

    def _send_parts(
        self, link: LinkSender, frame: OpenFrame, edge: int, parts: list[Part]
    ) -> None:
        first, *rest = parts
        width = len(first.rows[0])
        self._last_rows[frame.key] = len(first.rows)
        edges = self._spread_edge(edge, [part.runs for part in parts])
        link.send_data(frame.key, edge, width, len(first.rows), first.body)
        waiting: list[Sealed] = [
            (e, part.runs, list(part.rows), {}) for e, part in zip(edges[1:], rest, strict=True)
        ]
        frame.ready.extendleft(reversed(waiting))

    def _without(self, frame: OpenFrame, sealed: Sealed, bad: dict[int, EmitError]) -> bool:
        edge, runs, rows, trails = sealed
        runs, rows = self._drop_rows(frame, edge, runs, rows, bad)
        if rows:
            frame.ready.appendleft((edge, runs, rows, trails))
        return True

    # Rows that cannot travel.

    def _drop_rows(
        self, frame: OpenFrame, edge: int, runs: list[Run], rows: Rows,
        bad: Mapping[int, EmitError],
    ) -> tuple[list[Run], Rows]:  # fmt: skip
        """Fail the messages of the bad rows by name and return the rest."""
        position = 0
        source = frame.key[0]
        for count, roots in runs:
            for row in range(position, position + count):
                error = bad.get(row)
                if error is not None:
                    self._env.fail_roots(roots, error.component, source, str(error))
                    self._env.note_error(error.component, source, str(error))
            position += count
        kept = list(compress(rows, (row not in bad for row in range(len(rows)))))
        left = runs_without(runs, list(bad))
        gone = {r for _, roots in runs for r in roots} - {r for _, roots in left for r in roots}
        for root in gone:
            self._env.toggles[root] = self._env.toggles.get(root, 0) ^ edge
        return left, kept

    def _info(self, frame: OpenFrame) -> StreamInfo:
        cls = self._classes[frame.key[0], frame.key[1]]
        return cls.component, cls.stream, cls.fields

    def _unserialisable(self, frame: OpenFrame, problem: Any) -> EmitError:
        component, stream, fields = self._info(frame)
        return UnserialisableValue(component, stream, fields[problem.field], problem.type_name)

    def _oversized(
        self, frame: OpenFrame, rows: Iterable[Any], bytes_max: int | None = None
    ) -> dict[int, EmitError]:
        component, stream, _ = self._info(frame)
        limit = self._env.settings.tuple_bytes_max
        if bytes_max is not None:
            limit = min(limit, bytes_max - DATA_HEADER_BYTES - 64)
        return {
            row: TupleTooLarge(component, stream, size, limit)
            for row, size in find_oversized(list(rows), limit)
        }

    def _unfitting(
        self, frame: OpenFrame, sealed: Sealed, bytes_max: int
    ) -> dict[int, EmitError]:
        """Return the rows that do not fit into a frame together with the roots they carry."""
        component, stream, _ = self._info(frame)
        _, runs, rows, _ = sealed
        roots_of = [roots for count, roots in runs for _ in range(count)]
        bad: dict[int, EmitError] = {}
        for position, (roots, row) in enumerate(zip(roots_of, rows, strict=True)):
            size = DATA_HEADER_BYTES + len(self._packer.pack([(1, roots)], [row]))
            if size > bytes_max:
                bad[position] = TupleTooLarge(component, stream, size, bytes_max)
        return bad

    def _unknown(self, frame: OpenFrame, rows: Rows) -> dict[int, EmitError]:
        """Fail a whole frame that does not pack for a reason nobody can name."""
        component, stream, _ = self._info(frame)
        error = EmitError(component, stream, "the tuple does not pack")
        return dict.fromkeys(range(len(rows)), error)
