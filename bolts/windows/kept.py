"""One map of a task's state as windows use it: records that are replaced, never changed in place.

So a snapshot may share them, and many changes are prepared aside and put in at once, when nothing
can go wrong any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

#: A record: a tuple that begins with the key's place in the order of arrival.
Record = tuple[Any, ...]


class Kept:
    """A map of records by key.

    Args:
        entries: a map of ``context.state``, of any backend.
    """

    def __init__(self, entries: MutableMapping[Any, Any]) -> None:
        self._entries = entries
        #: Return a record to be looked at, or None. A backend's ``get`` would note it as changed.
        self.get: Callable[[Any], Any] = getattr(entries, "peek", entries.get)
        self.drop: Callable[[Any], Any] = entries.__delitem__
        self.put: Callable[[Any, Any], None] = entries.__setitem__

    def put_all(self, records: Mapping[Any, Any]) -> None:
        """Replace or begin many records."""
        self._entries.update(records)

    def items(self) -> Iterator[tuple[Any, Record]]:
        """Yield all (key, record), in any order and without noting them as changed."""
        get = self.get
        return ((key, get(key)) for key in self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def in_order(kept: Kept) -> list[tuple[Any, Record]]:
    """Return all (key, record) in the order in which the keys first came."""
    return sorted(kept.items(), key=_number)


def _number(entry: tuple[Any, Record]) -> int:
    number: int = entry[1][0]
    return number
