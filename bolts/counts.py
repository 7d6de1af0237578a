"""Counts by key, which are added up in C, also while a snapshot of them is being written.

    add           entries[key] += n             no cut is being written
    cut           hands ``entries`` over, which stay as they are until it is written
    add           fresh[key] += n               meanwhile
    settle        fresh goes into entries again, some keys in each later ``add``

So a cut copies nothing, however many keys there are; a count is that of ``entries`` and of
``fresh`` together. Each snapshot holds all counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import add, length_hint
from typing import Any, Protocol

from waterspout.topology.errors import StateError

from .snapshots import MapCopy
from .state_map import StateMap
from .state_slices import SLICE_KEYS_MAX, pack_slices

#: Keys of ``fresh`` that go into ``entries`` in one call: about 1 ms.
MERGE_KEYS = 4096


class Counts(Protocol):
    """How often keys came."""

    def add(self, keys: Sequence[Any]) -> None:
        """Count keys: all of them or, when one cannot be a key, none."""

    def of(self, keys: Iterable[Any]) -> list[int]:
        """Return the count of each key; all have come."""

    def items(self) -> Iterable[tuple[Any, int]]:
        """Return all (key, count); nothing is counted until all were taken."""

    def __len__(self) -> int:
        """Return the number of keys."""


class CountMap:
    """Counts in memory; see the module."""

    #: Each snapshot holds all.
    adds = False

    def __init__(self, component: str, name: str) -> None:
        self._component, self._name = component, name
        self._entries: Counter[Any] = Counter()
        self._fresh: Counter[Any] = Counter()
        #: Whose slices are being written: ``entries`` do not change.
        self._cut: _Cut | None = None

    def add(self, keys: Sequence[Any]) -> None:
        """Count keys: all of them or, when one cannot be a key, none."""
        if self._cut is not None:
            _add(self._fresh, keys)
            return
        _add(self._entries, keys)
        if self._fresh:
            self._merge(MERGE_KEYS)

    def of(self, keys: Iterable[Any]) -> list[int]:
        """Return the count of each key."""
        # Counter says 0 of a key that it has not.
        if not self._fresh:
            return list(map(self._entries.__getitem__, keys))
        keys = list(keys)
        fresh = map(self._fresh.__getitem__, keys)
        return list(map(add, map(self._entries.__getitem__, keys), fresh))

    def items(self) -> Iterable[tuple[Any, int]]:
        """Return all (key, count); nothing is counted until all were taken."""
        if self._cut is None:
            self._merge(len(self._fresh))
            return self._entries.items()
        # A list, because the cut may be settled, and another one begin, before it is read.
        return list((self._entries + self._fresh).items())

    def __len__(self) -> int:
        return len(self._entries) + sum(key not in self._entries for key in self._fresh)

    def _merge(self, count: int) -> None:
        entries, fresh = self._entries, self._fresh
        some = dict(fresh.popitem() for _ in range(min(count, len(fresh))))
        # dict.update, because that of a Counter adds, in a loop in Python.
        sums = map(add, some.values(), map(entries.__getitem__, some))
        dict.update(entries, zip(some, sums, strict=True))

    # Snapshots; as in StateMap.

    def load(self, entries: Iterable[tuple[Any, Any]]) -> None:
        """Put restored counts in."""
        dict.update(self._entries, entries)

    def cut(self, *, whole: bool) -> MapCopy:
        """Hand all counts over; a cut before this one that was not written is given up."""
        self.settle(written=False)
        self._merge(len(self._fresh))
        cut = self._cut = _Cut()
        slices = self._slices(cut, len(self._entries))
        return MapCopy("keyed", self._name, {}, slices=slices, whole=True)

    def settle(self, *, written: bool) -> None:
        """Count into ``entries`` again."""
        if self._cut is not None:
            self._cut.over = True
            self._cut = None

    def _slices(self, cut: _Cut, count: int) -> Iterator[bytes]:
        """Yield the slices of all entries, on the thread that encodes them."""
        shapes: set[bool] = set()
        entries = iter(self._entries.items())
        for _ in range(0, count, SLICE_KEYS_MAX):
            try:
                some = dict(islice(entries, SLICE_KEYS_MAX))
            except RuntimeError:  # the dict changed
                cut.over = True
            if cut.over:
                raise StateError(f"{self._component}: this snapshot was given up")
            yield from pack_slices(self._component, "keyed", self._name, some, shapes)


class _Cut:
    """Whether a cut is over, written or given up: whoever reads the entries then stops."""

    over = False


class StoredCounts:
    """Counts in a map that a backend keeps elsewhere."""

    def __init__(self, entries: StateMap) -> None:
        self._entries = entries

    def add(self, keys: Sequence[Any]) -> None:
        """Count keys: all or none, each is looked up once."""
        peek, put = self._entries.peek, self._entries.put
        for key, count in Counter(keys).items():
            put(key, peek(key, 0) + count)

    def of(self, keys: Iterable[Any]) -> list[int]:
        """Return the count of each key."""
        return list(map(self._entries.peek, keys))

    def items(self) -> Iterable[tuple[Any, int]]:
        """Return all (key, count)."""
        return self._entries.items()

    def __len__(self) -> int:
        return len(self._entries)


def _add(counts: Counter[Any], keys: Sequence[Any]) -> None:
    """Count ``keys``, all or none.

    ``Counter.update`` counts in C straight into the state. When it meets a key that cannot be
    hashed, the ones before it are taken out again, so that a poison tuple does not count its
    neighbours once more with each attempt.
    """
    left = iter(keys)
    try:
        counts.update(left)
    except TypeError:
        for key in keys[: len(keys) - length_hint(left) - 1]:
            counts[key] -= 1
            if not counts[key]:
                del counts[key]
        raise
