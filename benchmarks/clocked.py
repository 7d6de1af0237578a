"""Components that look at the clock, fail, dawdle or wait: for latency, start, kill, memory, idle.

They note what happened to them in marks (see marks.py), so that a figure is taken from what
user code saw and not from what the engine says of itself.
"""

from __future__ import annotations

import time
from typing import Any

from waterspout.bolts.contract import Bolt
from waterspout.spouts.contract import EndOfInput, Reader, Source, Spout
from waterspout.topology.component import Context
from waterspout.topology.tuples import Tuple

from .marks import mark


class Paced(Spout):
    """Emits ``rate_per_s`` messages a second, each carrying the moment it was meant to leave."""

    outputs = ("number", "due_s")

    def __init__(self, rate_per_s: float, count: int) -> None:
        self.interval_s = 1 / rate_per_s
        self.count = count
        self.sent = 0
        self.due_s = 0.0
        #: How late each message was emitted: the spout's own part of the latency.
        self.late_ms: list[float] = []

    def open(self, context: Context) -> None:
        mark("placed", component=context.component)

    def next_tuple(self) -> None:
        if self.sent >= self.count:
            raise EndOfInput
        now_s = time.monotonic()
        if not self.sent:
            self.due_s = now_s
        if now_s < self.due_s:
            return
        self.late_ms.append((now_s - self.due_s) * 1000)
        self.emit([self.sent, self.due_s], tup_id=self.sent)
        self.sent += 1
        self.due_s += self.interval_s


    def close(self) -> None:
        mark("emitted", late_ms=self.late_ms[:100_000])


class Announced(Paced):
    """``Paced`` that notes each ack with the time at which its message was first emitted."""

    def __init__(self, rate_per_s: float, count: int) -> None:
        super().__init__(rate_per_s, count)
        self.emitted_s: dict[int, float] = {}

    def next_tuple(self) -> None:
        before = self.sent
        super().next_tuple()
        if self.sent > before:
            self.emitted_s[before] = time.monotonic()

    def ack(self, tup_id: Any) -> None:
        mark("acked", number=tup_id, emitted_s=self.emitted_s.pop(tup_id))

    def close(self) -> None:
        mark("closed", sent=self.sent, unacked=len(self.emitted_s))


class Hop(Bolt):
    """Passes a paced message on."""

    outputs = ("number", "due_s")

    def prepare(self, context: Context) -> None:
        mark("placed", component=context.component)

    def process(self, tup: Tuple) -> None:
        self.emit([tup["number"], tup["due_s"]])


class Arrivals(Bolt):
    """The end of a paced chain: keeps how late each message came."""

    def prepare(self, context: Context) -> None:
        self.late_ms: list[float] = []
        mark("placed", component=context.component)

    def process(self, tup: Tuple) -> None:
        self.late_ms.append((time.monotonic() - tup["due_s"]) * 1000)

    def finish(self) -> None:
        mark("finished", late_ms=self.late_ms)


class Slow(Bolt):
    """Takes ``pause_s`` for every 100 tuples: slower than whatever feeds it."""

    def __init__(self, pause_s: float) -> None:
        self.pause_s = pause_s
        self.tuples = 0

    def prepare(self, context: Context) -> None:
        mark("placed", component=context.component)

    def process(self, tup: Tuple) -> None:
        self.tuples += 1
        if self.tuples % 100 == 0:
            time.sleep(self.pause_s)

    def finish(self) -> None:
        mark("finished", tuples=self.tuples)


class Silent(Source):
    """Has a partition and never a message: what an idle topology waits on."""

    outputs = ("number",)

    def open(self, context: Context) -> None:
        mark("placed", component=context.component)

    def partitions(self) -> list[str]:
        return ["silence"]

    def reader(self, partition: str, position: int | None) -> Reader:
        return SilentReader()

    def bounded(self) -> bool:
        return False


class SilentReader(Reader):
    """Nothing now, but the partition has not ended."""

    def read(self, limit: int) -> tuple[list[list[Any]], int] | None:
        return [], 0
