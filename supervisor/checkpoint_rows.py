"""What ``status`` and the end of a run show of checkpoints; ``--json`` has the same names."""

from __future__ import annotations

from typing import Any

from .checkpoints import Checkpoints
from .snapshotting import Snapshotting


def snapshot_row(snapshots: Snapshotting, now: float) -> dict[str, Any]:
    """Return the row ``round`` of a status: the newest round, or checkpoint."""
    last_at = snapshots.last_at
    under_way_s, next_s = snapshots.under_way_s(now), snapshots.next_s(now)
    return {
        "last": snapshots.last,
        "age_s": None if last_at is None else round(now - last_at, 3),
        "duration_ms": round(snapshots.duration_s * 1000, 3),
        "failures": snapshots.failures,
        "failure": snapshots.failure or snapshots.answers.failure,
        "under_way_s": None if under_way_s is None else round(under_way_s, 3),
        "next_s": None if next_s is None else round(next_s, 3),
    }


def checkpoint_row(plan: Any, snapshots: Snapshotting, now: float) -> dict[str, Any] | None:
    """Return the row ``checkpoint`` of a status; None where there are no checkpoints."""
    if plan.guarantee != "exactly-once":
        return None
    return {
        **snapshot_row(snapshots, now),
        "state": str(snapshots.state),
        "complete": snapshots.done,
        "bytes": snapshots.bytes,
        "restores_in_row": _restores(snapshots)[0],
        "restored_for": _restores(snapshots)[1],
        "components": _component_rows(plan, snapshots),
    }


def restores_trouble(snapshots: Snapshotting) -> str:
    """Return why no checkpoint comes to an end, and what can be done; "" while they do."""
    return snapshots.slow_start.trouble if isinstance(snapshots, Checkpoints) else ""


def _restores(snapshots: Snapshotting) -> tuple[int, str]:
    assert isinstance(snapshots, Checkpoints)
    return snapshots.slow_start.restores, snapshots.slow_start.why


def _component_rows(plan: Any, snapshots: Snapshotting) -> list[dict[str, Any]]:
    """Return a row per component: its task that aligned longest, and what all took and logged."""
    found: dict[str, dict[str, Any]] = {}
    for task in plan.tasks:
        took = snapshots.took.get(task.task)
        if took is None:
            continue
        align_s, copy_s, size, logged = took
        row = found.setdefault(
            task.component,
            {"component": task.component, "task": task.task, "align_ms": 0.0, "copy_ms": 0.0,
             "bytes": 0, "overtook": 0, "logged_rows": 0},
        )  # fmt: skip
        row["overtook"] += logged is not None
        row["logged_rows"] += logged or 0
        row["bytes"] += int(size)
        row["copy_ms"] = max(row["copy_ms"], round(copy_s * 1000, 3))
        if align_s * 1000 > row["align_ms"]:
            row["task"], row["align_ms"] = task.task, round(align_s * 1000, 3)
    return list(found.values())


def checkpoint_summary(plan: Any, snapshots: Snapshotting) -> dict[str, Any] | None:
    """Return the row ``checkpoints`` of a summary; None where there are none."""
    if plan.guarantee != "exactly-once":
        return None
    return {"complete": snapshots.done, "failures": snapshots.failures, "last": snapshots.last}
