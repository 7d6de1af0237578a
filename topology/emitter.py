"""What a task emits with: its routes by stream, and the open frames that they fill.

Plain emits to the default stream go another way: ``bound_emit``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from .bound_emit import Emit, bound_emit
from .channels import Draw, OpenFrame, Rows
from .columns import Columns
from .component import StreamDecl
from .emit_limit import EmitLimit
from .errors import EmitError, UserError
from .frames import Run
from .groupings import DirectRoute, Route
from .tuples import DEFAULT_STREAM, Tuple

#: Roots of given anchors; a bolt's executor knows.
RootsOf = Callable[[Sequence[Any]], tuple[int, ...]]
_LIST = frozenset({list})
_DIRECT = "the stream is direct: give direct_task="


class StreamOut:
    """One declared output stream and the routes to its subscribers."""

    def __init__(self, name: str, decl: StreamDecl, routes: Sequence[Route]) -> None:
        self.name = name
        self.arity = len(decl.fields)
        self.fields = decl.fields
        self.direct = decl.direct
        self.routes = list(routes)
        #: Whether rows are worth being made columns of.
        self.by_column = any(route.by_column for route in self.routes)
        #: Whether the rows of several runs may be put together: they go the same way anyhow.
        self.whole = all(route.whole for route in self.routes)

    def put(self, row: list[Any]) -> None:
        """Hand a row to every subscriber."""
        for route in self.routes:
            route.put(row)

    def put_many(self, rows: Rows) -> None:
        """Hand rows to every subscriber."""
        for route in self.routes:
            route.put_many(rows)


class Emitter:
    """All output streams of one task; owns its open frames.

    ``toggles`` is the worker's dict of XORs that wait for the acker; ``draw`` gives random bits.
    """

    def __init__(
        self,
        component: str,
        streams: Sequence[StreamOut],
        frames: Sequence[OpenFrame],
        toggles: dict[int, int],
        draw: Draw,
    ) -> None:
        self.component = component
        self.streams = {stream.name: stream for stream in streams}
        self.frames = list(frames)
        self._turning = [r for s in streams for r in s.routes if type(r).turn is not Route.turn]
        self._toggles = toggles
        self._draw = draw
        #: Tuples emitted so far, whatever became of them.
        self.emitted = 0
        #: Roots of the tuple or run at work; what is emitted descends from them.
        self.roots: tuple[int, ...] = ()
        #: Does what ``keep`` does, where the rows of a call have several roots.
        self.keeping: Callable[[], None] | None = None
        #: Of a bolt: set by its executor before ``bind``.
        self.limit: EmitLimit | None = None
        self._emit_many = self.bind_many()

    def close_run(self, roots: tuple[int, ...]) -> None:
        """Note that all rows since the last call descend from ``roots``; called between runs."""
        for frame in self.frames:
            added = len(frame.rows) + frame.block_rows - frame.mark
            if added > 0:
                self.emitted += added
                frame.note_run(added, roots, self._toggles, self._draw)
        for route in self._turning:
            route.turn()

    def keep(self) -> None:
        """Have ``take_back`` leave the rows so far, whose call goes on: a part of it is done."""
        if self.keeping is not None:
            self.keeping()
            return
        turning, self._turning = self._turning, []
        self.close_run(self.roots)
        self._turning = turning

    def take_back(self) -> None:
        """Forget the rows since ``close_run`` or ``keep``: what emitted them is done again."""
        for frame in self.frames:
            frame.take_back()

    def put_many(self, stream: str, rows: Rows) -> None:
        """Emit the rows of a ready-made bolt; arity is the caller's duty.

        Raises:
            EmitError: there are rows, and no such stream (a bolt that ends there has none), or a
                grouping refused one.
        """
        if rows:
            out = self._stream(stream)
            try:
                out.put_many(rows)
            except (UserError, TypeError) as error:
                raise self._refused(stream, error) from error

    def put_runs(self, stream: str, rows: Rows, runs: Sequence[Run]) -> None:
        """Emit the rows of several runs, in order; for streams that are ``whole``.

        Called right after ``close_run``. What raises leaves the rows to ``take_back``.
        """
        self.put_many(stream, rows)
        for frame in self.frames:
            added = frame.count - frame.mark
            if added:
                self.emitted += added
                for count, roots in runs:
                    if count:
                        frame.note_run(count, roots, self._toggles, self._draw)

    def is_whole(self, stream: str) -> bool:
        """Say whether ``put_runs`` may be called."""
        out = self.streams.get(stream)
        return out is not None and out.whole

    def try_many(self, rows: Rows, stream: str = DEFAULT_STREAM) -> BaseException | None:
        """Emit the rows of a message or group of a spout: all, or none and say why not.

        A row of the wrong length, a value that is no key and a custom grouping that raises are
        the user's; they have to fail the message, not the worker. Called right after ``close_run``.
        """
        try:
            self._emit_many(rows, stream)
        except (Exception, SystemExit) as error:
            self.take_back()
            return error
        return None

    def bind(self, roots_of: RootsOf | None = None) -> Emit:
        """Return the ``emit`` of the component."""
        slow = partial(self._slow_emit, roots_of)
        out = self.streams.get(DEFAULT_STREAM)
        if out is None or out.direct:
            return slow
        return bound_emit(out.routes, out.put, out.arity, slow, self.limit, self._refused)

    def bind_many(self) -> Callable[..., None]:
        """Return the ``emit_many`` of the component."""

        def emit_many(rows: Rows, stream: str | None = None) -> None:
            out = self._stream(stream)
            if rows.__class__ is not Columns or len(rows.values) != out.arity:
                rows = self._checked_many(out, rows)
            if out.direct:
                raise EmitError(self.component, out.name, _DIRECT)
            if self.limit:
                self.limit.add(len(rows), out.name)
            try:
                out.put_many(rows)
            except (UserError, TypeError) as error:
                raise self._refused(out.name, error) from error

        return emit_many

    def _checked_many(self, out: StreamOut, rows: Rows) -> Rows:
        """Return rows of the right length: as columns when they are many."""
        if isinstance(rows, Columns):
            if len(rows.values) != out.arity:
                what = f"{len(rows.values)} columns for the fields {list(out.fields)}"
                raise EmitError(self.component, out.name, what)
            return rows
        if rows.__class__ is not list:
            rows = list(rows)
        if not set(map(type, rows)) <= _LIST or not set(map(len, rows)) <= {out.arity}:
            rows = [self._check(out, row) for row in rows]
        if out.by_column and len(rows) >= Columns.height_min:
            return Columns.of_rows(rows, out.arity)
        return rows

    def _slow_emit(
        self,
        roots_of: RootsOf | None,
        tup: Sequence[Any],
        stream: str | None = None,
        anchors: Sequence[Any] | None = None,
        direct_task: int | None = None,
        need_task_ids: bool = False,
    ) -> list[int] | None:
        out = self._stream(stream)
        row = self._check(out, tup)
        if self.limit:
            self.limit.add(1, out.name)
        if anchors is None:
            return self._send(out, row, direct_task, need_task_ids)
        if isinstance(anchors, Tuple):
            anchors = (anchors,)
        roots = roots_of(anchors) if roots_of else ()
        self.close_run(self.roots)
        tasks = self._send(out, row, direct_task, need_task_ids)
        self.close_run(roots)
        return tasks

    def _send(
        self, out: StreamOut, row: list[Any], direct_task: int | None, need_task_ids: bool
    ) -> list[int] | None:
        if direct_task is not None:
            return self._send_direct(out, row, direct_task)
        if out.direct:
            raise EmitError(self.component, out.name, _DIRECT)
        try:
            if need_task_ids:
                return [task for route in out.routes for task in route.chosen(row)]
            out.put(row)
        except (UserError, TypeError) as error:
            raise self._refused(out.name, error) from error
        return None

    def _refused(self, stream: str, error: Exception) -> EmitError:
        """Name component and stream for what a grouping raised (a value that is no key)."""
        return EmitError(self.component, stream, str(error))

    def checked(
        self, tup: Any, stream: str | None = None, direct_task: int | None = None
    ) -> list[Any]:
        """Return ``tup`` as a row that can be emitted later. Reads only: any thread may call it.

        Raises:
            EmitError: what ``emit`` would refuse; but not what a grouping may refuse.
        """
        out = self._stream(stream)
        row = self._check(out, tup)
        if direct_task is not None:
            self._direct_targets(out, direct_task)
        elif out.direct:
            raise EmitError(self.component, out.name, _DIRECT)
        return row

    def _send_direct(self, out: StreamOut, row: list[Any], task: int) -> list[int]:
        for target in self._direct_targets(out, task):
            target.rows.append(row)
        return [task]

    def _direct_targets(self, out: StreamOut, task: int) -> list[OpenFrame]:
        if not out.direct:
            what = "direct_task= on a stream that is not declared direct"
            raise EmitError(self.component, out.name, what)
        routes = [route for route in out.routes if isinstance(route, DirectRoute)]
        targets = [route.by_task[task] for route in routes if task in route.by_task]
        if not targets:
            raise EmitError(self.component, out.name, f"task {task} does not subscribe to it")
        return targets

    def _stream(self, stream: str | None) -> StreamOut:
        name = DEFAULT_STREAM if stream is None else stream
        out = self.streams.get(name)
        if out is None:
            declared = ", ".join(self.streams)
            none = "none; its class needs outputs = [\"name\", ...], a field for each value"
            raise EmitError(self.component, name, f"not declared; declared: {declared or none}")
        return out

    def _check(self, out: StreamOut, tup: Any) -> list[Any]:
        if not isinstance(tup, (list, tuple)):
            what = f"expected a list of values, got {type(tup).__name__} {tup!r:.80}"
            raise EmitError(self.component, out.name, what)
        if len(tup) != out.arity:
            what = f"{len(tup)} values for the fields {list(out.fields)}"
            raise EmitError(self.component, out.name, what)
        return list(tup)

    def waiting(self) -> Iterator[OpenFrame]:
        """Yield the open frames that hold rows."""
        return (frame for frame in self.frames if frame.count)
