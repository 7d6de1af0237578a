"""Bolts that count each tuple once under at-least-once, with random faults: every count is true.

100 seeds run in the gate. ``python -m tests.simulation --effectively-once --seeds 10000`` runs
many more, with one line per failure that says how to run it again.
"""

from __future__ import annotations

from functools import partial

import pytest

from .cluster import Cluster
from .once_bugs import BUGS, old_copies_are_counted
from .oracle import Violation
from .runs import END_S, run_seed
from .shapes import BoltShape, InputShape, Shape, SpoutShape
from .signs import check_caught

#: Seeds of the gate, in tests of some seconds each.
SEEDS, PER_TEST = 100, 10
#: Seeds within which a bug must be caught; see test_exactly_once.py.
BUG_SEEDS_MAX = 300


@pytest.mark.parametrize("first", range(0, SEEDS, PER_TEST))
def test_every_count_is_the_true_one(first: int) -> None:
    for seed in range(first, first + PER_TEST):
        run_seed(seed, once=True)


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bug, known = BUGS[name]
    bug(monkeypatch.setattr)
    check_caught(name, bug, partial(run_seed, once=True), (known, *range(BUG_SEEDS_MAX)))


def _held_up() -> Cluster:
    """Run a topology in which frames wait for a broken link until they are given up.

        s0 (worker 0) -> b0[0] (1), b0[1] (2) -> b1 (0), which counts each tuple once
                      ^ cut

    Their messages go the other way meanwhile, and are durable when the first tries come.
    """
    shape = Shape(
        (SpoutShape("s0", "source", 120, stride=3, pause_s=0.02),),
        (
            BoltShape("b0", "pass", "emit", (InputShape("s0"),), parallelism=2),
            BoltShape("b1", "end", "batch", (InputShape("b0", "default", "fields", ("key",)),),
                      stateful=True, once=True),
        ),
        workers=3,
        settings={"message_timeout_s": 0.25, "round_interval_s": 0.05, "attempts_max": 30,
                  "batch_max": 1},
    )  # fmt: skip
    cluster = Cluster(1, shape)

    def cut() -> None:
        process = cluster.newest(0)
        assert process is not None
        cluster.faults += 1
        process.cut(process._wires[1][1], 1.5, lose=False)

    cluster.clock.at(0.4, cut)
    cluster.run(END_S)
    cluster.oracle.at_end()
    return cluster


def test_an_old_copy_of_a_row_whose_message_is_durable_is_not_counted() -> None:
    cluster = _held_up()
    assert max(cluster.world.done_at.values()) > 1
    assert all(n == 1 for (bolt, _), n in cluster.world.done_at.items() if bolt == "b1")


def test_an_old_copy_would_be_counted_without_the_look_at_what_is_durable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old_copies_are_counted(monkeypatch.setattr)
    with pytest.raises(Violation, match="2 x"):
        _held_up()
