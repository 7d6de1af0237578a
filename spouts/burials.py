"""Messages that were given up and are not durable yet.

Until their dead letters are stored they stay pending, so that ``max_pending`` bounds them too when
the store takes no more. A reader that starts over passes them by, also when the letter is stored
just before: what is asked for each group that is read takes no longer for ten thousand of them
than for none.
"""

from __future__ import annotations

from collections.abc import Iterator

from .groups import Group


class Burials:
    """Owned by one ledger."""

    def __init__(self) -> None:
        self._groups: dict[int, Group] = {}
        #: partition -> {start: end}, and the highest end.
        self._ends: dict[str, dict[int, int]] = {}
        self._last: dict[str, int] = {}

    def add(self, group: Group) -> None:
        """Take a group of one message whose dead letter is on its way."""
        self._groups[id(group)] = group
        self._ends.setdefault(group.partition, {})[group.start] = group.end
        self._last[group.partition] = max(group.end, self._last.get(group.partition, 0))

    def remove(self, group: Group) -> bool:
        """Its dead letter is stored; False when it was not waited for."""
        return self._groups.pop(id(group), None) is not None

    def forget(self, group: Group) -> None:
        """It is durable; or it is not, and is read again in a new epoch."""
        ends = self._ends.get(group.partition, {})
        ends.pop(group.start, None)
        if not ends:
            self._ends.pop(group.partition, None)
            self._last.pop(group.partition, None)

    def end_of(self, partition: str, start: int) -> int:
        """Return where the message ends that begins at ``start``; ``start`` when none does."""
        ends = self._ends.get(partition)
        return ends.get(start, start) if ends else start

    def last(self, partition: str) -> int:
        """Return the position behind the last of them; 0 when there are none."""
        return self._last.get(partition, 0)

    def __len__(self) -> int:
        return len(self._groups)

    def __iter__(self) -> Iterator[Group]:
        return iter(list(self._groups.values()))
