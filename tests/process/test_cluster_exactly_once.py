"""Exactly-once in a cluster on this machine: counts are exactly right through kills and changes."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgpack
import psutil
import pytest

from .exact_count import ExactProject
from .loopback_cluster import LoopbackCluster
from .word_count import wait_for

LINES = 4000


class Case:
    """A cluster, and an exact word count whose table is a file of this test."""

    def __init__(self, folder: Path) -> None:
        # What is packed and sent must not have the files of the daemons in it.
        home = folder / "project"
        home.mkdir()
        self.project = ExactProject(home)
        self.cluster = LoopbackCluster(folder)
        self.project.change("texts/*.txt", f"{home}/texts/*.txt")
        self.project.change("path: counts.sqlite", f"path: {home}/counts.sqlite")
        self.true: Counter[str] = Counter()

    def submit(self, pause_s: float = 0.003, lines: int = LINES) -> None:
        """Submit it, so slow that it goes on for some seconds on a quiet machine."""
        self.true = self.project.write_texts(lines=lines)
        pace = f"bolts.split.args.pause_s={pause_s}"
        self.cluster.call("submit", "project/topology.yaml", "--set", pace)

    def middle(self) -> None:
        """Wait until a part of the messages is acked."""
        wait_for(lambda: self.cluster.acked("wordcount") > 300, "the middle of the run")

    def without_coordinator(self) -> list[Path]:
        """Kill the coordinator once it keeps three snapshots; return the files of the newest one
        that no older one has, at the coordinator and on hosts."""
        folder = next((self.cluster.folder / "coordinator" / "topologies").iterdir())
        older = "SELECT parts FROM older"

        def rows(query: str) -> list[Any]:
            with closing(sqlite3.connect(folder / "store.sqlite", timeout=10)) as connection:
                return connection.execute(query).fetchall()

        wait_for(lambda: len(rows(older)) == 2, "three snapshots")
        self.cluster.kill("coordinator")
        kept = {part[1] for (parts,) in rows(older) for part in msgpack.unpackb(parts)}
        newest = {file for (file,) in rows("SELECT file FROM files")} - kept
        return [path for path in self.parts() if path.name in newest]

    def parts(self) -> list[Path]:
        """Return all snapshot parts, wherever they lie."""
        return list(self.cluster.folder.rglob("snapshots/*.part"))

    def exact(self) -> None:
        """Wait for the end; every word is there once with its true count."""
        self.finished()
        self.project.exact(self.true)

    def complete(self) -> None:
        """Wait for the end; no count is too small."""
        self.finished()
        counts = dict(self.project.rows())
        assert all(counts[word] >= count for word, count in self.true.items())

    def finished(self) -> None:
        """Wait for the end of the input."""
        row = self.cluster.ended("wordcount")
        assert (row["outcome"], row["reason"]) == ("finished", "all input was worked through")


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    made = Case(tmp_path)
    yield made
    made.cluster.close()


def test_a_killed_coordinator_and_a_lost_host_change_no_count(case: Case) -> None:
    case.cluster.lease = "3s"
    cluster = case.cluster.up("a", "b", slots=2)
    case.submit()
    case.middle()
    cluster.kill("coordinator")
    cluster.coordinator()
    wait_for(lambda: cluster.hosts_up() == {"a", "b"}, "both hosts")
    cluster.kill("b")
    cluster.supervisor("b")
    cluster.kill("a")
    for worker in cluster.workers("a"):
        worker.kill()
    case.exact()


@pytest.mark.parametrize("guarantee", ["exactly-once", "at-least-once"])
def test_a_rebalance_with_other_parallelism_keeps_the_state(case: Case, guarantee: str) -> None:
    case.project.change("exactly-once", guarantee)
    cluster = case.cluster.up("a", "b", slots=2)
    case.submit()
    case.middle()
    if guarantee == "exactly-once":
        cluster.workers()[0].kill()
    cluster.call("rebalance", "wordcount", "--parallelism", "count=3", "--workers", "3")
    case.exact()


def test_the_first_version_goes_on_with_the_state_of_a_rebalanced_one(case: Case) -> None:
    """Killed after its count was rebalanced from 2 to 4; the file says 2."""
    cluster = case.cluster.up("a", slots=3)
    case.submit(pause_s=0.006)
    case.middle()
    cluster.call("rebalance", "wordcount", "--parallelism", "count=4", "--workers", "3")
    cluster.kill("coordinator")
    cluster.coordinator()
    taken = wait_for(
        lambda: (done := cluster.call("submit", "project/topology.yaml", code=None)).returncode == 1
        and done.stderr, "the coordinator",
    )  # fmt: skip
    assert "already: swap it, or kill it first" in taken
    cluster.call("kill", "wordcount", "--now")
    again = cluster.call("submit", "project/topology.yaml")
    assert "goes on with the kept state of wordcount; what changes:" in again.stderr
    assert "bolt count: its state is dealt out anew, by key" in again.stderr
    assert "bolt count: parallelism: 4 -> 2" in again.stderr
    case.exact()


@pytest.mark.parametrize("guarantee", ["exactly-once", "at-least-once"])
def test_a_swap_to_changed_code_keeps_the_state(case: Case, guarantee: str) -> None:
    case.project.change("exactly-once", guarantee)
    cluster = case.cluster.up("a", slots=3)
    case.submit()
    case.middle()
    components = case.project.folder / "components.py"
    components.write_text(components.read_text().replace(".split():", ".split(' '):"))
    case.project.change("pause_s: 0.001", "pause_s: 0.0005")
    if guarantee == "exactly-once":
        cluster.workers()[-1].kill()
    cluster.call("swap", "wordcount", "project/topology.yaml", "--yes")
    case.exact()


def test_a_topology_begins_from_a_savepoint_of_another_one(case: Case) -> None:
    cluster = case.cluster.up("a", slots=3)
    case.submit(pause_s=0.012)
    case.middle()
    cluster.workers()[0].kill()
    taken = cluster.call("savepoint", "wordcount", "--out", "sp", "--json")
    assert json.loads(taken.stdout)["files"] >= 2
    cluster.call("kill", "wordcount", "--now")
    assert case.project.rows() == []
    case.project.change("workers: 2", "workers: 1")
    refused = cluster.call("submit", "project/topology.yaml", "--from", "sp", code=1)
    assert "--fresh drops it" in refused.stderr
    cluster.call("submit", "project/topology.yaml", "--from", "sp", "--fresh")
    case.exact()


@pytest.mark.parametrize(
    ("guarantee", "damage"),
    [("exactly-once", "gone"), ("exactly-once", "garbled"), ("at-least-once", "gone")],
)
def test_f18_parts_that_the_coordinator_lost_lead_back_to_an_older_snapshot(
    case: Case, guarantee: str, damage: str
) -> None:
    case.project.change("exactly-once", guarantee)
    case.project.change("max_pending: 100", "max_pending: 100, checkpoint_retained: 3")
    cluster = case.cluster.up("a", slots=2)
    case.submit(lines=2000)
    case.middle()
    for path in case.without_coordinator():
        path.unlink() if damage == "gone" else path.write_bytes(path.read_bytes()[:-1] + b"?")
    for worker in cluster.workers():
        worker.kill()
    cluster.coordinator()
    if guarantee == "exactly-once":
        case.exact()
    else:
        case.complete()
    told = [json.loads(line) for line in cluster.call("events", "--json").stdout.splitlines()]
    (event,) = [each for each in told if each["name"] == "snapshot cannot be read"]
    assert event["fields"]["instead"] < event["fields"]["snapshot"]


def test_f18_when_no_snapshot_can_be_read_the_topology_stops_and_asks(case: Case) -> None:
    case.project.change("max_pending: 100", "max_pending: 100, checkpoint_retained: 3")
    cluster = case.cluster.up("a", slots=2)
    case.submit(lines=2000)
    case.middle()
    case.without_coordinator()
    kept = {path: path.read_bytes() for path in case.parts()}
    for path in kept:
        path.unlink()
    for worker in cluster.workers():
        worker.kill()
    cluster.coordinator()
    row = cluster.ended("wordcount")
    assert row["outcome"] == "boot_failed"
    for words in ("snapshot part is gone", "restore the file", "--from DIR", "--fresh"):
        assert words in row["reason"]
    again = cluster.call("submit", "project/topology.yaml", code=6)
    assert "snapshot part is gone" in again.stderr
    assert case.project.rows() == []
    for path, data in kept.items():
        path.write_bytes(data)
    case.submit(lines=2000)
    case.exact()


WRITES = """\
name: wordcount
guarantee: exactly-once
workers: 2
spouts:
  lines:
    class: Files
    args: {paths: "texts/*.txt"}
    parallelism: 2
