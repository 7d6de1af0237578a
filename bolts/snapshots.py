"""The file format of one task's snapshot part: bytes in, bytes out, no file touched here.

A part holds all that a task keeps, or only what changed since the part before it, which it then
names by its sha256 (chains.py puts them together). It is written once and never changed. It is
encoded slice by slice, so that the thread that encodes it gives the interpreter back often, and
it proves itself when it is read: its length and the sha256 over everything before the digest stand
at its end, so a flipped byte or a missing tail cannot go unseen.

Values keep their Python types across a snapshot: a list comes back as a list, a tuple as a
tuple. (Tuples that travel between tasks have one form for all sequences; state has not,
because a bolt that appends to a list must be able to do so after a restart, too.)
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import msgpack
from waterspout.topology.errors import CorruptSnapshot

from .state_slices import GONE, SLICE_KEYS_MAX, Kind, gone_slice, pack_keys, pack_slices, unpack

#: First bytes of every part.
MAGIC = b"WSNP"
#: Version of the layout below. Version 1 had neither changes nor a parallelism.
VERSION = 2
#: Versions that are read; every other one is refused.
VERSIONS = frozenset({1, VERSION})

_HEADER = struct.Struct("<4sHI")
_LENGTH = struct.Struct("<I")
_TOTAL = struct.Struct("<Q")
_DIGEST_BYTES = 32
_TRAILER_BYTES = _LENGTH.size + _TOTAL.size + _DIGEST_BYTES
#: Form of a slice that holds nothing: nothing before its part counts.
_WHOLE = "whole"


Maps = dict[str, dict[Any, Any]]


@dataclass(frozen=True, slots=True)
class MapCopy:
    """One map at the moment of the cut: its entries, or its slices when packed at the cut."""

    kind: Kind
    name: str
    entries: dict[Any, Any]
    slices: Iterable[bytes] | None = None
    #: Keys that were dropped since the part before.
    gone: Collection[Any] = ()
    #: It holds all entries, not only those that changed since the part before.
    whole: bool = True


@dataclass(frozen=True, slots=True)
class StateCopy:
    """Everything one task keeps, at the moment of the cut; made by ``TaskState.snapshot_begin``."""

    component: str
    index: int
    maps: tuple[MapCopy, ...]
    #: sha256 of the part that this one adds to; "": it stands alone.
    base: str = ""
    #: Tasks of the component: with another number keys have to be dealt out anew.
    parallelism: int = 0
    #: It is no state, but what was on its way to the task (channel_log.py).
    log: bool = False


class Slice(NamedTuple):
    """Some keys of one map, with their values; without, they are gone."""

    kind: str
    name: str
    keys: Sequence[Any]
    values: Sequence[Any] | None


@dataclass(frozen=True, slots=True)
class StatePart:
    """What a part file holds: the maps of task ``index`` of ``component``."""

    component: str
    index: int
    keyed: Maps = field(default_factory=dict)
    task: Maps = field(default_factory=dict)
    base: str = ""
    #: 0: not known.
    parallelism: int = 0
    #: Of (kind, name): keys that the parts before had and that are gone.
    gone: dict[tuple[str, str], set[Any]] = field(default_factory=dict)
    #: Maps of which nothing in the parts before counts.
    whole: set[tuple[str, str]] = field(default_factory=set)
    #: See StateCopy.
    log: bool = False

    def maps(self, kind: str) -> Maps:
        """Return the maps of a kind."""
        return self.keyed if kind == "keyed" else self.task

    def take(self, one: Slice) -> None:
        """Lay a slice over what is there."""
        entries = self.maps(one.kind).setdefault(one.name, {})
        if one.values is not None:
            entries.update(zip(one.keys, one.values, strict=True))
            return
        self.gone.setdefault((one.kind, one.name), set()).update(one.keys)
        for key in one.keys:
            entries.pop(key, None)

    def part(self) -> StatePart:
        """Return itself: as of a PartReader."""
        return self

    def slices(self) -> Iterator[Slice]:
        """Yield what is in it: as of a PartReader."""
        for kind, maps in (("keyed", self.keyed), ("task", self.task)):
            for name, entries in maps.items():
                gone = self.gone.get((kind, name), ())
                yield Slice(kind, name, [key for key in gone if key not in entries], None)
                yield Slice(kind, name, list(entries), list(entries.values()))


def encode_part(copy: StateCopy) -> Iterator[bytes]:
    """Yield the bytes of a part, in pieces of at most a slice.

    Runs on whatever thread writes the file; ``copy`` is not shared with the bolt any more.

        +-----------+-------------+----------------+------------------------------+
        | "WSNP"    | version u16 | head bytes u32 | head, a map                  |
        +-----------+-------------+----------------+------------------------------+
        | slice bytes u32 | slice: [kind, name, form, keys, values]               | 0..n times
        +-----------------+-------------------------------------------------------+
        | 0 u32 | bytes of the whole part u64 | sha256 of all before this, 32 B   |
        +-------+-----------------------------+-----------------------------------+

    Integers are little endian; head and slices are msgpack. Keys and values are packed
    apart, as bytes within the slice: among keys tuples are plain arrays (a list cannot be a
    key), among values they are an extension, unless ``form`` is true: then every value is a
    tuple of scalars, a plain array, too (a tenth of the time). Other forms than true and false:
    ``gone`` names keys that were dropped, ``whole`` that nothing before this part counts; a
    later slice goes over an earlier one. The head has component, index, base and parallelism,
    and ``log`` where it is one.

    Raises:
        StateError: a key or value has no wire form; names component, map and key.
    """
    digest = hashlib.sha256()
    total = 0
    for piece in _pieces(copy):
        digest.update(piece)
        total += len(piece)
        yield piece
    end = _LENGTH.pack(0) + _TOTAL.pack(total + _TRAILER_BYTES)
    digest.update(end)
    yield end + digest.digest()


def part_sha256(data: bytes) -> str:
    """Return the sha256 that a part (or its last piece) carries, as hex."""
    return data[-_DIGEST_BYTES:].hex()


def decode_part(data: bytes, name: str = "snapshot part") -> StatePart:
    """Return what ``data`` holds; ``name`` is named in the error.

    Raises:
        CorruptSnapshot: it is cut short, changed, or of another version.
    """
    return PartReader(data, name).part()


class PartReader:
    """A part that was found whole, and is decoded slice by slice: as big as a disk.

    Args:
        data: bytes, or a file that is mapped into memory.
        name: is named in errors.

    Attributes:
        component, index, base, parallelism, log: as in StatePart.
        whole: as in StatePart.

    Raises:
        CorruptSnapshot: it is cut short, changed, or of another version. Its slices are looked
            at now, and their keys and values when they are asked for.
    """

    def __init__(self, data: Any, name: str = "snapshot part") -> None:
        _check_whole(data, name)
        magic, version, head_bytes = _HEADER.unpack_from(data)
        if magic != MAGIC or version not in VERSIONS:
            text = f"{name}: format {magic!r} {version}, this is {MAGIC!r} {VERSION}"
            raise CorruptSnapshot(text)
        self._data, self._name = memoryview(data), name
        self._start = _HEADER.size + head_bytes
        with self._readable():
            head = unpack(self._data[_HEADER.size : self._start], True)
            self.component, self.index = str(head["component"]), int(head["index"])
            self.base, self.parallelism = head.get("base", ""), head.get("parallelism", 0)
            self.log = bool(head.get("log"))
            self.whole = {(kind, to) for kind, to, form, _, _ in self._slices() if form == _WHOLE}

    def slices(self) -> Iterator[Slice]:
        """Yield what is in the part, in its order; a later slice goes over an earlier one."""
        with self._readable():
            for kind, name, form, keys, values in self._slices():
                if form == GONE:
                    yield Slice(kind, name, unpack(keys, False), None)
                elif type(form) is bool:
                    yield Slice(kind, name, unpack(keys, False), unpack(values, not form))
                elif form != _WHOLE:
                    raise ValueError(f"unknown form of a slice: {form!r:.80}")

    def part(self) -> StatePart:
        """Return all of it."""
        part = StatePart(
            self.component, self.index, base=self.base, parallelism=self.parallelism,
            whole=set(self.whole), log=self.log,
        )  # fmt: skip
        for name, kind in sorted((name, kind) for kind, name in self.whole):
            part.maps(kind).setdefault(name, {})
        with self._readable():
            for one in self.slices():
                part.take(one)
        return part

    def _slices(self) -> Iterator[list[Any]]:
        start = self._start
        while (length := _LENGTH.unpack_from(self._data, start)[0]) != 0:
            start += _LENGTH.size
            kind, name, form, keys, values = unpack(self._data[start : start + length], True)
            if kind not in ("keyed", "task"):
                raise ValueError(f"unknown kind of a map: {kind!r:.80}")
            yield [kind, name, form, keys, values]
            start += length

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, TypeError, KeyError, struct.error, msgpack.UnpackException) as error:
            raise CorruptSnapshot(f"{self._name}: not a snapshot part: {error}") from error


def _pieces(copy: StateCopy) -> Iterator[bytes]:
    head = msgpack.packb({
        "component": copy.component, "index": copy.index, "base": copy.base,
        "parallelism": copy.parallelism, **({"log": True} if copy.log else {}),
    })  # fmt: skip
    yield _HEADER.pack(MAGIC, VERSION, len(head)) + head
    for one in copy.maps:
        if copy.base and one.whole:
            yield _framed(msgpack.packb([one.kind, one.name, _WHOLE, b"", b""]))
        slices = one.slices
        if slices is None:
            slices = pack_slices(copy.component, one.kind, one.name, one.entries)
        yield from map(_framed, slices)
        gone = iter(one.gone)
        while keys := list(islice(gone, SLICE_KEYS_MAX)):
            yield _framed(gone_slice(one.kind, one.name, pack_keys(keys)))


def _framed(piece: bytes) -> bytes:
    return _LENGTH.pack(len(piece)) + piece


def _check_whole(data: Any, name: str) -> None:
    least = _HEADER.size + _TRAILER_BYTES
    if len(data) < least:
        raise CorruptSnapshot(f"{name}: {len(data)} bytes, a part has at least {least}")
    (total,) = _TOTAL.unpack_from(data, len(data) - _DIGEST_BYTES - _TOTAL.size)
    if total != len(data):
        raise CorruptSnapshot(f"{name}: {len(data)} bytes, its end says {total}")
    if hashlib.sha256(memoryview(data)[:-_DIGEST_BYTES]).digest() != data[-_DIGEST_BYTES:]:
        raise CorruptSnapshot(f"{name}: its sha256 does not match its content")
