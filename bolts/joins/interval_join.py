"""IntervalJoin: pairs of rows of one key whose times are near each other."""

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
from .timed_rows import TimedRows

#: Rows of one key and side that may wait; a row beyond fails.
ROWS_MAX = 100_000
#: The interval is looked through in so many steps, so that a key has few timers.
STEPS = 8
#: A step of the rows that wait is not shorter, in ms.
STEP_MS_MIN = 100
KINDS = ("inner", "left")


class IntervalJoin(Bolt):
    """Emit each pair of a left and a right row with the same key and times near each other.

    A pair is emitted when its later row comes, if
    ``left.time + lower <= right.time <= left.time + upper``. The key is that of the ``fields``
    groupings of the inputs. Rows are kept until the watermark says that nothing can match them any
    more; a row that is behind the watermark when it comes is late: counted, and not joined. Spouts
    above need ``event_time``.
    """

    stateful = True

    def __init__(
        self,
        left: str,
        right: str,
        time: str | dict[str, str],
        lower: str,
        upper: str,
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
            lower: the right row's time minus the left one's is at least this: ``-5s``.
            upper: and at most this.
            select: output fields: ``{price: right.price}``.
            unit: how times are written: ``s``, ``ms``, ``us`` or ``iso``.
            kind: ``inner``; ``left``: left rows without a match, too, when their time is over,
                with None for the right fields.
            rows_max: rows that may wait per key and side; one beyond fails.

        Raises:
            UserError: an argument is wrong; it is named.
        """
        name = type(self).__name__
        check = Checks()
        self._sides = check(Sides, name, left, right, select)
        self._times = check(Times, name, time, unit)
        self._lower = check(span_ms, name, "lower", lower)
        self._upper = check(span_ms, name, "upper", upper)
        self._outer = check(of_kind, name, "kind", kind, KINDS) == "left"
        self._rows_max = check(above_0, name, "rows_max", rows_max)
        check.end()
        if self._lower > self._upper:
            raise UserError(f"{name}: lower: {lower} is after upper, {upper}")
        self._step = max((self._upper - self._lower) // STEPS, STEP_MS_MIN)

    @classmethod
    def declare_outputs(cls, args: Mapping[str, Any]) -> Any:
        """Return the selected fields."""
        return checked(cls, args)._sides.outputs

    @classmethod
    def declare_needs(cls, args: Mapping[str, Any]) -> Needs:
        """Return the two inputs, and what is read of each."""
        return needs_of_sides(args, timed=True)

    def prepare(self, context: Context) -> None:
        """Take up what waits."""
        super().prepare(context)
        self._waiting = [TimedRows(context.state.value(name)) for name in NAMES]

    def process(self, tup: Tuple) -> None:
        """Join a row with those that wait on the other side, and have it wait."""
        side = self._sides.side(tup)
        time, kept = self._times.ms(side, tup), self._sides.kept(tup)
        watermark = self.context.watermark
        if watermark is not None and time <= watermark:
            self.context.metrics.count("late")
            if self._outer and side == LEFT:
                self.emit(self._sides.row(kept, None))
            return
        waiting = self._waiting[side]
        if len(waiting) >= self._rows_max:
            raise UserError(
                f"{self.context.component}: more than {self._rows_max} rows of {NAMES[side]} wait "
                f"for key {self.context.state.key!r:.80}; shorten the interval, or raise rows_max"
            )
        matched = self._match(side, time, kept)
        waiting.add(time, kept, matched=matched)
        self._wake(self._over(side, time))

    def _match(self, side: int, time: int, kept: Kept) -> bool:
        """Emit all pairs of a row; return whether there was one."""
        others = self._waiting[1 - side]
        first, last = time + self._lower, time + self._upper
        if side == RIGHT:
            first, last = time - self._upper, time - self._lower
        found = others.between(first, last)
        for _, other, _ in found:
            pair = (kept, other) if side == LEFT else (other, kept)
            self.emit(self._sides.row(*pair))
        if self._outer and side == RIGHT and not all(matched for _, _, matched in found):
            others.match(first, last)
        return bool(found)

    def _over(self, side: int, time: int) -> int:
        """Return the watermark at which nothing can match a row any more."""
        return time + self._upper if side == LEFT else time - self._lower

    def _wake(self, over: int) -> None:
        # All rows of a step go at once, at its end.
        self.context.timers.event(over - over % -self._step if over % self._step else over)

    def on_timer(self, timer: Timer) -> Any:
        """Forget rows whose time is over."""
        for side, waiting in enumerate(self._waiting):
            last = timer.at - self._over(side, 0)
            over = waiting.until(last)
            if self._outer and side == LEFT:
                for _, values, matched in over:
                    if not matched:
                        yield self._sides.row(values, None)
            # Behind it: where a row cannot be emitted, the timer comes again.
            if over:
                waiting.forget(last)
