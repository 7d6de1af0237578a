"""Handles on keyed state: a value, a list or a map for each key, found by the key at work.

A handle is made once, in ``prepare``; what it reads and writes belongs to ``context.state.key``,
the key of the tuple or timer at work. With a ``ttl`` each value, element or entry is gone so long
after it was last written: it reads as absent at once, and is swept away a few keys at a time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from itertools import islice
from typing import Any, Protocol

from waterspout.topology.errors import StateError
from waterspout.topology.units import parse_duration

from .state_map import ABSENT, StateMap
from .state_values import KEYS, KEYS_ALLOWED, SCALARS, VALUES, fault_of

#: Stands for the key where no tuple is at work.
NO_KEY: Any = type("_NoKey", (), {"__repr__": lambda self: "NO_KEY"})()
#: After so many writes under a ttl, so many keys are looked at.
SWEEP_WRITES, SWEEP_KEYS = 16, 64


class KeyAtWork(Protocol):
    """Whose key a handle goes by (state.TaskState)."""

    key: Any


class _Handle:
    """What all handles have in common."""

    def __init__(
        self, title: str, keys: KeyAtWork, entries: StateMap, ttl_ms: int,
        wall_ms: Callable[[], int],
    ) -> None:  # fmt: skip
        #: What it is called in errors.
        self._title = title
        self._keys, self._map = keys, entries
        self._ttl_ms, self._wall_ms = ttl_ms, wall_ms
        self._writes = 0

    def clear(self) -> None:
        """Forget what the key at work has."""
        self._map.drop(self._key())

    def _key(self) -> Any:
        key = self._keys.key
        if key is NO_KEY:
            raise StateError(
                f"{self._title}: no key is at work here; in process_batch use "
                "context.state.by_key(batch), elsewhere set context.state.key"
            )
        return key

    def _refused(self, value: Any) -> StateError:
        """Return the error for a value that no snapshot could hold, where it is set."""
        return StateError(f"{self._title}, key {self._keys.key!r:.80}: {fault_of(value)}")

    def _sweep_some(self) -> None:
        """Count a write; once in a while drop what is over of a few keys."""
        self._writes += 1
        if self._writes < SWEEP_WRITES:
            return
        self._writes = 0
        now = self._wall_ms()
        for key in self._map.some(SWEEP_KEYS):
            stored = self._map.peek(key, ABSENT)
            if stored is not ABSENT:
                self._sweep(key, stored, now - self._ttl_ms)

    def _sweep(self, key: Any, stored: Any, over: int) -> None:
        """Drop what of one key was written at ``over`` or before."""
        raise NotImplementedError


class ValueHandle(_Handle):
    """One value per key."""

    def __init__(self, *args: Any, default: Any = None) -> None:
        super().__init__(*args)
        self._default = default

    def get(self) -> Any:
        """Return the value of the key at work, or the default.

        A list or dict may be changed in place until the call ends.
        """
        key = self._key()
        value = self._map.peek(key, ABSENT)
        if value is ABSENT:
            return self._default
        if self._ttl_ms:
            at, value = value
            if at <= self._wall_ms() - self._ttl_ms:
                return self._default
            return value if type(value) in SCALARS else self._map.own(key)[1]
        return value if type(value) in SCALARS else self._map.own(key)

    def peek(self) -> Any:
        """Return the value of the key at work, or the default, only to be looked at.

        As ``get``, but a list or dict is not to be changed: a snapshot may share it. In return it
        does not count as changed, so it is not in the next snapshot for being looked at.
        """
        value = self._map.peek(self._key(), ABSENT)
        if value is ABSENT:
            return self._default
        if self._ttl_ms:
            at, value = value
            if at <= self._wall_ms() - self._ttl_ms:
                return self._default
        return value

    def set(self, value: Any) -> None:
        """Set the value of the key at work.

        Raises:
            StateError: state cannot keep values of its type. What it holds is looked at when the
                next snapshot is written.
        """
        if type(value) not in VALUES:
            raise self._refused(value)
        if self._ttl_ms:
            self._map.put(self._key(), (self._wall_ms(), value))
            self._sweep_some()
        else:
            self._map.put(self._key(), value)

    def all(self) -> Iterator[tuple[Any, Any]]:
        """Yield (key, value) of all keys of this task; for ``finish``, not for each tuple."""
        over = self._wall_ms() - self._ttl_ms
        for key in list(self._map):
            value = self._map.peek(key, ABSENT)
            if value is not ABSENT and not self._ttl_ms:
                yield key, value
            elif value is not ABSENT and value[0] > over:
                yield key, value[1]

    def _sweep(self, key: Any, stored: Any, over: int) -> None:
        if stored[0] <= over:
            self._map.drop(key)


class ListHandle(_Handle):
    """A list per key. With a ttl each element goes so long after it was added.

    Elements with a ttl are kept as (when they were added, value), sorted by that, so that what is
    over is found by bisection.
    """

    def append(self, value: Any) -> None:
        """Add an element to the list of the key at work."""
        if type(value) not in VALUES:
            raise self._refused(value)
        self._add([value])

    def extend(self, values: Iterable[Any]) -> None:
        """Add elements to the list of the key at work: all or, when one is refused, none."""
        self._add(self._checked(values))

    def _checked(self, values: Iterable[Any]) -> list[Any]:
        values = list(values)
        if not VALUES.issuperset(map(type, values)):
            raise self._refused(next(value for value in values if type(value) not in VALUES))
        return values

    def _add(self, values: list[Any]) -> None:
        key = self._key()
        if not values:
            return
        there = self._map.peek(key, ABSENT)
        if self._ttl_ms:
            now = self._wall_ms()
            if there is not ABSENT:
                # A clock that was set back puts none before those that are there.
                now = max(now, there[-1][0])
            values = [(now, value) for value in values]
        if there is ABSENT:
            self._map.put(key, values)
        else:
            self._map.own(key).extend(values)
        if self._ttl_ms:
            self._sweep_some()

    def get(self) -> list[Any]:
        """Return the elements of the key at work, oldest first, in a list of the caller's."""
        return self._living(self._map.peek(self._key(), ()))

    def set(self, values: Iterable[Any]) -> None:
        """Put these elements in place of those of the key at work, unless one is refused."""
        values = self._checked(values)
        self._map.drop(self._key())
        self._add(values)

    def all(self) -> Iterator[tuple[Any, list[Any]]]:
        """Yield (key, elements) of all keys of this task; for ``finish``, not for each tuple."""
        for key in list(self._map):
            living = self._living(self._map.peek(key, ()))
            if living:
                yield key, living

    def __iter__(self) -> Iterator[Any]:
        return iter(self.get())

    def __len__(self) -> int:
        stored = self._map.peek(self._key(), ())
        return len(stored) - self._count_over(stored) if self._ttl_ms else len(stored)

    def _living(self, stored: Any) -> list[Any]:
        if not self._ttl_ms:
            return list(stored)
        return [value for _, value in islice(stored, self._count_over(stored), None)]

    def _count_over(self, stored: Any) -> int:
        """Return how many elements are over: the first ones."""
        # A tuple of only a time comes before all that begin with it.
        return bisect_left(stored, (self._wall_ms() - self._ttl_ms + 1,))

    def _sweep(self, key: Any, stored: Any, over: int) -> None:
        if stored[-1][0] <= over:
            self._map.drop(key)
        elif stored[0][0] <= over:
            self._map.put(key, stored[bisect_left(stored, (over + 1,)) :])


