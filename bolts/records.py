"""One map of a task's state as ready-made bolts use it: records that are replaced, never changed.

So a snapshot may share them, and many changes are prepared aside and put in at once, when nothing
can go wrong any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from .state_map import ABSENT

#: A record of a window: a tuple that begins with the key's place in the order of arrival.
Record = tuple[Any, ...]


class Records(MutableMapping[Any, Any]):
    """A map of records by key; as a mapping, and by calls that cost as little as those below.

    Args:
        entries: a map of ``context.state``, of any backend, or a dict.
    """

    def __init__(self, entries: MutableMapping[Any, Any]) -> None:
        self._entries = entries
        #: Return a record to be looked at, or None. A backend's ``get`` would note it as changed.
        self.get: Callable[..., Any] = getattr(entries, "peek", entries.get)
        self.put: Callable[[Any, Any], None] = getattr(entries, "put", entries.__setitem__)
        #: Forget a key that is there.
        self.drop: Callable[[Any], Any] = getattr(entries, "drop", entries.__delitem__)
        #: Replace or begin many records.
        self.put_all: Callable[[Mapping[Any, Any]], None] = getattr(
            entries, "put_all", entries.update
        )

    def __getitem__(self, key: Any) -> Any:
        found = self.get(key, ABSENT)
        if found is ABSENT:
            raise KeyError(key)
        return found

    def __setitem__(self, key: Any, record: Any) -> None:
        self.put(key, record)

    def __delitem__(self, key: Any) -> None:
        del self._entries[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._entries)

    def clear(self) -> None:
        """Forget all."""
        for key in list(self._entries):
            self.drop(key)

    def __contains__(self, key: Any) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)


def in_order(records: Records) -> list[tuple[Any, Record]]:
    """Return all (key, record) of windows in the order in which the keys first came."""
    return sorted(records.items(), key=_number)


def _number(entry: tuple[Any, Record]) -> int:
    number: int = entry[1][0]
    return number
