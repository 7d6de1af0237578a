"""One bolt task with event time and timers, between marks that a test sends and reads."""

from __future__ import annotations

from typing import Any

from waterspout.bolts.contract import Bolt
from waterspout.bolts.task_time import TaskTime
from waterspout.bolts.timers import Timer, Timers
from waterspout.bolts.valve import Valve
from waterspout.topology.component import Metrics
from waterspout.topology.marks import IDLE, MIN_WATERMARK, WATERMARK, Mark

from .rig import SOURCE, TASK, Rig

CHANNEL = (SOURCE, 0, TASK)
OTHER = (SOURCE, 1, TASK)


class State:
    """As much of a task's state as timers need."""

    key: Any = "k"


class Context:
    """As much of a context as timers need."""

    def __init__(self) -> None:
        self.state, self.metrics = State(), Metrics()
        self.watermark: int | None = None


class Logs(Bolt):
    """Emits and logs everything that calls it."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.context = Context()  # type: ignore[assignment]

    def process(self, tup: Any) -> None:
        self.log.append(tup[0])

    def on_timer(self, timer: Timer) -> None:
        assert self.context.state.key == timer.key
        self.log.append(("timer", timer.at, self.context.watermark))
        self.emit([timer.at])

    def on_watermark(self, watermark: int) -> Any:
        self.log.append(("watermark", watermark, self.context.watermark))
        self.emit([-watermark])


class Bench:
    """A rig with event time; the marks that go on land behind the rows they follow."""

    def __init__(self, bolt: Bolt | None = None, *, held: bool = False, **rig: Any) -> None:
        self.bolt: Any = bolt or Logs()
        self.rig = Rig(self.bolt, **rig)
        executor = self.rig.executor
        self.wall = 5000
        self.timers = Timers({}, lambda: self.bolt.context.state.key, lambda: self.wall)
        self.out: list[Any] = []
        self.time = TaskTime(
            executor, Valve({CHANNEL: frozenset({1}), OTHER: frozenset({2})}), self.timers,
            self._forward, lambda: self.wall, held=held,
        )  # fmt: skip
        executor.time = self.time
        executor.enqueue_mark(OTHER, Mark(IDLE, MIN_WATERMARK))

    def _forward(self, mark: Mark) -> None:
        # As dispatch.mark does: everything emitted so far goes before it.
        self.out += self.rig.take()[1]
        self.out.append(mark)

    def mark(self, value: int) -> None:
        """A watermark arrives."""
        self.rig.executor.enqueue_mark(CHANNEL, Mark(WATERMARK, value))

    def went_on(self) -> list[Any]:
        """Work everything off; return the rows and marks that went out."""
        self.rig.run()
        self.rig.executor.own_calls.tick(self.rig.now)
        self.out += self.rig.take()[1]
        out, self.out = self.out, []
        return out
