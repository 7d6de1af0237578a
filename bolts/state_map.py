"""The contract of a state backend: keyed maps that see each of their changes.

A map of this kind knows which keys changed since the last snapshot that was written, so that
a snapshot need only hold those, and it can be cut in a moment: what the cut shares with the map
is copied when it is about to change, and not before.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from itertools import repeat
from typing import Any, Protocol

from .snapshots import MapCopy, Slice
from .state_values import SCALARS

#: Stands for no value; None is one.
ABSENT: Any = type("_Absent", (), {"__repr__": lambda self: "ABSENT"})()


class StateMap(MutableMapping[Any, Any]):
    """One keyed map of a backend. All methods but the slices of a cut: on the thread of the bolt.

    A value that can change in place (a list, a dict) may be changed until the bolt works on
    other keys or its call ends; after that it has to be taken out of the map anew.
    """

    #: Whether it has anything to add to the part before; else that is not read again.
    adds = True
    #: Makes what stands in for a key that is not there (Counter, defaultdict); None: nothing does.
    make: Callable[[], dict[Any, Any]] | None = None

    # What handles call; the methods of a mapping are made of these.

    @abstractmethod
    def peek(self, key: Any, default: Any = None) -> Any:
        """Return the value of ``key`` to be looked at, not to be changed in place."""

    @abstractmethod
    def own(self, key: Any) -> Any:
        """Return the value of a key that is there, to be changed in place."""

    @abstractmethod
    def put(self, key: Any, value: Any) -> None:
        """Set the value of ``key``."""

    def put_all(self, entries: Mapping[Any, Any]) -> None:
        """Set the values of many keys."""
        for key, value in entries.items():
            self.put(key, value)

    @abstractmethod
    def drop(self, key: Any) -> bool:
        """Forget ``key``; False when it was not there."""

    @abstractmethod
    def some(self, count: int) -> list[Any]:
        """Return up to ``count`` keys, others in each call until all had their turn.

        What sweeping goes by: a step is as small as ``count``.
        """

    # What snapshots call.

    @abstractmethod
    def load(self, entries: Iterable[tuple[Any, Any]]) -> None:
        """Put restored entries in, a later one over an earlier one; called before the bolt is.

        Args:
            entries: key and value; ABSENT: the key is gone.
        """

    @abstractmethod
    def cut(self, *, whole: bool) -> MapCopy:
        """Return what changed since the last cut that was written, or all; a short call.

        A cut before this one of which nothing was heard counts as not written. The copy is
        encoded on another thread while the bolt goes on.
        """

    @abstractmethod
    def settle(self, *, written: bool) -> None:
        """Take note of what became of the last cut; when not written, its keys are in the next."""

    # The methods of a mapping.

    def __getitem__(self, key: Any) -> Any:
        value = self.peek(key, ABSENT)
        if value is ABSENT:
            return self._stand_in(key)
        return value if type(value) in SCALARS else self.own(key)

    def _stand_in(self, key: Any) -> Any:
        probe: Any = {} if self.make is None else self.make()
        value = probe[key]
        # A Counter says 0 and keeps nothing, a defaultdict keeps what it gives out.
        if key in probe:
            self.put(key, value)
        return value

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value of ``key``, or ``default``."""
        value = self.peek(key, ABSENT)
        if value is ABSENT:
            return default
        return value if type(value) in SCALARS else self.own(key)

    def __contains__(self, key: Any) -> bool:
        return self.peek(key, ABSENT) is not ABSENT

    def __setitem__(self, key: Any, value: Any) -> None:
        self.put(key, value)

    def __delitem__(self, key: Any) -> None:
        if not self.drop(key):
            raise KeyError(key)


class Backend(Protocol):
    """Where keyed state is kept while a task runs."""

    def map(self, component: str, name: str) -> StateMap:
        """Return a new, empty map."""

    def close(self) -> None:
        """Release what it holds. Called when the task ends."""


def copied(value: Any) -> Any:
    """Return a copy of a state value that shares nothing that can change with it."""
    kind = type(value)
    if kind is list:
        return [item if type(item) in SCALARS else copied(item) for item in value]
    if kind is dict:
        return {
            key: item if type(item) in SCALARS else copied(item) for key, item in value.items()
        }
    if kind is tuple:
        return tuple([item if type(item) in SCALARS else copied(item) for item in value])
    return value


def pairs_of(one: Slice) -> Iterable[tuple[Any, Any]]:
    """Return (key, value) of a slice; ABSENT where it names what is gone."""
    return zip(one.keys, repeat(ABSENT) if one.values is None else one.values, strict=False)
