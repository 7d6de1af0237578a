"""The rows of ``status`` and ``list`` of the cluster; names are stable, ``--json`` prints them.

Around the status dict of ``run``, which each topology has, come the coordinator and its hosts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .hosts import HostRecord, WorkerSeen

#: From the best to the worst.
HEALTHS = ("healthy", "degraded", "stalled")
#: Lives in which it is normal that not all workers run.
_MOVING = ("waiting", "rolling back", "switching")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one topology, for its row.

    Attributes:
        id, name, life, outcome, reason: of its record.
        status: the dict of its driver, the last one when it has ended, None when there is none.
        hosts: worker -> host.
        seen: worker -> what its host said last.
        waiting: worker -> why it has no host.
        submitted_at: when that was.
        kept_until: when it will be forgotten; None: it has not ended.
    """

    id: str
    name: str
    life: str
    outcome: str
    reason: str
    status: Mapping[str, Any] | None
    hosts: Mapping[int, str]
    seen: Mapping[int, WorkerSeen]
    waiting: Mapping[int, str]
    submitted_at: float
    kept_until: float | None = None


def topology_row(facts: Facts, wall: float) -> dict[str, Any]:
    """Return the row of one topology: the dict of ``run`` and where it is in the cluster."""
    status = dict(facts.status or {"topology": facts.name, "state": facts.life, "workers": []})
    ended = facts.life == "ended"
    workers = [_worker_row(row, facts, wall) for row in status["workers"]] if not ended else []
    return {
        **status,
        "id": facts.id,
        "life": facts.life,
        "outcome": facts.outcome,
        "reason": facts.reason,
        "submitted_at": facts.submitted_at,
        "health": _health_of(facts, str(status.get("health", "healthy"))),
        "workers": workers,
    }


def _health_of(facts: Facts, health: str) -> str:
    if facts.life == "ended":
        return "healthy" if facts.outcome not in ("failed", "boot_failed") else "degraded"
    if health == "healthy" and (facts.life in _MOVING or facts.waiting):
        return "degraded"
    return health


def _worker_row(row: Mapping[str, Any], facts: Facts, wall: float) -> dict[str, Any]:
    worker = row["worker"]
    seen = facts.seen.get(worker)
    created = seen.created if seen is not None and seen.created else None
    return {
        **row,
        "pid": row["pid"] or (seen.pid if seen is not None else None),
        "host": facts.hosts.get(worker),
        "host_state": seen.state if seen is not None else None,
        "why": facts.waiting.get(worker) or (seen.why if seen is not None else ""),
        "uptime_s": None if created is None else round(max(0.0, wall - created), 3),
    }


def host_row(host: HostRecord, taken: int, lease_left_s: float | None) -> dict[str, Any]:
    """Return the row of one host."""
    return {
        "host": host.name,
        "state": ("draining" if host.draining else "up") if host.up else "lost",
        "address": host.address,
        "slots": host.slots,
        "slots_taken": taken,
        "labels": dict(host.labels),
        "cpus": host.cpus,
        "memory_bytes": host.memory_bytes,
        "load1": host.load1,
        "free_disk_bytes": host.free_disk,
        "log_bytes": host.log_bytes,
        "workers": len(host.rows),
        "lease_left_s": None if lease_left_s is None else round(lease_left_s, 3),
        "version": host.software,
        "python": host.python,
        "clock_offset_s": round(host.wall_offset_s, 3),
    }


def list_row(facts: Facts) -> dict[str, Any]:
    """Return the row of ``list``."""
    status = facts.status or {}
    return {
        "id": facts.id,
        "name": facts.name,
        "life": facts.life,
        "health": _health_of(facts, str(status.get("health", "healthy"))),
        "outcome": facts.outcome,
        "reason": facts.reason.partition("\n")[0],
        "workers": len(facts.hosts) + len(facts.waiting),
        "waiting": len(facts.waiting),
        "submitted_at": facts.submitted_at,
        "kept_until": facts.kept_until,
        "uptime_s": status.get("uptime_s"),
    }


def cluster_row(
    *, endpoint: str, term: int, pid: int, version: str, insecure: bool, uptime_s: float
) -> dict[str, Any]:
    """Return the row of the coordinator."""
    return {
        "coordinator": endpoint,
        "term": term,
        "pid": pid,
        "version": version,
        "insecure": insecure,
        "uptime_s": round(uptime_s, 3),
    }


def cluster_health(hosts: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the worst of all: a host that is lost makes the cluster degraded."""
    found = [row["health"] for row in rows if row["life"] != "ended"]
    if any(host["state"] == "lost" for host in hosts):
        found.append("degraded")
    return max(found, key=HEALTHS.index, default="healthy")
