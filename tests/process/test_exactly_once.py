"""Exactly-once on real worker processes: counts are exactly right, whatever is killed when."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor.store_sqlite import SqliteStore

from .exact_count import ExactProject
from .word_count import LIMIT_S, WATERSPOUT, kill_all, processes_in, wait_for, workers_of

LINES = 6000
#: Of the topology, how its keys are dealt out.
COUNT_BY_KEY = """fields: [word]}]
    parallelism: 2
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[ExactProject]:
    made = ExactProject(tmp_path)
    yield made
    kill_all(tmp_path)


def middle(project: ExactProject, run: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait until a checkpoint was complete and more was acked since; return the status."""

    def look() -> dict[str, Any]:
        status = project.status(run.pid)
        made = status.get("checkpoint") or {}
        acked = sum(row["acked"] for row in status.get("spouts", []))
        return status if made.get("complete", 0) and acked > 500 else {}

    return wait_for(look, "the middle of the run")


def summary_of(run: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for the end of a run and return its summary."""
    out, err = run.communicate(timeout=2 * LIMIT_S)
    assert run.returncode == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def call(project: ExactProject, *words: str) -> subprocess.CompletedProcess[str]:
    """Run another command of the command line."""
    return subprocess.run(
        [*WATERSPOUT, *words], cwd=project.folder, env=project.environ, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2])
def test_kills_of_workers_change_no_count(project: ExactProject, seed: int) -> None:
    true, rng = project.write_texts(lines=LINES, seed=seed), random.Random(seed)
    run = project.start()
    middle(project, run)
    for _ in range(3):
        victim = rng.choice(list(workers_of(run.pid).values()))
        victim.kill()
        time.sleep(rng.uniform(0.0, 0.6))
    summary = summary_of(run)
    assert summary["restarts"] == 3
    assert summary["acked"] == summary["messages"] == LINES
    project.exact(true)


def test_a_run_whose_process_is_killed_goes_on_from_its_last_checkpoint(
    project: ExactProject,
) -> None:
    true = project.write_texts(lines=LINES)
    run = project.start()
    middle(project, run)
    run.kill()
    run.communicate()
    wait_for(lambda: not processes_in(project.folder), "the end of its workers")
    done = project.run()
    assert done.returncode == 0, done.stderr
    assert "goes on where the last run stopped" in done.stderr
    assert json.loads(done.stdout)["acked"] < LINES
    project.exact(true)


def test_a_run_that_was_killed_goes_on_with_another_parallelism(project: ExactProject) -> None:
    true = project.write_texts(lines=LINES)
    run = project.start()
    middle(project, run)
    run.kill()
    run.communicate()
    wait_for(lambda: not processes_in(project.folder), "the end of its workers")
    project.change(COUNT_BY_KEY, COUNT_BY_KEY.replace("parallelism: 2", "parallelism: 3"))
    done = project.run("--workers", "3")
    assert done.returncode == 0, done.stderr
    assert "~ bolt count: parallelism: 2 -> 3" in done.stderr
    assert json.loads(done.stdout)["acked"] < LINES
    project.exact(true)


def test_a_damaged_snapshot_is_told_and_an_older_one_used_or_the_run_stops(
    project: ExactProject,
) -> None:
    true = project.write_texts(lines=LINES)
    project.change("max_pending: 100", "max_pending: 100, checkpoint_retained: 3")
    run = project.start()
    middle(project, run)
    wait_for(lambda: project.status(run.pid)["checkpoint"]["complete"] > 3, "more checkpoints")
    run.kill()
    run.communicate()
    wait_for(lambda: not processes_in(project.folder), "the end of its workers")
    for path in newest_parts(project):
        path.write_bytes(path.read_bytes()[:-1])
    done = project.run()
    assert done.returncode == 0, done.stderr
    assert "cannot be read" in done.stderr and "all tasks go back to snapshot" in done.stderr
    project.exact(true)


