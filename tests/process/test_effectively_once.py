"""Effectively once on real worker processes: counts are exactly right, whatever is killed when."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor.state_view import read_maps
from waterspout.supervisor.store_sqlite import SqliteStore

from .word_count import LIMIT_S, Project, kill_all, wait_for, workers_of

LINES = 6000
TOPOLOGY = """\
name: wordcount
workers: 2
state: STATE
spouts:
  lines:
    class: Files
    args: {paths: "texts/*.txt"}
    parallelism: 2
bolts:
  split:
    class: components:Steady
    args: {pause_s: 0.001}
    inputs: [lines]
    parallelism: 2
  upper:
    class: Map
    args: {function: "components:same", fields: [word]}
    inputs: [split]
    parallelism: 2
  count:
    class: Count
    args: {field: word, emit: EMIT, top: 1000}
    effectively_once: true
    inputs: [{from: upper, grouping: fields, fields: [word]}]
    parallelism: 2
  total:
    class: Count
    args: {field: word, top: 1000}
    inputs: [{from: count, grouping: fields, fields: [word]}]
settings: {round_interval: 100ms, max_pending: 100}
"""
COMPONENTS = '''

class Steady(Split):
    deterministic = True


def same(word):
    return word
'''


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path)
    with open(tmp_path / "components.py", "a") as file:
        file.write(COMPONENTS)
    yield made
    kill_all(tmp_path)


def middle(project: Project, run: subprocess.Popen[str]) -> None:
    """Wait until something was acked."""

    def look() -> bool:
        return sum(row["acked"] for row in project.status(run.pid).get("spouts", [])) > 500

    wait_for(look, "the middle of the run")


def counted(project: Project) -> Counter[str]:
    """Return the counts in the state of the last snapshot."""
    store = SqliteStore(project.folder / "state" / "store.sqlite")
    found: Counter[str] = Counter()
    for each in read_maps(store.parts(), project.folder / "state" / "snapshots", "count"):
        if each.name == "counts":
            found.update(each.entries)
    store.close()
    return found


@pytest.mark.parametrize(("emit", "state"), [("final", "memory"), ("updates", "sqlite")])
def test_kills_of_workers_change_no_count(project: Project, emit: str, state: str) -> None:
    text = TOPOLOGY.replace("EMIT", emit).replace("STATE", state)
    (project.folder / "topology.yaml").write_text(text)
    true, rng = project.write_texts(lines=LINES, seed=3), random.Random(emit)
    run = project.start()
    for _ in range(3):
        middle(project, run)
        rng.choice(list(workers_of(run.pid).values())).kill()
        time.sleep(rng.uniform(0.0, 0.6))
    out, err = run.communicate(timeout=2 * LIMIT_S)
    assert run.returncode == 0, err
    summary: dict[str, Any] = json.loads(out)
    assert summary["restarts"] == 3
    assert summary["acked"] == summary["messages"] == LINES
    assert summary["replayed"] > 0, "nothing came again"
    assert counted(project) == true
