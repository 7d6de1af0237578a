"""Calls of a bolt that no tuple causes: ticks, and ``finish`` at the end of its input.

What they emit has roots of its own (own_messages); what raises is made again (failed_calls).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from waterspout.topology.tuples import tick_tuple

from .failed_calls import NEVER_S, FailedCalls, OwnCall, PartsFailed
from .pulled_rows import PulledRows

if TYPE_CHECKING:
    from .executor import BoltExecutor

#: What ``finish`` may take in one turn.
FINISH_S = 0.004


class OwnCalls:
    """Ticks and ``finish`` of one bolt task.

    Args:
        executor: of the task.
        tick_interval_s: time between two ticks; None: no ticks.
    """

    def __init__(self, executor: BoltExecutor, tick_interval_s: float | None) -> None:
        self._executor = executor
        self._tick_interval_s = tick_interval_s
        self._next_tick: float | None = None
        #: Calls that raised, and what becomes of them.
        self.failed = FailedCalls(executor)
        self._tick = OwnCall("process_tick", "process_tick", self._make_tick, [])
        self._last = OwnCall("finish", "finish", self._finish_again, [], self._finish_over)
        self._batch = OwnCall("after_batch", "after_batch", self.after_batch, [])
        #: What ``finish`` returned, once it was begun.
        self._finish: PulledRows | None = None
        #: It has raised, and waits for another try.
        self._finish_waits = False
        self.finish_done = False

    def emit(self, call: Callable[[], Any], now: float) -> None:
        """Run a call of the bolt: what it emits is one message."""
        executor = self._executor
        executor.calls += 1
        executor.roots_at_work = ()
        executor.own.emit(call, now)

    def call(self, call: OwnCall, run: Callable[[], Any]) -> bool:
        """Run a call of the bolt, or a part of it; say whether it went well. Else it is noted."""
        now = self._executor.env.clock()
        try:
            self.emit(run, now)
        except PartsFailed as parts:
            self.failed.parts_failed(parts, now)
        except (Exception, SystemExit) as error:
            self.failed.failed(call, error, now)
            return False
        return True

    def whole(self, call: OwnCall, run: Callable[[], Any]) -> None:
        """Run all of a call."""
        if self.call(call, run):
            self.done(call)

    def done(self, call: OwnCall) -> None:
        """A call has come to its end."""
        if self.failed:
            self.failed.done(call.id)
        if self._executor.own.counting:
            self._executor.own.came_through(call.id)

    def after_batch(self) -> None:
        """Do what a batch has set off."""
        self.whole(self._batch, self._executor.bolt.after_batch)

    def tick(self, now: float) -> None:
        """Send a tick tuple when it is time, and what failed once more."""
        self._executor.own.retry(now, self._executor.blocked)
        if self.failed.due:
            self.failed.retry(now)
        if self._executor.time is not None:
            self._executor.time.turn(now)
        if self._tick_interval_s is None:
            return
        if self._next_tick is None:
            self._next_tick = now + self._tick_interval_s
        if now < self._next_tick:
            return
        self._next_tick = now + self._tick_interval_s
        # One that has failed stands for those that would come meanwhile.
        if self._tick.id not in self.failed:
            self._make_tick()

    def _make_tick(self) -> None:
        assert self._tick_interval_s is not None
        tup = tick_tuple(self._tick_interval_s)
        self.whole(self._tick, lambda: self._executor.bolt.process_tick(tup))

    def next_tick(self, now: float) -> float:
        """Return the seconds until the next tick, own message or try, or a long time."""
        tick_s = NEVER_S if self._next_tick is None else max(self._next_tick - now, 0.0)
        time_s = NEVER_S if self._executor.time is None else self._executor.time.wakeup()
        again_s = NEVER_S
        if not self._executor.blocked():
            again_s = min(self.failed.next_due(now), self._executor.own.next_due(now))
        return min(tick_s, time_s, again_s)

    # The end.

    def finish_step(self, now: float) -> bool:
        """Run ``finish`` piece by piece; True when it has ended and all it emitted is through.

        Called each turn once the coordinator says that all input was worked through.
        """
        executor = self._executor
        if executor.own.logged:
            return False
        if self.finish_done:
            return not executor.own.pending
        if executor.time is not None and not executor.time.end():
            return False
        if self._finish is None:
            # What comes before the end and has failed is tried again before it.
            if self._finish_waits or self.failed.due:
                return False
            self.call(self._last, self._start_finish)
        until = executor.env.clock() + FINISH_S
        while self._finish is not None and not self.finish_done and not executor.blocked():
            self._pull_finish(self._finish)
            if executor.env.clock() >= until:
                break
        return self.finish_done and not executor.own.pending

    @property
    def finishing(self) -> bool:
        """Whether ``finish`` was begun: what it emits may be on its way."""
        return self._finish is not None or self._finish_waits

    @property
    def goes_on(self) -> bool:
        """Whether ``finish_step`` has something to do at once."""
        own = self._executor.own
        waits = self._finish_waits or own.logged or (self._finish is None and self.failed.due)
        return not (self.finish_done or waits)

    def new_epoch(self) -> None:
        """Spouts replay: what comes now is not in what ``finish`` made of the state before."""
        self._finish, self._finish_waits, self.finish_done = None, False, False
        self.failed.forget(self._last.id)

    def _start_finish(self) -> None:
        self._finish_waits = True
        result = self._executor.bolt.finish()
        self._finish_waits, self._finish = False, PulledRows(self._executor, "finish", result)

    def _pull_finish(self, rows: PulledRows) -> None:
        if not self.call(self._last, rows.pull):
            if self.finish_done:  # at most once
                return
            self._finish, self._finish_waits = None, True
        elif rows.ended:
            self.finish_done = True
            self.done(self._last)

    def _finish_again(self) -> None:
        self._finish_waits = False

    def _finish_over(self) -> None:
        """It was given up."""
        self._finish_waits, self.finish_done = False, True
