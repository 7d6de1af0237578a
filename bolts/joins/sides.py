"""The two sides of a join: which rows are left and right, and what of them is emitted.

A join's inputs are grouped by the fields that have to be equal; so the key needs no argument:

    inputs:
      - {from: auctions, grouping: fields, fields: [id]}
      - {from: bids, grouping: fields, fields: [auction]}
    args:
      left: auctions
      right: bids
      select: {auction: left.id, price: right.price}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from waterspout.topology.argument_checks import Checks
from waterspout.topology.component import Needs, Side
from waterspout.topology.errors import UserError
from waterspout.topology.problems import did_you_mean, listed, nearest, quote
from waterspout.topology.tuples import DEFAULT_STREAM, Tuple

LEFT, RIGHT = 0, 1
NAMES = ("left", "right")
#: Fields that a join may emit.
SELECT_MAX = 1000

#: What is kept of a row: its selected values, in the order of ``select``.
Kept = tuple[Any, ...]


class Sides:
    """What ``left``, ``right`` and ``select`` say.

    Args:
        kind: name of the bolt's class, for errors.
        left, right: ``component`` or ``component.stream``.
        select: output field -> ``left.field`` or ``right.field``.

    Raises:
        UserError: an argument is wrong; it is named.
    """

    def __init__(self, kind: str, left: Any, right: Any, select: Any) -> None:
        self._kind = kind
        check = Checks()
        self._sources = tuple(
            check(_source, kind, name, given)
            for name, given in zip(NAMES, (left, right), strict=True)
        )
        if not check.failed and self._sources[LEFT] == self._sources[RIGHT]:
            check(_same_stream, kind, left)
        self.outputs, places = check(read_select, kind, select, NAMES) or ([], [])
        check.end()
        #: (side, field) of each output field.
        self._places = places
        self._fields = [[field for of, field in places if of == side] for side in (LEFT, RIGHT)]
        counts = [0, 0]
        #: (side, index in what is kept of it) of each output field.
        self._take: list[tuple[int, int]] = []
        for side, _ in places:
            self._take.append((side, counts[side]))
            counts[side] += 1
        self._nothing = tuple((None,) * count for count in counts)
        self._known: dict[type[Tuple], tuple[int, tuple[int, ...]]] = {}

    def side(self, tup: Tuple) -> int:
        """Return the side that a tuple is of.

        Raises:
            UserError: it is of neither, or lacks a field that ``select`` names.
        """
        return self._of(type(tup))[0]

    def kept(self, tup: Tuple) -> Kept:
        """Return what is kept of a tuple."""
        return tuple([tup[at] for at in self._of(type(tup))[1]])

    def row(self, left: Kept | None, right: Kept | None) -> list[Any]:
        """Return the output row of a pair; None: that side has no row, and its fields are None."""
        of = (
            self._nothing[LEFT] if left is None else left,
            self._nothing[RIGHT] if right is None else right,
        )
        return [of[side][at] for side, at in self._take]

    def _of(self, cls: type[Tuple]) -> tuple[int, tuple[int, ...]]:
        found = self._known.get(cls)
        if found is None:
            found = self._known[cls] = self._find(cls)
        return found

    def _find(self, cls: type[Tuple]) -> tuple[int, tuple[int, ...]]:
        source = (cls.component, cls.stream)
        if source not in self._sources:
            raise UserError(
                f"{self._kind}: {_shown(source)} is neither left ({_shown(self._sources[LEFT])}) "
                f"nor right ({_shown(self._sources[RIGHT])})"
            )
        side = self._sources.index(source)
        for field in self._fields[side]:
            if field not in cls.fields:
                raise UserError(
                    f"{self._kind}: select: {NAMES[side]} ({_shown(source)}) has no field "
                    f"{quote(field)}{did_you_mean(field, cls.fields)}; it has "
                    f"{listed(cls.fields)}"
                )
        return side, tuple(cls.fields.index(field) for field in self._fields[side])


def read_select(
    kind: str, select: Any, names: tuple[str, ...]
) -> tuple[list[str], list[tuple[int, str]]]:
    """Return the output fields, and (index of the name, field) of each.

    Raises:
        UserError: it is no mapping of fields to ``name.field``.
    """
    if not isinstance(select, Mapping) or not 0 < len(select) <= SELECT_MAX:
        example = f"{{out: {names[0]}.field}}"
        raise UserError(f"{kind}: select: output fields expected, as in {example}")
    check = Checks()
    places = [check(_place, kind, out, given, names) for out, given in select.items()]
    check.end()
    return list(select), places


def _place(kind: str, out: Any, given: Any, names: tuple[str, ...]) -> tuple[int, str]:
    """Return (index of the name, field) of one entry of ``select``."""
    name, dot, field = given.partition(".") if isinstance(given, str) else ("", "", "")
    if not isinstance(out, str) or not out.isidentifier():
        raise UserError(f"{kind}: select: {out!r:.80} is not the name of a field")
    if not dot or not field or name not in names:
        forms = " or ".join(f"{one}.field" for one in names)
        near = nearest(name, names) if dot else None
        hint = f", did you mean {f'{near}.{field}'!r:.80}?" if near else ""
        raise UserError(f"{kind}: select.{out}: {forms} expected, got {given!r:.80}{hint}")
    return names.index(name), field


def selected_fields(select: Any, name: str) -> dict[str, str]:
    """Return field -> where it stands, of what ``select`` takes of one side; for lint."""
    found: dict[str, str] = {}
    for out, given in select.items() if isinstance(select, Mapping) else ():
        of, _, field = given.partition(".") if isinstance(given, str) else ("", "", "")
        if of == name and field:
            found.setdefault(field, f"select.{out}")
    return found


def needs_of_sides(args: Mapping[str, Any], *, timed: bool = False) -> Needs:
    """Return what a join needs of its inputs; for lint. ``timed``: it goes by event time."""
    sides = []
    for name in NAMES:
        if not isinstance(args.get(name), str) or not args[name]:
            return Needs(keyed=True)
        fields = selected_fields(args.get("select"), name)
        component, _, stream = args[name].partition(".")
        time, place = (args.get("time") if timed else None), "time"
        if isinstance(time, Mapping):
            time, place = time.get(name), f"time.{name}"
        if isinstance(time, str):
            fields.setdefault(time, place)
        sides.append(Side(name, component, stream or DEFAULT_STREAM, fields))
    return Needs(sides=tuple(sides), event_time="time" if timed else "", keyed=True)


def _same_stream(kind: str, name: Any) -> None:
    raise UserError(f"{kind}: right: the same stream as left, {quote(name)}")


def of_kind(kind: str, name: str, given: Any, choices: tuple[str, ...]) -> str:
    """Return an argument that is one of several words.

    Raises:
        UserError: it is not.
    """
    if given not in choices:
        hint = did_you_mean(given, choices) if isinstance(given, str) else ""
        raise UserError(
            f"{kind}: {name}: one of {listed(choices)} expected, got {given!r:.80}{hint}"
        )
    word: str = given
    return word


def above_0(kind: str, name: str, given: Any) -> int:
    """Return an argument that is a number above 0.

    Raises:
        UserError: it is not.
    """
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise UserError(f"{kind}: {name}: a number above 0 expected, got {given!r:.80}")
    return given


def one_field(kind: str, name: str, given: Any) -> str:
    """Return an argument that is a field.

    Raises:
        UserError: it is not.
    """
    if not isinstance(given, str) or not given:
        raise UserError(f"{kind}: {name}: a field expected, got {given!r:.80}")
    return given


def _source(kind: str, name: str, given: Any) -> tuple[str, str]:
    if not isinstance(given, str) or not given:
        raise UserError(
            f"{kind}: {name}: a component, or component.stream, expected: {given!r:.80}"
        )
    component, _, stream = given.partition(".")
    return component, stream or DEFAULT_STREAM


def _shown(source: tuple[str, str]) -> str:
    component, stream = source
    return component if stream == DEFAULT_STREAM else f"{component}.{stream}"
