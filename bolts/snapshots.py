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
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

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
    later slice goes over an earlier one. The head has component, index, base and parallelism.

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
    _check_whole(data, name)
    magic, version, head_bytes = _HEADER.unpack_from(data)
    if magic != MAGIC or version not in VERSIONS:
        raise CorruptSnapshot(f"{name}: format {magic!r} {version}, this is {MAGIC!r} {VERSION}")
    try:
        return _parse(memoryview(data), head_bytes)
    except (ValueError, TypeError, KeyError, struct.error, msgpack.UnpackException) as error:
        raise CorruptSnapshot(f"{name}: not a snapshot part: {error}") from error


def _pieces(copy: StateCopy) -> Iterator[bytes]:
    head = msgpack.packb({
        "component": copy.component, "index": copy.index, "base": copy.base,
        "parallelism": copy.parallelism,
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


def _check_whole(data: bytes, name: str) -> None:
    least = _HEADER.size + _TRAILER_BYTES
    if len(data) < least:
        raise CorruptSnapshot(f"{name}: {len(data)} bytes, a part has at least {least}")
    (total,) = _TOTAL.unpack_from(data, len(data) - _DIGEST_BYTES - _TOTAL.size)
    if total != len(data):
        raise CorruptSnapshot(f"{name}: {len(data)} bytes, its end says {total}")
    if hashlib.sha256(memoryview(data)[:-_DIGEST_BYTES]).digest() != data[-_DIGEST_BYTES:]:
        raise CorruptSnapshot(f"{name}: its sha256 does not match its content")


def _parse(data: memoryview, head_bytes: int) -> StatePart:
    start = _HEADER.size + head_bytes
    head = unpack(data[_HEADER.size : start], True)
    part = StatePart(
        head["component"], head["index"], base=head.get("base", ""),
        parallelism=head.get("parallelism", 0),
    )  # fmt: skip
    while (length := _LENGTH.unpack_from(data, start)[0]) != 0:
        start += _LENGTH.size
        _take_slice(part, unpack(data[start : start + length], True))
        start += length
    return part


def _take_slice(part: StatePart, piece: list[Any]) -> None:
    kind, name, form, keys, values = piece
    entries = {"keyed": part.keyed, "task": part.task}[kind].setdefault(name, {})
    if form == _WHOLE:
        part.whole.add((kind, name))
    elif form == GONE:
        gone = unpack(keys, False)
        part.gone.setdefault((kind, name), set()).update(gone)
        for key in gone:
            entries.pop(key, None)
    elif type(form) is bool:
        entries.update(zip(unpack(keys, False), unpack(values, not form), strict=True))
    else:
        raise ValueError(f"unknown form of a slice: {form!r:.80}")
