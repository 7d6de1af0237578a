"""What a user's source answers, looked at before it is used: once per call, never per message.

A wrong answer is an error of the source, as if it had raised. Messages that are no lists are let
through: ``emit`` refuses them, so that each fails by itself and becomes a dead letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from waterspout.topology.columns import Columns
from waterspout.topology.errors import UserError

from .arguments import INTEGER_MAX
from .contract import Messages, Reader

#: What messages come as; anything else is looked at more closely.
_MESSAGES = (list, Columns)
#: Characters that are shown of a wrong answer.
_SHOWN_CHARS = 80
_ADDRESS = re.compile(" at 0x[0-9a-fA-F]+")


def checked_read(got: Any, start: int) -> tuple[Messages, int] | None:
    """Return what ``Reader.read`` returned, if it is what it has to be.

    Args:
        got: what it returned.
        start: the position that it began at.

    Raises:
        UserError: it is not ``(messages, position)`` or None, or the position did not grow.
    """
    if got is None:
        return None
    if got.__class__ is not tuple or len(got) != 2:
        got = _as_pair(got)
    rows, position = got
    if rows.__class__ not in _MESSAGES or position.__class__ is not int:
        rows, position = got = _as_usual(rows, position, got)
    if not start <= position <= INTEGER_MAX or (position == start and rows):
        _refuse_position(len(rows), position, start)
    return got  # type: ignore[no-any-return]


def _as_pair(got: Any) -> tuple[Any, Any]:
    if isinstance(got, (list, tuple)) and len(got) == 2:
        return got[0], got[1]
    raise _wrong("read", got, "(messages, position) or None")


def _as_usual(rows: Any, position: Any, got: Any) -> tuple[Messages, int]:
    """Return a pair in its usual types; numbers of numpy are positions, too."""
    if not isinstance(rows, (list, tuple, Columns)):
        raise _wrong("read", got, "(messages, position) or None, with a list of messages")
    if isinstance(position, bool) or not hasattr(position, "__index__"):
        raise _wrong("read", got, "(messages, position) or None, with an int as position")
    return rows if isinstance(rows, Columns) else list(rows), position.__index__()


def _refuse_position(messages: int, position: int, start: int) -> None:
    noun = "message" if messages == 1 else "messages"
    what = f"read returned {messages} {noun} and the position {position}"
    if position > INTEGER_MAX:
        raise UserError(f"{what}; the highest is {INTEGER_MAX}")
    where = "where it began" if position == start else f"and began at {start}"
    raise UserError(f"{what}, {where}; expected the position after the last of them")


def checked_reader(made: Any) -> Reader:
    """Return what ``Source.reader`` returned, if it can be read.

    Raises:
        UserError: it cannot.
    """
    if not callable(getattr(made, "read", None)):
        raise _wrong("reader", made, "a Reader")
    return made  # type: ignore[no-any-return]


def checked_names(names: Any) -> list[str]:
    """Return what ``Source.partitions`` returned as a list.

    Raises:
        UserError: it is something else than texts.
    """
    if isinstance(names, Iterable) and not isinstance(names, (str, bytes)):
        found = list(names)
        if all(isinstance(name, str) for name in found):
            return found
        names = found
    raise _wrong("partitions", names, "a list of texts")


def message_values(row: Any) -> list[Any]:
    """Return the values of one message, for its dead letter; it may be none that can be emitted."""
    return list(row) if isinstance(row, (list, tuple)) else [row]


def _wrong(method: str, got: Any, expected: str) -> UserError:
    # Without addresses, so that the same error is told once and counted.
    shown = _ADDRESS.sub("", repr(got))[:_SHOWN_CHARS]
    return UserError(f"{method} returned {shown}, expected {expected}")
