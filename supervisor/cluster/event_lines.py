"""Events as lines for people and logs: ``worker lost topology=words-0a1b2c worker=2 pid=812``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: Longest value that is shown in full.
VALUE_MAX = 500
_PLAIN = re.compile(r"[\w.,:/@%+-]+")


def event_line(name: str, fields: Mapping[str, Any]) -> str:
    """Return one line: the event first, then key=value."""
    return " ".join([name, *(f"{key}={_shown(value)}" for key, value in fields.items())])


def _shown(value: Any) -> str:
    shown = f"{value:.3f}" if isinstance(value, float) else str(value)
    if len(shown) > VALUE_MAX:
        shown = shown[: VALUE_MAX - 2] + ".."
    return shown if _PLAIN.fullmatch(shown) else repr(shown)
