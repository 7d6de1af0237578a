"""The cluster on this machine, without keys: what its verbs do, and what survives which kill.

Rows of docs/faults.md are named by their ids.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .loopback_cluster import LoopbackCluster
from .test_run import check_surplus
from .word_count import Project, wait_for

LINES = 6000
#: At this pace all lines take 4 s on two tasks.
PACE = ("--set", "bolts.split.args.pause_s=0.001")


class Case:
    """A cluster, and a word count whose result is a file of this test."""

    def __init__(self, folder: Path) -> None:
        self.project = Project(folder)
        self.cluster = LoopbackCluster(folder)
        # Paths are those of the hosts, where a relative one lies in the worker's folder.
        text = (folder / "topology.yaml").read_text()
        text = text.replace("texts/*.txt", f"{folder}/texts/*.txt")
        (folder / "topology.yaml").write_text(text.replace("counts.csv", f"{folder}/counts.csv"))
        self.true: Counter[str] = Counter()

    def submit(self, *more: str, lines: int = LINES) -> None:
        self.true = self.project.write_texts(lines=lines)
        self.cluster.call("submit", "topology.yaml", *more)

    def middle(self) -> None:
        """Wait until a part of the messages is acked."""
        wait_for(lambda: self.cluster.acked("wordcount") > 500, "the middle of the run")

    def exact(self) -> None:
        """Wait for the end; nothing was lost and nothing counted twice."""
        row = self.cluster.ended("wordcount")
        assert (row["outcome"], row["reason"]) == ("finished", "all input was worked through")
        assert self.project.counted() == self.true

    def whole(self) -> dict[str, Any]:
        """Wait for the end; nothing was lost, and the surplus is within its bound."""
        row = self.cluster.ended("wordcount")
        assert row["outcome"] == "finished", row["reason"]
        check_surplus(self.project.counted(), self.true, LINES)
        return row


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    made = Case(tmp_path)
    yield made
    made.cluster.close()


def test_a_topology_runs_over_two_hosts_and_counts_right(case: Case) -> None:
    cluster = case.cluster.up("a", "b", slots=1)
    case.submit(*PACE)  # a run that has ended has no hosts any more
    case.middle()
    row = cluster.topology("wordcount")
    assert {worker["host"] for worker in row["workers"]} == {"a", "b"}
    case.exact()
    listed = cluster.call("list").stdout
    assert "wordcount" in listed and "finished" in listed
    events = cluster.call("events", "wordcount").stdout
    for name in ("submitted", "running", "ended"):
        assert f" {name} " in events


def test_a_killed_worker_comes_back_and_no_word_is_lost(case: Case) -> None:
    """F01."""
    cluster = case.cluster.up("a", "b", slots=1)
    case.submit(*PACE)
    case.middle()
    (worker,) = cluster.workers("b")
    worker.kill()
    case.whole()
    assert "signal 9" in cluster.call("events", "wordcount").stdout


def test_a_worker_that_is_terminated_is_replaced_and_no_message_is_blamed(case: Case) -> None:
    cluster = case.cluster.up("a", "b", slots=1)
    case.submit(*PACE)
    case.middle()
    cluster.workers("a")[0].terminate()
    row = case.whole()
    assert all(spout["dead"] == 0 for spout in row["spouts"])
    assert cluster.call("events", "wordcount").stdout.count("ended by a SIGTERM") == 1


def test_a_killed_coordinator_delays_nobody_and_finds_everything_again(case: Case) -> None:
    """F05: workers go on, and no epoch is raised: nothing is counted twice."""
    cluster = case.cluster.up("a", "b", slots=1)
    case.submit(*PACE)
    case.middle()
    pids = {worker.pid for worker in cluster.workers()}
    cluster.kill("coordinator")
    time.sleep(1.0)
    cluster.coordinator()
    wait_for(lambda: cluster.hosts_up() == {"a", "b"}, "the hosts")
    assert {worker.pid for worker in cluster.workers()} <= pids
    case.exact()
    assert cluster.status()["cluster"]["term"] == 2


def test_a_killed_supervisor_finds_its_workers_again(case: Case) -> None:
    """F04."""
    cluster = case.cluster.up("a", "b", slots=1)
    case.submit(*PACE)
    case.middle()
    before = {worker.pid for worker in cluster.workers("a")}
    cluster.kill("a")
    assert {worker.pid for worker in cluster.workers("a")} == before
    cluster.supervisor("a", slots=1)
    wait_for(lambda: cluster.hosts_up() == {"a", "b"}, "the host")
    assert {worker.pid for worker in cluster.workers("a")} <= before
    case.exact()


def test_workers_of_a_lost_host_go_to_another_when_its_lease_is_over(case: Case) -> None:
    """F06."""
    case.cluster.lease = "2s"
    cluster = case.cluster.up("a", "b")
    case.submit(*PACE)
    case.middle()
    cluster.kill("a")
    for worker in cluster.workers("a"):
        worker.kill()
    lost = time.monotonic()
    wait_for(lambda: len(cluster.workers("b")) == 2, "both workers on the other host")
    assert time.monotonic() - lost > 1, "not before the lease was over"
    case.whole()
    assert "host a lost" in cluster.call("events", "wordcount").stdout


def test_a_stopped_host_is_a_zombie_that_changes_nothing_when_it_wakes(case: Case) -> None:
    """F15: its workers are fenced, and killed when it is back."""
    case.cluster.lease = "2s"
    cluster = case.cluster.up("a", "b")
    case.submit(*PACE)
    case.middle()
    zombies = cluster.workers("a")
    for process in (*zombies, cluster.daemons["a"]):
        process.send_signal(signal.SIGSTOP)
    wait_for(lambda: len(cluster.workers("b")) == 2, "both workers on the other host")
    for process in (*zombies, cluster.daemons["a"]):
        process.send_signal(signal.SIGCONT)
    wait_for(lambda: not any(z.is_running() for z in zombies), "the end of the zombies")
    case.whole()


def test_a_second_host_of_the_same_name_is_refused(case: Case) -> None:
    """F16."""
    cluster = case.cluster.up("a")
    first = cluster.daemons.pop("a")
    cluster.folder = cluster.folder / "elsewhere"
    cluster.folder.mkdir()
    try:
        cluster.supervisor("a")
        wait_for(lambda: "duplicate" in cluster.call("events").stdout, "the refusal")
    finally:
        cluster.folder = cluster.folder.parent
        cluster.kill("a")
        cluster.daemons["a"] = first
    (row,) = cluster.status()["hosts"]
    assert row["state"] == "up"


def test_kill_drains_and_the_next_submit_goes_on(case: Case) -> None:
    cluster = case.cluster.up("a")
    case.submit(*PACE, "--set", "settings.max_pending=200")
    case.middle()
    cluster.call("kill", "wordcount")
    row = cluster.topology("wordcount")
    assert (row["life"], row["outcome"]) == ("ended", "drained")
    first = sum(spout["acked"] for spout in row["spouts"])
    assert 500 < first < LINES
    assert cluster.workers() == []
    cluster.call("submit", "topology.yaml", "--set", "settings.max_pending=200")
    case.exact()


def test_a_paused_topology_stands_still_and_goes_on(case: Case) -> None:
    cluster = case.cluster.up("a")
    case.submit(*PACE, "--set", "settings.max_pending=200")
    case.middle()
    cluster.call("pause", "wordcount")
    wait_for(lambda: pending(cluster) == 0, "nothing pending")
    stood = cluster.acked("wordcount")
    assert cluster.topology("wordcount")["life"] == "paused"
    time.sleep(0.5)
    assert cluster.acked("wordcount") == stood < LINES
    cluster.call("resume", "wordcount")
    case.exact()


def pending(cluster: LoopbackCluster) -> int:
    """Return how many messages are under way."""
    return sum(row["pending"] for row in cluster.topology("wordcount")["spouts"])


def test_a_drained_host_gives_its_workers_away(case: Case) -> None:
    cluster = case.cluster.up("a", "b")
    case.submit(*PACE)
    case.middle()
    cluster.call("drain", "a")
    wait_for(lambda: not cluster.workers("a"), "the host without workers")
    case.whole()
    assert [row["state"] for row in cluster.status()["hosts"]] == ["draining", "up"]


# What is refused.


def test_what_cannot_be_is_refused_in_one_line(case: Case) -> None:
    cluster = case.cluster.up("a", slots=1)
    case.project.write_texts(lines=100)
    for words, said in (
        (("submit", "topology.yaml"), "E_NO_SLOTS"),
        (("kill", "nobody"), "E_UNKNOWN: no topology 'nobody'"),
        (("drain", "nowhere"), "E_UNKNOWN: no host 'nowhere'"),
        (("pause", "nobody"), "E_UNKNOWN"),
    ):
        done = cluster.call(*words, code=1)
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_a_component_that_cannot_be_built_ends_the_topology_with_its_traceback(case: Case) -> None:
    cluster = case.cluster.up("a")
    case.project.write_texts(lines=100)
    text = (cluster.folder / "topology.yaml").read_text()
    broken = text.replace("components:Split", "components:NoDatabase")
    (cluster.folder / "topology.yaml").write_text(broken)
    done = cluster.call("submit", "topology.yaml", code=6)
    assert "no database at db:5432" in done.stderr
    assert "in prepare" in done.stderr
    assert cluster.topology("wordcount")["outcome"] == "boot_failed"


def test_a_dry_run_says_where_tasks_would_go(case: Case) -> None:
    cluster = case.cluster.up("a")
    case.project.write_texts(lines=100)
    done = cluster.call("submit", "topology.yaml", "--dry-run")
    assert "worker 0 on a: lines[0], split[0], count[0]" in done.stdout
    assert cluster.status()["topologies"] == []
