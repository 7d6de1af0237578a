"""Event time under random faults: nothing is late because of a failure; and bugs are seen."""

from __future__ import annotations

import pytest

from .oracle import Violation
from .runs import Failed
from .signs import check_sign
from .time_bugs import TIME_BUGS
from .timed import Patch, run_timed

#: Seeds that always run; seeds within which a bug must be seen.
SEEDS = 25
SEEDS_MAX = 150
#: The first of them, where few seeds see a bug.
FIRST_SEED = {"partition_that_was_not_read_is_forgotten": 300}


@pytest.mark.parametrize("exact", [False, True])
def test_no_row_is_late_because_of_a_failure(exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    watermarks = behind = 0
    for seed in range(SEEDS):
        with monkeypatch.context() as patched:
            checker = run_timed(seed, patched.setattr, exact=exact)
        watermarks += checker.watermarks
        behind += checker.rows_behind
    # The checker had something to look at.
    assert watermarks > 20 * SEEDS and behind > 20 * SEEDS


@pytest.mark.parametrize("name", TIME_BUGS)
def test_a_bug_of_event_time_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    setattr_: Patch = monkeypatch.setattr
    TIME_BUGS[name](setattr_)
    first = FIRST_SEED.get(name, 0)
    for seed in range(first, first + SEEDS_MAX):
        with monkeypatch.context() as patched:
            try:
                run_timed(seed, patched.setattr)
            except Violation as violation:
                check_sign(name, violation)
                return
            except Failed as failure:
                check_sign(name, failure.__cause__)
                return
    pytest.fail(f"{name}: {TIME_BUGS[name].__doc__} {SEEDS_MAX} seeds did not see it")
