"""Numbers and texts as people read them: thousands, times, rates; nothing that harms a terminal."""

from __future__ import annotations

from typing import Any

from waterspout.topology.problems import printable

#: Characters of a text in one cell or line; longer ones are cut.
TEXT_MAX = 300
#: What stands where nothing is known.
UNKNOWN = "-"


def count(number: Any) -> str:
    """Return ``1,234,567``."""
    return UNKNOWN if number is None else f"{number:,}"


def rate(per_s: float | None) -> str:
    """Return ``137,000/s``: three digits that mean something."""
    if per_s is None:
        return UNKNOWN
    if per_s >= 1000:
        digits = len(str(int(per_s))) - 3
        return f"{round(per_s / 10**digits) * 10**digits:,}/s"
    return f"{per_s:.0f}/s" if per_s >= 10 or per_s == 0 else f"{per_s:.1f}/s"


def milliseconds(number: float | None) -> str:
    """Return ``0.8 ms``, ``21 ms`` or ``1.4 s``."""
    if number is None:
        return UNKNOWN
    if number >= 1000:
        return seconds(number / 1000)
    if number < 0.05:
        return "<0.1 ms"
    return f"{number:.0f} ms" if number >= 9.95 else f"{number:.1f} ms"


def seconds(number: float | None) -> str:
    """Return ``0.4 s``, ``42 s``, ``3 min 5 s``, ``2 h 3 min`` or ``4 d 1 h``."""
    if number is None:
        return UNKNOWN
    if number < 9.95:
        return f"{number:.1f} s"
    whole = round(number)
    if whole < 60:
        return f"{whole} s"
    unit_s, unit, part_s, part = next(row for row in _TIMES if whole >= row[0])
    return f"{whole // unit_s} {unit} {whole % unit_s // part_s} {part}"


#: Seconds of a unit, its name, and the part that is shown beside it; longest first.
_TIMES = ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))


def size(number_bytes: int | None) -> str:
    """Return ``512 B``, ``31 MB``, ``1.4 GB`` (powers of 1000)."""
    if not number_bytes:
        return UNKNOWN
    value, unit = float(number_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.1f} {unit}" if value < 9.95 and unit != "B" else f"{value:.0f} {unit}"


def text(value: Any, most: int = TEXT_MAX) -> str:
    """Return a value of anyone's as one harmless line, cut at ``most`` characters."""
    shown = value if isinstance(value, str) else repr(value)
    shown = printable(shown[: most + 1])
    return shown if len(shown) <= most else shown[: most - 3] + "..."


def lines(value: str) -> str:
    """Return a text of several lines (a traceback) with every other control character escaped."""
    return "\n".join(printable(line.replace("\t", "    ")) for line in value.splitlines())


def plural(number: int, noun: str) -> str:
    """Return ``1 worker`` or ``2 workers``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
