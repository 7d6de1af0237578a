"""Which errors of a status were not told yet, and how one is told in a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .rendering_values import text

#: Different errors of components that are told as they come; all are in ``status``.
ERRORS_SAID_MAX = 20
#: What the run itself says under ``errors`` while it is so: it is the reason for "degraded".
OF_THE_RUN = frozenset(("rounds", "checkpoints", "commits", "dead letters", "restores"))
#: Characters of an error in one line: as many as a reason has, and what to do stands at its end.
ERROR_CHARS_MAX = 600


class NewErrors:
    """Remembers what was told. Fed with the ``errors`` of each status.

    An error of a component is told once, and only so many different ones. What is wrong with the
    run itself is told each time it begins to be so, however many errors there were.
    """

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()
        self._wrong: frozenset[str] = frozenset()

    def take(self, errors: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return the rows that are to be told now."""
        found = []
        wrong = set()
        for row in errors:
            if of_the_run(row):
                wrong.add(row["component"])
                if row["component"] not in self._wrong:
                    found.append(row)
                continue
            known = (row["component"], row["text"])
            if known not in self._told and len(self._told) < ERRORS_SAID_MAX:
                self._told.add(known)
                found.append(row)
        self._wrong = frozenset(wrong)
        return found


def of_the_run(row: Mapping[str, Any]) -> bool:
    """Say whether an error is what is wrong with the run itself, now."""
    return row["task"] is None and row["component"] in OF_THE_RUN


def error_line(row: Mapping[str, Any]) -> str:
    """Return ``split: ValueError: 1``."""
    return f"{text(row['component']) or 'worker'}: {error_text(row)}"


def error_text(row: Mapping[str, Any]) -> str:
    """Return what an error says, without the component that many begin with: it stands before."""
    said, own = text(row["text"], ERROR_CHARS_MAX), f"{text(row['component'])}: "
    kind, _, rest = said.partition(": ")
    if rest.startswith(own):
        return f"{kind}: {rest.removeprefix(own)}"
    return said.removeprefix(own)
