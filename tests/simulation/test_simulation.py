"""Random topologies with random faults: nothing acked is lost, everything ends.

200 seeds run in the gate. ``python -m tests.simulation --seeds 10000`` runs many more, with
one line per failure that says how to run it again.
"""

from __future__ import annotations

import pytest

from .runs import run_seed

#: Seeds of the gate, in tests of some seconds each.
SEEDS, PER_TEST = 200, 10


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make the tests of the gate, or the one that ``--seed`` asks for."""
    if "seeds" in metafunc.fixturenames:
        one = metafunc.config.getoption("--seed", default=None)
        starts = range(0, SEEDS, PER_TEST)
        seeds = [range(n, n + PER_TEST) for n in starts] if one is None else [range(one, one + 1)]
        metafunc.parametrize("seeds", seeds, ids=lambda s: f"{s.start}-{s.stop - 1}")


def test_seeds_lose_nothing_and_end(seeds: range) -> None:
    for seed in seeds:
        run_seed(seed)


def test_a_seed_gives_the_same_run_twice() -> None:
    first, second = run_seed(3), run_seed(3)
    assert first.clock.now == second.clock.now
    assert first.world.done_at == second.world.done_at
