"""``waterspout status`` beside a run whose bolt holds what it gets, on real worker processes."""

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

TOPOLOGY = """\
name: miser
workers: 2
spouts:
  numbers: {class: Sequence, args: {count: 100}}
bolts:
  keep: {class: "components:Miser", inputs: [numbers], tick_interval: 50ms}
settings: {message_timeout: 500ms, hold_max: 60s, report_interval: 50ms}
"""


def status_of(project: Project, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return subprocess.run(
        [*WATERSPOUT, "status", "miser", *options], cwd=project.folder, env=project.environ,
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
