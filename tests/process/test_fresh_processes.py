"""What only a process of its own shows: what is imported, and what a command prints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from waterspout.supervisor.cluster.environments import run_logged

from ..supervisor.test_linting import GOOD, MODULE


def test_the_command_line_alone_imports_nothing_heavy() -> None:
    heavy = "rich", "zmq", "yaml", "msgpack"
    code = "import sys, waterspout.supervisor.cli; print([m for m in %r if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code % (heavy,)], capture_output=True, text=True)
    assert run.stdout == "[]\n", run.stderr


def test_a_worker_imports_what_few_topologies_use_only_when_they_do() -> None:
    """It is started again while messages wait: asyncio and metadata are a quarter of its start."""
    rare = "asyncio", "ssl", "email", "importlib.metadata"
    code = "import sys, waterspout.supervisor.worker; print([m for m in %r if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code % (rare,)], capture_output=True, text=True)
    assert run.stdout == "[]\n", run.stderr


def test_linting_does_not_import_what_it_lints(tmp_path: Path) -> None:
    """No module of the user, and none that a class names, is loaded."""
    (tmp_path / "wordcount.py").write_text(MODULE)
    (tmp_path / "t.yaml").write_text(GOOD)
    code = (
        "import sys; from waterspout.supervisor.linting import lint_file\n"
        "assert lint_file('t.yaml').ok\n"
        "assert 'wordcount' not in sys.modules and 'zmq' not in sys.modules\n"
    )
    command = [sys.executable, "-P", "-c", code]
    subprocess.run(command, check=True, timeout=60, cwd=tmp_path)


def test_the_output_of_a_command_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "log"
    run_logged(["sh", "-c", "echo out; echo err >&2"], log)
    with pytest.raises(subprocess.CalledProcessError):
        run_logged(["sh", "-c", "echo again; exit 3"], log)
    assert log.read_text() == "out\nerr\nagain\n"
