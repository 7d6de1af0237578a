"""The backend that keeps keyed state in memory: a dict beside one of the entries that changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, repeat
from typing import Any

from .snapshots import MapCopy
from .state_map import ABSENT, StateMap, copied
from .state_slices import SLICE_KEYS_MAX, Kind, gone_slice, pack_keys, pack_slices
from .state_values import SCALARS

#: Changes that are noted at least, before there are too many for the entries that there are.
CHANGES_MIN = 10_000


class MemoryBackend:
    """Makes maps that live in memory."""

    def map(self, component: str, name: str) -> StateMap:
        """Return a new, empty map."""
        return MemoryMap(component, name)

    def close(self) -> None:
        """Release nothing: memory goes with the task."""


class MemoryMap(StateMap):
    """A dict of which every change is noted, so that a cut copies nothing.

        put            entries[key] = changed[key] = value
        cut, changes   hands ``changed`` over, and begins a new one
        cut, whole     hands over a list of the keys; what changes while they are written leaves
                       what it was at the cut in ``before``

    A million references take 50 ms and more to copy, or to let go of, once they lie all over the
    memory; so what is handed over is consumed slice by slice on the thread that encodes it. A
    value that can change in place is copied before it does while a cut shares it. Where more keys
    came and went than there are, the next cut is whole, and no more of them are noted.
    """

    def __init__(self, component: str, name: str, kind: Kind = "keyed") -> None:
        self._component, self._name, self._kind = component, name, kind
        self._entries: dict[Any, Any] = {}
        #: In place of the method: looking is half of what handles do, and this is a call in C.
        self.peek = self._entries.get  # type: ignore[method-assign, assignment]
        #: Key -> its value, or ABSENT when it was dropped.
        self._changed: dict[Any, Any] = {}
        #: The cut of which nothing was heard yet: the changes that it hands over ...
        self._cut: dict[Any, Any] | None = None
        #: ... or, of a whole one, what keys that changed since then had at the cut.
        self._before: dict[Any, Any] | None = None
        #: Something was cut and not written, or is not noted: the next cut has to be whole.
        self._lost = False
        #: What is to be let go of, slice by slice, on the thread that encodes the next cut.
        self._used: list[dict[Any, Any]] = []
        #: Keys that wait for their turn in ``some``.
        self._turn: list[Any] = []

    def peek(self, key: Any, default: Any = None) -> Any:
        return self._entries.get(key, default)

    def own(self, key: Any) -> Any:
        value = self._entries[key]
        if type(value) in SCALARS:
            return value
        cut, before = self._cut, self._before
        shared = (cut is not None and cut.get(key, ABSENT) is value) or (
            before is not None and key not in before
        )
        if shared:
            value = copied(value)
        self.put(key, value)
        return value

    def put(self, key: Any, value: Any) -> None:
        if self._before is not None:
            # First of the two: whoever reads the entry looks here after it.
            self._before.setdefault(key, self._entries.get(key, ABSENT))
        self._entries[key] = value
        self._changed[key] = value

    def put_all(self, entries: Mapping[Any, Any]) -> None:
        before = self._before
        if before is not None:
            fresh = [key for key in entries if key not in before]
            before.update(zip(fresh, map(self._entries.get, fresh, repeat(ABSENT)), strict=False))
        self._entries.update(entries)
        self._changed.update(entries)

    def drop(self, key: Any) -> bool:
        entries = self._entries
        if key not in entries:
            return False
        if self._before is not None:
            self._before.setdefault(key, entries[key])
        del entries[key]
        if self._lost:
            # The next part is whole: it names nothing that is gone.
            self._changed.pop(key, None)
        else:
            self._changed[key] = ABSENT
            self._lost = len(self._changed) > 2 * len(entries) + CHANGES_MIN
        return True

    def some(self, count: int) -> list[Any]:
        if not self._turn:
            # Once in a cycle: 5 ns a key.
            self._turn = list(self._entries)
        found = self._turn[-count:]
        del self._turn[-count:]
        return found

    def load(self, entries: Iterable[tuple[Any, Any]]) -> None:
        there = self._entries
        for key, value in entries:
            if value is ABSENT:
                there.pop(key, None)
            else:
                there[key] = value

    def __iter__(self) -> Iterator[Any]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    # Snapshots.

    @property
    def adds(self) -> bool:  # type: ignore[override]
        return bool(self._entries or self._changed)

    def cut(self, *, whole: bool) -> MapCopy:
        self.settle(written=self._cut is None and self._before is None)
        changed, self._changed = self._changed, {}
        used, self._used = self._used, []
        if whole or self._lost:
            self._lost = False
            before = self._before = {}
            slices = self._whole(list(self._entries), before, [changed, *used])
            return MapCopy(self._kind, self._name, {}, slices=slices, whole=True)
        self._cut = changed
        slices = self._changes(changed, used)
        return MapCopy(self._kind, self._name, {}, slices=slices, whole=False)

    def settle(self, *, written: bool) -> None:
        if self._before:
            self._used.append(self._before)
        self._cut = self._before = None
        # What a cut handed over is used up.
        self._lost = self._lost or not written

    def _changes(
        self, changed: dict[Any, Any], used: list[dict[Any, Any]]
    ) -> Iterator[bytes]:
        """Yield the slices of some changes, from the last one on, and use them up."""
        shapes: set[bool] = set()
        for some in _from_the_end(changed):
            there = {key: value for key, value in some.items() if value is not ABSENT}
            yield from pack_slices(self._component, self._kind, self._name, there, shapes)
            if len(there) < len(some):
                gone = [key for key, value in some.items() if value is ABSENT]
                yield gone_slice(self._kind, self._name, pack_keys(gone))
        _let_go(used)

    def _whole(
        self, keys: list[Any], before: dict[Any, Any], used: list[dict[Any, Any]]
    ) -> Iterator[bytes]:
        """Yield the slices of all entries as they were when ``before`` was empty."""
        entries = self._entries
        shapes: set[bool] = set()
        while keys:
            some_keys = keys[-SLICE_KEYS_MAX:]
            some = dict(zip(some_keys, map(entries.get, some_keys), strict=True))
            if before:
                # Looked at after the entries: whoever changes one writes here first.
                some.update((key, before[key]) for key in some_keys if key in before)
            yield from pack_slices(self._component, self._kind, self._name, some, shapes)
            del keys[-SLICE_KEYS_MAX:]
        _let_go(used)


def _let_go(used: list[dict[Any, Any]]) -> None:
    """Let go of many values, with a chance for other threads between some and some more."""
    for entries in used:
        for _ in _from_the_end(entries):
            pass


def _from_the_end(entries: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
    """Yield the entries of a dict in pieces; each is taken out when the next one is asked for.

    Until then it is in there, so that its owner sees that its values are being looked at.
    """
    while entries:
        some = dict(islice(reversed(entries.items()), SLICE_KEYS_MAX))
        yield some
        for _ in range(len(some)):
            entries.popitem()
