"""The arguments of windows: what a YAML says, checked as a whole and without importing anything.

Every error names the argument and, where a word is wrong, the one that was probably meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from waterspout.topology.component import Needs
from waterspout.topology.errors import UserError
from waterspout.topology.event_time import UNITS
from waterspout.topology.problems import did_you_mean, listed, quote
from waterspout.topology.units import parse_duration

from .aggregate_args import AggregateSpec, read_aggregates
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

    def needs(self) -> Needs:
        """Return what is needed of the inputs."""
        fields = {name: "aggregate" for each in self.aggregates for name in each.fields()}
        fields |= dict.fromkeys(self.key, "key")
        argument = "nested" if self.nested else "time"
        if self.time is not None:
            fields[self.time] = argument
        return Needs(fields, self.key or None, argument if self.time is not None else "")


def read_spec(given: Mapping[str, Any]) -> WindowSpec:
    """Return what the arguments say; those that are not there have their defaults.

    Raises:
        UserError: an argument is wrong, or two do not go together.
    """
    kind, windower = _windower(given)
    nested = _flag(given, "nested")
    time = _time(given, kind, nested)
    limits = {
        name: _limit(given, name, default)
        for name, default in (
            ("panes_max", PANES_MAX), ("items_max", ITEMS_MAX), ("rows_max", ROWS_MAX),
        )
    }  # fmt: skip
    _check_panes(kind, windower, limits["panes_max"])
    spec = WindowSpec(
        windower, _options(given, kind, time, limits["panes_max"]), _key(given), time,
        _unit(given), nested, *_made(given), _late(given, time),
        limits["items_max"], limits["rows_max"],
    )  # fmt: skip
    names = spec.outputs()["default"]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"the output has two fields {quote(name)}: name one otherwise")
    return spec


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
        size, slide = _pair("count", says, _whole)
        return kind, Counted(size, slide)
    size, slide = _pair(kind, says, _ms) if kind == "sliding" else (_ms(kind, says),) * 2
    return kind, Aligned(size, slide, _offset(offset))


def _pair(name: str, says: Any, read: Any) -> tuple[int, int]:
    """Return size and slide; of ``count`` the size alone may be given."""
    if name == "count" and not isinstance(says, Mapping):
        says = {"size": says}
    allowed = ("size", "slide")
    if not isinstance(says, Mapping):
        raise UserError(f"{name}: a mapping with size, slide expected, got {says!r:.80}")
    for key in says:
        if key not in allowed:
            near = did_you_mean(str(key), allowed)
            raise UserError(f"{name}: unknown {quote(str(key))}, allowed: {listed(allowed)}{near}")
    for key in allowed if name == "sliding" else ("size",):
        if key not in says:
            raise UserError(f"{name}: {quote(key)} is missing")
    size = read(f"{name}.size", says["size"])
    return size, read(f"{name}.slide", says["slide"]) if "slide" in says else size


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


def _whole(name: str, says: Any) -> int:
    if type(says) is not int or not 0 < says < 1 << 40:
        raise UserError(f"{name}: a whole number > 0 expected, got {says!r:.80}")
    return says


def _limit(given: Mapping[str, Any], name: str, default: int) -> int:
    return default if given.get(name) is None else _whole(name, given[name])


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
    if unit not in UNITS:
        near = did_you_mean(str(unit), list(UNITS))
        raise UserError(f"unit: {quote(str(unit))} unknown, allowed: {listed(list(UNITS))}{near}")
    return str(unit)


def _options(
    given: Mapping[str, Any], kind: str, time: str | None, panes_max: int
) -> Options:
    lateness = _duration(given, "lateness")
    if lateness and time is None:
        raise UserError("lateness: rows are late only in event time; name their field in 'time'")
    every, after = _early(given.get("early"), kind)
    # What a function makes of a window may be much: it goes out key by key.
    step_keys = STEP_KEYS if given.get("function") is None else 1
    return Options(lateness, every, after, panes_max, step_keys)


def _early(says: Any, kind: str) -> tuple[int, int]:
    if says is None:
        return 0, 0
    if kind in ("sliding", "count"):
        raise UserError("early: only tumbling and session windows fire early; choose a short slide")
    allowed = ("every", "after")
    if not isinstance(says, Mapping) or not says:
        raise UserError("early: {every: 100} or {after: 10s} expected, got " + f"{says!r:.80}")
    for key in says:
        if key not in allowed:
            near = did_you_mean(str(key), allowed)
            raise UserError(f"early: unknown {quote(str(key))}, allowed: {listed(allowed)}{near}")
    every = _whole("early.every", says["every"]) if "every" in says else 0
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
        raise UserError("either 'aggregate' or 'function' expected")
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
