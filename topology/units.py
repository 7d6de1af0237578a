"""Times and sizes as people write them: ``500ms``, ``1.5h``, ``512KiB``."""

from __future__ import annotations

import re

_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
#: At most 15 digits: a float keeps them all.
_DURATION = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)(us|ms|s|m|h|d)")
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)(B|KB|MB|GB|KiB|MiB|GiB)")


def parse_duration(text: str) -> float | None:
    """Return the seconds of ``30s``, ``500ms``, ``5m``; None when it is not so written."""
    match = _DURATION.fullmatch(text)
    return float(match[1]) * _SECONDS[match[2]] if match else None


def parse_size(text: str) -> int | None:
    """Return the bytes of ``512KiB``, ``1MB``; None when it is not so written."""
    match = _SIZE.fullmatch(text)
    return round(float(match[1]) * _BYTES[match[2]]) if match else None


def format_duration(seconds: float) -> str:
    """Return seconds in the largest unit that gives a number of 1 or more."""
    for unit in ("d", "h", "m", "s", "ms"):
        amount = seconds / _SECONDS[unit]
        if amount >= 1 and round(amount, 3) == round(amount, 9):
            return f"{amount:.10g}{unit}"
    return f"{seconds / _SECONDS['us']:.10g}us" if seconds else "0s"


def format_size(size_bytes: float) -> str:
    """Return bytes in the largest binary unit that divides them."""
    for unit in ("GiB", "MiB", "KiB"):
        if size_bytes >= _BYTES[unit] and size_bytes % _BYTES[unit] == 0:
            return f"{int(size_bytes // _BYTES[unit])}{unit}"
    return f"{int(size_bytes)}B"
