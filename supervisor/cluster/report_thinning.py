"""Which plain reports of workers go on to the coordinator: the newest of each, once a second.

Pure. At once goes on what the end of a topology waits for: that input is over, and that spouts
are drained. Spouts that wait for messages are drained again and again; that is told at once when
they have emitted nothing for a report, and when what was told is true no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .host_worker import Key

#: A worker's plain reports go on at most so often.
REPORT_S = 1.0


@dataclass(slots=True)
class _Reports:
    """The plain reports of one worker."""

    passed_at: float
    #: Epoch, and which tasks have no more input.
    flags: Any
    #: Whether all spouts were drained by the newest report that went on.
    told_drained: bool
    #: What spouts had emitted by the newest report.
    emitted: Any
    #: The newest report, when it did not go on, and whether all spouts are drained by it.
    newest: bytes | None = None
    drained: bool = False


class ReportThinning:
    """The plain reports of all workers of a host. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._reports: dict[Key, _Reports] = {}

    def due(self, key: Key, message: Mapping[str, Any], data: bytes, now: float) -> bool:
        """Say whether a report, ``message`` in the envelope ``data``, goes on at once."""
        rows = [row for row in message.get("tasks") or () if isinstance(row, dict)]
        spouts = [row for row in rows if "drained" in row]
        flags = message.get("epoch"), [row.get("task") for row in rows if row.get("exhausted")]
        drained = all(row["drained"] for row in spouts)
        emitted = [row.get("emitted") for row in spouts]
        last = self._reports.get(key)
        if (
            last is None or last.flags != flags or now >= last.passed_at + REPORT_S
            or (last.told_drained and not drained)
            or (drained and not last.told_drained and emitted == last.emitted)
        ):  # fmt: skip
            self._reports[key] = _Reports(now, flags, drained, emitted)
            return True
        last.newest, last.drained, last.emitted = data, drained, emitted
        return False

    def late(self, now: float) -> list[tuple[Key, bytes]]:
        """Return the envelopes whose time has come."""
        found = []
        for key, last in self._reports.items():
            if last.newest is not None and now >= last.passed_at + REPORT_S:
                found.append((key, last.newest))
                last.passed_at, last.newest, last.told_drained = now, None, last.drained
        return found

    def forget(self, key: Key) -> bytes | None:
        """Forget a worker; return its last report, if that did not go on yet."""
        last = self._reports.pop(key, None)
        return None if last is None else last.newest
