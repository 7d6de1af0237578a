"""The argument ``aggregate`` of windows: what it may say, read without importing anything.

    aggregate: {n: count, total: {sum: amount}, top: {top: {field: item, n: 3}}}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from waterspout.topology.argument_checks import Checks, checked_keys
from waterspout.topology.classes import load_function
from waterspout.topology.errors import UserError
from waterspout.topology.problems import did_you_mean, listed, quote

from .aggregates import Aggregate, CountRows, First, Last, Max, Mean, Min, Sum
from .item_aggregates import Distinct, Top
from .row_aggregates import Monoid

#: Kinds of one field, by their name.
PLAIN: dict[str, type[Aggregate]] = {
    "sum": Sum, "min": Min, "max": Max, "mean": Mean, "first": First, "last": Last,
}  # fmt: skip
KINDS = ("count", *PLAIN, "distinct", "top", "combine")
#: What ``aggregate`` looks like.
FORM = "a mapping such as {n: count, total: {sum: amount}}"
#: Aggregates of one window.
AGGREGATES_MAX = 50


@dataclass(frozen=True, slots=True)
class AggregateSpec:
    """One entry, checked: the output field, the kind, and what is said about it."""

    name: str
    kind: str
    says: Mapping[str, Any]

    def build(self, items_max: int) -> Aggregate:
        """Return the aggregate; imports the user's when it is one.

        Raises:
            ImportFailed: no such module or name.
            UserError: what was imported is no monoid.
        """
        says = self.says
        if self.kind == "count":
            return CountRows(self.name)
        if self.kind == "distinct":
            return Distinct(self.name, says["field"], items_max)
        if self.kind == "top":
            return Top(
                self.name, says["field"], says["n"], items_max, says.get("by"),
                says.get("candidates"),
            )  # fmt: skip
        if self.kind == "combine":
            return Monoid(self.name, says.get("field"), load_function(says["with"]))
        return PLAIN[self.kind](self.name, [says["field"]])


def read_aggregates(given: Any) -> list[AggregateSpec]:
    """Return the entries of ``aggregate``.

    Raises:
        UserError: some are not as they have to be; each begins with the path of its entry.
    """
    if not isinstance(given, Mapping) or not given:
        raise UserError(f"aggregate: {FORM} expected, got {given!r:.80}")
    if len(given) > AGGREGATES_MAX:
        raise UserError(f"aggregate: more than {AGGREGATES_MAX} aggregates")
    check = Checks()
    entries = [check(_entry, name, entry) for name, entry in given.items()]
    check.end()
    return entries


def aggregate_fields(given: Any) -> Iterator[tuple[str, str]]:
    """Yield (input field, argument that names it) of ``aggregate``, of entries that are right."""
    for name, entry in given.items() if isinstance(given, Mapping) else ():
        if not isinstance(entry, Mapping) or len(entry) != 1:
            continue
        ((kind, says),) = entry.items()
        path = f"aggregate.{name}.{kind}"
        if kind in ("top", "combine") and isinstance(says, Mapping):
            named = {f"{path}.{word}": says.get(word) for word in ("field", "by")}
        else:
            named = {path: says if kind in (*PLAIN, "distinct") else None}
        yield from ((field, at) for at, field in named.items() if isinstance(field, str))


def monoid_paths(given: Any) -> Iterator[str]:
    """Yield the import paths in ``aggregate``, whatever else is wrong with it."""
    for entry in given.values() if isinstance(given, Mapping) else ():
        says = entry.get("combine") if isinstance(entry, Mapping) else None
        path = says.get("with") if isinstance(says, Mapping) else says
        if isinstance(path, str):
            yield path


def _entry(name: Any, entry: Any) -> AggregateSpec:
    where = f"aggregate.{name}"
    if not isinstance(name, str) or not name.isidentifier():
        raise UserError(f"aggregate: {name!r:.80} is not the name of a field")
    if entry == "count":
        return AggregateSpec(name, "count", {})
    if not isinstance(entry, Mapping) or len(entry) != 1:
        near = did_you_mean(entry, ("count",)) if isinstance(entry, str) else ""
        hint = "; it needs a field, as in {" + entry + ": amount}" if entry in KINDS else near
        form = "count, or one kind and its field such as {sum: amount}"
        raise UserError(f"{where}: {form} expected, got {entry!r:.80}{hint}")
    ((kind, says),) = entry.items()
    if kind not in KINDS:
        near = did_you_mean(str(kind), KINDS)
        raise UserError(f"{where}: {quote(str(kind))} unknown, allowed: {listed(KINDS)}{near}")
    return AggregateSpec(name, kind, _READERS.get(kind, _field)(f"{where}.{kind}", says))


def _field(where: str, says: Any) -> dict[str, Any]:
    if not isinstance(says, str) or not says:
        raise UserError(f"{where}: the name of a field expected, got {says!r:.80}")
    return {"field": says}


def _count(where: str, says: Any) -> dict[str, Any]:
    raise UserError(f"{where}: counts rows and takes no field; write just 'count'")


def _top(where: str, says: Any) -> dict[str, Any]:
    known = checked_keys(where, says, ("field", "n", "by", "candidates"), ("field",))
    check = Checks()
    for name in ("field", "by"):
        if name in known:
            check(_field, f"{where}.{name}", known[name])
    known.setdefault("n", 10)
    for name in ("n", "candidates"):
        if name in known:
            check(whole_number, f"{where}.{name}", known[name])
    check.end()
    if known.get("candidates", known["n"]) < known["n"]:
        raise UserError(f"{where}.candidates: at least n = {known['n']} expected")
    return known


def _combine(where: str, says: Any) -> dict[str, Any]:
    known = {"with": says} if isinstance(says, str) else checked_keys(
        where, says, ("with", "field"), ("with",)
    )  # fmt: skip
    for name, value in known.items():
        _field(f"{where}.{name}", value)
    return known


def whole_number(where: str, says: Any) -> int:
    """Return an argument that is a number of something.

    Raises:
        UserError: it is not.
    """
    if type(says) is not int or not 0 < says < 1 << 40:
        raise UserError(f"{where}: a whole number > 0 expected, got {says!r:.80}")
    return says


_READERS: dict[str, Callable[[str, Any], dict[str, Any]]] = {
    "count": _count, "top": _top, "combine": _combine,
}  # fmt: skip
