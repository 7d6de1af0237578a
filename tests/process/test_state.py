"""Keyed state through kill -9, over both backends: every key counted exactly, shown offline."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .word_count import LIMIT_S, WATERSPOUT, wait_for, workers_of

COMPONENTS = '''\
"""User code next to the topology."""

from waterspout.bolts import Bolt


class Keys(Bolt):
    outputs = ["key"]

    def process(self, tup):
        self.emit([f"key-{tup['n'] % 997}"])


class Tally(Bolt):
    stateful = True

    def prepare(self, context):
        self.total = context.state.value("total", default=0)
        self.last = context.state.list("last")
        self.seen = context.state.map("seen", ttl="1h")

    def process(self, tup):
        self.total.set(self.total.get() + 1)
        self.last.set([*self.last.get()[-2:], self.total.get()])
        self.seen[self.total.get() % 3] = self.total.get()
'''
TOPOLOGY = """\
name: tally
guarantee: exactly-once
workers: 2
state: memory
spouts:
  numbers: {class: Sequence, args: {count: 40000, rate: 20000}}
bolts:
  keys: {class: "components:Keys", inputs: [numbers]}
  tally:
    class: components:Tally
    inputs: [{from: keys, grouping: fields, fields: [key]}]
    parallelism: 2
settings: {checkpoint_interval: 150ms, state_cache: 1MiB}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "components.py").write_text(COMPONENTS)
    (tmp_path / "tally.yaml").write_text(TOPOLOGY)
    yield tmp_path


def command(folder: Path, *words: str) -> dict[str, Any]:
    return {
        "args": [*WATERSPOUT, *words], "cwd": folder, "text": True,
        "env": {**os.environ, "XDG_STATE_HOME": str(folder / "home")},
    }  # fmt: skip


def show(folder: Path, *words: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        **command(folder, "state", "show", "--state-dir", "state", "--json", *words),
        capture_output=True, timeout=LIMIT_S, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(("backend", "remote"), [("memory", True), ("sqlite", False)])
def test_each_key_is_counted_exactly_through_kills(
    folder: Path, backend: str, remote: bool
) -> None:
    more = ("--snapshots", f"file://{folder}/remote") if remote else ()
    run = subprocess.Popen(
        **command(folder, "run", "tally.yaml", "--json", "--state-dir", "state", "--set",
                  f"state={backend}", *more),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    snapshots = folder / "remote" if remote else folder / "state" / "snapshots"
    for worker in (1, 0):
        before = newest(snapshots)
        wait_for(lambda before=before: newest(snapshots) > before + 2, "some snapshots")
        os.kill(workers_of(run.pid)[worker].pid, signal.SIGKILL)
    output, complaint = run.communicate(timeout=LIMIT_S)
    assert run.returncode == 0, complaint
    assert json.loads(output)["restarts"] == 2
    true = {f"key-{key}": len(range(key, 40000, 997)) for key in range(997)}
    kept = show(folder, "tally", "--component", "tally", "--limit", "2000")
    assert {row["key"]: row["value"] for row in kept if row["name"] == "total"} == true
    assert {row["key"]: row["value"] for row in kept if row["name"] == "last"} == {
        key: [count - 2, count - 1, count] for key, count in true.items()
    }
    of_key = show(folder, "tally", "--component", "tally", "--key", "key-5")
    assert {row["name"] for row in of_key} == {"total", "last", "seen"}


def newest(snapshots: Path) -> int:
    """Return the number of the newest part that is written."""
    found = [int(file.name.split("round-")[1].split(".")[0]) for file in snapshots.glob("*.part")]
    return max(found, default=0)



NAMED_BLOCK = re.compile(r"^```\w+\n# (\S+\.(?:py|yaml))\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "state-and-time.md"


@pytest.mark.parametrize("topology", ["cards", "cards_big"])
def test_the_topologies_of_the_docs_run(tmp_path: Path, topology: str) -> None:
    for name, text in NAMED_BLOCK.findall(PAGE.read_text("utf-8")):
        if name.startswith("cards"):
            (tmp_path / name).write_text(text)
    rows = [{"card": card, "amount": 300} for card in range(20) for _ in range(card % 6)]
    (tmp_path / "payments.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("run", f"{topology}.yaml", "--in-process", "--json", "--state-dir", "state")
    done = subprocess.run(**command(tmp_path, *words), capture_output=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr
    (paid,) = (
        row for row in show(tmp_path, "cards", "--component", "cards", "--key", "5")
        if row["name"] == "paid"
    )
    assert paid["value"] == [300] * 5
    if topology == "cards":
        alarms = (tmp_path / "alarms.jsonl").read_text().splitlines()
        assert sorted(json.loads(line)["card"] for line in alarms) == [4, 5, 10, 11, 16, 17]