class MapHandle(_Handle, MutableMapping[Any, Any]):
    """A map per key: ``handle[entry]`` is an entry of the map of the key at work.

    With a ttl each entry goes so long after it was last set.
    """

    def __getitem__(self, entry: Any) -> Any:
        value = self.get(entry, ABSENT)
        if value is ABSENT:
            raise KeyError(entry)
        return value

    def get(self, entry: Any, default: Any = None) -> Any:
        """Return the value of an entry, or ``default``.

        A list or dict may be changed in place until the call ends.
        """
        key = self._key()
        value = self._map.peek(key, _NOTHING).get(entry, ABSENT)
        if value is ABSENT:
            return default
        if self._ttl_ms:
            at, value = value
            if at <= self._wall_ms() - self._ttl_ms:
                return default
            return value if type(value) in SCALARS else self._map.own(key)[entry][1]
        return value if type(value) in SCALARS else self._map.own(key)[entry]

    def pop(self, entry: Any, default: Any = ABSENT) -> Any:
        """Take an entry out; return its value, or ``default`` where that is given."""
        key = self._key()
        value = ABSENT
        if entry in self._map.peek(key, _NOTHING):
            there = self._map.own(key)
            value = there.pop(entry)
            if not there:
                self._map.drop(key)
            if self._ttl_ms:
                at, value = value
                if at <= self._wall_ms() - self._ttl_ms:
                    value = ABSENT
        if value is ABSENT:
            value = default
        if value is ABSENT:
            raise KeyError(entry)
        return value

    def __setitem__(self, entry: Any, value: Any) -> None:
        key = self._key()
        if type(value) not in VALUES:
            raise self._refused(value)
        if type(entry) not in KEYS:
            raise StateError(f"{self._title}, entry {entry!r:.80}: {KEYS_ALLOWED}")
        if self._ttl_ms:
            value = (self._wall_ms(), value)
        if self._map.peek(key, ABSENT) is ABSENT:
            self._map.put(key, {entry: value})
        else:
            self._map.own(key)[entry] = value
        if self._ttl_ms:
            self._sweep_some()

    def __delitem__(self, entry: Any) -> None:
        self.pop(entry)

    def __iter__(self) -> Iterator[Any]:
        there = self._map.peek(self._key(), _NOTHING)
        if not self._ttl_ms:
            return iter(list(there))
        over = self._wall_ms() - self._ttl_ms
        return iter([entry for entry, (at, _) in there.items() if at > over])

    def __len__(self) -> int:
        if self._ttl_ms:
            return sum(1 for _ in self)
        return len(self._map.peek(self._key(), _NOTHING))

    def __contains__(self, entry: Any) -> bool:
        value = self._map.peek(self._key(), _NOTHING).get(entry, ABSENT)
        if value is ABSENT:
            return False
        return not self._ttl_ms or value[0] > self._wall_ms() - self._ttl_ms

    def all(self) -> Iterator[tuple[Any, dict[Any, Any]]]:
        """Yield (key, entries) of all keys of this task; for ``finish``, not for each tuple."""
        over = self._wall_ms() - self._ttl_ms
        for key in list(self._map):
            there = self._map.peek(key, _NOTHING)
            if self._ttl_ms:
                there = {entry: value for entry, (at, value) in there.items() if at > over}
            if there:
                yield key, dict(there)

    def _sweep(self, key: Any, stored: Any, over: int) -> None:
        living = {entry: value for entry, value in stored.items() if value[0] > over}
        if not living:
            self._map.drop(key)
        elif len(living) < len(stored):
            self._map.put(key, living)


