"""WindowJoin: pairs of rows of one key that fall into the same window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from waterspout.topology.argument_checks import Checks, checked
from waterspout.topology.component import Context, Needs
from waterspout.topology.errors import UserError
from waterspout.topology.tuples import Tuple

from ..contract import Bolt
from ..timers import Timer
from .sides import LEFT, NAMES, RIGHT, Kept, Sides, above_0, needs_of_sides, of_kind
from .spans import Times, span_ms

#: Rows of one key, side and window; a row beyond fails.
ROWS_MAX = 100_000
KINDS = ("inner", "left", "right", "full")
#: Output fields behind the selected ones.
START_FIELD, END_FIELD = "window_start", "window_end"


class WindowJoin(Bolt):
    """Emit, when a window is over, each pair of a left and a right row of one key in it.

    The key is that of the ``fields`` groupings of the inputs; windows follow each other
    (tumbling). Spouts above need ``event_time``; rows behind the watermark are late: counted, and
    not joined. The output fields are those of ``select``, ``window_start`` and ``window_end``.
    """

    stateful = True

    def __init__(
        self,
        left: str,
        right: str,
        time: str | dict[str, str],
        size: str,
        select: dict[str, str],
        unit: str = "s",
        kind: str = "inner",
        rows_max: int = ROWS_MAX,
    ) -> None:
        """Check the arguments.

        Args:
            left: the one input: ``component`` or ``component.stream``.
            right: the other.
            time: field of the event time of both, or ``{left: f, right: g}``.
            size: length of a window: ``10s``; they begin at 1970-01-01 UTC.
            select: output fields: ``{price: right.price}``.
            unit: how times are written: ``s``, ``ms``, ``us`` or ``iso``; starts and ends, too.
            kind: ``inner``, ``left``, ``right`` or ``full``: which rows without a partner are
                emitted, with None for the other side.
            rows_max: rows of a key, side and window; one beyond fails.

        Raises:
            UserError: an argument is wrong; it is named.
        """
        name = type(self).__name__
        check = Checks()
        self._sides = check(Sides, name, left, right, select)
        self._times = check(Times, name, time, unit)
        self._size = check(span_ms, name, "size", size, least=1)
        word = check(of_kind, name, "kind", kind, KINDS)
        self._rows_max = check(above_0, name, "rows_max", rows_max)
        check.end()
        #: Sides whose rows are emitted without a partner.
        self._alone = {"inner": (), "left": (LEFT,), "right": (RIGHT,), "full": (LEFT, RIGHT)}[word]
        for field in (START_FIELD, END_FIELD):
            if field in self._sides.outputs:
                raise UserError(f"{name}: select.{field}: the output has a field {field!r} already")

    @classmethod
    def declare_outputs(cls, args: Mapping[str, Any]) -> Any:
        """Return the selected fields and the window."""
        return [*checked(cls, args)._sides.outputs, START_FIELD, END_FIELD]

    @classmethod
    def declare_needs(cls, args: Mapping[str, Any]) -> Needs:
        """Return the two inputs, and what is read of each."""
        return needs_of_sides(args, timed=True)

    def prepare(self, context: Context) -> None:
        """Take up open windows."""
        super().prepare(context)
        #: Per key: start of a window -> rows.
        self._open = [context.state.map(name) for name in NAMES]

    def process(self, tup: Tuple) -> None:
        """Put a row into its window."""
        side = self._sides.side(tup)
        time, kept = self._times.ms(side, tup), self._sides.kept(tup)
        start = time - time % self._size
        end = start + self._size
        watermark = self.context.watermark
        if watermark is not None and end - 1 <= watermark:
            self.context.metrics.count("late")
            return
        windows = self._open[side]
        rows = windows.get(start)
        if rows is None:
            windows[start] = [kept]
            self.context.timers.event(end - 1)
        elif len(rows) >= self._rows_max:
            raise UserError(
                f"{self.context.component}: more than {self._rows_max} rows of {NAMES[side]} in "
                f"one window of key {self.context.state.key!r:.80}; raise rows_max"
            )
        else:
            rows.append(kept)

    def on_timer(self, timer: Timer) -> Any:
        """Emit what is in a window that is over."""
        end = timer.at + 1
        start = end - self._size
        rows: list[list[Kept]] = [windows.pop(start, []) for windows in self._open]
        bounds = [self._times.written(start), self._times.written(end)]
        for left in rows[LEFT]:
            for right in rows[RIGHT]:
                yield [*self._sides.row(left, right), *bounds]
        for side in self._alone:
            if not rows[1 - side]:
                for kept in rows[side]:
                    pair = (kept, None) if side == LEFT else (None, kept)
                    yield [*self._sides.row(*pair), *bounds]