def newest_parts(project: ExactProject) -> list[Path]:
    """Return the part files of the newest complete snapshot."""
    store = SqliteStore(project.folder / "state" / "store.sqlite")
    parts = store.parts()
    store.close()
    return [project.folder / "state" / "snapshots" / part.file for part in parts[-1:]]


PICKY = """

class Picky(Split):
    def process(self, tup):
        words = tup["line"].split()
        for word in words[:2]:
            self.emit([word])
        if "poison" in words:
            raise ValueError("poison")
        for word in words[2:]:
            self.emit([word])
"""


def test_p1_messages_that_always_fail_become_dead_letters_without_any_effect(
    project: ExactProject,
) -> None:
    true = project.write_texts(lines=1000)
    with open(project.folder / "texts" / "3.txt", "a") as file:
        file.write("good good poison\n" * 2)
    with open(project.folder / "components.py", "a") as file:
        file.write(PICKY)
    project.change("components:Split", "components:Picky")
    project.change("    args: {pause_s: 0.001}\n", "")
    project.change("max_pending: 100", "max_pending: 100, attempts_max: 2")
    done = project.run()
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["dead_letters"], summary["acked"]) == (2, 1000)
    assert summary["epochs"] >= 2, "each attempt takes everybody back"
    assert "all tasks go back to" in done.stderr
    project.exact(true)


def test_a_drained_run_goes_on_where_it_stopped(project: ExactProject) -> None:
    true = project.write_texts(lines=LINES)
    run = project.start()
    middle(project, run)
    os.killpg(run.pid, signal.SIGINT)
    assert summary_of(run)["outcome"] == "drained"
    assert project.rows() == [], "finish() is not called by a drain"
    done = project.run()
    assert done.returncode == 0, done.stderr
    project.exact(true)


def test_from_a_savepoint_changed_code_with_other_parallelism_counts_right(
    project: ExactProject,
) -> None:
    true = project.write_texts(lines=LINES)
    run = project.start()
    middle(project, run)
    taken = call(
        project, "savepoint", "wordcount", "--state-dir", "state", "--out", "sp", "--json"
    )
    assert taken.returncode == 0, taken.stderr
    facts = json.loads(taken.stdout)
    assert facts["files"] >= 2 and facts["bytes"] > 0
    run.kill()
    run.communicate()
    assert project.rows() == []
    # Other code, one more counter, one worker less.
    components = project.folder / "components.py"
    components.write_text(components.read_text().replace(".split():", ".split(' '):"))
    project.change("workers: 2", "workers: 1")
    text = (project.folder / "topology.yaml").read_text()
    head, tail = text.split("  count:")
    (project.folder / "topology.yaml").write_text(
        head + "  count:" + tail.replace("parallelism: 2", "parallelism: 3", 1)
    )
    state = project.folder / "state"
    state.rename(project.folder / "old-state")
    done = project.run("--from", "sp")
    assert done.returncode == 0, done.stderr
    assert "begins from savepoint" in done.stderr
    assert 0 < json.loads(done.stdout)["messages"] < LINES
    project.exact(true)


def test_what_a_savepoint_has_and_the_topology_has_not_is_refused_by_name(
    project: ExactProject,
) -> None:
    project.write_texts(lines=LINES)
    run = project.start()
    middle(project, run)
    taken = call(project, "savepoint", "wordcount", "--state-dir", "state", "--out", "sp")
    assert taken.returncode == 0, taken.stderr
    run.kill()
    run.communicate()
    (project.folder / "state").rename(project.folder / "old-state")
    project.change("  count:\n", "  tally:\n")
    project.change("inputs: [count]", "inputs: [tally]")
    refused = project.run("--from", "sp")
    assert refused.returncode == 1
    assert "state of 'count'" in refused.stderr and "--allow-dropped-state" in refused.stderr
    done = project.run("--from", "sp", "--allow-dropped-state")
    assert done.returncode == 0, done.stderr
    assert project.rows(), "what is new begins empty, at the positions of the savepoint"
