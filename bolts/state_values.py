"""What state can keep, and what is said of a value or key that it cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: Types of which no value holds another or can change.
SCALARS = frozenset({str, int, float, bool, bytes, type(None)})
#: Types of values; of those that are no scalars what they hold counts, too.
VALUES = SCALARS | {list, dict, tuple}
#: Types of keys.
KEYS = SCALARS | {tuple}
KEYS_ALLOWED = "keys are str, bytes, int of 64 bits, float, bool, None or tuples of these"
VALUES_ALLOWED = (
    "keep str, bytes, int of 64 bits, float, bool, None, or lists, tuples and dicts of these"
)
#: Lists and dicts within each other: what msgpack packs.
DEPTH_MAX = 500

_SET = "a list, or a dict with None as values"
#: Of a type that is none of the above: what can be kept in its place.
_INSTEAD: tuple[tuple[Callable[[Any], bool], str], ...] = (
    (lambda value: isinstance(value, (set, frozenset)), _SET),
    (lambda value: isinstance(value, (bytearray, memoryview)), "bytes(..)"),
    # Subclasses would come back as what they are derived from.
    (lambda value: isinstance(value, dict), "dict(..)"),
    (lambda value: isinstance(value, list), "list(..)"),
    (lambda value: isinstance(value, tuple), "tuple(..)"),
    (lambda value: hasattr(value, "value") and hasattr(value, "name"), "its .value"),
    (lambda value: isinstance(value, (str, int, float)), "str(..), int(..) or float(..)"),
    (lambda value: hasattr(value, "isoformat"), "its isoformat()"),
    (lambda value: hasattr(value, "tolist"), "its tolist()"),
    (lambda value: hasattr(value, "__dataclass_fields__"), "dataclasses.asdict(..)"),
)


def fault_of(value: Any) -> str | None:
    """Return what of a value cannot be kept, where it is in there, and what can; None: all can."""
    return _fault(value, "", 0)


def key_fault_of(key: Any) -> str | None:
    """Return why a key cannot be one; None: it can."""
    fault = _fault(key, "", 0)
    if fault is None and _has_no_lists(key):
        return None
    if fault is None or "64 bits" in fault:
        return f"{fault or 'a list or dict in a tuple has no wire form'}; {KEYS_ALLOWED}"
    return f"{_no_form(type(key))}; {KEYS_ALLOWED}"


def _has_no_lists(key: Any) -> bool:
    return all(map(_has_no_lists, key)) if type(key) is tuple else type(key) in SCALARS


def _fault(value: Any, where: str, depth: int) -> str | None:
    kind = type(value)
    if kind is int and not -(2**63) <= value < 2**64:
        return f"an int of more than 64 bits has no wire form{_at(where)}"
    if kind in SCALARS:
        return None
    if kind not in VALUES:
        return f"{_no_form(kind)}{_at(where)}; keep {_instead_of(value)}"
    if depth > DEPTH_MAX:
        return "nested too deeply, or holds itself"
    inside = value.items() if kind is dict else enumerate(value)
    for key, item in inside:
        found = _fault(item, f"{where}[{key!r:.40}]", depth + 1)
        if found is None and kind is dict:
            found = _fault(key, f"{where}, as a key", depth + 1)
        if found is not None:
            return found
    return None


def _no_form(kind: type[Any]) -> str:
    return f"no wire form for {kind.__name__!r} object"


def _at(where: str) -> str:
    return f" at {where}" if where else ""


def _instead_of(value: Any) -> str:
    for fits, text in _INSTEAD:
        if fits(value):
            return text
    return VALUES_ALLOWED.removeprefix("keep ")
