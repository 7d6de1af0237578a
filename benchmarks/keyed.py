"""Components that keep state by key: counts, and values that are rewritten while snapshots run.

They note what happened to them in marks (see marks.py), so that a figure is taken from what user
code saw.
"""

from __future__ import annotations

import time
from typing import Any

from waterspout.bolts.contract import Batch, Bolt
from waterspout.bolts.count import Count
from waterspout.bolts.windows.window import Window
from waterspout.spouts.contract import Messages, Reader, Source
from waterspout.topology.columns import Columns
from waterspout.topology.component import Context
from waterspout.topology.tuples import Tuple, tuple_class

from .components import NotedReader
from .marks import mark

#: With it keys come in no order: neighbours in the input are far apart, as random ones would be.
SCATTER = 7_368_787
#: Rows of a batch that fills a bolt before the clock starts.
FILL_ROWS = 4096
#: Gaps between two calls of a bolt that are noted, seconds.
GAP_MIN_S = 0.005


class Keys(Source):
    """``count`` messages whose keys take turns: 0 to ``keys`` - 1, or the same scattered."""

    outputs: Any = ("key",)

    def __init__(self, count: int, keys: int, scatter: bool = False, warm: float = 0.0) -> None:
        self.count, self.keys = count, keys
        self.step = SCATTER if scatter else 1
        #: Position whose reading is marked: what comes behind it meets a topology that is warm.
        self.warm = int(warm * count)

    def partitions(self) -> list[str]:
        return ["keys"]

    def reader(self, partition: str, position: int | None) -> Reader:
        return NotedReader(KeysReader(self, position or 0), fresh=position is None)

    def columns(self, start: int, end: int) -> list[list[Any]]:
        """Return the fields of some messages."""
        keys, step = self.keys, self.step
        return [[number * step % keys for number in range(start, end)]]


