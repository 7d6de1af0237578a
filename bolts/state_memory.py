"""The backend that keeps keyed state in memory: dicts beside a set of the keys that changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .snapshots import SCALARS, MapCopy
from .state_map import ABSENT, StateMap, copied


class MemoryBackend:
    """Makes maps that live in memory."""

    def map(self, component: str, name: str) -> StateMap:
        """Return a new, empty map."""
        return MemoryMap(component, name)

    def close(self) -> None:
        """Release nothing: memory goes with the task."""


class MemoryMap(StateMap):
    """A dict of which every change is noted.

    A cut copies references only (10 ns a key, or 60 ns a changed key), so it is as short for
    lists and dicts as for numbers; a value that it shares is copied before it changes in place.
    """

    def __init__(self, component: str, name: str) -> None:
        self._name = name
        self._entries: dict[Any, Any] = {}
        self._changed: set[Any] = set()
        #: The cut of which nothing was heard yet: its entries, and the keys it stands for.
        self._cut: dict[Any, Any] | None = None
        self._cut_keys: set[Any] = set()
        #: Keys that wait for their turn in ``some``.
        self._turn: list[Any] = []

    def peek(self, key: Any, default: Any = None) -> Any:
        return self._entries.get(key, default)

    def own(self, key: Any) -> Any:
        value = self._entries[key]
        if type(value) in SCALARS:
            return value
        cut = self._cut
        if cut is not None and cut.get(key, ABSENT) is value:
            value = self._entries[key] = copied(value)
        self._changed.add(key)
        return value

    def put(self, key: Any, value: Any) -> None:
        self._entries[key] = value
        self._changed.add(key)

    def drop(self, key: Any) -> bool:
        if self._entries.pop(key, ABSENT) is ABSENT:
            return False
        self._changed.add(key)
        return True

    def some(self, count: int) -> list[Any]:
        if not self._turn:
            # Once in a cycle: 5 ns a key.
            self._turn = list(self._entries)
        found = self._turn[-count:]
        del self._turn[-count:]
        return found

    def load(self, entries: Iterable[tuple[Any, Any]]) -> None:
        self._entries.update(entries)

    def cut(self, *, whole: bool) -> MapCopy:
        if self._cut is not None:
            self.settle(written=False)
        live, changed = self._entries, self._changed
        # Where most keys changed, all of them are copied sooner than those.
        whole = whole or 2 * len(changed) > len(live)
        gone: list[Any] = []
        if whole:
            entries = dict.copy(live)
        else:
            entries = {key: live[key] for key in changed if key in live}
            if len(entries) < len(changed):
                gone = [key for key in changed if key not in live]
        self._cut, self._cut_keys, self._changed = entries, changed, set()
        return MapCopy("keyed", self._name, entries, gone=gone, whole=whole)

    def settle(self, *, written: bool) -> None:
        if not written:
            self._changed |= self._cut_keys
        self._cut, self._cut_keys = None, set()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
