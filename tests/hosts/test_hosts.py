"""A cluster with keys over three hosts: the page's commands, then everything that cuts or kills.

Rows of docs/faults.md are named by their ids. After each fault: nothing is lost, first unacked
never goes back, and the topology goes on within the stated time.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ..process.word_count import wait_for
from .hosts_cluster import LIMIT_S, HostsCluster, Numbers, page_commands
from .net import can_lose_packets, missing

WHY_NOT = missing()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)

LEASE_S = 3.0


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[HostsCluster]:
    made = HostsCluster(tmp_path)
    yield made
    made.close()


@pytest.fixture
def numbers(cluster: HostsCluster, request: pytest.FixtureRequest) -> Iterator[Numbers]:
    """Return a topology in the middle of its numbers over all hosts; its param is a lease."""
    cluster.lease = getattr(request, "param", cluster.lease)
    made = Numbers(cluster.up(), 12_000)
    made.submit()
    made.middle()
    yield made
    made.stop()


def workers_on(numbers: Numbers, host: str) -> list[psutil.Process]:
    """Return the worker processes on a host."""
    rows = numbers.row().get("workers", ())
    return [psutil.Process(row["pid"]) for row in rows if row["host"] == host and row["pid"]]


def test_the_five_commands_of_the_page(cluster: HostsCluster) -> None:
    keygen, coordinator, supervisor, submit, status = page_commands()
    assert keygen == ["waterspout", "keygen", "keys", "--hosts", "a,b,c"]
    cluster.start("coordinator", "a", *coordinator[1:])
    for host in cluster.hosts:
        words = [word.replace("$(hostname)", host) for word in supervisor[1:]]
        cluster.start(host, host, *words)
    wait_for(lambda: cluster.hosts_up() == set(cluster.hosts), "the hosts", LIMIT_S)
    root = Path(__file__).resolve().parents[2]
    began = time.monotonic()
    topology = str(root / submit[2])
    cluster.call(submit[1], topology, *submit[3:], options=False)
    print(f"submit until it runs: {time.monotonic() - began:.2f} s")
    assert "--watch" in status
    shown = cluster.call(*(w for w in status[1:] if w != "--watch"), options=False).stdout
    for word in ("coordinator tcp://10.203.0.1:7461", "10.203.0.2", "wordcount", "running"):
        assert word in shown
    cluster.call("kill", "wordcount", "--now")


def test_without_the_right_key_nobody_is_let_in(cluster: HostsCluster) -> None:
    cluster.up()
    cluster.call("keygen", "others", "--hosts", "a", options=False)
    at = ("--coordinator", cluster.endpoint)
    done = cluster.call("list", *at, "--keys", "others/admin", options=False, code=3)
    assert "does not let us in" in done.stderr
    done = cluster.call("list", *at, "--insecure", options=False, code=3)
    assert "E_INSECURE" in done.stderr and "give --keys" in done.stderr
    done = cluster.call("drain", "b", *at, "--keys", "keys/readonly", options=False, code=1)
    assert "E_ROLE" in done.stderr
    cluster.call("list", *at, "--keys", "keys/readonly", options=False)


def test_a_host_that_is_gone_is_replaced_after_its_lease(numbers: Numbers) -> None:
    """F06."""
    cluster = numbers.cluster
    waited = cluster.waited_for_cores()
    gone = time.time()
    cluster.net.kill_host("b")
    wait_for(
        lambda: {row["host"] for row in numbers.row().get("workers", ())} == {"a", "c"},
        "all workers on two hosts", LIMIT_S,
    )  # fmt: skip
    numbers.more(10)
    machine_s = sum(
        now - waited.get(pid, 0.0) for pid, now in cluster.waited_for_cores().items()
    )  # fmt: skip
    (lost,) = (row["at"] for row in cluster.events() if row["name"] == "host lost")
    runs = next(
        row["at"] for row in cluster.events("numbers")
        if row["name"] == "running" and row["at"] > lost
    )  # fmt: skip
    print(f"lost after {lost - gone:.2f} s, all runs after {runs - gone:.2f} s,"
          f" {machine_s:.2f} s of waiting for a core")  # fmt: skip
    assert lost - gone < LEASE_S + 1 + machine_s
    assert runs - gone < LEASE_S + 3 + machine_s
    numbers.whole()


def test_a_short_cut_moves_nothing(numbers: Numbers) -> None:
    """F07: shorter than the lease."""
    net = numbers.cluster.net
    net.cut("b")
    time.sleep(1.0)
    net.mend("b")
    numbers.more()
    numbers.whole()


def test_a_host_that_was_cut_for_longer_than_its_lease_is_fenced(numbers: Numbers) -> None:
    """F07: its workers go on as zombies; when it is back they are refused, and killed."""
    net = numbers.cluster.net
    zombies = workers_on(numbers, "b")
    assert zombies
    net.cut("b")
    wait_for(lambda: "b" not in numbers.cluster.hosts_up(), "the loss", LIMIT_S)
    net.mend("b")
    wait_for(lambda: not any(z.is_running() for z in zombies), "the end of the zombies", LIMIT_S)
    numbers.whole()


@pytest.mark.parametrize(("source", "target"), [("b", "a"), ("a", "b"), ("b", "c")])
def test_a_cut_of_one_way_loses_nothing(numbers: Numbers, source: str, target: str) -> None:
    """F08: to the coordinator's host, and from it. F09: between two others."""
    net = numbers.cluster.net
    net.cut_way(source, target)
    time.sleep(LEASE_S + 2)
    net.mend_way(source, target)
    numbers.whole()


