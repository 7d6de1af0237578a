"""A disk that is really full: a small file system for the state, filled to its last block.

It is mounted in a mount namespace of the run's own, which nobody else sees and which is gone with
it; the test reaches it through ``/proc``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .exact_count import ExactProject
from .word_count import LIMIT_S, Project, kill_all, wait_for, workers_of

LINES = 4000
#: As the topology has it (exact_count.py).
MAX_PENDING = 100
#: Of the file system: room for the crash slots of both workers, and for parts and the store.
DISK = "24m"
#: In a mount namespace: $0 is where the disk comes, the rest is the command.
MOUNTED = f'mount -t tmpfs -o size={DISK} none "$0" && exec "$@"'


def unshare() -> list[str]:
    """Return what gives a command a mount namespace, as root or as anybody."""
    more = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", "--mount", *more]


def no_mounts() -> str:
    """Return why no file system can be mounted here, "" when one can."""
    if shutil.which("unshare") is None:
        return "needs the unshare command: apt-get install util-linux"
    tried = subprocess.run(
        [*unshare(), "sh", "-c", MOUNTED, "/mnt", "true"], capture_output=True, text=True
    )
    why = f"needs mount namespaces ({tried.stderr.strip()}): run as root, a container --privileged"
    return why if tried.returncode else ""


WHY_NOT = no_mounts()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


class SmallDisk:
    """The state's disk of a run."""

    def __init__(self, run: subprocess.Popen[str], folder: Path) -> None:
        self._filler = Path(f"/proc/{run.pid}/root{folder}/filler")

    def fill(self) -> None:
        """Take all room that is left."""
        with self._filler.open("ab", buffering=0) as file:
            try:
                while file.write(b"x" * 4096) == 4096:
                    pass
            except OSError as error:
                assert error.errno == 28, error

    def free(self) -> None:
        self._filler.unlink()


def start(project: Project) -> tuple[subprocess.Popen[str], SmallDisk]:
    """Begin to run with the state on a small disk."""
    state = project.folder / "state"
    state.mkdir()
    command = [*unshare(), "sh", "-c", MOUNTED, str(state), *project.command()]
    run = subprocess.Popen(
        command, cwd=project.folder, env=project.environ, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    return run, SmallDisk(run, state)


@pytest.fixture(params=["at-least-once", "exactly-once"])
def project(tmp_path: Path, request) -> Iterator[ExactProject]:
    made = ExactProject(tmp_path)
    made.change("guarantee: exactly-once", f"guarantee: {request.param}")
    made.change("pause_s: 0.001", "pause_s: 0.002")
    made.change("checkpoint_interval", "round_interval: 100ms, checkpoint_interval")
    yield made
    kill_all(tmp_path)


def status_when(project: Project, run: subprocess.Popen[str], what: str, test: Any) -> Any:
    def look() -> dict[str, Any]:
        status = project.status(run.pid)
        return status if status and test(status) else {}

    return wait_for(look, what)


def acked(status: dict[str, Any]) -> int:
    return sum(row["acked"] for row in status["spouts"])


def emitted(status: dict[str, Any]) -> int:
    return sum(row["emitted"] for row in status["spouts"])


def no_room(status: dict[str, Any]) -> bool:
    """Say whether the status names what found no room."""
    return any(word in json.dumps(status) for word in ("No space left", "disk is full"))


def fill(project: Project, run: subprocess.Popen[str], disk: SmallDisk) -> dict[str, Any]:
    """Fill the disk in the middle of a run; return the status that first says so."""
    status_when(project, run, "the middle", lambda status: acked(status) > 300)
    disk.fill()
    found: dict[str, Any] = status_when(project, run, "a round that failed", no_room)
    return found


def end(run: subprocess.Popen[str], disk: SmallDisk) -> dict[str, Any]:
    """Make room, wait for the end of the run, and return its summary."""
    disk.free()
    out, err = run.communicate(timeout=2 * LIMIT_S)
    assert run.returncode == 0, err
    summary: dict[str, Any] = json.loads(out)
    return summary


def test_rounds_fail_data_flows_on_and_all_is_right_once_there_is_room(
    project: ExactProject,
) -> None:
    true = project.write_texts(lines=LINES)
    run, disk = start(project)
    full = fill(project, run, disk)
    # Under exactly-once all tasks go back to the last checkpoint meanwhile, again and again.
    status_when(project, run, "more work", lambda status: emitted(status) > emitted(full) + 200)
    summary = end(run, disk)
    assert summary["restarts"] == 0, "a worker died of a full disk"
    assert (summary["acked"], summary["dead_letters"]) == (LINES, 0)
    project.exact(true)


def test_a_worker_that_is_killed_meanwhile_is_started_again_and_lives(
    project: ExactProject,
) -> None:
    true = project.write_texts(lines=LINES)
    run, disk = start(project)
    fill(project, run, disk)
    victim = workers_of(run.pid)[1]
    victim.kill()
    wait_for(lambda: workers_of(run.pid).get(1) not in (None, victim), "another worker")
    again = status_when(project, run, "work again", lambda status: status["state"] == "running")
    status_when(project, run, "more", lambda status: emitted(status) > emitted(again) + 200)
    summary = end(run, disk)
    assert (summary["restarts"], summary["dead_letters"]) == (1, 0)
    # Without a crash slot it is not known exactly what the dead worker had drawn.
    assert LINES <= summary["acked"] <= LINES + MAX_PENDING
    if "guarantee: exactly-once" in (project.folder / "topology.yaml").read_text():
        project.exact(true)
    else:
        found = dict(project.rows())
        assert all(found[word] >= count for word, count in true.items())
        surplus = sum(found.values()) - sum(true.values())
        assert surplus <= 8 * summary["duplicates_possible"], "each line has 8 words"
