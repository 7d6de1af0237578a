"""Values as text, for everything that writes files people read."""

from __future__ import annotations

import json
import math
from typing import Any


def text_of(value: Any) -> str:
    """Return ``value`` as one cell or line.

    None is empty, lists and dicts are JSON, bytes are UTF-8 text in which ``\\xNN`` stands for
    each byte that is none.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, (list, tuple, dict)):
        return json_text(value)
    return str(value)


def json_text(value: Any) -> str:
    """Return ``value`` as JSON on one line.

    Bytes are text as in ``text_of``; NaN and infinity, which JSON has not, are null; keys that
    are no strings become text.
    """
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError):
        return _ENCODER.encode(_plain(value))


def utf8(text: str) -> bytes:
    """Return ``text`` in UTF-8; half a surrogate pair, which has no form there, is escaped."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {text_of(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return text_of(value) if isinstance(value, (bytes, bytearray)) else value
