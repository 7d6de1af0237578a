"""A context with a simulated clock, for spouts that run without a worker."""

from __future__ import annotations

import logging
import random

import pytest
from waterspout.topology.component import Context


class SimulatedClock:
    """Monotonic seconds that move when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
def context(clock: SimulatedClock) -> Context:
    return Context(
        topology="t",
        component="source",
        task=1,
        index=0,
        parallelism=1,
        settings={},
        clock=clock,
        random=random.Random(1),
        log=logging.getLogger("waterspout.test"),
    )
