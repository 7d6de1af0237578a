"""Hosts that are cut off, one way or both, or lost: nothing acked is lost, everything ends.

F06 host lost, F07 cut both ways, F08 cut one way, F15 workers that live on beside their
replacement (they are only killed when their host is back).
"""

from __future__ import annotations

import random

import pytest

from .exact_topologies import exact_shape
from .faults import Faults
from .hosts import LEASE_S, HostedCluster
from .runs import END_S
from .shapes import BoltShape, InputShape, Shape, SpoutShape
from .topologies import random_shape

SEEDS, PER_TEST = 60, 10
#: Under exactly-once.
EXACT_SEEDS = 40
SHAPE = Shape(
    (SpoutShape("s0", "source", 60, parallelism=2, partitions=3, pause_s=0.05),),
    (
        BoltShape(
            "b0", "end", "emit", (InputShape("s0", "default", "fields", ("key",)),),
            parallelism=3, stateful=True,
        ),
    ),
    3,
)  # fmt: skip


def run(seed: int, shape: Shape) -> None:
    cluster = HostedCluster(seed, shape)
    Faults(cluster).plan()
    cluster.plan_faults()
    try:
        cluster.run(END_S)
        cluster.oracle.at_end()
    except AssertionError as error:
        raise AssertionError(f"hosts, seed {seed}: {error}") from error


@pytest.mark.parametrize("first", range(0, SEEDS, PER_TEST))
def test_seeds_lose_nothing_and_end(first: int) -> None:
    for seed in range(first, first + PER_TEST):
        run(seed, random_shape(random.Random(f"shape {seed}")))


@pytest.mark.parametrize("first", range(0, EXACT_SEEDS, PER_TEST))
def test_under_exactly_once_seeds_equal_a_pure_fold(first: int) -> None:
    for seed in range(first, first + PER_TEST):
        run(seed, exact_shape(random.Random(f"shape {seed}")))


def cut(seed: int, seconds: float, *, hears: bool, heard: bool) -> HostedCluster:
    cluster = HostedCluster(seed, SHAPE)
    cluster.run(0.6)
    host = next(host for host in cluster.hosts if host.ran)
    cluster.cut(host, seconds, hears=hears, heard=heard)
    cluster.run(END_S)
    cluster.oracle.at_end()
    return cluster


@pytest.mark.parametrize(("hears", "heard"), [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("seed", range(3))
def test_a_cut_longer_than_the_lease_moves_the_workers(
    seed: int, hears: bool, heard: bool
) -> None:
    cluster = cut(seed, 2 * LEASE_S, hears=hears, heard=heard)
    assert len(cluster.lost) == 1
    assert cluster.store.epoch() >= 2


@pytest.mark.parametrize(("hears", "heard"), [(False, False), (True, False), (False, True)])
def test_a_cut_shorter_than_the_lease_moves_nobody(hears: bool, heard: bool) -> None:
    cluster = cut(1, 0.5 * LEASE_S, hears=hears, heard=heard)
    assert cluster.lost == []
    assert cluster.store.epoch() == 1


def test_while_all_hosts_are_cut_off_none_is_lost() -> None:
    cluster = HostedCluster(2, SHAPE)
    cluster.run(0.6)
    for host in cluster.hosts:
        host.hears = host.heard = False
    cluster.run(0.6 + 5 * LEASE_S)
    assert cluster.lost == []
    for host in cluster.hosts:
        host.hears = host.heard = True
    cluster.run(END_S)
    cluster.oracle.at_end()
    assert (cluster.lost, cluster.store.epoch()) == ([], 1)


def test_a_host_that_is_gone_for_good_has_its_workers_elsewhere() -> None:
    cluster = HostedCluster(3, SHAPE)
    cluster.run(0.8)
    victim = next(host for host in cluster.hosts if host.ran)
    cluster.faults += 1
    victim.die()
    cluster.run(END_S)
    cluster.oracle.at_end()
    assert cluster.lost == [victim.facts.name]
