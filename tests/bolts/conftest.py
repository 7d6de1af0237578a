"""A context with a simulated clock, for bolts that run without a worker, and what they emit."""

from __future__ import annotations

import logging
import random
from typing import Any

import pytest
from waterspout.bolts.contract import Batch
from waterspout.bolts.state import TaskState
from waterspout.topology.component import Context
from waterspout.topology.tuples import Tuple, tuple_class


class SimulatedClock:
    """Monotonic seconds that move when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """Prepares bolts, hands them tuples and keeps what they emit, as an executor would."""

    def __init__(self) -> None:
        self.clock = SimulatedClock()
        self.emitted: list[list[Any]] = []

    def context(
        self, index: int = 0, parallelism: int = 1, state: Any = None, fresh: bool = True,
        restored: int | None = None, draws: int = 1, inputs: Any = None,
    ) -> Context:  # fmt: skip
        """Return a context for task ``index`` of component ``step``."""
        return Context(
            topology="t",
            component="step",
            task=index + 7,
            index=index,
            parallelism=parallelism,
            settings={},
            clock=self.clock,
            random=random.Random(draws),
            inputs=inputs or {},
            fresh=fresh,
            restored=restored,
            state=TaskState("step", index) if state is None else state,
            log=logging.getLogger("waterspout.test"),
        )

    def start(self, bolt: Any, **place: Any) -> Any:
        """Give ``bolt`` its context and ``prepare`` it; what it emits goes to ``emitted``."""
        bolt.context = self.context(**place)
        bolt.emit = lambda tup, **_: self.emitted.append(list(tup))
        bolt.emit_many = lambda rows, stream=None: self.emitted.extend(rows)
        bolt.prepare(bolt.context)
        return bolt

    @staticmethod
    def stream(*fields: str) -> type[Tuple]:
        """Return the tuple class of a stream with these fields."""
        return tuple_class("source", "default", fields)

    def batch(self, fields: list[str], rows: list[Any]) -> Batch:
        """Return a batch of ``rows``."""
        return Batch(self.stream(*fields), rows)


@pytest.fixture
def bench() -> Bench:
    return Bench()
