"""Calls of a bolt that no tuple causes: ticks, and ``finish`` at the end of its input.

What they emit has roots of its own (own_messages).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

from waterspout.topology.task_env import reason_of
from waterspout.topology.tracebacks import user_traceback
from waterspout.topology.tuples import tick_tuple

if TYPE_CHECKING:
    from .executor import BoltExecutor

#: Rows that ``finish`` emits under one root.
FINISH_ROWS = 1024
#: What ``finish`` may take in one turn.
FINISH_S = 0.004
#: Stands for "not soon", in seconds.
NEVER_S = 3600.0


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
        self._finish: Any = None
        self.finish_done = False

    def call(self, call: Callable[[], Any], now: float) -> None:
        """Run a call of the bolt; what it emits is one message, what it raises is noted."""
        executor = self._executor
        executor.calls += 1
        executor.roots_at_work = ()
        try:
            executor.own.emit(call, now)
        except (Exception, SystemExit) as error:
            executor.failed += 1
            executor.env.note_error(
                executor.component, executor.task, reason_of(error), user_traceback(error)
            )

    def tick(self, now: float) -> None:
        """Send a tick tuple when it is time, and own messages that failed once more."""
        self._executor.own.retry(now)
        if self._executor.time is not None:
            self._executor.time.turn(now)
        if self._tick_interval_s is None:
            return
        if self._next_tick is None:
            self._next_tick = now + self._tick_interval_s
        if now < self._next_tick:
            return
        self._next_tick = now + self._tick_interval_s
        tup = tick_tuple(self._tick_interval_s)
        self.call(lambda: self._executor.bolt.process_tick(tup), now)

    def next_tick(self, now: float) -> float:
        """Return the seconds until the next tick or own message, or a long time."""
        tick_s = NEVER_S if self._next_tick is None else max(self._next_tick - now, 0.0)
        time_s = NEVER_S if self._executor.time is None else self._executor.time.wakeup()
        return min(tick_s, time_s, self._executor.own.next_due(now))

    def finish_step(self, now: float) -> bool:
        """Run ``finish`` piece by piece; True when it has ended and all it emitted is through.

        Called each turn once the coordinator says that all input was worked through.
        """
        executor = self._executor
        if self.finish_done:
            return not executor.own.pending
        if executor.time is not None and not executor.time.end():
            return False
        if self._finish is None:
            self.call(self._start_finish, now)
            self._finish = self._finish or iter(())
        until = executor.env.clock() + FINISH_S
        while not self.finish_done and not executor.blocked():
            self.call(self._pull_finish, now)
            if executor.env.clock() >= until:
                break
        return self.finish_done and not executor.own.pending

    @property
    def finishing(self) -> bool:
        """Whether ``finish`` was begun: what it emits may be on its way."""
        return self._finish is not None

    def new_epoch(self) -> None:
        """Spouts replay: what comes now is not in what ``finish`` made of the state before."""
        self._finish, self.finish_done = None, False

    def _start_finish(self) -> None:
        result = self._executor.bolt.finish()
        self._finish = iter(result) if isinstance(result, Iterable) else iter(())

    def _pull_finish(self) -> None:
        emit = self._executor.bolt.emit
        try:
            rows = list(islice(self._finish, FINISH_ROWS))
        except BaseException:
            self.finish_done = True
            raise
        self.finish_done = len(rows) < FINISH_ROWS
        wrong: Exception | None = None
        for row in rows:
            self._executor.calls += 1
            try:
                if row is not None:
                    emit(row)
            except Exception as error:
                wrong = error
        if wrong is not None:
            raise wrong
