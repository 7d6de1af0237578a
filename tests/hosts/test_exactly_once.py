"""Exactly-once over three hosts with keys: everything that cuts or kills, and exact counts.

Ids are rows of docs/faults.md. The table and the files that are written lie in a folder that all
hosts see, as sinks of files need it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ..process.word_count import wait_for
from .exact_numbers import ExactNumbers
from .hosts_cluster import LIMIT_S, HostsCluster
from .net import can_lose_packets, missing
from .test_hosts import LEASE_S, workers_on

WHY_NOT = missing()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


@pytest.fixture
def numbers(tmp_path: Path) -> Iterator[ExactNumbers]:
    """Return a topology in the middle of its numbers over all hosts."""
    cluster = HostsCluster(tmp_path)
    made = ExactNumbers(cluster.up(), 15_000)
    made.submit()
    made.middle()
    yield made
    made.stop()
    cluster.close()


def test_a_host_that_is_gone_changes_no_count(numbers: ExactNumbers) -> None:
    """F06: its state is restored elsewhere, the others go back with it."""
    numbers.cluster.net.kill_host("b")
    gone = time.monotonic()
    wait_for(
        lambda: {row["host"] for row in numbers.row().get("workers", ())} == {"a", "c"},
        "all workers on two hosts", LIMIT_S,
    )  # fmt: skip
    numbers.more(1)
    took = time.monotonic() - gone
    print(f"host gone until more was committed: {took:.1f} s")
    assert took < LEASE_S + 25, "also on a busy machine"
    numbers.exact()


def test_cuts_losses_and_zombies_change_no_count(numbers: ExactNumbers) -> None:
    """F15, F10, F09, F07, one after the other."""
    cluster, net = numbers.cluster, numbers.cluster.net
    zombies = workers_on(numbers, "c")
    for process in (*zombies, cluster.daemons["c"]):
        process.send_signal(signal.SIGSTOP)
    wait_for(lambda: "c" not in cluster.hosts_up(), "the loss", LIMIT_S)
    numbers.more(1)
    for process in (*zombies, cluster.daemons["c"]):
        process.send_signal(signal.SIGCONT)
    wait_for(lambda: not alive(zombies), "the end of the zombies", LIMIT_S)
    if can_lose_packets():
        net.lose("b", 0.2)
    net.reset("a")
    net.cut_way("b", "a")
    time.sleep(1.0)
    net.mend_way("b", "a")
    if can_lose_packets():
        net.lose_no_more("b", 0.2)
    # Where they are by now: b may have been lost, too, and c has been.
    host, zombies = wait_for(lambda: away(numbers), "workers on b or c", LIMIT_S)
    net.cut(host)
    wait_for(lambda: host not in cluster.hosts_up(), "the loss", LIMIT_S)
    net.mend(host)
    wait_for(lambda: not alive(zombies), "the end of the zombies", LIMIT_S)
    numbers.exact()


def away(numbers: ExactNumbers) -> tuple[str, list[psutil.Process]] | None:
    """Return a host without the coordinator that has workers, and these; None: there is none."""
    assert numbers.row().get("life") != "ended", "it was over too early"
    for host in ("b", "c"):
        if found := workers_on(numbers, host):
            return host, found
    return None


def alive(processes: list[psutil.Process]) -> bool:
    """Say whether one of them is still there."""
    return any(process.is_running() for process in processes)
