"""Durable state of one bolt task: what ``context.state`` is.

A bolt asks for named maps and works on them as on any dict; they are plain dicts, so state
costs what a dict costs. In each round the executor calls ``snapshot_begin`` between two
calls of the bolt, and another thread encodes and writes what it returned (snapshots.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from waterspout.topology.errors import StateError

from .snapshots import SCALARS, Kind, MapCopy, Maps, StateCopy, StatePart, is_flat, pack_slices

#: Hash of a grouping's values to the number of their key group (topology.keys.key_group).
KeyGroup = Callable[[tuple[Any, ...]], int]
#: Makes an empty map: ``dict`` or a subclass of it.
MakeMap = Callable[[], dict[Any, Any]]
#: Most maps of one kind that a task may have.
MAPS_MAX = 100


class TaskState:
    """The maps of one task; made by its executor, which restores them before ``prepare``.

    Keys are str, bytes, int, float, bool, None or tuples of these. Values are what msgpack can
    carry, lists and tuples told apart; 8 MiB each at most.
    """

    def __init__(self, component: str, index: int = 0) -> None:
        self._component = component
        self._index = index
        self._maps: dict[Kind, Maps] = {"keyed": {}, "task": {}}
        #: Restored maps that the bolt did not ask for yet; they stay in every snapshot.
        self._restored: dict[Kind, Maps] = {"keyed": {}, "task": {}}

    def keyed(self, name: str, make: MakeMap = dict) -> dict[Any, Any]:
        """Return the map ``name`` whose keys are the values of the bolt's ``fields`` grouping.

        One field: the key is its value; several: the tuple of them. Such a map can follow its
        keys to other tasks when the topology is rebalanced. Each call returns the same object.

        Args:
            name: one map per name.
            make: makes the empty map: ``dict``, ``collections.Counter`` ...
        """
        return self._map("keyed", name, make)

    def task(self, name: str, make: MakeMap = dict) -> dict[Any, Any]:
        """Return the map ``name`` that belongs to this task, whatever its keys are."""
        return self._map("task", name, make)

    def snapshot_begin(self) -> StateCopy:
        """Return everything as it is now, for ``snapshots.encode_part`` on another thread.

        Called between two calls of the bolt, which waits meanwhile. A map of plain values is
        copied (about 10 ns per key); one whose values can change in place (lists, dicts) is
        packed here and now, because half of a later change must not get into the snapshot.

        Raises:
            StateError: a value of such a map has no wire form.
        """
        copies = [
            self._copy(kind, name, entries)
            for where in (self._maps, self._restored)
            for kind, maps in where.items()
            for name, entries in maps.items()
        ]
        return StateCopy(self._component, self._index, tuple(copies))

    def restore(
        self,
        parts: Iterable[StatePart],
        owned: Collection[int] | None = None,
        key_group: KeyGroup | None = None,
    ) -> None:
        """Take over what ``parts`` hold. Called once, before ``prepare``.

        A keyed entry is taken from every part when its key group is owned; the task's own maps
        only from the part of the same index. A part's keys are not sorted by group when it is
        written, every second: they are picked when it is read, and only after a rebalance.

        Args:
            parts: the task's own part, or, after a rebalance, those of all tasks of the bolt.
            owned: the key groups of this task; None: all that the parts hold.
            key_group: needed with ``owned``.
        """
        for part in parts:
            assert part.component == self._component, (part.component, self._component)
            for name, entries in part.keyed.items():
                mine = entries if owned is None else _owned(entries, owned, key_group)
                self._restored["keyed"].setdefault(name, {}).update(mine)
            if part.index == self._index:
                self._restored["task"].update(part.task)

    def _map(self, kind: Kind, name: str, make: MakeMap) -> dict[Any, Any]:
        found = self._maps[kind].get(name)
        return self._begin(kind, name, make) if found is None else found

    def _begin(self, kind: Kind, name: str, make: MakeMap) -> dict[Any, Any]:
        if not isinstance(name, str):
            raise StateError(f"{self._component}: a state map's name is a str, got {name!r:.80}")
        if len(self._maps[kind]) >= MAPS_MAX:
            raise StateError(f"{self._component}: more than {MAPS_MAX} state maps; {name!r:.80}")
        made = make()
        if not isinstance(made, dict):
            raise StateError(f"{self._component}: state {name!r}: {make!r} makes no dict")
        # dict.update, because a Counter's own update would add.
        dict.update(made, self._restored[kind].pop(name, {}))
        self._maps[kind][name] = made
        return made

    def _copy(self, kind: Kind, name: str, entries: dict[Any, Any]) -> MapCopy:
        if _unchanging(entries):
            # dict.copy, because that of a subclass may be a loop in Python.
            return MapCopy(kind, name, dict.copy(entries))
        return MapCopy(kind, name, {}, tuple(pack_slices(self._component, kind, name, entries)))


def _unchanging(entries: dict[Any, Any]) -> bool:
    """Say whether no value can change in place: scalars, or tuples of scalars."""
    return set(map(type, entries.values())) <= SCALARS or is_flat(entries.values())


def _owned(
    entries: dict[Any, Any], owned: Collection[int], key_group: KeyGroup | None
) -> dict[Any, Any]:
    if key_group is None:
        raise ValueError("restore: owned groups without a key_group function")
    return {
        key: value
        for key, value in entries.items()
        if key_group(key if isinstance(key, tuple) else (key,)) in owned
    }