class TimedKeys(Keys):
    """The same with an event time in ms, from 0 on, ``per_s`` messages a second."""

    outputs = ("key", "time_ms")

    def __init__(self, per_s: int, **args: Any) -> None:
        super().__init__(**args)
        self.per_s = per_s

    def columns(self, start: int, end: int) -> list[list[Any]]:
        per_s = self.per_s
        times = [number * 1000 // per_s for number in range(start, end)]
        return [*super().columns(start, end), times]


class KeysReader(Reader):
    """Makes the messages while it is read."""

    def __init__(self, source: Keys, position: int) -> None:
        self.source, self.position = source, position
        self.warm = source.warm if source.warm > position else 0

    def read(self, limit: int) -> tuple[Messages, int] | None:
        start = self.position
        if start >= self.source.count:
            return None
        if self.warm and start >= self.warm:
            self.warm = 0
            mark("warm", position=start)
        end = self.position = min(start + limit, self.source.count)
        return Columns(self.source.columns(start, end)), end


class CountKeys(Bolt):
    """How often each key came, in a handle, tuple by tuple."""

    stateful = True

    def prepare(self, context: Context) -> None:
        self.counts = context.state.value("count", 0)

    def process(self, tup: Tuple) -> None:
        self.counts.set(self.counts.get() + 1)

    def finish(self) -> None:
        mark("finished", task=self.context.task)
        counts = [count for _, count in self.counts.all()]
        mark("counted", keys=len(counts), least=min(counts), most=max(counts))


class CountInMap(Bolt):
    """The same in a whole map, which in memory is a plain dict."""

    stateful = True

    def prepare(self, context: Context) -> None:
        self.counts = context.state.keyed("counts")

    def process(self, tup: Tuple) -> None:
        key = tup["key"]
        self.counts[key] = self.counts.get(key, 0) + 1

    def finish(self) -> None:
        mark("finished", task=self.context.task)
        counts = [count for _, count in self.counts.items()]
        mark("counted", keys=len(counts), least=min(counts), most=max(counts))


class SteadyKeys(Source):
    """``rate_per_s`` keys a second, which take turns, until ``seconds`` are over."""

    outputs = ("key",)

    def __init__(self, rate_per_s: float, keys: int, seconds: float) -> None:
        self.rate_per_s, self.keys, self.seconds = rate_per_s, keys, seconds

    def partitions(self) -> list[str]:
        return ["keys"]

    def reader(self, partition: str, position: int | None) -> Reader:
        return SteadyReader(self, position or 0)


class SteadyReader(Reader):
    """Gives out what is due by now; what is late after a restart comes at once."""

    def __init__(self, source: SteadyKeys, position: int) -> None:
        self.source, self.position = source, position
        self.began_s = time.monotonic() - position / source.rate_per_s

    def read(self, limit: int) -> tuple[Messages, int] | None:
        source, start = self.source, self.position
        seconds = time.monotonic() - self.began_s
        if start >= source.seconds * source.rate_per_s:
            return None
        end = self.position = min(start + limit, int(seconds * source.rate_per_s))
        end = self.position = max(start, end)
        return Columns([[number % source.keys for number in range(start, end)]]), end


class Noted:
    """Marks what happens to a bolt while its state is held and snapshots of it are made.

    Attributes:
        gaps: (when, seconds) between two calls, where that is longer than ``GAP_MIN_S``: nothing
            was processed then, whatever the reason. A steady stream of short ones is the pace of
            the spout.
        calls: rows that came.
    """

    gaps: list[tuple[float, float]]
    calls: int

    def before_snapshot(self, number: int) -> None:
        mark("cut", number=number)

    def on_durable(self, number: int) -> None:
        mark("durable", number=number)

    def finish(self) -> Any:
        mark("finished", calls=self.calls, gaps=self.gaps[:100_000])


class Held(Noted, Bolt):
    """Keeps ``keys`` values of about 1,000 bytes each and changes that of each key that comes."""

    stateful = True

    def __init__(self, keys: int, lists: bool = False) -> None:
        """Choose the state.

        Args:
            lists: values are lists of ten texts that change in place, not texts.
        """
        self.keys, self.lists = keys, lists

    def prepare(self, context: Context) -> None:
        self.values = context.state.value("held")
        self.gaps, self.calls = [], 0
        if context.restored is None:
            for key in range(self.keys):
                context.state.key = key
                self.values.set(self.value(key))
        mark("prepared", restored=context.restored)
        self.last_s = 0.0

    def value(self, number: int) -> Any:
        """Return a new value that shares nothing with others."""
        if self.lists:
            return [f"{number + part:0100d}" for part in range(10)]
        return f"{number:01000d}"

    def process(self, tup: Tuple) -> None:
        now_s = time.monotonic()
        if now_s - self.last_s > GAP_MIN_S:
            if self.last_s:
                self.gaps.append((now_s, now_s - self.last_s))
            else:
                mark("first tuple", restored=self.context.restored)
        self.last_s = now_s
        self.calls += 1
        if self.lists:
            self.values.get()[self.calls % 10] = f"{self.calls:0100d}"
        else:
            self.values.set(self.value(self.calls))

class Filled(Noted):
    """Makes Held of a ready-made bolt: ``keys`` keys come before the first tuple does."""

    keys: int
    context: Any

    def prepare(self, context: Context) -> None:
        super().prepare(context)  # type: ignore[misc]
        if context.restored is None:
            cls = tuple_class("keys", "default", ("key",))
            for start in range(0, self.keys, FILL_ROWS):
                rows = Columns([list(range(start, min(start + FILL_ROWS, self.keys)))])
                super().process_batch(Batch(cls, rows))  # type: ignore[misc]
        self.gaps, self.calls, self.last_s = [], 0, time.monotonic()

    def process_batch(self, batch: Batch) -> None:
        now_s = time.monotonic()
        if now_s - self.last_s > GAP_MIN_S:
            self.gaps.append((now_s, now_s - self.last_s))
        self.last_s = now_s
        self.calls += len(batch)
        super().process_batch(batch)  # type: ignore[misc]

    def summary(self) -> dict[str, Any]:
        return {}


class OpenWindows(Filled, Window):
    """A window of each key that stays open, with its most frequent items."""

    def __init__(self, keys: int) -> None:
        self.keys = keys
        super().__init__(**self._given())

    @staticmethod
    def _given() -> dict[str, Any]:
        return {"key": "key", "tumbling": "7d", "aggregate": {"top": {"top": {"field": "key"}}}}

    @classmethod
    def declare_outputs(cls, args: Any) -> Any:
        return Window.declare_outputs(cls._given())


class ManyCounts(Filled, Count):
    """Counts of many keys."""

    def __init__(self, keys: int) -> None:
        self.keys = keys
        super().__init__(field="key")

    @classmethod
    def declare_outputs(cls, args: Any) -> Any:
        return []


class BlackHole(Bolt):
    """Takes whatever comes, as the sink of a query of which only the cost is asked."""

    stateful = True

    def __init__(self, **args: Any) -> None:
        self.rows = 0

    def process_batch(self, batch: Batch) -> None:
        self.rows += len(batch)

    def finish(self) -> None:
        mark("finished", rows=self.rows)
