"""One map of the SQLite backend: a cache in front of rows, written late; see state_sqlite.py."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, ItemsView, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgpack
from waterspout.topology.errors import StateError

from .snapshots import MapCopy
from .state_map import ABSENT, StateMap, copied
from .state_names import shown
from .state_slices import (
    array_of,
    gone_slice,
    pack_key,
    pack_slices,
    pack_value,
    packed_slice,
    unpack_value,
)

if TYPE_CHECKING:
    from .state_sqlite import SqliteBackend

#: Changed entries of a task's map that wait to be written, and rows that are written at once. With
#: a quarter of them an update of a random key of a million costs a fifth more CPU time.
UNWRITTEN_MAX = 65_536
WRITE_ROWS = 2048
#: Rows that are read at once when a map is walked through or a snapshot is made.
READ_ROWS = 4096
#: What an entry in memory takes beyond its packed bytes, about.
ENTRY_BYTES = 200
#: Fewest entries that are kept in memory, however big they are.
CACHE_ENTRIES_MIN = 256

_PUT = (
    "INSERT INTO state VALUES (?, ?, ?, ?) ON CONFLICT (map, key)"
    " DO UPDATE SET value = excluded.value, generation = excluded.generation"
)
_GET = "SELECT value FROM state WHERE map = ? AND key = ?"
#: Many rows as one: keys and values are joined by SQLite, which needs no lock of ours for it.
_JOINED = (
    "SELECT count(*), max(key), CAST(group_concat(key, '') AS BLOB),"
    " CAST(group_concat(value, '') AS BLOB) FROM (SELECT key, value FROM state"
    " WHERE map = ?1 AND key > ?2 AND generation > ?3 AND value IS {} NULL"
    " ORDER BY key LIMIT ?4)"
)


class SqliteMap(StateMap):
    """One map; see the module."""

    def __init__(self, backend: SqliteBackend, number: int, component: str, name: str) -> None:
        self._backend, self._number = backend, number
        self._component, self._name = component, name
        self._file = backend.file
        self._cursor = self._file.cursor()
        self._unwritten: dict[Any, Any] = {}
        self._cache: dict[Any, Any] = {}
        #: Entries that memory is enough for; follows from how big they turn out to be.
        self._entries_max = CACHE_ENTRIES_MIN
        self._unwritten_max = CACHE_ENTRIES_MIN
        self._rows = self._bytes = 0
        #: Of rows written now, and of the last cut that was written: it holds all up to that.
        self._generation, self._settled = 1, 0
        self._cut: dict[Any, Any] | None = None
        #: Of ``unwritten``: keys that changed since the last cut.
        self._fresh: set[Any] = set()
        self._dropped = 0
        self._turn = b""

    # Looking.

    def peek(self, key: Any, default: Any = None) -> Any:
        value = self._unwritten.get(key, ABSENT)
        if value is _GONE:
            return default
        if value is not ABSENT:
            return value
        value = self._cache.get(key, ABSENT)
        if value is not ABSENT:
            return value
        row = self._cursor.execute(_GET, (self._number, pack_key(key))).fetchone()
        if row is None or row[0] is None:
            return default
        value = self._cache[key] = unpack_value(row[0])
        if len(self._cache) > self._entries_max:
            self._make_room()
        return value

    def own(self, key: Any) -> Any:
        value = self.peek(key, ABSENT)
        if value is ABSENT:
            raise KeyError(key)
        cut = self._cut
        if cut is not None and cut.get(key, ABSENT) is value:
            value = copied(value)
        # To the end of the queue: it must not be written before it has been changed.
        self._unwritten.pop(key, None)
        self.put(key, value)
        return value

    # Changing.

    def put(self, key: Any, value: Any) -> None:
        unwritten = self._unwritten
        if len(unwritten) >= self._unwritten_max:
            self._write(WRITE_ROWS)
        unwritten[key] = value
        self._fresh.add(key)

    def drop(self, key: Any) -> bool:
        if self.peek(key, ABSENT) is ABSENT:
            return False
        self.put(key, _GONE)
        return True

    def _write(self, count: int) -> None:
        """Write the oldest of what is not in the file.

        What cannot be written waits on: the snapshot that it is in fails and names it, as it would
        in memory, and no call for another key does.
        """
        count = max(1, min(count, self._unwritten_max // 2))
        batch = list(islice(self._unwritten.items(), count))
        number, generation = self._number, self._generation
        rows, wrong = [], {}
        for key, value in batch:
            try:
                rows.append((number, pack_key(key), self._packed(key, value), generation))
            except StateError as error:
                wrong[key] = error
        if not rows:
            raise next(iter(wrong.values()))
        rows.sort()
        row_bytes = sum(len(row[1]) + len(row[2] or b"") for row in rows)
        self._guarded(partial(self._backend.fit, row_bytes // len(rows)))
        self._guarded(partial(self._put_rows, rows))
        cache, unwritten = self._cache, self._unwritten
        for key, value in batch:
            del unwritten[key]
            if key in wrong:
                unwritten[key] = value
            elif value is _GONE:
                cache.pop(key, None)
                self._dropped += 1
            else:
                cache[key] = value
        self._fresh.difference_update([key for key, _ in batch if key not in wrong])
        self._rows += len(rows)
        self._bytes += row_bytes
        self._make_room()

    def _packed(self, key: Any, value: Any) -> bytes | None:
        if value is _GONE:
            return None
        try:
            return pack_value(value)
        except StateError as error:
            where = f"{self._component}: {shown(self._name)}, key {key!r:.80}"
            raise StateError(f"{where}: {error}") from None

    def _put_rows(self, rows: Iterable[tuple[Any, ...]]) -> None:
        self._file.execute("BEGIN")
        try:
            self._file.executemany(_PUT, rows)
        except BaseException:
            self._file.execute("ROLLBACK")
            raise
        self._file.execute("COMMIT")

    def _make_room(self) -> None:
        """Forget the oldest of the cache until it is as big as it may be."""
        if self._rows:
            each = 3 * self._bytes // self._rows + ENTRY_BYTES
            self._entries_max = max(self._backend.cache_bytes // each, CACHE_ENTRIES_MIN)
            self._unwritten_max = min(self._entries_max // 2, UNWRITTEN_MAX)
        too_many = len(self._cache) - self._entries_max
        if too_many > 0:
            for key in list(islice(self._cache, too_many + self._entries_max // 16)):
                del self._cache[key]

    def _write_all(self) -> None:
        while self._unwritten:
            self._write(WRITE_ROWS)

    def _guarded(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except sqlite3.Error as error:
            text = f"{self._component}: {shown(self._name)} on disk: {error}"
            raise StateError(text) from error

    # Walking through: by pages, so that entries may come and go meanwhile.

    def __iter__(self) -> Iterator[Any]:
        self._write_all()
        after = b""
        while found := self._keys_after(after, READ_ROWS):
            yield from map(_unpacked_key, found)
            after = found[-1]

    def items(self) -> ItemsView[Any, Any]:
        """Return the entries, in no order of the bolt's; values are not to be changed in place."""
        return _Items(self)

    def pairs(self) -> Iterator[tuple[Any, Any]]:
        """Yield (key, value) of all entries; values are not to be changed in place."""
        self._write_all()
        after = b""
        text = (
            "SELECT key, value FROM state WHERE map = ? AND key > ? AND value IS NOT NULL"
            " ORDER BY key LIMIT ?"
        )
        while found := self._file.execute(text, (self._number, after, READ_ROWS)).fetchall():
            for packed, value in found:
                yield _unpacked_key(packed), unpack_value(value)
            after = found[-1][0]

    def __len__(self) -> int:
        self._write_all()
        text = "SELECT count(*) FROM state WHERE map = ? AND value IS NOT NULL"
        (count,) = self._file.execute(text, (self._number,)).fetchone()
        return int(count)

    def some(self, count: int) -> list[Any]:
        found = self._keys_after(self._turn, count)
        keys = list(map(_unpacked_key, found))
        self._turn = found[-1] if len(found) == count else b""
        if not self._turn:
            # The end of a cycle: some of those that are not in the file yet.
            keys += islice(self._unwritten, count - len(keys))
        return keys

    def _keys_after(self, after: bytes, count: int) -> list[bytes]:
        text = (
            "SELECT key FROM state WHERE map = ? AND key > ? AND value IS NOT NULL"
            " ORDER BY key LIMIT ?"
        )
        found = self._file.execute(text, (self._number, after, count)).fetchall()
        return [packed for (packed,) in found]

    # Snapshots.

    def load(self, entries: Iterable[tuple[Any, Any]]) -> None:
        # What was dropped or looked at before must not stand in front of it.
        self._write_all()
        self._cache.clear()
        # In order of the keys and as many at once as there is memory for: each piece writes every
        # page of the file that it touches, and a key that comes again is written once.
        piece: dict[bytes, bytes | None] = {}
        size, room = 0, self._backend.cache_bytes
        for key, value in entries:
            packed_key = pack_key(key)
            packed = None if value is ABSENT else pack_value(value)
            before = piece.get(packed_key)
            piece[packed_key] = packed
            size += len(packed or b"") + (ENTRY_BYTES if before is None else -len(before))
            if size > room:
                self._load_piece(piece)
                size = 0
        self._load_piece(piece)

    def _load_piece(self, piece: dict[bytes, bytes | None]) -> None:
        number = self._number
        row_bytes = sum(len(key) + len(value or b"") for key, value in piece.items())
        if piece:
            self._guarded(partial(self._backend.fit, row_bytes // len(piece)))
        rows = ((number, key, piece[key], 0) for key in sorted(piece))
        self._guarded(partial(self._put_rows, rows))
        self._dropped += sum(1 for value in piece.values() if value is None)
        piece.clear()

    def cut(self, *, whole: bool) -> MapCopy:
        if self._cut is not None:
            self.settle(written=False)
        unwritten, fresh = self._unwritten, self._fresh
        cut = self._cut = dict(unwritten) if whole else {key: unwritten[key] for key in fresh}
        self._fresh = set()
        since = -1 if whole else self._settled
        self._generation += 1
        reader = self._guarded(self._backend.reader)
        slices = self._slices(reader, cut, since)
        return MapCopy("keyed", self._name, {}, slices=slices, whole=whole)

    def _slices(
        self, reader: sqlite3.Connection, cut: dict[Any, Any], since: int
    ) -> Iterator[bytes]:
        """Yield the slices of a cut: what is in the file, then what goes over it."""
        name = self._name
        try:
            for keys, values, count in _joined(reader, self._number, since, gone=False):
                yield packed_slice("keyed", name, array_of(count, keys), array_of(count, values))
            if since >= 0:
                for keys, _, count in _joined(reader, self._number, since, gone=True):
                    yield gone_slice("keyed", name, array_of(count, keys))
        finally:
            reader.close()
        there = {key: value for key, value in cut.items() if value is not _GONE}
        yield from pack_slices(self._component, "keyed", name, there)
        gone = [key for key, value in cut.items() if value is _GONE]
        if gone:
            packed = b"".join(map(pack_key, gone))
            yield gone_slice("keyed", name, array_of(len(gone), packed))

    def settle(self, *, written: bool) -> None:
        cut, self._cut = self._cut or {}, None
        if not written:
            self._fresh.update(key for key in cut if key in self._unwritten)
            return
        # What was not in the file at the cut was written to it in a later generation.
        self._settled = self._generation - 1
        if self._dropped > UNWRITTEN_MAX:
            self._dropped = 0
            text = "DELETE FROM state WHERE map = ? AND value IS NULL AND generation <= ?"
            self._guarded(lambda: self._file.execute(text, (self._number, self._settled)))


class _Items(ItemsView[Any, Any]):
    """Entries read page by page, not key by key."""

    def __init__(self, entries: SqliteMap) -> None:
        super().__init__(entries)
        self._pairs = entries.pairs

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return self._pairs()


#: Stands in ``unwritten`` for a key that was dropped.
_GONE: Any = type("_Gone", (), {"__repr__": lambda self: "GONE"})()


def _joined(
    reader: sqlite3.Connection, number: int, since: int, *, gone: bool
) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield the packed keys and values of many rows, and how many they are."""
    text = _JOINED.format("" if gone else "NOT")
    after = b""
    while True:
        row = reader.execute(text, (number, after, since, READ_ROWS)).fetchone()
        count, last, keys, values = row
        if not count:
            return
        yield keys, values or b"", count
        after = last


def _unpacked_key(packed: bytes) -> Any:
    return msgpack.unpackb(packed, use_list=False, unicode_errors="surrogatepass")
