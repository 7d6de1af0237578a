"""Which tuples a tap shows: ``user == 'ada' and (age >= 30 or not vip == true)``.

    any    := all ("or" all)*
    all    := term ("and" term)*
    term   := "not" term | "(" any ")" | FIELD OPERATOR LITERAL
    OPERATOR: == (or =)  !=  <  <=  >  >=  contains
    LITERAL:  number, 'text', "text", true, false, null

A field that a tuple does not have, and values that cannot be compared, are no match. Nothing is
ever evaluated as code: the text becomes nested functions of this module.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NoReturn

from waterspout.topology.errors import UserError
from waterspout.topology.plan import Plan
from waterspout.topology.problems import did_you_mean, listed

#: Longest text, most comparisons, deepest nesting.
TEXT_MAX = 2000
TERMS_MAX = 50
DEPTH_MAX = 20

#: Says whether a tuple, as field -> value, is to be shown.
Filter = Callable[[Mapping[str, Any]], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])"
    r"|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<word>[^\W\d][\w.-]*)"
    r"|(?P<sign>==|!=|<=|>=|[=<>()]))"
)
_MISSING = object()
_CONSTANTS = {"true": True, "false": False, "null": None}
_KEYWORDS = {"and", "or", "not", "contains"}


class TapFilterError(UserError):
    """The text of a filter cannot be read; says where, and what was expected there."""


def _contains(value: Any, part: Any) -> bool:
    return part in value


_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "=": operator.eq, "!=": operator.ne, "<": operator.lt,
    "<=": operator.le, ">": operator.gt, ">=": operator.ge, "contains": _contains,
}  # fmt: skip


def tap_filter(text: str) -> Filter:
    """Return the filter that a text describes; an empty one shows everything.

    Raises:
        TapFilterError: it describes none.
    """
    if len(text) > TEXT_MAX:
        raise TapFilterError(f"the filter has {len(text)} characters, at most {TEXT_MAX}")
    if not text.strip():
        return lambda row: True
    parser = _Parser(text)
    found = parser.any(0)
    parser.end()
    return found


def check_fields(text: str, known: Collection[str]) -> None:
    """Refuse a filter that can be read, and asks for a field that no tuple will have.

    Raises:
        TapFilterError: that, or it cannot be read.
    """
    tap_filter(text)
    parser = _Parser(text)
    if parser.whole:
        return
    parser.any(0)
    for field in parser.fields:
        if field not in known:
            near = did_you_mean(field, known)
            there = f"there are {listed(sorted(known))}" if known else "there are none"
            raise TapFilterError(f"the filter: no field {field!r:.60}{near}; {there}")


def shown_fields(plan: Plan, component: str | None) -> frozenset[str]:
    """Return the fields that tuples of a tap may have: of a component, or (None) of all.

    One that emits nothing is shown with what it gets.
    """
    outputs = {
        (name, stream): decl.fields
        for name, facts in plan.facts.items()
        for stream, decl in facts.outputs.items()
    }
    found = [fields for (name, _), fields in outputs.items() if component in (None, name)]
    if not found and component is not None:
        inputs = plan.spec.component(component).inputs
        found = [outputs.get((each.source, each.stream), ()) for each in inputs]
    return frozenset(field for fields in found for field in fields)


class _Parser:
    """Reads tokens one by one; each method returns the filter of what it has read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._terms = 0
        #: Nothing is asked for: all tuples are shown.
        self.whole = not text.strip()
        #: Fields that were read so far, in their order.
        self.fields: list[str] = []
        #: (kind, text, where it begins); the last one is the end.
        self._tokens: list[tuple[str, str, int]] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                at += len(text[at:]) - len(text[at:].lstrip())
                raise TapFilterError(f"the filter at {at + 1}: {text[at]!r} is not understood")
            kind = str(found.lastgroup)
            self._tokens.append((kind, found[kind], found.start(kind)))
            at = found.end()
        self._tokens.append(("end", "", len(text)))
        self._next = 0

    def any(self, depth: int) -> Filter:
        """Read terms with ``or`` between them."""
        filters = [self._all(depth)]
        while self._take("word", "or"):
            filters.append(self._all(depth))
        return filters[0] if len(filters) == 1 else lambda row: any(f(row) for f in filters)

    def end(self) -> None:
        """See that nothing is left."""
        if self._tokens[self._next][0] != "end":
            self._fail("and, or, or the end")

    def _all(self, depth: int) -> Filter:
        filters = [self._term(depth)]
        while self._take("word", "and"):
            filters.append(self._term(depth))
        return filters[0] if len(filters) == 1 else lambda row: all(f(row) for f in filters)

    def _term(self, depth: int) -> Filter:
        if depth > DEPTH_MAX:
            self._fail(f"no more than {DEPTH_MAX} levels")
        if self._take("word", "not"):
            inner = self._term(depth + 1)
            return lambda row: not inner(row)
        if self._take("sign", "("):
            inner = self.any(depth + 1)
            if not self._take("sign", ")"):
                self._fail("')'")
            return inner
        self._terms += 1
        if self._terms > TERMS_MAX:
            self._fail(f"no more than {TERMS_MAX} comparisons")
        return self._comparison()

    def _comparison(self) -> Filter:
        kind, field, _ = self._tokens[self._next]
        if kind != "word" or field in _KEYWORDS:
            self._fail("the name of a field")
        self.fields.append(field)
        self._next += 1
        name = self._tokens[self._next][1]
        compare = _OPERATORS.get(name)
        if compare is None or self._tokens[self._next][0] not in ("sign", "word"):
            self._fail("one of == != < <= > >= contains")
        self._next += 1
        return _comparing(field, compare, self._literal())

    def _literal(self) -> Any:
        kind, text, _ = self._tokens[self._next]
        self._next += 1
        if kind == "number":
            return float(text) if set(text) & set(".eE") else int(text)
        if kind == "text":
            return text[1:-1]
        if kind == "word" and text in _CONSTANTS:
            return _CONSTANTS[text]
        self._next -= 1
        self._fail("a number, a 'text', true, false or null")

    def _take(self, kind: str, text: str) -> bool:
        if self._tokens[self._next][:2] != (kind, text):
            return False
        self._next += 1
        return True

    def _fail(self, expected: str) -> NoReturn:
        _, text, at = self._tokens[self._next]
        found = repr(text) if text else "the end"
        raise TapFilterError(f"the filter at {at + 1}: {expected} is expected, not {found:.60}")


def _comparing(field: str, compare: Callable[[Any, Any], Any], literal: Any) -> Filter:
    def matches(row: Mapping[str, Any]) -> bool:
        value = row.get(field, _MISSING)
        if value is _MISSING:
            return False
        try:
            return bool(compare(value, literal))
        except Exception:
            # Values are the user's, and so is how they compare; what cannot be, does not match.
            return False

    return matches
