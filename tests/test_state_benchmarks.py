"""The pure parts of the benchmarks of state, windows and exactly-once."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import auctions, bare, keyed, stateful, trees  # noqa: E402
from benchmarks.engine import EngineRun, RunFailed  # noqa: E402

from .each_case import each_case  # noqa: E402


def rows_of(source: Any, limit: int, position: int | None = None) -> list[list[Any]]:
    """Return all rows of a source, read ``limit`` at a time."""
    source.open(bare.bare_context("source"))
    reader, found = source.reader(source.partitions()[0], position), []
    while (got := reader.read(limit)) is not None:
        found += [list(row) for row in got[0]]
    return found


# Input


def test_keys_take_turns_from_any_position() -> None:
    source = keyed.Keys(count=7, keys=3)
    assert rows_of(source, 2) == [[0], [1], [2], [0], [1], [2], [0]]
    assert rows_of(source, 2, position=5) == [[2], [0]]


def test_scattered_keys_come_equally_often_and_in_no_order() -> None:
    found = [key for (key,) in rows_of(keyed.Keys(count=2000, keys=1000, scatter=True), 64)]
    assert sorted(found[:1000]) == sorted(found[1000:]) == list(range(1000))
    assert sum(abs(a - b) == 1 for a, b in pairwise(found)) < 20


def test_event_time_goes_on_with_the_messages() -> None:
    source = keyed.TimedKeys(per_s=4, count=3, keys=2)
    assert rows_of(source, 10) == [[0, 0], [1, 250], [0, 500]]


@pytest.mark.parametrize("kind", ["Persons", "Auctions", "Bids"])
def test_rows_made_beforehand_are_those_that_are_drawn(kind: str) -> None:
    given: dict[str, Any] = {"events": 500, "rate": 1000, "jitter_ms": 200}
    made = rows_of(getattr(auctions, f"Made{kind}")(**given), 7)
    assert made == rows_of(getattr(auctions, f"Drawn{kind}")(**given), 64)
    assert len(made) == {"Persons": 10, "Auctions": 30, "Bids": 460}[kind]


@pytest.mark.parametrize(("number", "wanted"), [(999, 1000), (1049, 1000), (1, 200)])
def test_each_key_has_its_turn_equally_often_and_at_least_twice(number: int, wanted: int) -> None:
    assert stateful.whole(number, 100) == wanted


# Results


def counted(**more: Any) -> EngineRun:
    """Return a run that counted 3 keys, 10 times each, unless ``more`` says otherwise."""
    found = {"name": "counted", "at_s": 1.0, "keys": 3, "least": 10, "most": 10, **more}
    return EngineRun({}, [found], {}, 0.0)


def test_counts_are_right_when_every_key_was_counted_as_often_as_it_came() -> None:
    stateful.check_counts(counted(), 30, 3)


@pytest.mark.parametrize("more", [{"keys": 2}, {"least": 9}, {"most": 11}])
def test_a_wrong_count_is_no_figure(more: dict[str, int]) -> None:
    with pytest.raises(RunFailed, match="wrong result"):
        stateful.check_counts(counted(**more), 30, 3)


def test_pauses_belong_to_the_checkpoint_during_which_they_were() -> None:
    #  0.....1.cut1..2.durable1.....5.cut2..6.durable2........9
    #           |gap 300 ms  |gap 70 ms |gap 40 ms  |gap 20 ms
    seen: list[dict[str, Any]] = [
        {"name": "cut", "number": 1, "at_s": 1.0},
        {"name": "durable", "number": 1, "at_s": 2.0},
        {"name": "cut", "number": 2, "at_s": 5.0},
        {"name": "durable", "number": 2, "at_s": 6.0},
        {"name": "cut", "number": 3, "at_s": 9.0},
        {
            "name": "finished", "calls": 7, "at_s": 9.5,
            "gaps": [[1.4, 0.3], [3.0, 0.07], [5.5, 0.04], [8.0, 0.02]],
        },
    ]  # fmt: skip
    found = stateful.pause_sample(seen)
    assert (found["first_ms"], found["pause_ms"], found["between_ms"]) == (300, 40, 70)
    assert (found["checkpoints"], found["tuples"], found["write_ms"]) == (2, 7, 1000)


def test_a_run_with_one_checkpoint_says_nothing_of_changes() -> None:
    seen: list[dict[str, Any]] = [
        {"name": "cut", "number": 1, "at_s": 1.0},
        {"name": "durable", "number": 1, "at_s": 2.0},
        {"name": "finished", "calls": 7, "gaps": [], "at_s": 3.0},
    ]
    with pytest.raises(RunFailed, match="more time"):
        stateful.pause_sample(seen)


# Trees of processes

READINGS = [(10.0, 1.0, 50.0), (11.0, 2.0, 70.0), (12.0, 2.0, 60.0), (14.0, 6.0, 90.0)]


@each_case("at_s, wanted", [(9.0, 1.0), (10.0, 1.0), (10.5, 1.5), (13.0, 4.0), (20.0, 6.0)])
def test_cpu_time_between_two_readings_is_on_a_line(at_s: float, wanted: float) -> None:
    assert trees.cpu_at(READINGS, at_s) == wanted


# PyFlink


def test_pyflink_is_left_out_where_no_python_with_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(stateful.FLINK_VARIABLE, raising=False)
    assert "names no Python" in stateful.flink_missing()
    monkeypatch.setenv(stateful.FLINK_VARIABLE, str(tmp_path / "python"))
    assert "cannot be run" in stateful.flink_missing()
    monkeypatch.setenv(stateful.FLINK_VARIABLE, sys.executable)
    assert stateful.flink_missing() == ""


def test_what_runs_in_flinks_python_imports_nothing_of_this_project() -> None:
    text = stateful.FLINK_SCRIPT.read_text()
    assert "waterspout" not in text.partition('"""')[2].partition('"""')[2].lower()
    assert "from ." not in text
