"""The coordinator dies at every single point of a run, and comes back (F05).

A point is a write to its store (before and after it), a word that it says, a word that it
hears. The run has a worker that is killed, a message that becomes a dead letter, state, a slow
disk, and an end.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from .cluster import Cluster
from .control_bugs import CONTROL_BUGS
from .oracle import Violation
from .shapes import BoltShape, InputShape, Shape, SpoutShape
from .signs import check_sign

SHAPE = Shape(
    (SpoutShape("s0", "source", 12, parallelism=2, partitions=3, pause_s=0.05),),
    (
        BoltShape("b0", "fan", "emit", (InputShape("s0", "default", "shuffle"),), parallelism=2),
        BoltShape(
            "b1", "end", "emit", (InputShape("b0", "default", "fields", ("key",)),),
            parallelism=2, stateful=True,
        ),
    ),
    2,
    settings={"attempts_max": 2, "max_pending": 20, "batch_max": 2},
)  # fmt: skip
#: The same under exactly-once; what its last bolt writes is committed with checkpoints.
EXACT = replace(
    SHAPE, guarantee="exactly-once", bolts=(SHAPE.bolts[0], replace(SHAPE.bolts[1], commits=True)),
    settings={**SHAPE.settings, "checkpoint_interval_s": 0.2},
)  # fmt: skip
SHAPES = {"at-least-once": SHAPE, "exactly-once": EXACT}
#: Points are tried in this many tests.
CHUNKS = 10


def run(point: int | None, guarantee: str = "at-least-once") -> Cluster:
    """Run a topology; its coordinator dies at ``point``, and with ``None`` never."""
    cluster = Cluster(1, SHAPES[guarantee])
    cluster.world.poison["b0"] = {"s0/1/2"}
    cluster.slow_disk_s = 1.2
    cluster.faults += 1
    cluster.points = 0
    if point is not None:
        cluster.crash_at("", point)
    cluster.run(0.45)
    for process in [p for p in cluster.living() if p.worker == 0]:
        # Its successor hears of the new epoch first: a coordinator may die before others do.
        cluster.kill(process, "killed by signal 9")
    cluster.run(60.0)
    cluster.oracle.at_end()
    return cluster


@cache
def points(guarantee: str = "at-least-once") -> int:
    """Return how many points the run has when nobody dies."""
    return run(None, guarantee).points


@pytest.mark.parametrize("guarantee", SHAPES)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_coordinator_that_dies_at_any_point_loses_nothing(chunk: int, guarantee: str) -> None:
    for point in range(1 + chunk, points(guarantee) + 1, CHUNKS):
        cluster = run(point, guarantee)
        assert cluster.term == 2, point
        assert set(cluster.oracle.buried()) == {"s0/1/2"}, point


def test_some_deaths_cost_no_epoch_and_some_do() -> None:
    epochs = {run(point).store.epoch() for point in range(1, points(), points() // 12)}
    assert {2, 3} <= epochs


@pytest.mark.parametrize("name", CONTROL_BUGS)
def test_a_bug_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    CONTROL_BUGS[name](monkeypatch.setattr)
    for point in range(1, 150):
        try:
            if run(point).term == 1:
                break
        except Violation as violation:
            check_sign(name, violation)
            return
    pytest.fail(f"{name}: {CONTROL_BUGS[name].__doc__} no point saw it")
