"""What status and list show of the cluster; the names of the fields are a promise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from waterspout.supervisor.cluster.cluster_status import (
    Facts,
    cluster_health,
    cluster_row,
    host_row,
    list_row,
    topology_row,
)
from waterspout.supervisor.cluster.hosts import HostRecord, WorkerSeen

from ...each_case import each_case

WORKER = {"worker": 0, "pid": None, "state": "running", "restarts": 1, "last_exit": "signal 9"}
SEEN = WorkerSeen("a", "words-1", 0, 5, "running", 4711, 1000.0, 50, 1.0, "")
FACTS = Facts(
    id="words-1",
    name="words",
    life="active",
    outcome="",
    reason="",
    status={"topology": "words", "health": "healthy", "workers": [WORKER], "uptime_s": 5.0},
    hosts={0: "a"},
    seen={0: SEEN},
    waiting={},
    submitted_at=900.0,
)


def test_a_worker_is_shown_with_its_host_and_how_long_it_runs():
    row = topology_row(FACTS, 1060.0)
    assert row["workers"] == [
        {**WORKER, "pid": 4711, "host": "a", "host_state": "running", "why": "", "uptime_s": 60.0}
    ]
    assert (row["id"], row["life"], row["health"]) == ("words-1", "active", "healthy")


def test_a_worker_without_a_place_says_why_and_the_topology_is_degraded():
    facts = replace(FACTS, life="waiting", hosts={}, seen={}, waiting={0: "no free slot"})
    row = topology_row(facts, 1060.0)
    assert row["workers"][0]["why"] == "no free slot"
    assert row["workers"][0]["host"] is None
    assert row["health"] == "degraded"


def test_a_topology_that_has_ended_shows_its_outcome_and_no_workers():
    row = topology_row(replace(FACTS, life="ended", outcome="finished"), 0.0)
    assert (row["workers"], row["outcome"], row["health"]) == ([], "finished", "healthy")
    row = topology_row(replace(FACTS, life="ended", outcome="boot_failed", reason="no"), 0.0)
    assert (row["reason"], row["health"]) == ("no", "degraded")


def test_a_topology_of_an_earlier_coordinator_has_a_row_without_a_status():
    row = topology_row(replace(FACTS, life="ended", outcome="drained", status=None), 0.0)
    assert (row["topology"], row["state"]) == ("words", "ended")
    assert list_row(replace(FACTS, status=None))["uptime_s"] is None


def test_a_list_counts_workers_that_wait():
    row = list_row(replace(FACTS, waiting={1: "no free slot"}))
    assert (row["workers"], row["waiting"], row["health"]) == (2, 1, "degraded")
    assert list_row(replace(FACTS, reason="no\ntraceback"))["reason"] == "no"


def test_a_host_is_up_draining_or_lost():
    host = HostRecord("a", up=True, slots=4, address="a.example", wall_offset_s=0.12345)
    row = host_row(host, 3, 9.87654)
    assert row["state"] == "up"
    assert (row["slots_taken"], row["lease_left_s"], row["clock_offset_s"]) == (3, 9.877, 0.123)
    host.draining = True
    assert host_row(host, 0, None)["state"] == "draining"
    host.up = False
    assert host_row(host, 0, None)["state"] == "lost"


@each_case(
    "hosts, rows, health",
    [
        ([], [], "healthy"),
        (["up"], ["healthy"], "healthy"),
        (["up", "lost"], ["healthy"], "degraded"),
        (["lost"], ["stalled", "degraded"], "stalled"),
    ],
)
def test_the_cluster_is_as_well_as_its_worst_part(hosts: list[str], rows: list[str], health: str):
    host_rows: list[dict[str, Any]] = [{"state": state} for state in hosts]
    topologies = [{"health": each, "life": "active"} for each in rows]
    assert cluster_health(host_rows, topologies) == health
    assert cluster_health([], [{"health": "stalled", "life": "ended"}]) == "healthy"


def test_the_coordinator_says_aloud_when_it_has_no_keys():
    row = cluster_row(
        endpoint="tcp://a:1", term=3, pid=1, version="0.1", insecure=True, uptime_s=1.23456
    )
    assert (row["insecure"], row["uptime_s"]) == (True, 1.235)
