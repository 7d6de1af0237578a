"""One simulated run from a seed, and the report of one that failed."""

from __future__ import annotations

import random
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from waterspout.spouts.group_size import GroupSize
from waterspout.topology.columns import Columns

from .cluster import Cluster
from .exact_topologies import exact_shape
from .faults import Faults
from .once_topologies import once_shape
from .shapes import Shape
from .topologies import random_shape
from .traced_topologies import traced_shape

#: Simulated seconds after which a run that did not end never will.
END_S = 60.0


class Failed(AssertionError):
    """A seed failed; says how to run it again."""


def run_seed(
    seed: int, *, exact: bool = False, once: bool = False, traced: bool = False,
    tracing: bool = False,
) -> Cluster:
    """Run one seed to its end; ``exact``: under exactly-once; ``once``: with bolts that count
    each tuple once under at-least-once; ``traced``: with traced groups of which messages fail.

    Raises:
        Failed: something that must hold does not, or the engine raised.
    """
    draw = exact_shape if exact else once_shape if once else random_shape
    draw = traced_shape if traced else draw
    return run_shape(seed, draw(random.Random(f"shape {seed}")), tracing=tracing)


def run_shape(
    seed: int, shape: Shape, *, faulty: bool = True, tracing: bool = False
) -> Cluster:
    """Run a given topology with the faults of a seed.

    Raises:
        Failed: something that must hold does not, or the engine raised.
    """
    try:
        with _odd_ways(seed, shape):
            cluster = Cluster(seed, shape, tracing=tracing)
            if faulty:
                Faults(cluster).plan()
            cluster.run(END_S)
            cluster.oracle.at_end()
    except Exception as error:
        raise Failed(_report(seed, shape, error)) from error
    return cluster


@contextmanager
def _odd_ways(seed: int, shape: Shape) -> Iterator[None]:
    """Have done at once what takes more messages in earnest: with odd seeds columns may be short,
    and with each third one, and where many calls fail, all groups are traced."""
    with ExitStack() as stack:
        if seed % 2:
            stack.enter_context(patch.object(Columns, "height_min", 2))
        if seed % 3 == 0 or shape.fail_share:
            stack.enter_context(patch.object(GroupSize, "shrunk", True))
        yield


def _report(seed: int, shape: Shape, error: Exception) -> str:
    where = "" if isinstance(error, AssertionError) and str(error) else traceback.format_exc()
    exact = " --exactly-once" if shape.guarantee == "exactly-once" else ""
    exact += " --effectively-once" if any(bolt.once for bolt in shape.bolts) else ""
    exact += " --traced" if shape.fail_share else ""
    return (
        f"seed {seed}: {error}\n{where}{shape.describe()}\n"
        f"again, with every control message: python -m tests.simulation{exact} {seed} --trace"
    )
