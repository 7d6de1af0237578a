"""What all window bolts do: they hand rows to a window logic and emit what it fires.

A row is done with when it is in the state: it is acked then, however long its windows are open.
What fires has roots of its own, and is emitted again until it is durable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import repeat
from typing import Any

from waterspout.topology.component import Context
from waterspout.topology.errors import UserError, WrongArguments
from waterspout.topology.event_time import TIME_MS_MAX
from waterspout.topology.marks import MAX_WATERMARK, MIN_WATERMARK

from ..contract import Batch, Bolt
from ..failed_calls import PartsFailed
from ..state_slices import Kind
from ..timers import Timer
from .aggregates import Aggregate, CountRows
from .arguments import WindowSpec, read_spec
from .clocks import EventClock, ProcessingClock
from .counted import CountedLogic
from .failed_firings import FailedFirings
from .logic import STEP_KEYS, Added, Firing, Rows, WindowLogic
from .output import Failure, Output, WindowFunction
from .row_aggregates import ROW
from .sessions import SessionLogic
from .sliding import SlidingLogic
from .tumbling import TumblingLogic
from .windowers import Aligned, Session

#: Name of the task's map that holds how far time has come, and the key in it.
STATE_MAP, WATERMARK_KEY = "window", "watermark"
#: Name of the timer that has a restored task try what it finds.
AGAIN = "failed"
#: Begins the names of the maps of a logic.
PREFIX = "window_"


class Windowed(Bolt):
    """The base of Window and WindowBolt, which say what the windows are and what they make."""

    stateful = True

    def set_up(
        self, spec: WindowSpec, aggregates: list[Aggregate],
        function: WindowFunction | None = None,
    ) -> None:  # fmt: skip
        """Take what is to be done. Called once, before ``prepare`` does its part.

        Args:
            aggregates: of a pane.
            function: makes rows of the result of the only aggregate; None: results are the row.
        """
        self._spec, self._aggregates = spec, aggregates
        self._time: EventClock | ProcessingClock = ProcessingClock(spec.unit)
        if spec.time is not None:
            self._time = EventClock(spec.time, spec.unit, spec.nested)
        timed = isinstance(spec.windower, (Aligned, Session))
        self._written = self._time.written if timed else None
        self._output = Output(len(spec.key), aggregates, self._written, function, len(spec.fields))
        #: Whether windows go by the clock.
        self._timed = timed and spec.time is None
        if spec.options.early_every:
            self._aggregates = [*aggregates, CountRows("early")]

    def prepare(self, context: Context) -> None:
        """Take up the windows where the last snapshot left them."""
        spec, state = self._spec, context.state
        self._task = state.task(STATE_MAP)
        self._timers: Any = getattr(context, "timers", None)
        # One window for all rows belongs to the task: there is no key to follow.
        kind: Kind = "keyed" if spec.key else "task"
        # The clock may have been set back since then; what is over fires by its timer.
        watermark = MIN_WATERMARK if self._timed else self._task.get(WATERMARK_KEY, MIN_WATERMARK)
        logic: type[Any] = CountedLogic
        if isinstance(spec.windower, Aligned):
            plain = spec.windower.tumbling and not spec.options.lateness_ms
            logic = TumblingLogic if plain else SlidingLogic
        elif isinstance(spec.windower, Session):
            logic = SessionLogic
        # A step goes out in one call.
        step_keys = min(spec.options.step_keys, context.settings.get("emit_max", STEP_KEYS))
        self._options = replace(spec.options, step_keys=step_keys)
        self._logic: WindowLogic = logic(
            spec.windower, self._aggregates, self._options,
            lambda name: state.records(PREFIX + name, kind), watermark,
        )  # fmt: skip
        #: Windows whose result raised; those that a restored task finds are tried soon.
        entries = state.records(PREFIX + "failed", kind)
        self._failed = FailedFirings(entries, self._emit_one, self._written)
        if self._failed.untried:
            self._set_timer(self._now_ms(), AGAIN)
        #: Firings that wait for ``after_batch``.
        self._waiting: list[Firing] = []
        self._overdue = self._logic.overdue()
        self._late = self._outside = 0
        self._armed: int | None = None
        if self._timed:
            self._arm()

    # Rows come in.

    def process_batch(self, batch: Batch) -> None:
        """Add the rows of a batch: all of them or, when one cannot be added, none."""
        rows = self._rows(batch)
        if self._overdue:
            self._fire_overdue()
        added = self._logic.add(rows)
        if added.firings:
            self._waiting.extend(added.firings)
            self.due = True
        self._outside += added.outside
        if added.late:
            self._note_late(batch, rows, added)
        if self._timed:
            self._arm()

    def after_batch(self) -> None:
        """Emit what the rows fired at once, a step in each call."""
        step = self._options.step_keys
        firings, self._waiting = self._waiting[:step], self._waiting[step:]
        self.due = bool(self._waiting)
        if failures := self._emit(firings):
            raise self._failed.keep(failures)

    def _fire_overdue(self) -> None:
        """Fire what had been due when the state was copied between two steps."""
        self._overdue = False
        for firings in self._logic.advance(self._logic.watermark):
            self._waiting.extend(firings)
        self.due = bool(self._waiting)

    def _rows(self, batch: Batch) -> Rows:
        spec, count = self._spec, len(batch)
        if len(spec.key) == 1:
            keys = batch.column(spec.key[0])
        elif spec.key:
            keys = list(zip(*map(batch.column, spec.key), strict=True))
        else:
            keys = [()] * count
        if isinstance(self._time, EventClock):
            times = self._time.times(batch.column(self._time.field.name))
        else:
            times = [self._time.now(self._now_ms()) if self._timed else 0] * count
        inputs = [[self._column(batch, name) for name in a.fields] for a in self._aggregates]
        return Rows(keys, times, inputs)

    def _column(self, batch: Batch, field: str) -> list[Any]:
        if field != ROW:
            return batch.column(field)
        return [tup.as_dict() for tup in batch]

    def _note_late(self, batch: Batch, rows: Rows, added: Added) -> None:
        self._late += len(added.late)
        self.context.metrics.count("late", len(added.late))
        if self._spec.late is None:
            return
        written = self._time.written
        self.emit_many(
            [[_shown(rows.keys[at]), written(rows.times[at]), batch[at].as_dict()]
             for at in added.late],
            stream=self._spec.late,
        )  # fmt: skip

    # Time goes on.

    def on_watermark(self, watermark: int) -> Iterator[None]:
        """Fire what is over in event time."""
        if self._spec.time is not None:
            yield from self._emitted(self._logic.advance(watermark))

    def on_timer(self, timer: Timer) -> Iterator[None]:
        """Fire what is over in processing time, or what a restored task has found."""
        if timer.name == AGAIN:
            self._try_found()
            return
        self._armed = None
        if isinstance(self._time, ProcessingClock):
            # All before now is over; rows of now may still come.
            yield from self._emitted(self._logic.advance(self._time.now(self._now_ms()) - 1))
            self._arm()

    def finish(self) -> Iterator[None]:
        """Fire what is open: the input has ended. What was found and not tried comes first."""
        parts: list[Any] = []
        while self._failed.untried:
            if (failed := self._failed.emit_some(self._options.step_keys)) is not None:
                parts += failed.parts
            yield from repeat(None, self._options.step_keys)
        yield from self._emitted(self._logic.close(), parts)

    def summary(self) -> dict[str, Any]:
        """Return how many keys have open windows, and how many rows were in none."""
        found = {"open_keys": self._logic.open_keys(), "late": self._late}
        return found | ({"outside": self._outside} if self._outside else {})

    def _try_found(self) -> None:
        """Emit windows that a restored task has found, a step in each call."""
        failed = self._failed.emit_some(self._options.step_keys)
        if self._failed.untried:
            # In another turn: timers that are due by now share one.
            self._set_timer(self._now_ms() + 1, AGAIN)
        if failed is not None:
            raise failed

    def _emitted(self, steps: Iterator[list[Firing]], failed: Sequence[Any] = ()) -> Iterator[None]:
        """Emit step by step; between two, what has fired is out and all else in the state.

        Yields None for each firing, by which the executor sees how much went out. Windows for which
        users' code raises are kept, and told of at the end, with those that ``failed`` before: they
        stop no other window.
        """
        parts = list(failed)
        for firings in steps:
            if failures := self._emit(firings):
                parts += self._failed.keep(failures).parts
            self._note()
            yield from repeat(None, len(firings))
        self._note()
        if parts:
            raise PartsFailed(parts)

    def _emit(self, firings: list[Firing]) -> list[Failure]:
        """Emit windows; return those for which users' code raised, or whose rows were refused."""
        if self._failed:
            self._failed.replace(firings)
        rows, failures = self._output.rows(firings)
        try:
            if rows:
                self.emit_whole(rows)
        except Exception:
            failures = []
            for firing in firings:
                try:
                    self._emit_one(firing)
                except Exception as error:
                    failures.append((firing, error))
        return failures

    def _emit_one(self, firing: Firing) -> None:
        rows, failures = self._output.rows([firing])
        if failures:
            raise failures[0][1]
        if rows:
            self.emit_whole(rows)

    def _note(self) -> None:
        """Keep how far time has come, but for its end: a later run goes on from there."""
        if MIN_WATERMARK < self._logic.watermark < MAX_WATERMARK:
            self._task[WATERMARK_KEY] = self._logic.watermark

    # Processing time.

    def _now_ms(self) -> int:
        now: int = self._timers.now_ms()
        return now

    def _arm(self) -> None:
        """Set a timer for what fires next, unless one is set for before that."""
        due = self._logic.next_due()
        if due is None or (self._armed is not None and self._armed <= due):
            return
        self._armed = due
        self._set_timer(min(due, TIME_MS_MAX), "window")

    def _set_timer(self, at: int, name: str) -> None:
        state = self.context.state
        before, state.key = state.key, _TIMER_KEY
        self._timers.processing(at, name)
        state.key = before


#: The key of timers: they are the task's own, and are set anew when it starts elsewhere.
_TIMER_KEY = "__window"


def _shown(key: Any) -> Any:
    """Return a key for the late stream: a value, a list of several, or nothing."""
    return (list(key) or None) if isinstance(key, tuple) else key


def read_window(name: str, given: Mapping[str, Any]) -> WindowSpec:
    """Return what arguments say; errors begin with the name of the class.

    Raises:
        WrongArguments: arguments are wrong.
    """
    try:
        return read_spec(given)
    except WrongArguments as error:
        found = error.found
    except UserError as error:
        found = (str(error),)
    raise WrongArguments([f"{name}: {text}" for text in found])
