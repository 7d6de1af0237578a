"""Timers, windows and ``finish`` that raise, on real workers: once, and nothing is missing at the
end; always, and there is a dead letter of each and of nothing else."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from .test_dead_letters import waterspout

TOPOLOGY = """\
name: moody
guarantee: GUARANTEE
spouts:
  rows:
    class: Generator
    args: {iterable: "moody:rows", fields: [key, at], replayable: true}
    event_time: {field: at}
bolts:
  windows:
    class: Window
    args: {key: key, time: at, tumbling: 10s, function: "moody:count", fields: [n]}
    inputs: [{from: rows, grouping: fields, fields: [key]}]
    parallelism: 2
  timers:
    class: moody:Timers
    inputs: [{from: rows, grouping: fields, fields: [key]}]
  out:
    class: CommitJsonl
    args: {folder: out}
    inputs: [windows]
  out_of_timers:
    class: CommitJsonl
    args: {folder: out_of_timers}
    inputs: [timers]
settings:
  attempts_max: 3
  backoff_min: 10ms
  round_interval: 100ms
  checkpoint_interval: 100ms
  restart_backoff_max: 200ms
"""
USER = """\
from pathlib import Path
from waterspout.bolts import Bolt

HERE = Path(__file__).parent

def rows():
    for n in range(300):
        yield ["abc"[n % 3], 1_700_000_000 + n // 3]

def may_raise(name):
    always = (HERE / "always").exists()
    mark = HERE / f"raised-{name}"
    if always or not mark.exists():
        mark.touch()
        raise ValueError(f"{name} has a bad day")

def count(key, window, rows):
    if key == "b" and window.start == 1_700_000_010:
        may_raise("window")
    yield len(rows)

class Timers(Bolt):
    outputs = ["key", "at"]
    stateful = True

    def process(self, tup):
        self.context.timers.event(tup.at // 10 * 10_000 + 10_000)

    def on_timer(self, timer):
        self.emit(["half", timer.at])
        if timer.key == "c" and timer.at == 1_700_000_020_000:
            may_raise("timer")
        self.emit([timer.key, timer.at])

    def finish(self):
        yield ["end", 0]
        may_raise("finish")
"""
FIRST = 1_700_000_000
ENDS = range(FIRST + 10, FIRST + 101, 10)


def run(folder: Path, guarantee: str) -> dict[str, Any]:
    """Run it; return the summary."""
    (folder / "moody.yaml").write_text(TOPOLOGY.replace("GUARANTEE", guarantee))
    (folder / "moody.py").write_text(USER)
    done = waterspout(folder, "run", "moody.yaml", "--workers", "2", "--json")
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def written(folder: Path) -> Counter[tuple[Any, ...]]:
    """Return the rows that a sink has committed."""
    lines = [line for path in folder.glob("part-*") for line in path.read_text().splitlines()]
    return Counter(tuple(json.loads(line).values()) for line in lines)


def windows(without: Any = ()) -> Counter[tuple[Any, ...]]:
    rows = ((key, end - 10, end, 10) for key in "abc" for end in ENDS)
    return Counter(row for row in rows if row[:2] not in without)


def timers(without: Any = ()) -> Counter[tuple[Any, ...]]:
    every = [(key, end * 1000) for key in "abc" for end in ENDS]
    rows = Counter(row for row in every if row not in without)
    return rows + Counter(("half", at) for key, at in rows.elements())


@pytest.mark.parametrize("guarantee", ["at-least-once", "exactly-once"])
def test_calls_that_raise_once_are_made_again_and_nothing_is_missing(
    tmp_path: Path, guarantee: str
) -> None:
    summary = run(tmp_path, guarantee)
    assert (summary["outcome"], summary["dead_letters"]) == ("finished", 0)
    assert all((tmp_path / f"raised-{name}").exists() for name in ("window", "timer", "finish"))
    # Nobody was killed: not even at-least-once repeats what went well.
    assert written(tmp_path / "out") == windows()
    assert written(tmp_path / "out_of_timers") == timers() + Counter([("end", 0)])


@pytest.mark.parametrize("guarantee", ["at-least-once", "exactly-once"])
def test_calls_that_always_raise_are_dead_letters_and_the_run_goes_on(
    tmp_path: Path, guarantee: str
) -> None:
    (tmp_path / "always").touch()
    summary = run(tmp_path, guarantee)
    assert (summary["outcome"], summary["dead_letters"]) == ("finished", 3)
    listed = waterspout(tmp_path, "dead-letters", "list", "--topology", "moody", "--json")
    letters = {each["stream"]: each for each in map(json.loads, listed.stdout.splitlines())}
    assert set(letters) == {"window", "on_timer", "finish"}
    assert letters["window"]["values"][:3] == ["b", FIRST + 10, FIRST + 20]
    assert letters["on_timer"]["values"] == ["c", (FIRST + 20) * 1000, "", "event"]
    for letter in letters.values():
        assert letter["attempts"] == 3 and "has a bad day" in letter["reason"]
        assert "may_raise" in letter["traceback"]
    assert written(tmp_path / "out") == windows([("b", FIRST + 10)])
    assert written(tmp_path / "out_of_timers") == timers([("c", (FIRST + 20) * 1000)])
