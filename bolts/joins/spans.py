"""Arguments that are times: spans such as ``-5s``, and the times that both sides go by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from waterspout.topology.argument_checks import Checks, checked_keys
from waterspout.topology.errors import UserError
from waterspout.topology.event_time import UNITS, TimeField
from waterspout.topology.tuples import Tuple
from waterspout.topology.units import parse_duration

from .sides import NAMES, of_kind, one_field

#: No span is longer: 10,000 years in ms.
_SPAN_MS_MAX = 10_000 * 366 * 86_400_000


def span_ms(kind: str, name: str, given: Any, *, least: int | None = None) -> int:
    """Return a span in ms, which may be below zero: ``10s``, ``-5m``, ``0s``.

    Raises:
        UserError: it is not so written, or less than ``least`` ms.
    """
    seconds = None
    if isinstance(given, str):
        text = given.removeprefix("-")
        seconds = parse_duration(text)
        if seconds is not None and text != given:
            seconds = -seconds
    if seconds is None or abs(seconds) * 1000 > _SPAN_MS_MAX:
        hint = f"; a number needs its unit: {given}s" if type(given) in (int, float) else ""
        raise UserError(f"{kind}: {name}: a span such as '10s' expected, got {given!r:.80}{hint}")
    ms = round(seconds * 1000)
    if least is not None and ms < least:
        raise UserError(f"{kind}: {name}: {given!r:.80} is too short")
    return ms


class Times:
    """Reads the event time of rows of both sides.

    Args:
        time: a field that both have, or ``{left: f, right: g}``.
        unit: how they are written.

    Raises:
        UserError: an argument is wrong; it is named.
    """

    def __init__(self, kind: str, time: Any, unit: Any) -> None:
        check = Checks()
        check(of_kind, kind, "unit", unit, tuple(UNITS))
        names = check(one_or_each, kind, "time", time, NAMES)
        check.end()
        self._kind = kind
        self._fields = [TimeField(names[name], unit) for name in NAMES]

    def ms(self, side: int, tup: Tuple) -> int:
        """Return when a row happened.

        Raises:
            UserError: it has no such field, or no time in it.
        """
        field = self._fields[side]
        if field.name not in tup.fields:
            raise UserError(
                f"{self._kind}: time: {NAMES[side]} ({tup.component}) has no field {field.name!r}; "
                f"it has {list(tup.fields)}"
            )
        return field.ms(tup[field.name])

    def written(self, ms: int) -> Any:
        """Return a time as fields have it."""
        return self._fields[0].written(ms)


def one_or_each(kind: str, name: str, given: Any, sides: tuple[str, ...]) -> Mapping[str, str]:
    """Return the field of each side, of an argument that is one field or a mapping of them.

    Raises:
        UserError: it is neither.
        WrongArguments: a side is unknown, or missing.
    """
    if isinstance(given, str) and given:
        return dict.fromkeys(sides, given)
    if not isinstance(given, Mapping):
        form = ", ".join(f"{side}: field" for side in sides)
        raise UserError(f"{kind}: {name}: a field, or {{{form}}} expected, got {given!r:.80}")
    fields = checked_keys(f"{kind}: {name}", given, sides, sides)
    check = Checks()
    for side, field in fields.items():
        check(one_field, kind, f"{name}.{side}", field)
    check.end()
    return fields
