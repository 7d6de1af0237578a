"""What spouts fail at again and again, by the newest reports: rows of status and summary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .tallies import Tally

#: Rows that are shown of a spout; those that have lasted longest.
ROWS_MAX = 10


def failing_rows(tallies: Sequence[Tally], now: float) -> list[dict[str, Any]]:
    """Return a row for each thing that the tasks of a spout fail at, the oldest first.

    Args:
        tallies: of its tasks, in order.
        now: monotonic seconds.
    """
    rows = [
        {
            "task": index, "doing": doing, "error": error, "times": times,
            "since_s": round(since_s + now - tally.at, 3),
        }
        for index, tally in enumerate(tallies)
        for doing, error, times, since_s in tally.report.get("failing") or ()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: -row["since_s"])[:ROWS_MAX]


def is_failing(tallies: Iterable[Tally]) -> bool:
    """Say whether a task of these fails at something."""
    return any(tally.report.get("failing") for tally in tallies)
