"""Event time: when something happened, as a field of a row says it, in milliseconds since 1970.

Inside it is an int of milliseconds (UTC) everywhere: watermarks, timers and windows compare these.
How a field is written is its *unit*. Time below a millisecond is cut off, not rounded: a row of
9.9996 s belongs before second 10.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .channels import Rows
from .columns import Columns
from .component import StreamDecl
from .errors import UserError
from .tuples import Tuple, tuple_class

if TYPE_CHECKING:
    from .spec import TopologySpec

#: How a field may be written, with the sentence that the docs print.
UNITS: dict[str, str] = {
    "s": "seconds since 1970 (UTC), whole or with a fraction (the default)",
    "ms": "milliseconds since 1970 (UTC)",
    "us": "microseconds since 1970 (UTC)",
    "iso": "text such as `2013-01-31T12:05:00Z`; without an offset it is UTC",
}
#: Milliseconds of the years 1 and 9999: what is outside was written in another unit.
TIME_MS_MIN, TIME_MS_MAX = -62_135_596_800_000, 253_402_300_799_999

_NUMBERS = frozenset({int, float})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds"}


class EventTimeError(UserError):
    """A row whose event time is missing or cannot be read; names the field and the value."""


def timed_components(spec: TopologySpec) -> frozenset[str]:
    """Return the components whose channels carry watermarks: spouts with event time, and every
    bolt with one of them above it."""
    timed = {each.id for each in spec.spouts.values() if each.options.event_time is not None}
    more = True
    while more:
        found = {
            bolt.id for bolt in spec.bolts.values()
            if bolt.id not in timed and any(each.source in timed for each in bolt.inputs)
        }  # fmt: skip
        timed |= found
        more = bool(found)
    return frozenset(timed)


class TimeField:
    """Reads and writes event times of one unit.

    Args:
        name: of the field, for errors.
        unit: one of ``UNITS``.
    """

    def __init__(self, name: str, unit: str = "s") -> None:
        self.name = name
        self.unit = unit
        self._read = _READERS[unit]

    def ms(self, value: Any) -> int:
        """Return the milliseconds that ``value`` stands for.

        Raises:
            EventTimeError: it is of another type, not finite, or outside the years 1 to 9999.
        """
        try:
            ms = self._read(value)
        except (TypeError, ValueError, OverflowError):
            raise EventTimeError(self._wrong(value)) from None
        if not TIME_MS_MIN <= ms <= TIME_MS_MAX:
            raise EventTimeError(self._far(value))
        return ms

    def max_ms(self, values: Sequence[Any]) -> int:
        """Return the largest time of ``values``, of which there is at least one.

        Numbers are compared before they are converted: 30 ns a value.

        Raises:
            EventTimeError: one cannot be read.
        """
        types = set(map(type, values))
        if self.unit == "iso" or not types <= _NUMBERS:
            return max(map(self.ms, values))
        if float in types and not math.isfinite(sum(values)):
            for value in values:
                self.ms(value)
        self.ms(min(values))
        return self.ms(max(values))

    def written(self, ms: int) -> int | float | str:
        """Return milliseconds as this field is written, for what is made from it (a window)."""
        if self.unit == "iso":
            return iso_text(ms)
        if self.unit == "s":
            return ms / 1000 if ms % 1000 else ms // 1000
        return ms * 1000 if self.unit == "us" else ms

    def _wrong(self, value: Any) -> str:
        if value is None:
            return f"event time: field {self.name!r} is missing (None)"
        shown = f"event time: field {self.name!r} holds {value!r:.60}"
        if self.unit == "iso":
            return f"{shown}; a text such as '2013-01-31T12:05:00Z' expected (unit: iso)"
        hint = ""
        if isinstance(value, str):
            hint = "; a date as text needs 'unit: iso', a number as text has to be converted"
        return f"{shown}; a number of {_NAMES[self.unit]} since 1970 expected{hint}"

    def _far(self, value: Any) -> str:
        return (
            f"event time: field {self.name!r} holds {value!r:.60}, which is outside the years 1 "
            f"to 9999 with 'unit: {self.unit}'; is it another unit ({', '.join(UNITS)})?"
        )


def iso_text(ms: int) -> str:
    """Return milliseconds as ``2013-01-31T12:05:00Z``, with a fraction only when there is one."""
    seconds, rest = divmod(ms, 1000)
    day, second = divmod(seconds, 86_400)
    date = datetime.fromordinal(_EPOCH.toordinal() + day).date().isoformat()
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    return f"{date}T{clock}{f'.{rest:03}' if rest else ''}Z"


def _seconds(value: Any) -> int:
    if type(value) is int:
        return value * 1000
    # To microseconds first: 1.001 s is a little less in binary, and would be cut to 1000 ms.
    return round(_float(value) * 1_000_000) // 1000


def _milliseconds(value: Any) -> int:
    return value if type(value) is int else math.floor(_float(value))


def _microseconds(value: Any) -> int:
    return value // 1000 if type(value) is int else math.floor(_float(value) / 1000)


def _float(value: Any) -> float:
    if type(value) is not float:
        raise TypeError(value)
    return value


def _iso(value: Any) -> int:
    if type(value) is not str:
        raise TypeError(value)
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    since = time - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


_READERS: dict[str, Callable[[Any], int]] = {
    "s": _seconds, "ms": _milliseconds, "us": _microseconds, "iso": _iso,
}  # fmt: skip


class RowTimes:
    """Event times of the rows of one component, by a field or by a function of the row.

    Args:
        component: its id.
        streams: its streams; those without the field have no event time.
        function: gets a row as a ``Tuple`` and returns its time in ``unit``; instead of a field.
    """

    def __init__(
        self, component: str, streams: Mapping[str, StreamDecl], *, field: str = "",
        function: Callable[[Tuple], Any] | None = None, unit: str = "s",
    ) -> None:  # fmt: skip
        self.time = TimeField(field or getattr(function, "__name__", "function"), unit)
        self._function = function
        self._positions = {
            name: decl.fields.index(field) for name, decl in streams.items() if field in decl.fields
        }
        self._classes = {
            name: tuple_class(component, name, decl.fields) for name, decl in streams.items()
        } if function is not None else {}  # fmt: skip

    def max_ms(self, stream: str, rows: Rows) -> int | None:
        """Return the largest event time of ``rows``; None: they have none.

        Rows that are no rows of the stream have none, either: emitting them says what is wrong.

        Raises:
            EventTimeError: a row's time cannot be read.
            Exception: whatever the function raises.
        """
        if not rows:
            return None
        function = self._function
        if function is not None:
            cls = self._classes.get(stream)
            if cls is None:
                return None
            return self.time.max_ms([function(cls(row)) for row in rows])
        at = self._positions.get(stream)
        if at is None:
            return None
        try:
            values = rows.values[at] if isinstance(rows, Columns) else [row[at] for row in rows]
        except (IndexError, TypeError, KeyError):
            return None
        return self.time.max_ms(values)