def test_connections_that_break_lose_nothing(numbers: Numbers) -> None:
    """F10."""
    for _ in range(3):
        for host in numbers.cluster.hosts:
            numbers.cluster.net.reset(host)
        time.sleep(0.5)
    numbers.whole()


@pytest.mark.skipif(not can_lose_packets(), reason="needs iptables: apt-get install iptables")
@pytest.mark.parametrize("share", [0.05, 0.3])
def test_lost_packets_lose_no_message(numbers: Numbers, share: float) -> None:
    """F10."""
    net = numbers.cluster.net
    net.lose("b", share)
    time.sleep(4.0)
    net.lose_no_more("b", share)
    numbers.whole()


# The lease is longer than a daemon may take to start on a busy machine.
@pytest.mark.parametrize("numbers", ["15s"], indirect=True)
@pytest.mark.parametrize("daemon", ["coordinator", "b"])
def test_a_daemon_that_is_killed_finds_everything_again(numbers: Numbers, daemon: str) -> None:
    """F04, F05."""
    cluster = numbers.cluster
    pids = {worker["pid"] for worker in with_pids(numbers)["workers"]}
    cluster.kill(daemon)
    numbers.more()
    cluster.coordinator() if daemon == "coordinator" else cluster.supervisor(daemon)
    wait_for(lambda: cluster.hosts_up() == set(cluster.hosts), "the hosts", LIMIT_S)
    row = wait_for(lambda: with_pids(numbers), "the workers", LIMIT_S)
    assert {worker["pid"] for worker in row["workers"]} <= pids, "no worker was lost"
    numbers.whole()


def with_pids(numbers: Numbers) -> dict[str, Any]:
    """Return the topology's row once the coordinator has heard of each worker; {} before."""
    row = numbers.row()
    return row if row and all(worker["pid"] for worker in row["workers"]) else {}


def test_a_killed_worker_is_started_again(numbers: Numbers) -> None:
    """F01."""
    (worker, *_) = workers_on(numbers, "c")
    worker.kill()
    numbers.whole()


def test_a_stopped_worker_is_a_zombie_that_changes_nothing(numbers: Numbers) -> None:
    """F15."""
    (worker, *_) = workers_on(numbers, "c")
    worker.send_signal(signal.SIGSTOP)
    time.sleep(3.0)
    worker.send_signal(signal.SIGCONT)
    numbers.whole()
