"""What a bolt that counts each tuple once remembers: rows it has worked on that may come again.

A row may come again until its message is durable. Its origin is kept until then, in the bolt's
own state, so that both are in the same snapshot: a task that is restored knows exactly those rows
whose effects it has.

    row comes          its message is durable: an old copy, all it could do is done
                       it is known: what was emitted for it goes out again, nothing else
                       else: worked on, and noted with what was emitted for it
    message durable    its rows are forgotten with the next snapshot (seen_rows.py)

Bound: the rows of the messages that are not durable, at most ``max_pending`` +
``worked_through_max`` for each spout task, which waits when there are more (spouts/ledger.py);
and as many that became durable with the last snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import itemgetter
from typing import Any

from msgpack import Packer
from waterspout.topology.errors import EmitError, WaterspoutError
from waterspout.topology.keys import KEY_GROUPS, key_group
from waterspout.topology.origins import Kept
from waterspout.topology.tuples import Tuple
from waterspout.topology.unpacking import unpack_body
from xxhash import xxh3_64_intdigest

from .seen_rows import SeenRows
from .state_keys import KeyGroup, is_owned
from .state_slices import VALUE_BYTES_MAX

#: Name of the map in the bolt's state.
SEEN_MAP = "__seen"
#: Bytes of the key group before what was emitted.
_GROUP_BYTES = 2


def group_of(entry: int | bytes) -> int:
    """Return the key group of the row of an entry: with it the entry goes to another task."""
    return entry if isinstance(entry, int) else int.from_bytes(entry[:_GROUP_BYTES], "big")


def owned_of(
    name: str, entries: dict[Any, Any], owned: Collection[int] | None, key_group: KeyGroup | None
) -> dict[Any, Any]:
    """Return what of a keyed map belongs to a task that has these key groups; None: it has all."""
    if owned is None:
        return entries
    if name == SEEN_MAP:
        return {origin: each for origin, each in entries.items() if group_of(each) in owned}
    return {key: value for key, value in entries.items() if is_owned(key, owned, key_group)}


class Seen:
    """The rows that one task has worked on and that may come again.

    Args:
        component: the bolt, for errors.
        rows: those in its state.
        keys: (component, stream) of each input -> the fields of its grouping.
    """

    def __init__(
        self, component: str, rows: SeenRows, keys: Mapping[tuple[str, str], Sequence[str]]
    ) -> None:
        self.rows, self.ends = rows, rows.ends
        self._component, self._keys = component, keys
        self._groups: dict[type[Tuple], Callable[[Any], int]] = {}
        self._packer = Packer()

    def durable(self, positions: Mapping[bytes, Any]) -> None:
        """These positions are durable: rows of theirs cannot come again, but for old copies."""
        self.ends.update(positions)

    def knows(self, origin: bytes) -> bool:
        """Say whether a row needs no work."""
        return origin in self.rows or self.ends.holds(origin)

    def mark(self, origin: bytes, group: int, kept: Sequence[Kept] | None) -> None:
        """Note that a row was worked on.

        Raises:
            EmitError: what was emitted for it has no wire form, or is too large to be kept.
        """
        if origin:
            self.rows.entries[origin] = self._packed(group, kept) if kept else group

    def mark_all(self, origins: Sequence[bytes], groups: Sequence[int]) -> None:
        """Note that rows were worked on for which nothing was emitted."""
        self.rows.entries.update(zip(origins, groups, strict=True))
        self.rows.entries.pop(b"", None)

    def _packed(self, group: int, kept: Sequence[Kept]) -> bytes:
        try:
            packed: bytes = self._packer.pack(kept)
        except Exception as error:
            # Not only what msgpack raises: user types run code of their own while packed.
            self._packer.reset()
            what = f"what was emitted has no wire form ({type(error).__name__}: {error})"
            raise EmitError(self._component, "default", what) from error
        if len(packed) > VALUE_BYTES_MAX - 64:
            what = (
                f"what one call emitted takes {len(packed)} bytes, and is kept with "
                f"effectively_once: at most {VALUE_BYTES_MAX}"
            )
            raise EmitError(self._component, "default", what)
        return group.to_bytes(_GROUP_BYTES, "big") + packed

    def emitted(self, origin: bytes) -> Sequence[Kept]:
        """Return what was emitted for a row when it was worked on; nothing, where it is durable.

        Raises:
            EmitError: the entry cannot be read.
        """
        entry = self.rows.get(origin)
        if not isinstance(entry, bytes) or self.ends.holds(origin):
            return ()
        try:
            return [(stream, list(row)) for stream, row in unpack_body(entry[_GROUP_BYTES:])]
        except (WaterspoutError, TypeError, ValueError) as error:
            raise EmitError(self._component, "default", f"kept rows: {error}") from error

    # Key groups.

    def group(self, cls: type[Tuple]) -> Callable[[Any], int]:
        """Return what gives the key group of a row of ``cls``."""
        found = self._groups.get(cls)
        if found is None:
            found = self._groups[cls] = _group_getter(self.positions(cls))
        return found

    def groups(self, cls: type[Tuple], columns: Sequence[Sequence[Any]]) -> list[int]:
        """Return the key group of each row; ``columns``: of the fields of the grouping."""
        if len(columns) == 1:
            digest, mask = xxh3_64_intdigest, KEY_GROUPS - 1
            return [
                digest(value.encode("utf-8", "surrogatepass")) & mask
                if value.__class__ is str else key_group((value,))
                for value in columns[0]
            ]  # fmt: skip
        return [key_group(values) for values in zip(*columns, strict=True)]

    def positions(self, cls: type[Tuple]) -> list[int]:
        """Return where the fields of the grouping stand in rows of ``cls``."""
        return [cls.fields.index(name) for name in self._keys[cls.component, cls.stream]]


def _group_getter(positions: Sequence[int]) -> Callable[[Any], int]:
    digest, mask = xxh3_64_intdigest, KEY_GROUPS - 1
    if len(positions) > 1:
        values_of = itemgetter(*positions)
        return lambda row: key_group(values_of(row))
    (position,) = positions

    def group(row: Any) -> int:
        value = row[position]
        if value.__class__ is str:
            # The same as key_group((value,)), without two calls.
            return digest(value.encode("utf-8", "surrogatepass")) & mask
        return key_group((value,))

    return group
