"""The tables of the cluster."""

from __future__ import annotations

import io
from typing import Any

from rich.console import RenderableType
from waterspout.supervisor.cluster.rendering_cluster import list_view, status_view
from waterspout.supervisor.rendering import console

from .scripted import cluster_status, topology_row


def shown(view: RenderableType) -> str:
    stream = io.StringIO()
    console(stream).print(view)
    return stream.getvalue()


def status(**more: Any) -> dict[str, Any]:
    found: dict[str, Any] = cluster_status(**more)["status"]
    return found


def test_an_insecure_cluster_and_a_lost_host_say_so() -> None:
    found = status()
    found["cluster"]["insecure"] = True
    found["hosts"][0].update(state="lost", lease_left_s=None)
    text = shown(status_view(found, {}, whole=True))
    assert "insecure: no keys" in text
    assert "lost" in text


def test_without_hosts_it_says_what_to_start() -> None:
    assert "waterspout supervisor" in shown(status_view(status(hosts=[]), {}, whole=True))


def test_an_ended_topology_is_a_row_with_its_reason_and_no_tables() -> None:
    row = topology_row(outcome="failed", reason="no disk")
    text = shown(status_view(status(topologies=[row]), {}, whole=True))
    assert text.count("wc-1") == 1
    assert "failed no disk" in text


def test_waiting_workers_are_counted_in_both_forms_of_a_row() -> None:
    workers = [{"worker": 0, "host": "a"}, {"worker": 1, "host": None}]
    for row in (topology_row(workers=workers), topology_row(workers=2, waiting=1)):
        cells = shown(list_view([row])).splitlines()[1].split()
        assert cells[:5] == ["wc-1", "ended", "healthy", "2", "1"]


def test_until_when_an_ended_topology_is_kept_is_said() -> None:
    row = topology_row(workers=0, waiting=0, kept_until=1_700_000_000.0)
    assert "2023-11-1" in shown(list_view([row]))


def test_a_long_reason_leaves_the_other_columns_whole_and_its_traceback_out() -> None:
    reason = "cannot be built: " + "long " * 100 + "\nTraceback: of the user"
    text = shown(list_view([topology_row(workers=2, waiting=1, reason=reason)]))
    assert text.splitlines()[1].split()[:5] == ["wc-1", "ended", "healthy", "2", "1"]
    assert "Traceback" not in text
