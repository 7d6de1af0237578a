"""One simulated run from a seed, and the report of one that failed."""

from __future__ import annotations

import random
import traceback

from waterspout.topology.columns import Columns

from .cluster import Cluster
from .exact_topologies import exact_shape
from .faults import Faults
from .once_topologies import once_shape
from .shapes import Shape
from .topologies import random_shape

#: Simulated seconds after which a run that did not end never will.
END_S = 60.0


class Failed(AssertionError):
    """A seed failed; says how to run it again."""


def run_seed(
    seed: int, *, exact: bool = False, once: bool = False, tracing: bool = False
) -> Cluster:
    """Run one seed to its end; ``exact``: under exactly-once; ``once``: with bolts that count
    each tuple once under at-least-once.

    Raises:
        Failed: something that must hold does not, or the engine raised.
    """
    draw = once_shape if once else exact_shape if exact else random_shape
    return run_shape(seed, draw(random.Random(f"shape {seed}")), tracing=tracing)


def run_shape(
    seed: int, shape: Shape, *, faulty: bool = True, tracing: bool = False
) -> Cluster:
    """Run a given topology with the faults of a seed; with odd ones, columns may be short.

    Raises:
        Failed: something that must hold does not, or the engine raised.
    """
    usual, Columns.height_min = Columns.height_min, 2 if seed % 2 else Columns.height_min
    try:
        cluster = Cluster(seed, shape, tracing=tracing)
        if faulty:
            Faults(cluster).plan()
        cluster.run(END_S)
        cluster.oracle.at_end()
    except Exception as error:
        raise Failed(_report(seed, shape, error)) from error
    finally:
        Columns.height_min = usual
    return cluster


def _report(seed: int, shape: Shape, error: Exception) -> str:
    where = "" if isinstance(error, AssertionError) and str(error) else traceback.format_exc()
    exact = " --exactly-once" if shape.guarantee == "exactly-once" else ""
    exact += " --effectively-once" if any(bolt.once for bolt in shape.bolts) else ""
    return (
        f"seed {seed}: {error}\n{where}{shape.describe()}\n"
        f"again, with every control message: python -m tests.simulation{exact} {seed} --trace"
    )
