"""Parts of the newest snapshot cannot be read (F18): everybody goes back to the one before.

What lies before the positions of that one had its effects once, what lies behind them is drawn
again; a sink may write twice what it committed since. The coordinator may die at any point of it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from .cluster import Cluster
from .shapes import BoltShape, InputShape, Shape, SpoutShape

SHAPE = Shape(
    (SpoutShape("s0", "source", 90, parallelism=2, partitions=3, pause_s=0.05),),
    (
        BoltShape("b0", "fan", "emit", (InputShape("s0", "default", "shuffle"),), parallelism=2),
        BoltShape(
            "b1", "end", "emit", (InputShape("b0", "default", "fields", ("key",)),),
            parallelism=2, stateful=True,
        ),
    ),
    2,
    settings={
        "max_pending": 20, "batch_max": 2, "round_interval_s": 0.1, "checkpoint_interval_s": 0.1,
        "checkpoint_retained": 3,
    },
)  # fmt: skip
EXACT = replace(
    SHAPE, guarantee="exactly-once", bolts=(SHAPE.bolts[0], replace(SHAPE.bolts[1], commits=True)),
)  # fmt: skip
SHAPES = {"at-least-once": SHAPE, "exactly-once": EXACT}
#: The coordinator's death is tried at points of this many tests.
CHUNKS = 6


def kill_and_damage(cluster: Cluster) -> None:
    """Kill a worker; what only the newest snapshot has of it is damaged before it is restored."""
    worker, raised = 0, cluster.store.next_epoch
    tasks = {task.task for task in cluster.plan.tasks if task.worker == worker}

    def damage() -> int:
        older = {part.file for _, _, parts in cluster.store._older for part in parts}
        own = [part.file for part in cluster.store.parts() if part.task in tasks]
        cluster.disk.damaged.add(next(file for file in own if file not in older))
        cluster.store.next_epoch = raised  # type: ignore[method-assign]
        return raised()

    cluster.store.next_epoch = damage  # type: ignore[method-assign]
    for process in [p for p in cluster.living() if p.worker == worker]:
        cluster.kill(process, "killed by signal 9")


def run(guarantee: str, point: int | None = None, damages: int = 1) -> Cluster:
    """Have the newest snapshot damaged at a loss, and go on to the end."""
    cluster = Cluster(1, SHAPES[guarantee])
    cluster.faults += 1
    for turn in range(damages):
        cluster.run(0.7 + 0.8 * turn)
        assert cluster.store._older
        if not turn:
            cluster.points = 0
            if point is not None:
                cluster.crash_at("", point)
        kill_and_damage(cluster)
    # Beyond this, points are those of any run.
    cluster.run(cluster.clock.now + 0.6)
    within = cluster.points
    cluster.run(60.0)
    cluster.oracle.at_end()
    cluster.points = within
    return cluster


@cache
def points(guarantee: str) -> int:
    """Return how many points there are until shortly after the damage."""
    return run(guarantee).points


@pytest.mark.parametrize("guarantee", SHAPES)
@pytest.mark.parametrize("damages", [1, 2])
def test_everybody_goes_back_and_the_end_is_right(guarantee: str, damages: int) -> None:
    cluster = run(guarantee, damages=damages)
    assert cluster.oracle.events["snapshot cannot be read"] == damages


@pytest.mark.parametrize("guarantee", SHAPES)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_coordinator_that_dies_meanwhile_loses_nothing(guarantee: str, chunk: int) -> None:
    for point in range(1 + chunk, points(guarantee) + 1, CHUNKS):
        try:
            run(guarantee, point)
        except AssertionError as error:
            raise AssertionError(f"point {point}: {error}") from error


@pytest.mark.parametrize("guarantee", SHAPES)
def test_when_none_can_be_read_the_run_stops_and_begins_nothing_empty(guarantee: str) -> None:
    cluster = Cluster(1, SHAPES[guarantee])
    cluster.run(0.7)
    older = len(cluster.store._older)
    assert older
    cluster.disk.damaged |= set(cluster.disk.files)
    for process in cluster.living():
        cluster.kill(process, "killed by signal 9")
    cluster.run(60.0)
    assert cluster.done is not None
    assert (cluster.done.ok, cluster.done.outcome) == (False, "boot_failed")
    assert "no older snapshot is kept" in cluster.done.reason
    assert cluster.oracle.events["snapshot cannot be read"] == older
    assert cluster.store.parts(), "what there is stays in force"
