"""The arguments of windows: what a YAML says, checked as a whole and without importing anything.

Every error names the argument and, where a word is wrong, the one that was probably meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from waterspout.topology.argument_checks import Checks, checked_keys, field_names
from waterspout.topology.component import Needs
from waterspout.topology.errors import UserError
from waterspout.topology.event_time import UNITS
from waterspout.topology.problems import did_you_mean, listed, quote
from waterspout.topology.units import parse_duration

from .aggregate_args import AggregateSpec, aggregate_fields, read_aggregates, whole_number
from .logic import PANES_MAX, STEP_KEYS, Options
from .windowers import Aligned, Counted, Session, Windower

#: The arguments of which there is exactly one.
KINDS = ("tumbling", "sliding", "session", "count")
#: Output fields between the key and the aggregates.
START_FIELD, END_FIELD = "window_start", "window_end"
#: Fields of the stream of late rows.
LATE_FIELDS = ("key", "time", "row")
#: Limits, unless the arguments say otherwise.
ITEMS_MAX, ROWS_MAX = 10_000, 100_000
#: No window is longer: 10,000 years in ms.
_DURATION_MS_MAX = 10_000 * 366 * 86_400_000


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """What the arguments say.

    Attributes:
        key: fields of the key, in order; none: one window for all rows.
        time: field of the event time; None: processing time.
        aggregates: what is emitted; empty for a function of all rows.
        fields: names of what a function of all rows returns.
        late: stream of late rows, or None.
    """

    windower: Windower
    options: Options
    key: tuple[str, ...]
    time: str | None
    unit: str
    nested: bool
    aggregates: tuple[AggregateSpec, ...]
    fields: tuple[str, ...]
    late: str | None
    items_max: int
    rows_max: int

    def outputs(self) -> dict[str, list[str]]:
        """Return the fields of each output stream."""
        made = self.fields or tuple(each.name for each in self.aggregates)
        streams = {"default": [*self.key, START_FIELD, END_FIELD, *made]}
        if self.late is not None:
            streams[self.late] = list(LATE_FIELDS)
        return streams


def read_spec(given: Mapping[str, Any]) -> WindowSpec:
    """Return what the arguments say; those that are not there have their defaults.

    Raises:
        WrongArguments: some are wrong, or do not go together.
    """
    check = Checks()
    kind, windower = check(_windower, given) or ("", None)
    nested = check(_flag, given, "nested")
    time = check(_time, given, kind, nested)
    limits = {
        name: check(_limit, given, name, default)
        for name, default in (
            ("panes_max", PANES_MAX), ("items_max", ITEMS_MAX), ("rows_max", ROWS_MAX),
        )
    }  # fmt: skip
    if windower is not None and limits["panes_max"] is not None:
        check(_check_panes, kind, windower, limits["panes_max"])
    options = check(_options, given, kind, time, limits["panes_max"])
    key, unit = check(_key, given), check(_unit, given)
    aggregates, fields = check(_made, given) or ((), ())
    late = check(_late, given, time)
    check.end()
    assert windower is not None
    spec = WindowSpec(
        windower, options, key, time, unit, nested, aggregates, fields, late,
        limits["items_max"], limits["rows_max"],
    )  # fmt: skip
    _check_names(spec)
    return spec


def _check_names(spec: WindowSpec) -> None:
    names = spec.outputs()["default"]
    made = {name: f"fields[{at}]" for at, name in enumerate(spec.fields)}
    made |= {each.name: f"aggregate.{each.name}" for each in spec.aggregates}
    for name in names:
        if names.count(name) > 1:
            where = f"{made[name]}: " if name in made else "key: "
            raise UserError(f"{where}the output has a field {quote(name)} already")


def read_needs(given: Mapping[str, Any]) -> Needs:
    """Return what is needed of the inputs, by those arguments that are right; for lint."""
    fields = field_names("key", given.get("key"))
    key = tuple(fields)
    nested = given.get("nested") is True
    time = END_FIELD if nested and given.get("time") is None else given.get("time")
    argument = "nested" if nested else "time"
    if isinstance(time, str) and given.get("count") is None:
        fields.setdefault(time, argument)
    else:
        argument = ""
    for name, argument_of in aggregate_fields(given.get("aggregate")):
        fields.setdefault(name, argument_of)
    return Needs(fields, key or None, argument)


def _windower(given: Mapping[str, Any]) -> tuple[str, Windower]:
    kinds = [kind for kind in KINDS if given.get(kind) is not None]
    if len(kinds) != 1:
        found = f"got {listed(kinds)}" if kinds else "got none"
        raise UserError(f"exactly one of {listed(KINDS)} expected, {found}")
    (kind,) = kinds
    says, offset = given[kind], given.get("offset")
    if offset is not None and kind not in ("tumbling", "sliding"):
        raise UserError(f"offset: {kind} windows are not aligned to anything")
    if kind == "session":
        return kind, Session(_ms("session", says))
    if kind == "count":
        size, slide = _pair("count", says, whole_number)
        return kind, Counted(size, slide)
    check = Checks()
    shift = check(_offset, offset)
    size, slide = check(_size_and_slide, kind, says) or (0, 0)
    check.end()
    return kind, Aligned(size, slide, shift)


def _size_and_slide(kind: str, says: Any) -> tuple[int, int]:
    return _pair(kind, says, _ms) if kind == "sliding" else (_ms(kind, says),) * 2


def _pair(name: str, says: Any, read: Any) -> tuple[int, int]:
    """Return size and slide; of ``count`` the size alone may be given."""
    if name == "count" and not isinstance(says, Mapping):
        says = {"size": says}
    allowed = ("size", "slide")
    if not isinstance(says, Mapping):
        raise UserError(f"{name}: a mapping with size, slide expected, got {says!r:.80}")
    check = Checks()
    needed = allowed if name == "sliding" else ("size",)
    check(checked_keys, name, says, allowed, needed)
    size, slide = (
        check(read, f"{name}.{key}", says[key]) if key in says else None for key in allowed
    )
    check.end()
    assert size is not None
    return size, size if slide is None else slide


def _ms(name: str, says: Any) -> int:
    seconds = parse_duration(says) if isinstance(says, str) else None
    if seconds is None:
        number = type(says) in (int, float)
        hint = f"; a number needs its unit: {says}s" if number else ""
        form = "a duration such as 500ms, 30s, 5m"
        raise UserError(f"{name}: {form} expected, got {says!r:.80}{hint}")
    ms = seconds * 1000
    if abs(ms - round(ms)) > 1e-6 or not 1 <= round(ms) <= _DURATION_MS_MAX:
        raise UserError(f"{name}: whole milliseconds, at least 1ms, expected, got {says!r:.80}")
    return round(ms)


def _offset(says: Any) -> int:
    if says is None or says == "0s":
        return 0
    if isinstance(says, str) and says.startswith("-"):
        return -_ms("offset", says[1:])
    return _ms("offset", says)


def _duration(given: Mapping[str, Any], name: str) -> int:
    """Return an argument that may be nothing or 0."""
    says = given.get(name)
    return 0 if says is None or says in ("0s", "0ms") else _ms(name, says)


def _limit(given: Mapping[str, Any], name: str, default: int) -> int:
    return default if given.get(name) is None else whole_number(name, given[name])


def _flag(given: Mapping[str, Any], name: str) -> bool:
    says = given.get(name, False)
    if not isinstance(says, bool):
        raise UserError(f"{name}: true or false expected, got {says!r:.80}")
    return says


def _check_panes(kind: str, windower: Windower, panes_max: int) -> None:
    if isinstance(windower, Aligned):
        panes = max(windower.size_ms, windower.slide_ms) // windower.pane_ms
    elif isinstance(windower, Counted):
        panes = max(windower.size, windower.slide) // windower.pane
    else:
        return
    if panes > panes_max:
        raise UserError(
            f"{kind}: a window has {panes} panes, at most panes_max = {panes_max}; a pane is as "
            "long as the greatest common divisor of size and slide: let the slide divide the size"
        )


def _time(given: Mapping[str, Any], kind: str, nested: bool) -> str | None:
    time = given.get("time")
    if time is not None and (not isinstance(time, str) or not time):
        raise UserError(f"time: the name of a field expected, got {time!r:.80}")
    if kind == "count" and (time is not None or nested):
        raise UserError("time: count windows go by the number of rows, not by time")
    return END_FIELD if nested and time is None else time


def _unit(given: Mapping[str, Any]) -> str:
    unit = given.get("unit", "s")
    if not isinstance(unit, str) or unit not in UNITS:
        near = did_you_mean(str(unit), list(UNITS))
        raise UserError(f"unit: {quote(str(unit))} unknown, allowed: {listed(list(UNITS))}{near}")
    return str(unit)


def _options(
    given: Mapping[str, Any], kind: str, time: str | None, panes_max: int
) -> Options:
    check = Checks()
    lateness = check(_lateness, given, time)
    every, after = check(_early, given.get("early"), kind) or (0, 0)
    check.end()
    # What a function makes of a window may be much: it goes out key by key.
    step_keys = STEP_KEYS if given.get("function") is None else 1
    return Options(lateness, every, after, panes_max, step_keys)


def _lateness(given: Mapping[str, Any], time: str | None) -> int:
    lateness = _duration(given, "lateness")
    if lateness and time is None:
        raise UserError("lateness: rows are late only in event time; name their field in 'time'")
    return lateness


def _early(says: Any, kind: str) -> tuple[int, int]:
    if says is None:
        return 0, 0
    if kind in ("sliding", "count"):
        raise UserError("early: only tumbling and session windows fire early; choose a short slide")
    allowed = ("every", "after")
    if not isinstance(says, Mapping) or not says:
        raise UserError("early: {every: 100} or {after: 10s} expected, got " + f"{says!r:.80}")
    checked_keys("early", says, allowed, ())
    every = whole_number("early.every", says["every"]) if "every" in says else 0
    return every, _ms("early.after", says["after"]) if "after" in says else 0


def _key(given: Mapping[str, Any]) -> tuple[str, ...]:
    key = given.get("key")
    names = [] if key is None else [key] if isinstance(key, str) else key
    if not isinstance(names, (list, tuple)) or not all(
        isinstance(name, str) and name for name in names
    ):
        raise UserError(f"key: a field or a list of fields expected, got {key!r:.80}")
    return tuple(names)


def _made(given: Mapping[str, Any]) -> tuple[tuple[AggregateSpec, ...], tuple[str, ...]]:
    """Return the aggregates, or the fields of a function of all rows."""
    function, fields = given.get("function"), given.get("fields")
    if (given.get("aggregate") is None) == (function is None):
        got = "both" if function is not None else "none"
        raise UserError(f"either 'aggregate' or 'function' expected, got {got}")
    if function is None:
        if fields is not None:
            raise UserError("fields: the names of 'aggregate' are the output fields")
        return tuple(read_aggregates(given["aggregate"])), ()
    if not isinstance(fields, (list, tuple)) or not fields or not all(
        isinstance(name, str) and name for name in fields
    ):
        what = "names of what the function returns"
        raise UserError(f"fields: {what} expected, got {fields!r:.80}")
    return (), tuple(fields)


def _late(given: Mapping[str, Any], time: str | None) -> str | None:
    late = given.get("late")
    if late is None:
        return None
    if not isinstance(late, str) or not late.isidentifier() or late == "default":
        raise UserError(f"late: the name of a stream other than default expected, got {late!r:.80}")
    if time is None:
        raise UserError("late: rows are late only in event time; name their field in 'time'")
    return late
