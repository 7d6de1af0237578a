"""Event time under random faults: nothing is late because of a failure; and bugs are seen."""

from __future__ import annotations

import pytest

from .signs import check_caught
from .time_bugs import TIME_BUGS, each_channel_is_left_out_by_itself
from .timed import pausing_shape, run_timed

#: Seeds that always run; seeds within which a bug must be seen.
SEEDS = 25
SEEDS_MAX = 150
#: Seeds of a spout that falls idle; a third of them see what it is about.
PAUSING_SEEDS = 12
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
    TIME_BUGS[name](monkeypatch.setattr)
    first = FIRST_SEED.get(name, 0)

    def run(seed: int) -> None:
        with monkeypatch.context() as patched:
            run_timed(seed, patched.setattr)

    check_caught(name, TIME_BUGS[name], run, range(first, first + SEEDS_MAX))


def test_no_row_is_late_because_one_task_wakes_before_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for seed in range(PAUSING_SEEDS):
        with monkeypatch.context() as patched:
            run_timed(seed, patched.setattr, shape=pausing_shape())


def test_rows_would_be_late_if_each_task_were_left_out_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bug = each_channel_is_left_out_by_itself
    bug(monkeypatch.setattr)

    def run(seed: int) -> None:
        with monkeypatch.context() as patched:
            run_timed(seed, patched.setattr, shape=pausing_shape())

    check_caught(bug.__name__, bug, run, range(PAUSING_SEEDS))
