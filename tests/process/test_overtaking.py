"""Tasks that do not wait for a slow input, on real worker processes: counts stay exactly right.

Words come over a fast and a slow way into one count. At each checkpoint the slow one has seconds
of work before its barrier.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor.snapshot_store import is_log_name
from waterspout.supervisor.store_sqlite import SqliteStore

from .exact_count import ExactProject
from .word_count import kill_all, processes_in, wait_for, workers_of

FAST, SLOW = 20_000, 200
#: Of the slow way, in seconds per line and in lines before a barrier.
PAUSE_S, PENDING = 0.02, 50
TIMEOUT_S = 0.05

TOPOLOGY = f"""\
name: two-ways
guarantee: exactly-once
workers: 2
spouts:
  quick: {{class: Files, args: {{paths: "quick/*.txt"}}}}
  plodding: {{class: Files, args: {{paths: "texts/*.txt"}}}}
bolts:
  fast: {{class: "components:Split", args: {{pause_s: 0.0001}}, inputs: [quick]}}
  slow: {{class: "components:Split", args: {{pause_s: {PAUSE_S}}}, inputs: [plodding]}}
  count:
    class: Count
    args: {{field: word, emit: final}}
    inputs:
      - {{from: fast, grouping: fields, fields: [word]}}
      - {{from: slow, grouping: fields, fields: [word]}}
    parallelism: 2
  write:
    class: SqliteTable
    args: {{path: counts.sqlite, table: counts}}
    inputs: [count]
settings:
  checkpoint_interval: 100ms
  checkpoint_alignment_timeout: {int(TIMEOUT_S * 1000)}ms
  max_pending: {PENDING}
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[ExactProject]:
    made = ExactProject(tmp_path)
    (tmp_path / "topology.yaml").write_text(TOPOLOGY)
    yield made
    kill_all(tmp_path)


def overtaken(project: ExactProject, run: subprocess.Popen[str], after: int = 0) -> dict[str, Any]:
    """Wait for a checkpoint behind ``after`` that a task of ``count`` did not wait for."""

    def look() -> dict[str, Any]:
        made = project.status(run.pid).get("checkpoint") or {}
        rows = [row for row in made.get("components", ()) if row["component"] == "count"]
        slow = made.get("duration_ms", 0) > 1000 * PENDING * PAUSE_S / 2
        new = made.get("last", 0) > after and any(row["logged_rows"] for row in rows)
        return {**made, "count": rows[0]} if slow and new else {}

    return wait_for(look, "a checkpoint with what was on its way")


def test_a_fast_way_does_not_wait_for_a_slow_one_and_kills_change_no_count(
    project: ExactProject,
) -> None:
    true = project.write_texts(lines=FAST, seed=1)
    (project.folder / "texts").rename(project.folder / "quick")
    true += project.write_texts(lines=SLOW, seed=2)
    run = project.start()
    made = overtaken(project, run)
    count = made["count"]
    assert count["overtook"] and count["align_ms"] < made["duration_ms"] / 2, "it was let in early"
    for number in (0, 1):
        workers_of(run.pid)[number].kill()
        made = overtaken(project, run, after=made["last"])
    run.kill()
    run.communicate()
    wait_for(lambda: not processes_in(project.folder), "the end of its workers")
    store = SqliteStore(project.folder / "state" / "store.sqlite")
    parts = store.parts()
    store.close()
    assert any(is_log_name(part.file) for part in parts)
    done = project.run()
    assert done.returncode == 0, done.stderr
    assert "goes on where the last run stopped" in done.stderr
    assert json.loads(done.stdout)["acked"] < FAST + SLOW
    project.exact(true)
