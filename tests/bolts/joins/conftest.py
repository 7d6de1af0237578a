"""A keyed bolt task in small: rows with their keys, timers, watermarks, and its death."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from waterspout.bolts.snapshots import decode_part, encode_part
from waterspout.bolts.state import TaskState
from waterspout.bolts.timers import STATE_MAP, Timers
from waterspout.topology.component import Context
from waterspout.topology.tuples import tuple_class


class Task:
    """Runs one bolt; ``emitted`` is what came out."""

    def __init__(self, make: Callable[[], Any], part: bytes | None = None) -> None:
        self.make, self.bolt = make, make()
        self.emitted: list[list[Any]] = []
        self.wall = 1_000_000
        self.seconds = 0.0
        self._begin(part)

    def _begin(self, part: bytes | None) -> None:
        state = TaskState("step", wall_ms=lambda: self.wall)
        if part is not None:
            state.restore([decode_part(part)])
        self.state = state
        self.timers = Timers(state.records(STATE_MAP), lambda: state.key, lambda: self.wall)
        context: Any = Context(
            topology="t", component="step", task=1, index=0, parallelism=1, settings={},
            clock=lambda: self.seconds, random=random.Random(1), state=state,
            log=logging.getLogger("waterspout.test"),
        )  # fmt: skip
        context.timers = self.timers
        self.context = self.bolt.context = context
        self.bolt.emit = lambda row, **_: self.emitted.append(row)
        self.bolt.prepare(context)

    def row(self, source: str, key: Any, /, **fields: Any) -> None:
        """Hand in a row of a component (or ``component.stream``)."""
        component, _, stream = source.partition(".")
        cls = tuple_class(component, stream or "default", tuple(fields))
        self.state.key = key
        self.bolt.process(cls(fields.values()))

    def watermark(self, ms: int) -> None:
        """Let event time come as far as ``ms``."""
        while (timer := self.timers.due("event", ms)) is not None:
            self.state.key = timer.key
            for row in self.bolt.on_timer(timer) or ():
                self.emitted.append(row)
        self.context.watermark = ms

    def finish(self) -> None:
        """End the input."""
        self.watermark(1 << 62)
        for row in self.bolt.finish() or ():
            self.emitted.append(row)

    def die(self) -> None:
        """Go on in another process, from a snapshot taken now."""
        part = b"".join(encode_part(self.state.snapshot_begin()))
        watermark = self.context.watermark
        self.bolt = self.make()
        self._begin(part)
        self.context.watermark = watermark

    def count(self, name: str) -> float:
        """Return a metric."""
        return self.context.metrics.values.get(name, 0)

    def kept(self) -> int:
        """Return how many keys have state."""
        copy = decode_part(b"".join(encode_part(self.state.snapshot_begin())))
        return sum(len(entries) for entries in copy.keyed.values())

    def take(self) -> list[list[Any]]:
        """Return what came out since the last call, sorted."""
        found, self.emitted = self.emitted, []
        return sorted(found, key=repr)


@pytest.fixture
def task() -> type[Task]:
    return Task


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "names.csv"
