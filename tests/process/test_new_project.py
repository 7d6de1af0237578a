"""What ``waterspout new`` makes: its own test passes, and it runs on worker processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

WATERSPOUT = [sys.executable, "-m", "waterspout.supervisor"]


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder; none of these may take long."""
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=90)


def test_a_new_project_passes_its_own_test(tmp_path: Path) -> None:
    made = run([*WATERSPOUT, "new", "tides"], tmp_path)
    assert made.returncode == 0, made.stderr
    tested = run([sys.executable, "-m", "pytest", "-q"], tmp_path / "tides")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "2 passed" in tested.stdout


def test_a_new_project_runs_on_worker_processes(tmp_path: Path) -> None:
    run([*WATERSPOUT, "new", "tides"], tmp_path)
    state = str(tmp_path / "state")
    command = [*WATERSPOUT, "run", "tides/tides.yaml", "--json", "--state-dir", state]
    finished = run(command, tmp_path)
    assert finished.returncode == 0, finished.stderr
    summary = json.loads(finished.stdout)
    assert summary["acked"] == summary["messages"] == 300
    assert dict(summary["top"]["count"])["the"] == 400


def test_a_second_project_of_that_name_is_refused_in_one_line(tmp_path: Path) -> None:
    run([*WATERSPOUT, "new", "tides"], tmp_path)
    refused = run([*WATERSPOUT, "new", "tides"], tmp_path)
    assert refused.returncode != 0
    assert "exists already" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
