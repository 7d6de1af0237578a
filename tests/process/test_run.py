"""``waterspout run`` on real worker processes: counts are right, whatever is killed when."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from .word_count import LIMIT_S, Project, interrupt, kill_all, wait_for, workers_of


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path)
    yield made
    kill_all(tmp_path)


def summary_of(run: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for the end of a run and return its summary."""
    out, err = run.communicate(timeout=LIMIT_S)
    assert run.returncode == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def acked(project: Project, run: subprocess.Popen[str]) -> int:
    """Return how many messages a run has acked so far."""
    status = project.status(run.pid)
    return sum(row["acked"] for row in status.get("spouts", []))


def check_surplus(found: Counter[str], true: Counter[str], lines: int) -> None:
    """No count is too low, and no more was added than ``lines`` lines of eight words may."""
    assert found.keys() == true.keys()
    assert all(found[word] >= true[word] for word in true), "words were lost"
    assert found.total() - true.total() <= 8 * lines


def test_the_counts_are_those_of_a_counter(project: Project) -> None:
    true = project.write_texts(lines=5000)
    done = project.run()
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["messages"] == summary["acked"] == 5000
    assert summary["duplicates_possible"] == 0
    assert project.counted() == true


@pytest.mark.parametrize("worker", [0, 1])
def test_a_killed_worker_costs_no_word_and_the_bound_on_surplus_holds(
    project: Project, worker: int
) -> None:
    true = project.write_texts(lines=6000)
    run = project.start("--set", "bolts.split.args.pause_s=0.0005")
    wait_for(lambda: acked(project, run) > 500, "the middle of the run")
    workers_of(run.pid)[worker].kill()
    summary = summary_of(run)
    assert summary["restarts"] == 1
    assert summary["epochs"] == 2
    assert summary["acked"] == summary["messages"] == 6000
    check_surplus(project.counted(), true, summary["duplicates_possible"])


def test_ctrl_c_drains_and_the_next_run_goes_on_where_it_ended(project: Project) -> None:
    true = project.write_texts(lines=6000)
    # At this pace all would take 15 s, and what a drain still has to work through 1 s.
    slow = ("bolts.split.args.pause_s=0.005", "settings.max_pending=200")
    run = project.start("--set", slow[0], "--set", slow[1])
    wait_for(lambda: acked(project, run) > 500, "the middle of the run")
    interrupt(run)
    first = summary_of(run)
    assert first["outcome"] == "drained"
    assert 500 < first["acked"] < 6000
    second = json.loads(project.run().stdout)
    assert second["outcome"] == "finished"
    assert first["acked"] + second["acked"] == 6000
    # Nothing died, so nothing was counted twice.
    assert project.counted() == true


def test_a_second_ctrl_c_ends_at_once(project: Project) -> None:
    true = project.write_texts(lines=6000)
    # A pause long enough that a drain would take a while.
    run = project.start("--set", "bolts.split.args.pause_s=0.01")
    wait_for(lambda: project.status(run.pid).get("state") == "running", "the run")
    interrupt(run)
    wait_for(lambda: project.status(run.pid).get("state") == "draining", "the drain")
    interrupt(run)
    run.communicate(timeout=10)
    assert run.returncode == 130
    assert project.run().returncode == 0
    found = project.counted()
    assert all(found[word] >= true[word] for word in true)


def test_a_file_begun_new_holds_the_counts_of_the_last_whole_run_whatever_is_resumed(
    project: Project,
) -> None:
    true = project.write_texts(lines=1000)
    new = ("--set", "bolts.write.args.begin=new")
    assert project.run(*new).returncode == 0
    assert project.run(*new).returncode == 0
    assert project.counted() == true, "a second run starts the file over"
    (project.folder / "counts.csv").write_text("")
    # Rows go out one by one, and the run is cut off between them.
    updates, pause = "bolts.count.args.emit=updates", "bolts.split.args.pause_s=0.002"
    slow = (*new, "--set", updates, "--set", pause)
    run = project.start(*slow)
    wait_for(lambda: (project.folder / "counts.csv").stat().st_size, "the first rows")
    wait_for(lambda: acked(project, run) > 100, "acked messages")
    workers_of(run.pid)[1].kill()
    interrupt(run)
    run.communicate(timeout=LIMIT_S)
    before = (project.folder / "counts.csv").read_bytes()
    assert project.run(*slow).returncode == 0
    after = (project.folder / "counts.csv").read_bytes()
    assert before and after.startswith(before), "neither a lost worker nor the next run does"


def test_a_killed_run_leaves_no_process_and_the_next_one_resumes(project: Project) -> None:
    true = project.write_texts(lines=6000)
    run = project.start("--set", "bolts.split.args.pause_s=0.0005")
    wait_for(lambda: acked(project, run) > 500, "the middle of the run")
    workers = list(workers_of(run.pid).values())
    assert len(workers) == 2
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    _, alive = psutil.wait_procs(workers, timeout=5)
    assert not alive
    assert project.status(run.pid) == {}
    done = project.run()
    assert done.returncode == 0, done.stderr
    found = project.counted()
    assert found.keys() == true.keys()
    assert all(found[word] >= true[word] for word in true), "words were lost"


def test_a_component_that_cannot_be_built_ends_the_run_with_its_traceback(
    project: Project,
) -> None:
    project.write_texts(lines=10)
    done = project.run("--set", "bolts.split.class=components:NoDatabase")
    assert done.returncode == 6
    assert "ConnectionError: no database at db:5432" in done.stderr
    assert "components.py" in done.stderr
    # The user's lines, none of ours.
    assert "worker_core" not in done.stderr
    assert "task_build" not in done.stderr


def test_what_components_print_is_in_the_log_of_their_worker(project: Project) -> None:
    project.write_texts(lines=100)
    assert project.run().returncode == 0
    logs = "".join(log.read_text() for log in (project.folder / "state" / "logs").iterdir())
    assert logs.count("splitting 'word") == 100
    assert "\\ud800" in logs


def test_status_answers_while_all_workers_are_busy(project: Project) -> None:
    project.write_texts(lines=1000)
    run = project.start("--set", "bolts.split.args.pause_s=30")

    def busy() -> bool:
        rows = project.status(run.pid).get("spouts", [])
        return bool(rows) and rows[0]["pending"] > 0

    wait_for(busy, "messages at work")
    took = []
    for _ in range(5):
        began = time.monotonic()
        status = project.status(run.pid)
        took.append(time.monotonic() - began)
    # The best of them: what else the machine does is not the answer's.
    assert min(took) < 0.1
    assert status["topology"] == "wordcount"
    assert [row["state"] for row in status["workers"]] == ["running", "running"]
    run.kill()
    run.communicate()
