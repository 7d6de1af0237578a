"""``waterspout status`` beside runs that do not get on, on real worker processes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from .word_count import LIMIT_S, WATERSPOUT, Project, wait_for

COMPONENTS = '''\
from pathlib import Path

from waterspout.bolts import Bolt


class Miser(Bolt):
    """Acks by hand, and nothing while there is no file ``generous``."""

    auto_ack = False

    def prepare(self, context):
        self.held = []

    def process(self, tup):
        self.held.append(tup)

    def process_tick(self, tup):
        if Path("generous").exists():
            for tup in self.held:
                self.ack(tup)
            self.held.clear()
'''

SOURCE = '''\
from pathlib import Path

from waterspout.bolts import Bolt
from waterspout.spouts import Reader, Source


class Offline(Source):
    """Cannot be read while there is no file ``online``."""

    outputs = ["n"]

    def partitions(self):
        return ["a"]

    def reader(self, partition, position):
        return Offset(position or 0)


class Offset(Reader):
    def __init__(self, position):
        self.position = position

    def read(self, limit):
        if self.position == 9:
            return None
        if not Path("online").exists():
            return [self.position]
        self.position += 1
        return [[self.position]], self.position


class Nothing(Bolt):
    def process(self, tup):
        pass
'''

OFFLINE = """\
name: offline
spouts:
  lines: {class: "components:Offline"}
bolts:
  none: {class: "components:Nothing", inputs: [lines]}
settings: {report_interval: 50ms}
"""

TOPOLOGY = """\
name: miser
workers: 2
spouts:
  numbers: {class: Sequence, args: {count: 100}}
bolts:
  keep: {class: "components:Miser", inputs: [numbers], tick_interval: 50ms}
settings: {message_timeout: 500ms, hold_max: 60s, report_interval: 50ms}
"""


def status_of(
    project: Project, *options: str, name: str = "miser"
) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return subprocess.run(
        [*WATERSPOUT, "status", name, *options], cwd=project.folder, env=project.environ,
        capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip


def test_status_fails_while_nothing_is_acked_and_says_where_it_stands(tmp_path: Path) -> None:
    project = Project(tmp_path)
    (tmp_path / "components.py").write_text(COMPONENTS)
    (tmp_path / "topology.yaml").write_text(TOPOLOGY)
    run = project.start()
    wait_for(lambda: project.status(run.pid).get("health") == "stalled", "the stall")
    stalled = status_of(project, "--json")
    assert stalled.returncode == 4
    (row,) = json.loads(stalled.stdout)["spouts"]
    assert (row["acked"], row["pending"]) == (0, 100)
    assert row["first_unacked"]["position"] == 0
    assert row["first_unacked"]["age_s"] >= 0.5
    assert "stalled" in status_of(project).stdout

    (tmp_path / "generous").touch()
    out, err = run.communicate(timeout=LIMIT_S)
    assert run.returncode == 0, err
    assert json.loads(out)["acked"] == 100
    assert status_of(project).returncode == 3


def test_a_source_that_cannot_be_read_is_degraded_and_goes_on_when_it_can(tmp_path: Path) -> None:
    project = Project(tmp_path)
    (tmp_path / "components.py").write_text(SOURCE)
    (tmp_path / "topology.yaml").write_text(OFFLINE)
    run = project.start()
    wait_for(lambda: project.status(run.pid).get("health") == "degraded", "the trouble")
    degraded = status_of(project, "--json", name="offline")
    assert degraded.returncode == 5
    (row,) = json.loads(degraded.stdout)["spouts"]
    (failing,) = row["failing"]
    what = "UserError: read returned [0], expected (messages, position) or None"
    assert (failing["task"], failing["doing"], failing["error"]) == (0, "reading a", what)
    (tmp_path / "online").touch()
    out, err = run.communicate(timeout=LIMIT_S)
    assert run.returncode == 0, err
    summary = json.loads(out)
    assert (summary["acked"], summary["restarts"], summary["failing"]) == (9, 0, [])
    assert f"lines: reading a: {what}" in err
