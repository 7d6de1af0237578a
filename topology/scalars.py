"""What a plain text in YAML means: the core schema of YAML 1.2, and nothing that is ambiguous.

YAML 1.1 reads ``no`` as false, ``010`` as 8 and ``12:30`` as 750; YAML 1.2 does not. Such a
text is refused with advice instead of being read one way or the other.
Source: YAML 1.2.2, section 10.3 (core schema); YAML 1.1 type repository (bool, int, timestamp).
"""

from __future__ import annotations

import re
from typing import Any

#: Digits of an integer; beyond them it has no wire form (64 bits are 20 digits).
DIGITS_MAX = 20
INTEGER_MIN, INTEGER_MAX = -(2**63), 2**64 - 1

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOL = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NAN = frozenset((".nan", ".NaN", ".NAN"))

#: What YAML 1.1 reads as something else than 1.2: pattern, what it is there, advice.
_TRAPS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (
        re.compile(r"yes|Yes|YES|on|On|ON"),
        "a boolean in YAML 1.1 and text in 1.2",
        "quote it, or write true",
    ),
    (
        re.compile(r"no|No|NO|off|Off|OFF"),
        "a boolean in YAML 1.1 and text in 1.2",
        "quote it, or write false",
    ),
    (
        re.compile(r"[-+]?0[0-9_]+"),
        "an octal number in YAML 1.1 and a decimal one in 1.2",
        "quote it, or write it without the leading zero",
    ),
    (
        re.compile(r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]*_[0-9a-fA-F_]*)"),
        "a number in YAML 1.1 and text in 1.2",
        "quote it, or write it in decimal",
    ),
    (
        re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?"),
        "a number in YAML 1.1 and text in 1.2",
        "quote it, or write it without '_'",
    ),
    (
        re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"),
        "a number of base 60 in YAML 1.1 and text in 1.2",
        "quote it; durations are written 90s, 5m, 2h",
    ),
    (
        re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?", re.DOTALL),
        "a date in YAML 1.1 and text in 1.2",
        "quote it",
    ),
)


class AmbiguousScalar(ValueError):
    """YAML 1.1 and 1.2 read this text differently; ``advice`` says what to write instead."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(f"{what}: {advice}")
        self.what = what
        self.advice = advice


class NumberTooLarge(ValueError):
    """An integer of more than 64 bits."""


def resolve_scalar(text: str) -> Any:
    """Return what a plain text means: None, a bool, an int, a float, or the text itself.

    Raises:
        AmbiguousScalar: YAML 1.1 reads it as something else.
        NumberTooLarge: it is an integer over 64 bits.
    """
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if text[0] not in "+-.0123456789yYnNoO":
        return text
    for pattern, what, advice in _TRAPS:
        if pattern.fullmatch(text):
            raise AmbiguousScalar(what, advice)
    return _number(text)


def _number(text: str) -> Any:
    if _INTEGER.fullmatch(text):
        return _integer(text, 10)
    if _BASED.fullmatch(text):
        return _integer(text[2:], 8 if text[1] == "o" else 16)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITY.fullmatch(text):
        return float(text.replace(".", ""))
    if text in _NAN:
        return float("nan")
    return text


def _integer(digits: str, base: int) -> int:
    if len(digits.lstrip("+-0")) > DIGITS_MAX + 2:
        raise NumberTooLarge(f"an integer of {len(digits)} digits")
    number = int(digits, base)
    if not INTEGER_MIN <= number <= INTEGER_MAX:
        raise NumberTooLarge(f"an integer of {number.bit_length()} bits")
    return number
