"""Dead letters of a topology of the cluster, as ``waterspout dead-letters`` reads a store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from waterspout.topology.errors import UserError
from waterspout.topology.problems import listed

from ..dead_letter_commands import NoLetters
from ..store import DeadLetter
from .client import Asker

#: Letters that are asked for at once.
PAGE_MAX = 1000


class ClusterLetters:
    """Asks the coordinator for what a store of this machine would be read for.

    Args:
        asker: of the coordinator.
        name: of the topology; None: the only one, or the only one with dead letters.

    Raises:
        UserError: there is none, or it is not clear which.
        Unreachable: also from its methods.
    """

    def __init__(self, asker: Asker, name: str | None) -> None:
        self._asker = asker
        self._name = name if name is not None else _only(asker)

    def dead_letters(self, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Return letters with ids above ``after``, oldest first."""
        found: list[DeadLetter] = []
        while len(found) < limit:
            size = min(limit - len(found), PAGE_MAX)
            rows = self._ask("list", after=after, limit=size)["letters"]
            if not rows:
                break
            found += map(_letter, rows)
            after = found[-1].id
        return found

    def dead_letter(self, id: int) -> DeadLetter | None:
        """Return one letter, None when there is none of that id."""
        rows = self._ask("list", after=max(id - 1, 0), limit=1)["letters"] if id > 0 else []
        found = [_letter(row) for row in rows if row["id"] == id]
        return found[0] if found else None

    def dead_letter_count(self) -> int:
        """Return how many there are."""
        return int(self._ask("list", limit=1)["count"])

    def mark_replay(self, ids: Iterable[int] | None) -> int:
        """Mark letters for another try (None: all); return how many."""
        return int(self._ask("replay", ids=None if ids is None else list(ids))["count"])

    def drop_dead_letters(self, ids: Iterable[int] | None) -> int:
        """Forget letters (None: all); return how many."""
        return int(self._ask("drop", ids=None if ids is None else list(ids))["count"])

    def _ask(self, action: str, **fields: Any) -> dict[str, Any]:
        request = {"kind": "dead_letters", "name": self._name, "action": action}
        return self._asker.ask({**request, **fields})


def _letter(row: dict[str, Any]) -> DeadLetter:
    record = {name: value for name, value in row.items() if name not in ("id", "at", "status")}
    return DeadLetter(row["id"], row["at"], row["status"], record)


def _only(asker: Asker) -> str:
    rows = asker.ask({"kind": "status", "name": None})["status"]["topologies"]
    names = sorted(row["topology"] for row in rows)
    having = sorted(row["topology"] for row in rows if row.get("dead_letters"))
    if not names:
        raise NoLetters("no dead letters: no topology was submitted yet")
    for one in (names, having):
        if len(one) == 1:
            return str(one[0])
    if not having:
        raise NoLetters(f"no dead letters of any topology ({listed(names)})")
    text = f"several topologies have dead letters: say which with --topology ({listed(having)})"
    raise UserError(text)
