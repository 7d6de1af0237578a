"""Event time and timers of one bolt task: what happens when a watermark's turn has come.

    marks of all channels -> valve -> event timers up to it, in the order of their times
                                   -> ``Bolt.on_watermark``
                                   -> the mark on all outputs, behind what these emitted

Timers fire a few at a time, each time under a root of its own; when a slice is over or the outbox
full, the rest waits, and with it all that is queued behind the mark. What raises is made again
(failed_calls): others are called meanwhile, but the mark waits for what that will emit.

Under at-least-once what the bolt itself emits may come again, as a spout's messages may: the mark
that goes on never passes what is not durable of it (see spouts/spout_time.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from waterspout.topology.event_time import iso_text
from waterspout.topology.frames import Channel
from waterspout.topology.marks import IDLE, MAX_WATERMARK, MIN_WATERMARK, WATERMARK, Mark

from .failed_calls import NEVER_S, OwnCall, PartsFailed
from .pulled_rows import PulledRows
from .timers import Kind, Timer, Timers
from .valve import Valve

if TYPE_CHECKING:
    from .executor import BoltExecutor

#: What a watermark may set off in one slice, in seconds.
SLICE_S = 0.004
#: Timers that share a root.
TIMERS_MAX = 64


class TaskTime:
    """Event time and timers of one bolt task; sets the executor's hooks for watermarks.

    Args:
        valve: of the task; None: no spout above has event time.
        timers: None: the bolt has no ``on_timer``.
        forward: puts a mark behind everything that the task has emitted.
        wall_ms: the clock of processing timers.
        held: under at-least-once marks wait for own messages.
    """

    def __init__(
        self, executor: BoltExecutor, valve: Valve | None, timers: Timers | None,
        forward: Callable[[Mark], None], wall_ms: Callable[[], int], *, held: bool,
    ) -> None:  # fmt: skip
        self._executor, self.valve, self.timers = executor, valve, timers
        self._forward, self._wall_ms, self._held = forward, wall_ms, held
        #: How far the bolt has come, and how far it is to come: timers between are at work.
        self.watermark = self._target = MIN_WATERMARK
        #: The call of ``on_watermark``; whether it is to be made; rows that it still has to give.
        self._call = OwnCall("on_watermark", "on_watermark", self._tell_again, [])
        self._untold = False
        self._rows: PulledRows | None = None
        #: What was sent on last, and whether it was IDLE.
        self._sent, self._sent_idle = MIN_WATERMARK, False
        #: ``own.released`` when own messages were found to hold a mark back.
        self._held_at = -1
        executor.own.sent_on = MIN_WATERMARK if held else None
        if valve is not None:
            executor.on_watermark, executor.on_idle = self._on_watermark, self._on_idle

    # Marks come in.

    def _on_watermark(self, channel: Channel, value: int) -> None:
        assert self.valve is not None
        self._take(self.valve.on_watermark(channel, value))

    def _on_idle(self, channel: Channel, value: int) -> None:
        assert self.valve is not None
        self._take(self.valve.on_idle(channel, value))

    def _take(self, marks: list[Mark]) -> None:
        if not marks:
            return
        self._target = max(self._target, *(mark.value for mark in marks))
        if not self._reach():
            self._executor.unfinished = self._reach

    def _reach(self) -> bool:
        """Go as far as the target, for one slice; say whether it was reached."""
        executor = self._executor
        until = executor.env.clock() + SLICE_S
        self._show()
        while True:
            if executor.blocked():
                return False
            if not self._step():
                break
            if executor.env.clock() >= until:
                return False
        self._send_on()
        return True

    def _at_work(self) -> bool:
        """Say whether something that the target asks for is still to be emitted.

        At the end nobody waits in ``unfinished`` for it: ``end`` is called again.
        """
        return self._rows is not None or self._untold or self.watermark < self._target

    def _step(self) -> bool:
        """Do the next thing that the target asks for; False: there is nothing left to do."""
        own_calls = self._executor.own_calls
        if self._rows is not None:
            self._pull(self._rows)
        elif self._due("event", self._target):
            own_calls.emit(partial(self._fire, "event", self._target), self._executor.env.clock())
        elif self.watermark < self._target or self._untold:
            # One that has failed waits for its next try, and tells of the watermark of then.
            waits = not self._untold and self._call.id in own_calls.failed
            self.watermark, self._untold = self._target, False
            if not waits:
                self._tell()
        else:
            return False
        return True

    def _show(self) -> None:
        """Timers and ``on_watermark`` see the watermark that calls them."""
        self._executor.bolt.context.watermark = (
            self._target if self._target > MIN_WATERMARK else None
        )

    def _tell(self) -> None:
        self._call = self._call._replace(values=[_shown(self.watermark)])
        own_calls = self._executor.own_calls
        if own_calls.call(self._call, self._begin_to_tell) and self._rows is None:
            own_calls.done(self._call)

    def _begin_to_tell(self) -> None:
        executor = self._executor
        result = executor.bolt.on_watermark(self.watermark)
        if isinstance(result, Iterable):
            self._rows = PulledRows(executor, "on_watermark", result)

    def _pull(self, rows: PulledRows) -> None:
        """Emit some of the rows that ``on_watermark`` yields."""
        own_calls = self._executor.own_calls
        well = own_calls.call(self._call, rows.pull)
        if not well or rows.ended:
            self._rows = None
        if well and rows.ended:
            own_calls.done(self._call)

    def _tell_again(self) -> None:
        self._untold = True
        if self._executor.unfinished is None and not self._reach():
            self._executor.unfinished = self._reach

    # Timers.

    def _due(self, kind: Kind, until: int) -> bool:
        at = self.timers.next_at(kind) if self.timers is not None else None
        return at is not None and at <= until

    def _fire(self, kind: Kind, until: int) -> None:
        """Call ``on_timer`` for some of the timers that are due, one after the other."""
        timers = self.timers
        assert timers is not None
        for _ in range(TIMERS_MAX):
            timer = timers.due(kind, until)
            if timer is None:
                return
            self._on_timer(timer)
            self._executor.emitter.keep()

    def _on_timer(self, timer: Timer) -> None:
        """Call ``on_timer``; what raises is put back, and what it emitted taken back."""
        executor = self._executor
        own, failed = executor.own, executor.own_calls.failed
        bolt = executor.bolt
        if own.counting and (why := own.left_out(_id_of(timer))) is not None:
            failed.skip(self._call_of(timer), why)
            return
        bolt.context.state.key = timer.key
        executor.calls += 1
        try:
            rows: Any = bolt.on_timer(timer)
            for row in rows if isinstance(rows, Iterable) else ():
                if row is not None:
                    bolt.emit(row)
        except PartsFailed as parts:
            failed.parts_failed(parts, executor.env.clock())
        except (Exception, SystemExit) as error:
            self._failed(timer, error)
            return
        if failed or own.counting:
            executor.own_calls.done(self._call_of(timer))

    def _failed(self, timer: Timer, error: BaseException) -> None:
        executor, timers = self._executor, self.timers
        assert timers is not None
        if executor.env.tracked:
            executor.emitter.take_back()
            timers.put_back(timer)
        executor.own_calls.failed.failed(self._call_of(timer), error, executor.env.clock())

    def _call_of(self, timer: Timer) -> OwnCall:
        key, at, name, kind = timer
        assert self.timers is not None
        text = f"on_timer{f' {name!r:.80}' if name else ''}"
        return OwnCall(
            "on_timer", _id_of(timer), partial(self._again, timer), [key, at, name, kind],
            partial(self._gone, timer), text, skips=True,
        )  # fmt: skip

    def _gone(self, timer: Timer) -> None:
        """There is a dead letter of it."""
        assert self.timers is not None
        self.timers.take(timer)

    def _again(self, timer: Timer) -> None:
        """Call a timer that had been put back, unless it was deleted meanwhile."""
        executor = self._executor
        assert self.timers is not None
        if self.timers.take(timer):
            executor.own_calls.emit(partial(self._on_timer, timer), executor.env.clock())
        else:
            executor.own_calls.failed.done(_id_of(timer))

    def turn(self, now: float) -> None:
        """Fire what is due without a mark. Called in each turn, between two calls of the bolt."""
        executor = self._executor
        if self.timers is not None:
            until = executor.env.clock() + SLICE_S
            self._fire_for("processing", self._wall_ms, until)
            if executor.unfinished is None:
                # They were set for a time that the watermark had passed.
                self._fire_for("event", lambda: self.watermark, until)
        if not self._at_work():
            self._send_on()

    def _fire_for(self, kind: Kind, time: Callable[[], int], until: float) -> None:
        executor = self._executor
        while self._due(kind, time()) and not executor.blocked():
            executor.own_calls.emit(partial(self._fire, kind, time()), executor.env.clock())
            if executor.env.clock() >= until:
                return

    def wakeup(self) -> float:
        """Return the seconds until ``turn`` has something to do, or a long time."""
        executor = self._executor
        if executor.blocked():
            return NEVER_S
        if executor.unfinished is not None or self._due("event", self.watermark):
            return 0.0
        if self._waits() and self._held_at != executor.own.released and not self._at_work():
            return 0.0
        at = self.timers.next_at("processing") if self.timers is not None else None
        return NEVER_S if at is None else max(at - self._wall_ms(), 0) / 1000

    # Marks go on.

    def _waits(self) -> bool:
        """Say whether something may have to be sent on."""
        valve = self.valve
        return valve is not None and (
            self.watermark > self._sent or valve.idle is not self._sent_idle
        )

    def _send_on(self) -> None:
        """Send the watermark on, as far as own messages let it."""
        own, valve = self._executor.own, self.valve
        if valve is None or not self._waits() or self._held_at == own.released:
            return
        held = own.held_back() if self._held else None
        value = self.watermark if held is None else min(self.watermark, held)
        value = max(value, self._sent)
        # An idle task stays idle whatever it emits by itself, and is idle once that is durable.
        idle = valve.idle and (held is None or self._sent_idle)
        if value > self._sent or idle is not self._sent_idle:
            self._sent, self._sent_idle = value, idle
            if self._held:
                own.sent_on = value
            self._forward(Mark(IDLE if idle else WATERMARK, value))
        self._held_at = own.released if self._waits() else -1

    def status(self, name: Callable[[Channel], str]) -> tuple[int, str] | None:
        """Return the watermark and what holds it back; None: none can come.

        Only reads: any thread may call it.

        Args:
            name: says what a channel is called.
        """
        valve = self.valve
        if valve is None:
            return None
        if self.watermark < self._target:
            return self.watermark, "its timers and windows are at work"
        if failed := len(self._executor.own_calls.failed):
            return self.watermark, f"{failed} calls that failed wait for another try"
        behind, idle = valve.behind(), len(valve.idle_channels())
        why = f", {idle} of its inputs left out as idle" if idle else ""
        if self.watermark == MAX_WATERMARK:
            return self.watermark, ""
        if behind is None:
            return self.watermark, "all its inputs are idle or at their end"
        came = valve.watermark_of(behind)
        where = "sent no watermark yet" if came == MIN_WATERMARK else f"sent {iso_text(came)}"
        return self.watermark, f"{name(behind)} {where}{why}"

    # The end, and a new epoch.

    def end(self) -> bool:
        """All input has ended: event time is over. True once all that this sets off is done."""
        if self.valve is None:
            return True
        self._target = MAX_WATERMARK
        self._executor.unfinished = None
        return self._reach()

    def new_epoch(self) -> None:
        """Watermarks start from nothing; timers stay."""
        if self.valve is not None:
            self.valve.reset()
        self.watermark = self._target = self._sent = MIN_WATERMARK
        self._sent_idle, self._rows, self._held_at = False, None, -1
        self._untold = False
        self._executor.own_calls.failed.forget(self._call.id)
        if self._held:
            self._executor.own.sent_on = MIN_WATERMARK
        self._show()


def _id_of(timer: Timer) -> tuple[Any, ...]:
    return ("on_timer", *timer)


def _shown(watermark: int) -> str:
    return "the end of event time" if watermark == MAX_WATERMARK else iso_text(watermark)
