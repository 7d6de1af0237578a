"""What ``status``, ``list``, ``events``, ``doctor`` show of a cluster: what is known already."""

from __future__ import annotations

import os
from typing import Any

from ..control_wire import pack
from ..store import Store
from .client_protocol import CLIENT_PROTO
from .cluster import Cluster
from .cluster_status import Facts, cluster_health, cluster_row, host_row, list_row, topology_row
from .topology_run import TopologyRun

#: Dead letters in one answer have so many bytes, or are one.
LETTERS_BYTES_MAX = 8 << 20


class ClusterView:
    """Reads the cluster; changes nothing.

    Args:
        cluster: what is shown.
        version: of this software.
        now: when the coordinator began.
    """

    def __init__(self, cluster: Cluster, version: str, now: float) -> None:
        self._cluster, self._version, self._began = cluster, version, now

    def _facts(self, run: TopologyRun, now: float) -> Facts:
        waiting = {w: why for id, w, why in self._cluster.places.waiting() if id == run.id}
        return Facts(
            id=run.id,
            name=run.row.name,
            life=str(run.state),
            outcome=run.row.outcome,
            reason=run.row.reason,
            status=run.status(now),
            hosts=run.hosts(),
            seen=run.seen,
            waiting={worker: waiting.get(worker, "") for worker in run.host.waiting},
            submitted_at=run.row.submitted_at,
            kept_until=self._cluster.kept_until(run),
        )

    def status(self, run: TopologyRun | None, now: float) -> dict[str, Any]:
        """Return cluster, hosts, and one topology; None: all of them."""
        cluster = self._cluster
        runs = list(cluster.topologies.values()) if run is None else [run]
        wall = cluster.wall()
        rows = [topology_row(self._facts(run, now), wall) for run in runs]
        hosts = [
            host_row(
                host,
                len(cluster.places.wish_of(host.name)[1]),
                cluster.leases.left_s(host.name, now) if host.up else None,
            )
            for host in sorted(cluster.hosts, key=lambda host: host.name)
        ]
        about = cluster_row(
            endpoint=cluster.config.bind,
            term=cluster.term,
            pid=os.getpid(),
            version=self._version,
            insecure=cluster.config.insecure,
            uptime_s=now - self._began,
        )
        about["health"] = cluster_health(hosts, rows)
        return {"status": {"cluster": about, "hosts": hosts, "topologies": rows}}

    def list(self, now: float) -> dict[str, Any]:
        """Return one short row per topology."""
        runs = self._cluster.topologies.values()
        return {"topologies": [list_row(self._facts(run, now)) for run in runs]}

    def events(self, topology: str | None, after: int, limit: int) -> dict[str, Any]:
        """Return [id, at, topology, host, name, fields] of what happened."""
        found = self._cluster.store.events(after=after, limit=limit, topology=topology)
        return {"events": [[*each] for each in found]}

    def doctor(self) -> dict[str, Any]:
        """Return what explains why something does not connect."""
        hosts = [
            {
                "host": host.name,
                "version": host.software,
                "python": host.python,
                "clock_offset_s": host.wall_offset_s,
                "address": host.address,
                "up": host.up,
            }
            for host in self._cluster.hosts
        ]
        return {
            "wall": self._cluster.wall(),
            "versions": {"waterspout": self._version, "client": CLIENT_PROTO},
            "hosts": hosts,
            "refusals": dict(self._cluster.hosts.refusals),
        }


def dead_letter_rows(store: Store, after: int, limit: int) -> dict[str, Any]:
    """Return dead letters with ids above ``after``, and how many there are in all.

    There are fewer than ``limit`` when they are large: the next ones are after the last of them.
    """
    rows: list[dict[str, Any]] = []
    size = 0
    for each in store.dead_letters(after=after, limit=limit):
        row = {"id": each.id, "at": each.at, "status": each.status, **each.record}
        size += len(pack(row))
        if rows and size > LETTERS_BYTES_MAX:
            break
        rows.append(row)
    return {"letters": rows, "count": store.dead_letter_count()}
