"""Checks of the fields of a message: what a peer sent is of the right shape and size, or refused.

A check is a function from a value to bool. Tables of them (host_protocol.py, client_protocol.py)
say what every kind of message holds; ``problem_of`` names the first field that is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

Check = Callable[[Any], bool]
#: Field -> check, of one kind of message.
Fields = Mapping[str, Check]

#: Longest name of anything, in characters.
NAME_MAX = 100
#: Longest text for people.
TEXT_MAX = 2000
#: Longest traceback.
TRACEBACK_MAX = 20_000
#: Longest path, address or endpoint.
PATH_MAX = 1000
#: Unsigned numbers of 64 bits: incarnations, sessions, roots.
U64_MAX = (1 << 64) - 1


def flag(value: Any) -> bool:
    """Say whether it is a bool."""
    return isinstance(value, bool)


def integer(low: int = 0, high: int = U64_MAX) -> Check:
    """Return the check for an int within bounds."""
    return lambda value: type(value) is int and low <= value <= high


def number(low: float = 0.0, high: float = 1e15) -> Check:
    """Return the check for a finite int or float within bounds."""
    return lambda value: type(value) in (int, float) and isfinite(value) and low <= value <= high


def text(chars_max: int = TEXT_MAX) -> Check:
    """Return the check for a str of at most so many characters."""
    return lambda value: isinstance(value, str) and len(value) <= chars_max


def name(value: Any) -> bool:
    """Say whether it is a name: not empty, not long, printable."""
    return isinstance(value, str) and 0 < len(value) <= NAME_MAX and value.isprintable()


def blob(bytes_max: int) -> Check:
    """Return the check for bytes of at most that size."""
    return lambda value: isinstance(value, bytes) and len(value) <= bytes_max


def one_of(*values: Any) -> Check:
    """Return the check for one of a few texts."""
    return lambda value: isinstance(value, str) and value in values


def listed(check: Check, items_max: int) -> Check:
    """Return the check for a list of at most so many items, each of which passes ``check``."""
    return lambda value: (
        isinstance(value, (list, tuple)) and len(value) <= items_max and all(map(check, value))
    )


def items(*checks: Check) -> Check:
    """Return the check for a list with exactly these items."""
    return lambda value: (
        isinstance(value, (list, tuple))
        and len(value) == len(checks)
        and all(check(each) for check, each in zip(checks, value, strict=True))
    )


def mapped(key: Check, value: Check, items_max: int) -> Check:
    """Return the check for a map of at most so many entries."""
    return lambda found: (
        isinstance(found, dict)
        and len(found) <= items_max
        and all(key(k) and value(v) for k, v in found.items())
    )


def optional(check: Check) -> Check:
    """Return the check that None passes, too."""
    return lambda value: value is None or check(value)


def anything(value: Any) -> bool:
    """Say yes: the one who reads it checks it."""
    return True


def row(fields: Fields) -> Check:
    """Return the check for a map that holds these fields; others are ignored."""
    return lambda value: isinstance(value, dict) and wrong_field(value, fields) is None


def wrong_field(message: Mapping[str, Any], fields: Fields) -> str | None:
    """Return the first field that is missing or does not pass, or None."""
    for field, check in fields.items():
        if not check(message.get(field)):
            return field
    return None


def problem_of(message: Mapping[str, Any], table: Mapping[str, Fields]) -> str | None:
    """Return in one short line what is wrong with a message, or None.

    Args:
        message: as it came.
        table: kind -> its fields.
    """
    kind = message.get("kind")
    fields = table.get(kind) if isinstance(kind, str) else None
    if fields is None:
        return f"unknown kind {kind!r:.40}"
    wrong = wrong_field(message, fields)
    return None if wrong is None else f"{kind}: {wrong} is {message.get(wrong)!r:.40}"


def cut(value: str, chars_max: int = TEXT_MAX) -> str:
    """Return a text that passes ``text(chars_max)``: its end, where the reason stands."""
    return value if len(value) <= chars_max else ".." + value[2 - chars_max :]
