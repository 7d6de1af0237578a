"""Clocks of windows: which time a row has, and how far time has come.

In event time a row brings its time in a field, and time has come as far as the last watermark
``w``: no row of ``w`` or before is expected any more. In processing time a row has the time at
which it is worked on, so that none is ever late, and all before now is over.
"""

from __future__ import annotations

from typing import Any

from waterspout.topology.event_time import TIME_MS_MAX, TIME_MS_MIN, TimeField

_INTS = frozenset({int})
_NUMBERS = frozenset({int, float})


class EventClock:
    """Times out of a field.

    Args:
        field: name of the field.
        unit: how it is written, one of ``event_time.UNITS``.
        nested: the field is the ``window_end`` of another window, which is over just before it:
            one millisecond less, so that windows of windows nest.
    """

    def __init__(self, field: str, unit: str, nested: bool = False) -> None:
        self.field = TimeField(field, unit)
        self._less = 1 if nested else 0

    def times(self, column: list[Any]) -> list[int]:
        """Return the milliseconds of each value.

        Raises:
            EventTimeError: one cannot be read.
        """
        found = self._numbers(column)
        if not found or not TIME_MS_MIN <= min(found) <= max(found) <= TIME_MS_MAX:
            found = list(map(self.field.ms, column))
        return [ms - 1 for ms in found] if self._less else found

    def written(self, ms: int) -> Any:
        """Return milliseconds as the field has them."""
        return self.field.written(ms)

    def _numbers(self, column: list[Any]) -> list[int]:
        """Return the milliseconds of numbers as ``TimeField.ms`` does; [] of anything else."""
        types, unit = set(map(type, column)), self.field.unit
        if types == _INTS:
            if unit == "ms":
                return column
            if unit == "s":
                return [value * 1000 for value in column]
            return [] if unit == "iso" else [value // 1000 for value in column]
        if unit != "s" or not types <= _NUMBERS:
            return []
        try:
            return [round(value * 1_000_000) // 1000 for value in column]
        except (ValueError, OverflowError):
            return []


class ProcessingClock:
    """Times of arrival.

    Args:
        unit: how starts and ends of windows are written.
    """

    def __init__(self, unit: str) -> None:
        self._field = TimeField("time", unit)
        self._latest: int | None = None

    def now(self, wall_ms: int) -> int:
        """Return the time of what arrives now; a clock that was set back does not go back here."""
        if self._latest is None or wall_ms > self._latest:
            self._latest = wall_ms
        return self._latest

    def written(self, ms: int) -> Any:
        """Return milliseconds in the unit."""
        return self._field.written(ms)
