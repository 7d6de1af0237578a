"""Sources that cannot be read, as lines: for ``status``, the progress of ``run``, its summary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.text import Text

from .rendering_values import plural, seconds, text

#: Lines that are shown; the others are counted.
LINES_MAX = 5
#: Characters of an error in the one line about a run.
SHORT_CHARS = 160


def failing_lines(spouts: Iterable[Mapping[str, Any]]) -> list[Text]:
    """Return a line for each thing that spouts fail at: what, for how long, how often, why."""
    found = [_sentence(name, row, 500) for name, row in _rows(spouts)]
    lines = [Text(line, style="yellow") for line in found[:LINES_MAX]]
    if len(found) > LINES_MAX:
        lines.append(Text(f"{len(found) - LINES_MAX} more fail", style="yellow"))
    return lines


def failing_short(spouts: Iterable[Mapping[str, Any]]) -> str:
    """Return the end of the one line about a run, "" when nothing fails."""
    found = _rows(spouts)
    if not found:
        return ""
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"; {_sentence(*found[0], SHORT_CHARS)}{more}"


def _rows(spouts: Iterable[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return (task, what it fails at), the oldest first; spouts of an older version have none."""
    rows = [
        (f"{text(spout['component'], 40)}[{row['task']}]", row)
        for spout in spouts for row in spout.get("failing") or ()
    ]  # fmt: skip
    return sorted(rows, key=lambda found: -found[1]["since_s"])


def _sentence(name: str, row: Mapping[str, Any], chars: int) -> str:
    """Return ``lines[0]: reading a fails for 12 s, 11 times in a row: OSError: no broker``."""
    times = plural(row["times"], "time") + (" in a row" if row["times"] > 1 else "")
    what = f"{name}: {text(row['doing'], 120)} fails for {seconds(row['since_s'])}, {times}"
    return f"{what}: {text(row['error'], chars)}"
