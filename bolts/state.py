"""Durable state of one bolt task: what ``context.state`` is.

A bolt asks for handles, which hold a value, a list or a map for each key, or for whole named maps.
Handles are kept by a backend (memory, or SQLite for more than memory holds), which knows what
changed; whole maps in memory are plain dicts, so they cost what a dict costs. In each snapshot the
executor calls ``snapshot_begin`` between two calls of the bolt, and another thread encodes and
writes what it returned (snapshots.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, MutableMapping, Sequence
from functools import partial
from itertools import chain, groupby
from operator import attrgetter
from typing import Any

from waterspout.topology.errors import StateError
from waterspout.topology.tuples import Tuple

from .chains import Chain, Written
from .contract import Batch
from .counts import CountMap, Counts, StoredCounts
from .records import Records
from .seen import SEEN_MAP, owned_of
from .seen_rows import SeenRows
from .snapshots import MapCopy, Maps, Slice, StateCopy, StatePart
from .state_handles import (
    HANDLES,
    NO_KEY,
    ListHandle,
    MapHandle,
    ValueHandle,
    as_kept,
    ttl_ms_of,
)
from .state_keys import KeyGroup, TupleKeys, is_owned
from .state_map import Backend, StateMap, copied, pairs_of
from .state_memory import MemoryBackend, MemoryMap
from .state_names import handle_of, map_name
from .state_slices import Kind
from .whole_maps import copy_of

#: Makes an empty map: ``dict`` or a subclass of it.
MakeMap = Callable[[], dict[Any, Any]]
#: Makes an empty map that sees its changes, of (component, name).
NewMap = Callable[[str, str], Any]
#: Most maps of one kind that a task may have.
MAPS_MAX = 100
#: Maps whose names begin so are the framework's own, and always in memory.
OWN_PREFIX = "__"


class TaskState:
    """The state of one task; made by its builder, which restores it before ``prepare``.

    Keys: str, bytes, int, float, bool, None or tuples of these. Values: what msgpack can carry.

    Attributes:
        key: of the tuple or timer at work; set by the executor for bolts that asked for it, and
            free to be set by a bolt that knows better.

    Args:
        parallelism: tasks of the component; 0: not known.
        backend: keeps what handles hold; default: memory.
        keys: finds the keys of tuples; None: ``key`` is set by hand.
        wall_ms: milliseconds since 1970, what a ttl goes by.
    """

    def __init__(
        self, component: str, index: int = 0, *, parallelism: int = 0,
        backend: Backend | None = None, keys: TupleKeys | None = None,
        wall_ms: Callable[[], int] | None = None,
    ) -> None:  # fmt: skip
        self.key: Any = NO_KEY
        #: The bolt asked for something that belongs to the key at work.
        self.key_wanted = False
        #: ``prepare`` is over.
        self.prepared = False
        #: Whether there are snapshots of it: a class that is not ``stateful`` has none.
        self.snapshotted = True
        self.keys = keys
        self._component, self._index, self._parallelism = component, index, parallelism
        self._backend = MemoryBackend() if backend is None else backend
        self._wall_ms = wall_ms or _no_clock
        self._maps: dict[Kind, Maps] = {"keyed": {}, "task": {}}
        #: Maps that see their changes, by kind: those of the backend, and records.
        self._kept: dict[Kind, dict[str, Any]] = {"keyed": {}, "task": {}}
        self._handles: dict[str, Any] = {}
        #: Restored maps that the bolt did not ask for yet; they stay in every snapshot.
        self._restored: dict[Kind, Maps] = {"keyed": {}, "task": {}}
        self._chain = Chain()
        self._under_way: StateCopy | None = None

    # What a bolt calls.

    def value(
        self, name: str, default: Any = None, ttl: float | str | None = None
    ) -> ValueHandle:
        """Return the handle ``name``: one value for each key. Called in ``prepare``.

        Args:
            default: what a key without a value has.
            ttl: seconds, or a text such as ``10m``, after which a value not set again is gone.

        Raises:
            StateError: no input of the bolt has a fields grouping.
        """
        found: ValueHandle = self._handle("value", name, ttl, {"default": default})
        return found

    def list(self, name: str, ttl: float | str | None = None) -> ListHandle:
        """Return the handle ``name``: a list for each key. Called in ``prepare``.

        Args:
            ttl: as in ``value``, for each element since it was added.
        """
        found: ListHandle = self._handle("list", name, ttl, {})
        return found

    def map(self, name: str, ttl: float | str | None = None) -> MapHandle:
        """Return the handle ``name``: a map for each key. Called in ``prepare``.

        Args:
            ttl: as in ``value``, for each entry since it was last set.
        """
        found: MapHandle = self._handle("map", name, ttl, {})
        return found

    def by_key(self, batch: Batch) -> Iterator[tuple[Any, Collection[Tuple]]]:
        """Yield (key, tuples) of a batch, with ``key`` set; for handles in ``process_batch``."""
        self.want_key("by_key")
        assert self.keys is not None
        for key, tuples in self.keys.groups(batch).items():
            self.key = key
            yield key, tuples
        self.key = NO_KEY

    def keyed(self, name: str, make: MakeMap = dict) -> MutableMapping[Any, Any]:
        """Return the map ``name`` whose keys are the values of the bolt's ``fields`` grouping.

        One field: the key is its value; several: the tuple of them. It follows its keys to other
        tasks. Each call returns the same object: a plain dict with the memory backend.

        Args:
            name: one map per name.
            make: makes the empty map: ``dict``, ``collections.Counter`` ...

        Raises:
            StateError: the class is not ``stateful``; ``task`` and the others refuse it, too.
        """
        self._check_saved("keyed", name)
        if isinstance(name, str) and handle_of(name) is not None:
            raise StateError(f"{self._component}: state {name!r:.80}: handles have such names")
        if isinstance(self._backend, MemoryBackend):
            return self._map("keyed", name, make)
        kept: StateMap = self._kept_map("keyed", name, make)
        return kept

    def task(self, name: str, make: MakeMap = dict) -> dict[Any, Any]:
        """Return the map ``name`` that belongs to this task, whatever its keys are."""
        self._check_saved("task", name)
        return self._map("task", name, make)

    def records(self, name: str, kind: Kind = "keyed") -> Records:
        """Return the map ``name`` for records that are replaced and never changed in place.

        Ready-made bolts keep theirs so: a cut is as short as that of a handle, and a snapshot
        holds what changed. Where a whole map has the name in a snapshot, it goes on as this.
        """
        if not name.startswith(OWN_PREFIX):
            self._check_saved("records", name)
        return Records(self._kept_map(kind, name, dict))

    def counts(self, name: str) -> Counts:
        """Return the counts ``name`` by key, which ``Count`` keeps."""
        self._check_saved("counts", name)
        in_memory = isinstance(self._backend, MemoryBackend)
        made = self._kept_map("keyed", name, dict, CountMap if in_memory else None)
        return made if in_memory else StoredCounts(made)

    # What the executor and the builder call.

    def seen(self) -> SeenRows:
        """Return the rows that a bolt with ``effectively_once`` has worked on."""
        rows: SeenRows = self._kept_map("keyed", SEEN_MAP, dict, SeenRows)
        return rows

    def want_key(self, what: str) -> None:
        """Have ``key`` set for each tuple from now on; called before the first one.

        Raises StateError where no input of the bolt has a fields grouping.
        """
        if self.keys is not None:
            self.keys.check(what)
        self.key_wanted = True

    def snapshot_begin(self) -> StateCopy:
        """Return everything as it is now, for ``snapshots.encode_part`` on another thread.

        Called between two calls of the bolt, which waits meanwhile. What handles and records
        changed is handed over. Of a whole map, the references of all keys are copied (about
        10 ns each), or, where values can change in place (lists, dicts), it is packed here and
        now, because half of a later change must not get into the snapshot.

        Raises:
            StateError: a value of such a map has no wire form.
        """
        kept = self._every_kept()
        base = self._chain.base if any(each.adds for each in kept) else ""
        copies = [
            copy_of(self._component, kind, name, entries)
            for kind, maps in self._maps.items()
            for name, entries in maps.items()
        ]
        # Nobody changes these: they are in the part that is added to, or are packed later.
        copies += [
            MapCopy(kind, name, {} if base else entries, whole=not base)
            for kind, maps in self._restored.items()
            for name, entries in maps.items()
        ] + [each.cut(whole=not base) for each in kept]
        copy = StateCopy(self._component, self._index, tuple(copies), base, self._parallelism)
        self._under_way = copy
        return copy

    def snapshot_written(self, copy: StateCopy, part: Written) -> Sequence[Any]:
        """Take note of the part that a copy was written to; called on the thread of the bolt.

        Returns all parts that make up the snapshot, oldest first. Where it is not called, the
        next snapshot holds what this one held.
        """
        if copy is not self._under_way:
            return [part]
        self._under_way = None
        for kept in self._every_kept():
            kept.settle(written=True)
        self._chain.add(part, copy.base)
        return tuple(self._chain.parts)

    def restore(
        self,
        parts: Iterable[StatePart],
        owned: Collection[int] | None = None,
        key_group: KeyGroup | None = None,
    ) -> None:
        """Take over what ``parts`` hold. Called once, before ``prepare``.

        A keyed entry is taken from every part when its key group is owned. The task's own maps
        are those of the part of the same index; what a task that is no more had goes to the
        task of its index modulo the parallelism, where keys that are there already win.

        Args:
            parts: whole ones: the task's own, or, after a rebalance, those of all tasks of the
                bolt.
            owned: the key groups of this task; None: all that the parts hold.
            key_group: needed with ``owned``.
        """
        restored = self._restored
        for part in sorted(parts, key=lambda part: part.index != self._index):
            assert part.component == self._component, (part.component, self._component)
            for name, entries in part.keyed.items():
                mine = owned_of(name, entries, owned, key_group)
                there = restored["keyed"].setdefault(name, mine)
                if there is not mine:
                    there.update(mine)
            if part.index == self._index or self._inherits(part.index):
                for name, entries in part.task.items():
                    there = restored["task"].setdefault(name, entries)
                    if there is not entries:
                        restored["task"][name] = {**entries, **there}

    def restore_slices(
        self,
        slices: Iterable[Slice],
        owned: Collection[int] | None = None,
        key_group: KeyGroup | None = None,
    ) -> None:
        """Take over keyed maps slice by slice, into the backend: they may be larger than memory.

        Called before ``restore`` with the rest of the same parts.

        Args:
            slices: of keyed maps that are not the framework's own, in order.
            owned, key_group: as in ``restore``.
        """
        for name, some in groupby(slices, attrgetter("name")):
            made = self._kept["keyed"].get(name)
            if made is None:  # not "or": whether a map is empty is a question to all of its file
                made = self._begin_kept("keyed", name)
            pairs: Iterable[tuple[Any, Any]] = chain.from_iterable(map(pairs_of, some))
            if owned is not None:
                pairs = filter(lambda pair: is_owned(pair[0], owned, key_group), pairs)
            made.load(pairs)

    def streams(self, kind: str, name: str) -> bool:
        """Say whether ``restore_slices`` is to be given the slices of a map."""
        in_memory = isinstance(self._backend, MemoryBackend)
        return kind == "keyed" and not in_memory and not name.startswith(OWN_PREFIX)

    def close(self) -> None:
        """Release what the backend holds. Called when the task ends."""
        self._backend.close()

    def _inherits(self, index: int) -> bool:
        return 0 < self._parallelism <= index and index % self._parallelism == self._index

    # Handles.

    def _handle(self, kind: str, name: str, ttl: float | str | None, more: Any) -> Any:
        what = f"state.{kind}({name!r:.80})"
        self.want_key(what)
        ttl_ms = ttl_ms_of(self._component, what, ttl)
        known = self._handles.get(f"{kind}:{name}")
        if known is not None:
            if known._ttl_ms != ttl_ms:
                raise StateError(f"{self._component}: {what} is asked for with two ttls")
            return known
        self._check_saved(kind, name)
        if self.prepared:
            raise StateError(f"{self._component}: {what} is asked for after prepare; do it there")
        entries = self._of_handle(kind, name, bool(ttl_ms))
        handle = HANDLES[kind](
            f"{self._component}: {what}", self, entries, ttl_ms, self._wall_ms, **more
        )
        self._handles[f"{kind}:{name}"] = handle
        return handle

    def _of_handle(self, kind: str, name: str, ttl: bool) -> StateMap:
        """Return the map of a handle; what was restored is brought into the form it has now."""
        mine, other = map_name(kind, name, ttl), map_name(kind, name, not ttl)
        before: Any = self._take_restored("keyed", other)
        if before is None:
            before = self._kept["keyed"].pop(other, None)
        made: StateMap = self._kept_map("keyed", mine, dict)
        if before is not None:
            at = self._wall_ms()
            made.load(
                (key, as_kept(kind, stored, was=not ttl, now=ttl, at=at))
                for key, stored in before.items()
            )
        return made

    def _check_saved(self, kind: str, name: str) -> None:
        if not self.snapshotted:
            lost = "the class needs 'stateful = True', or what it keeps is lost with its worker"
            raise StateError(f"{self._component}: state.{kind}({name!r:.80}): {lost}")

    # Maps.

    def _kept_map(self, kind: Kind, name: str, make: MakeMap, new: NewMap | None = None) -> Any:
        made = self._kept[kind].get(name)
        if made is None:
            made = self._begin_kept(kind, name, new)
            made.load((self._take_restored(kind, name) or {}).items())
        if make is not dict:
            made.make = make
        return made

    def _begin_kept(self, kind: Kind, name: str, new: NewMap | None = None) -> Any:
        self._check_name(kind, name)
        if new is None:
            new = self._backend.map if self.streams(kind, name) else partial(MemoryMap, kind=kind)
        made = self._kept[kind][name] = new(self._component, name)
        return made

    def _every_kept(self) -> tuple[Any, ...]:
        return tuple(kept for maps in self._kept.values() for kept in maps.values())

    def _take_restored(self, kind: Kind, name: str) -> dict[Any, Any] | None:
        """Take out what was restored of a map; nothing of it is shared with a cut under way."""
        found = self._restored[kind].pop(name, None)
        if found is None or self._under_way is None:
            return found
        return {key: copied(value) for key, value in found.items()}

    def _map(self, kind: Kind, name: str, make: MakeMap) -> dict[Any, Any]:
        found = self._maps[kind].get(name)
        return self._begin(kind, name, make) if found is None else found

    def _begin(self, kind: Kind, name: str, make: MakeMap) -> dict[Any, Any]:
        self._check_name(kind, name)
        made = make()
        if not isinstance(made, dict):
            raise StateError(f"{self._component}: state {name!r}: {make!r} makes no dict")
        # dict.update, because a Counter's own update would add.
        dict.update(made, self._take_restored(kind, name) or {})
        self._maps[kind][name] = made
        return made

    def _check_name(self, kind: Kind, name: str) -> None:
        if not isinstance(name, str):
            raise StateError(f"{self._component}: a state map's name is a str, got {name!r:.80}")
        if name in self._maps[kind] or name in self._kept[kind]:
            raise StateError(f"{self._component}: state {name!r:.80} is asked for in two ways")
        if len(self._maps[kind]) + len(self._kept[kind]) >= MAPS_MAX:
            raise StateError(f"{self._component}: more than {MAPS_MAX} state maps; {name!r:.80}")


def _no_clock() -> int:
    raise StateError("a ttl needs a clock, and this state was made without one")
