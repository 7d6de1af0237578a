"""The cluster as tables: the coordinator, its hosts, its topologies.

Reads the status dict and nothing else, so that what people see and ``--json`` cannot differ.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..rendering_status import STYLES, table
from ..rendering_status import status_view as topology_view
from ..rendering_values import count, plural, seconds, size, text

_STYLES = {**STYLES, "up": "green", "lost": "bold red", "active": "green", "paused": "yellow"}


def status_view(
    status: Mapping[str, Any], rates: Mapping[str, Mapping[str, float]], *, whole: bool
) -> RenderableType:
    """Return everything that ``status`` shows.

    Args:
        status: of the coordinator's answer.
        rates: topology id -> tuples per second by component.
        whole: with the coordinator and its hosts; False: topologies alone.
    """
    parts: list[RenderableType] = []
    if whole:
        parts += [cluster_line(status["cluster"]), Text(), host_table(status["hosts"])]
        if status["topologies"]:
            parts += [Text(), list_view(status["topologies"])]
    for row in status["topologies"]:
        if whole and row["life"] == "ended":
            continue
        parts += [Text(), *_topology(row, rates.get(row["id"], {}))]
    return Group(*parts)


def _topology(row: Mapping[str, Any], rates: Mapping[str, float]) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if row["life"] != "active":
        line = Text(text(row["id"])).append(f"  {row['life']}", _STYLES.get(row["life"], ""))
        parts.append(line.append(f"  {text(row['outcome'])} {text(row['reason'])}".rstrip()))
    if "spouts" in row:
        parts += [topology_view(row, rates), _place_table(row["workers"])]
    return parts


def cluster_line(cluster: Mapping[str, Any]) -> Text:
    """Return ``coordinator tcp://..  healthy  pid 12, up 3 min``."""
    line = Text("coordinator ").append(text(cluster["coordinator"]), style="bold")
    health = cluster["health"]
    line.append("  ").append(health, style=_STYLES.get(health, ""))
    if cluster["insecure"]:
        line.append("  insecure: no keys", style="bold red")
    facts = f"pid {cluster['pid']}, up {seconds(cluster['uptime_s'])}, {cluster['version']}"
    return line.append(f"  {facts}", style="dim not bold")


def host_table(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Return a row per host."""
    if not rows:
        return Text("no supervisor has come yet (waterspout supervisor starts one)")
    made = table("host", "state", "slots", "load", "memory", "disk free", "lease", "address")
    for row in rows:
        made.add_row(
            text(row["host"]),
            Text(row["state"], style=_STYLES.get(row["state"], "yellow")),
            f"{row['slots_taken']}/{row['slots']}",
            f"{row['load1']:.1f}/{row['cpus']:g}",
            size(row["memory_bytes"]),
            size(row["free_disk_bytes"]),
            "" if row["lease_left_s"] is None else seconds(row["lease_left_s"]),
            text(row["address"]),
        )
    return made


def list_view(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return a row per topology, of ``list`` or of ``status``."""
    made = table("topology", "life", "health", "workers", "waiting", "up", "kept until", "why")
    # The other columns stay whole: a long reason wraps in its own.
    made.columns[-1].justify, made.columns[-1].no_wrap = "left", False
    for row in rows:
        workers = row["workers"]
        waiting = row.get("waiting", 0)
        if not isinstance(workers, int):
            waiting = sum(worker.get("host") is None for worker in workers)
            workers = len(workers)
        up = row.get("uptime_s")
        made.add_row(
            text(row["id"]),
            Text(row["life"], style=_STYLES.get(row["life"], "")),
            Text(row["health"], style=_STYLES.get(row["health"], "")),
            count(workers),
            count(waiting) if waiting else "",
            "" if up is None or row["life"] == "ended" else seconds(up),
            _day(row.get("kept_until")),
            text(f"{row['outcome']} {_first_line(row['reason'])}".strip()),
        )
    return made


def _day(wall: float | None) -> str:
    return "" if wall is None else time.strftime("%Y-%m-%d", time.localtime(wall))


def _first_line(reason: str) -> str:
    """Return a reason without the traceback that follows it."""
    return reason.partition("\n")[0]


def _place_table(workers: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Return where the workers are; nothing when there are none."""
    by_host: dict[str, list[str]] = {}
    for row in workers:
        by_host.setdefault(row.get("host") or "no host yet", []).append(str(row["worker"]))
    lines = [
        Text(f"{plural(len(numbers), 'worker')} on {text(host)}: {', '.join(numbers)}")
        for host, numbers in sorted(by_host.items())
    ]
    return Group(*lines)
