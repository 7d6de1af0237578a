"""Messages that were tried before their ledger started over: they are read one by one.

They were at work in a worker that died, or had failed and waited when a new epoch began. Each
keeps its attempts until it is durable, so that one that kills worker after worker is given up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .groups import Group
from .positions import Positions

#: Suspect positions of a partition that are remembered; a death leaves a group's worth at most.
SUSPECTS_MAX = 10_000


class Suspects:
    """Owned by one ledger."""

    def __init__(self) -> None:
        #: partition -> {(start, end): attempts}
        self._known: dict[str, dict[tuple[int, int], int]] = {}
        #: partition -> (end of what went out, end of the suspects of an earlier ledger).
        self._restored: dict[str, tuple[int, int]] = {}

    def __bool__(self) -> bool:
        return bool(self._known)

    def restore(self, wire: Iterable[Any]) -> None:
        """Take those of an earlier ledger: [partition, start, end, attempts]."""
        for partition, start, end, attempts in wire:
            self.add(partition, start, end, attempts)
            self._restored[partition] = 0, max(end, self._restored.get(partition, (0, 0))[1])

    def add(self, partition: str, start: int, end: int, attempts: int) -> None:
        """Remember a message, or a group of which nobody knows who was at fault."""
        known = self._known.setdefault(partition, {})
        if (start, end) in known or len(known) < SUSPECTS_MAX:
            known[start, end] = max(attempts, known.get((start, end), 0))

    def durable(self, partition: str, positions: Positions) -> None:
        """Forget those that ``positions`` hold."""
        known = self._known.get(partition)
        if known is None:
            return
        left = {each: known[each] for each in known if not positions.contains(*each)}
        if left:
            self._known[partition] = left
        else:
            del self._known[partition]

    def attempts(self, partition: str, start: int) -> int:
        """Return how often the message at ``start`` was tried before; usually 0."""
        known = self._known.get(partition)
        if not known:
            return 0
        return max((n for (low, high), n in known.items() if low <= start < high), default=0)

    def attempts_alone(self, partition: str, start: int, end: int) -> int:
        """Return how often exactly this message was tried, and not a group that it was in."""
        known = self._known.get(partition)
        return known.get((start, end), 0) if known else 0

    def follow(self, partition: str, start: int) -> bool:
        """Whether one is still to be read from ``start`` on."""
        known = self._known.get(partition)
        return known is not None and any(end > start for _, end in known)

    def is_replay(self, group: Group) -> bool:
        """Whether this ledger has sent the messages of a group before. Asked once per group.

        What an earlier ledger had sent of suspects is counted with what that one lost.
        """
        if not self._restored:
            return group.attempts > 0
        seen, last = self._restored.get(group.partition, (0, 0))
        if group.start >= last:
            self._restored.pop(group.partition, None)
        elif group.start >= seen:
            self._restored[group.partition] = group.end, last
            return False
        return group.attempts > 0

    def to_wire(self) -> list[list[Any]]:
        """Return what ``restore`` takes. Called by the control thread."""
        return [
            [partition, start, end, attempts]
            for partition, known in list(self._known.items())
            for (start, end), attempts in list(known.items())
        ]