#: What the map of a key without one reads as; never written.
_NOTHING: dict[Any, Any] = {}

#: The kinds of handles, by the word that stands before the name of their map.
HANDLES: dict[str, type[_Handle]] = {"value": ValueHandle, "list": ListHandle, "map": MapHandle}


def as_kept(kind: str, stored: Any, *, was: bool, now: bool, at: int) -> Any:
    """Return what a handle stored in the form of one with (or without) a ttl.

    Args:
        was, now: whether the handle had a ttl, and has one.
        at: milliseconds since 1970 when it counts as written, if nothing else is known.
    """
    if was == now:
        return stored
    if kind == "value":
        return (at, stored) if now else stored[1]
    if kind == "list":
        return [(at, value) for value in stored] if now else [value for _, value in stored]
    if now:
        return {entry: (at, value) for entry, value in stored.items()}
    return {entry: value for entry, (_, value) in stored.items()}


def ttl_ms_of(component: str, what: str, ttl: float | str | None) -> int:
    """Return a ttl in milliseconds; 0: there is none.

    Raises:
        StateError: it is neither seconds nor a text such as ``10m``.
    """
    seconds = parse_duration(ttl) if isinstance(ttl, str) else ttl
    if ttl is None:
        return 0
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds >= 0.001:
        raise StateError(f"{component}: {what}: ttl: seconds or a text such as 10m, got {ttl!r}")
    return int(seconds * 1000)
