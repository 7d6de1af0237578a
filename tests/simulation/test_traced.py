"""Messages that fail behind other bolts, in groups that are traced, with random faults.

100 seeds run in the gate. ``python -m tests.simulation --traced --seeds 10000`` runs many more,
with one line per failure that says how to run it again.
"""

from __future__ import annotations

from functools import partial

import pytest
from waterspout.bolts.culprits import Culprits

from .runs import run_seed
from .signs import check_caught
from .trace_bugs import BUGS

#: Seeds of the gate, in tests of some seconds each.
SEEDS, PER_TEST = 100, 20
#: Seeds within which a bug must be caught.
BUG_SEEDS_MAX = 60


@pytest.mark.parametrize("first", range(0, SEEDS, PER_TEST))
def test_what_fails_behind_a_bolt_loses_nothing(
    first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, traced = Culprits.told, []

    def noted(self: Culprits, work: object, roots: tuple[int, ...], *row: int) -> object:
        culprit = told(self, work, roots, *row)  # type: ignore[arg-type]
        if culprit is not None and self.trail(work, roots, row[1]):  # type: ignore[arg-type]
            traced.append(culprit)
        return culprit

    monkeypatch.setattr(Culprits, "told", noted)
    for seed in range(first, first + PER_TEST):
        run_seed(seed, traced=True)
    assert len(traced) > PER_TEST, "these seeds are to trace messages"


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BUGS[name](monkeypatch.setattr)
    check_caught(name, BUGS[name], partial(run_seed, traced=True), range(BUG_SEEDS_MAX))
