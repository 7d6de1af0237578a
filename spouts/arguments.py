"""Checks of the arguments that ready-made spouts get from the YAML.

Constructors call these first, so that a wrong value is one line that names the spout and the
argument, when the topology is linted, and not an exception from the middle of a run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from waterspout.topology.argument_checks import checked
from waterspout.topology.errors import UserError
from waterspout.topology.units import parse_duration

#: Largest integer of a position or count: what fits a signed 64-bit number.
INTEGER_MAX = 2**63 - 1


def integer(owner: str, name: str, value: Any, lowest: int, highest: int = INTEGER_MAX) -> int:
    """Return ``value`` when it is an int (no bool) within the limits.

    Raises:
        UserError: it is not.
    """
    if type(value) is not int or not lowest <= value <= highest:
        limits = f"{lowest} or more" if highest == INTEGER_MAX else f"{lowest} to {highest}"
        raise _wrong(owner, name, f"an integer of {limits}", value)
    return value


def positive(owner: str, name: str, value: Any) -> float:
    """Return ``value`` as a float when it is a finite number over 0.

    Raises:
        UserError: it is not.
    """
    if type(value) not in (int, float) or not 0 < value < math.inf:
        raise _wrong(owner, name, "a finite number over 0", value)
    return float(value)


def seconds(owner: str, name: str, value: Any) -> float:
    """Return the seconds of a duration such as ``500ms``, or of a number of seconds over 0.

    Raises:
        UserError: it is neither.
    """
    number: Any = parse_duration(value) if isinstance(value, str) else value
    if type(number) not in (int, float) or not 0 < number < math.inf:
        raise _wrong(owner, name, "a duration over 0 such as 500ms, 30s or 5m", value)
    return float(number)


def text(owner: str, name: str, value: Any) -> str:
    """Return ``value`` when it is a text that is not empty.

    Raises:
        UserError: it is not.
    """
    if not isinstance(value, str) or not value:
        raise _wrong(owner, name, "a text that is not empty", value)
    return value


def texts(owner: str, name: str, value: Any, *, empty: bool = False) -> list[str]:
    """Return a text or a list of texts as a list; empty only where that is allowed.

    Raises:
        UserError: it is something else, or a text in it is empty.
    """
    if isinstance(value, str):
        return [text(owner, name, value)]
    if not isinstance(value, (list, tuple)) or not (value or empty):
        raise _wrong(owner, name, "a text or a list of texts", value)
    if not all(isinstance(each, str) and each for each in value):
        raise _wrong(owner, name, "texts that are not empty", value)
    return list(value)


def _wrong(owner: str, name: str, expected: str, value: Any) -> UserError:
    got = "nothing" if value is None else repr(value)[:80]
    return UserError(f"{owner}: {name}: expected {expected}, got {got}")


def declared(cls: type[Any], args: Mapping[str, Any], outputs: list[str]) -> list[str]:
    """Return ``outputs`` after making an instance, so that lint sees what is wrong in ``args``.

    Raises:
        WrongArguments: some are wrong or missing.
    """
    checked(cls, args)
    return outputs