bolts:
  split:
    class: components:Split
    args: {pause_s: 0.001}
    inputs: [lines]
    parallelism: 2
  table:
    class: SqliteTable
    args: {path: counts.sqlite, table: counts}
    inputs: [split]
    parallelism: 2
  files:
    class: CommitJsonl
    args: {folder: FOLDER}
    inputs: [split]
    parallelism: 2
settings: {checkpoint_interval: 100ms, max_pending: 100}
"""


def test_f15_zombies_that_wake_write_nothing_that_is_there_already(tmp_path: Path) -> None:
    """Every checkpoint commits rows; each host in turn is stopped, replaced, and wakes."""
    case = Case(tmp_path)
    folder, path = case.project.folder, case.project.folder / "topology.yaml"
    path.write_text(WRITES.replace("FOLDER", str(folder / "out")))
    case.project.change("texts/*.txt", f"{folder}/texts/*.txt")
    case.project.change("path: counts.sqlite", f"path: {folder}/counts.sqlite")
    cluster = case.cluster
    cluster.lease = "2s"
    try:
        cluster.up("a", "b", slots=2)
        case.submit(pause_s=0.02, lines=2000)
        case.middle()
        for host in ("b", "a"):
            zombies = [psutil.Process(cluster.daemons[host].pid), *cluster.workers(host)]
            assert len(zombies) > 1
            for process in zombies:
                process.suspend()
            wait_for(lambda host=host: host not in cluster.hosts_up(), f"the loss of {host}")
            acked = min(cluster.acked("wordcount") + 100, 1999)
            wait_for(lambda more=acked: cluster.acked("wordcount") > more, "more acks")
            for process in reversed(zombies):
                process.resume()
            wait_for(lambda: cluster.hosts_up() == {"a", "b"}, "both hosts")
        case.finished()
        rows = Counter(row[0] for row in case.project.rows())
        assert rows == case.true
        lines = [
            json.loads(line)["word"]
            for file in (folder / "out").glob("part-*.jsonl")
            for line in file.read_text().splitlines()
        ]
        assert Counter(lines) == case.true
    finally:
        cluster.close()
