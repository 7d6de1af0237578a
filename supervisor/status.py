"""The rows that ``status`` and the end of a run show; names are stable, ``--json`` prints them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from waterspout.topology.event_time import iso_text
from waterspout.topology.marks import MAX_WATERMARK, MIN_WATERMARK

from .failing import failing_rows
from .link_credit import shown
from .progress import Progress, latencies
from .restarts import Workers
from .root_places import places
from .tallies import LATE, Tally


def spout_rows(plan: Any, progress: Progress, now: float) -> list[dict[str, Any]]:
    """Return one row per spout."""
    names = {task.task: f"{task.component}[{task.index}]" for task in plan.tasks}

    def where(root: int | None) -> list[str]:
        return places(progress.tallies, names, root)

    return [
        _spout_row(name, progress.of_component(name), now, where) for name in _names(plan, "spout")
    ]


def _names(plan: Any, kind: str) -> list[str]:
    return list(dict.fromkeys(t.component for t in plan.tasks if plan.kind(t.component) == kind))


def _spout_row(
    component: str, tallies: list[Tally], now: float, where: Callable[[int | None], list[str]]
) -> dict[str, Any]:
    lags = [tally.report["lag"] for tally in tallies if tally.report.get("lag")]
    row: dict[str, Any] = {"component": component, "tasks": len(tallies)}
    for name in ("emitted", "acked", "failed", "replayed", "dead"):
        row[name] = sum(tally.shown(name) for tally in tallies)
    row["pending"] = sum(tally.pending() for tally in tallies)
    row["worked_through"] = sum(tally.undone() for tally in tallies)
    row["reserved"] = sum(tally.gauge("reserved") for tally in tallies)
    row["first_unacked"] = _first_unacked(tallies, now, where)
    row["lag"] = sum(behind for behind, _ in lags) if lags else None
    row["lag_unit"] = lags[0][1] if lags else None
    row["latency_ms"] = percentiles(latencies(tallies))
    row["watermark"] = _watermark(tallies)
    row["failing"] = failing_rows(tallies, now)
    row["exhausted"] = all(bool(tally.report.get("exhausted")) for tally in tallies)
    return row


def _first_unacked(
    tallies: Iterable[Tally], now: float, where: Callable[[int | None], list[str]]
) -> dict[str, Any] | None:
    """Return the oldest of the tasks' first unacked messages, and which tasks have its tree."""
    found = []
    for tally in tallies:
        if known := tally.first_unacked():
            first, at = known
            since_s = now - at
            moved_s = first[3] if len(first) > 3 else None
            progress_s = None if moved_s is None else round(moved_s + since_s, 3)
            root = first[4] if len(first) > 4 else None
            found.append((first[2] + since_s, first[0], first[1], progress_s, root))
    if not found:
        return None
    age_s, partition, position, progress_s, root = max(found, key=lambda item: item[0])
    return {
        "partition": partition, "position": position, "age_s": round(age_s, 3),
        "progress_s": progress_s, "at": where(root),
    }  # fmt: skip


def _watermark(tallies: Sequence[Tally]) -> dict[str, Any] | None:
    """Return the watermark of the task that is furthest behind; None: there is no event time."""
    found = [
        (at, index, behind)
        for index, tally in enumerate(tallies)
        for at, behind in [tally.report.get("watermark") or (None, "")] if at is not None
    ]  # fmt: skip
    if not found:
        return None
    at, index, behind = min(found)
    ended = at == MAX_WATERMARK
    return {
        "at": None if ended or at == MIN_WATERMARK else iso_text(at), "ended": ended,
        "task": index, "behind": behind,
    }  # fmt: skip


def _metrics(tallies: Iterable[Tally]) -> dict[str, float]:
    """Return a component's own counters and gauges, summed over its tasks."""
    found: Counter[str] = Counter()
    for tally in tallies:
        found.update(tally.report.get("metrics") or {})
        if late := tally.late():
            found[LATE] += late - int((tally.report.get("metrics") or {}).get(LATE) or 0)
    return dict(sorted(found.items()))


def bolt_rows(plan: Any, progress: Progress) -> list[dict[str, Any]]:
    """Return one row per bolt; its capacity is that of its busiest task, as in Storm."""
    rows = []
    for component in _names(plan, "bolt"):
        tallies = progress.of_component(component)
        row: dict[str, Any] = {"component": component, "tasks": len(tallies)}
        for name in ("executed", "acked", "failed", "emitted"):
            row[name] = sum(tally.total(name) for tally in tallies)
        row["queue"] = sum(tally.gauge("queue") for tally in tallies)
        row["capacity"] = round(max(tally.capacity for tally in tallies), 3)
        row["held"] = sum(tally.gauge("held") for tally in tallies)
        row["watermark"] = _watermark(tallies)
        row["metrics"] = _metrics(tallies)
        rows.append(row)
    return rows


def worker_rows(workers: Workers, now: float) -> list[dict[str, Any]]:
    """Return one row per worker."""
    return [
        {
            "worker": worker.number,
            "pid": worker.pid,
            "state": str(worker.state),
            "restarts": worker.restarts,
            "last_exit": worker.last_exit,
            "memory_bytes": worker.memory_bytes,
            "cpu_percent": worker.cpu_percent,
            "links": shown(worker.links) if worker.alive else [],
            "report_age_s": round(now - worker.seen_at, 3) if worker.alive else None,
        }
        for worker in workers
    ]


def component_rows(plan: Any, progress: Progress, duration_s: float) -> list[dict[str, Any]]:
    """Return how many tuples each component worked on, and how many were too late for it.

    For the summary of a run.
    """
    rows = []
    for kind, counter in (("spout", "emitted"), ("bolt", "executed")):
        for component in _names(plan, kind):
            tuples = sum(tally.total(counter) for tally in progress.of_component(component))
            rate = tuples / duration_s if duration_s > 0 else 0.0
            row = {"component": component, "kind": kind, "tuples": tuples, "tuples_per_s": rate}
            row["late"] = sum(tally.late() for tally in progress.of_component(component))
            rows.append(row)
    return rows


def percentiles(histogram: Counter[int]) -> dict[str, float | None]:
    """Return p50 and p99 in milliseconds, None when there is nothing."""
    return {"p50": _quantile_ms(histogram, 0.5), "p99": _quantile_ms(histogram, 0.99)}


def _quantile_ms(histogram: Counter[int], share: float) -> float | None:
    """Return the upper edge of the bucket: four buckets per doubling of microseconds."""
    left = share * histogram.total()
    for bucket in sorted(histogram):
        left -= histogram[bucket]
        if left <= 0:
            return float(round(2.0 ** ((bucket + 1) / 4) / 1000, 3))
    return None
