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
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, Literal

import msgpack
from waterspout.topology.errors import CorruptSnapshot, StateError

#: First bytes of every part.
MAGIC = b"WSNP"
#: Version of the layout below. Version 1 had neither changes nor a parallelism.
VERSION = 2
#: Versions that are read; every other one is refused.
VERSIONS = frozenset({1, VERSION})
#: Most keys in one slice: 5,000 small ones hold the interpreter for about 0.3 ms.
SLICE_KEYS_MAX = 5000
#: Keys in the first slice of a map; doubled while slices stay small.
SLICE_KEYS_FIRST = 256
#: A slice that came out bigger than this many bytes halves the next one.
SLICE_BYTES_AIM = 256 * 1024
#: Wire form of one value, in bytes; a bigger one is refused by name.
VALUE_BYTES_MAX = 8 * 1024 * 1024

_HEADER = struct.Struct("<4sHI")
_LENGTH = struct.Struct("<I")
_TOTAL = struct.Struct("<Q")
_DIGEST_BYTES = 32
_TRAILER_BYTES = _LENGTH.size + _TOTAL.size + _DIGEST_BYTES
#: msgpack extension code of a tuple inside a value.
_EXT_TUPLE = 1
#: Forms of slices that hold no values.
_GONE, _WHOLE = "gone", "whole"

#: Types of which no value holds another or can change.
SCALARS = frozenset({str, int, float, bool, bytes, type(None)})

Kind = Literal["keyed", "task"]
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


def pack_slices(component: str, kind: Kind, name: str, entries: dict[Any, Any]) -> Iterator[bytes]:
    """Yield the slices of one map.

    Raises:
        StateError: a key or value has no wire form.
    """
    keys, values = iter(entries), iter(entries.values())
    limit = SLICE_KEYS_FIRST
    shapes: set[bool] = set()
    while some_keys := list(islice(keys, limit)):
        some_values = list(islice(values, limit))
        if kind == "keyed":
            _check_shape(component, name, some_keys, shapes)
        piece = _pack_slice(component, kind, name, some_keys, some_values)
        yield piece
        grow = len(piece) < SLICE_BYTES_AIM
        limit = min(SLICE_KEYS_MAX, limit * 2) if grow else max(1, limit // 2)


def is_flat(values: Collection[Any]) -> bool:
    """Say whether every value is a tuple of scalars."""
    if set(map(type, values)) != {tuple}:
        return False
    return set(map(type, chain.from_iterable(values))) <= SCALARS


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
            yield _framed(gone_slice(one.kind, one.name, _pack_keys(keys)))


def packed_slice(kind: Kind, name: str, keys: bytes, values: bytes) -> bytes:
    """Return a slice of keys and values that are packed already, each as an array."""
    piece: bytes = msgpack.packb([kind, name, False, keys, values])
    return piece


def gone_slice(kind: Kind, name: str, keys: bytes) -> bytes:
    """Return a slice that names keys, packed as an array, which were dropped."""
    piece: bytes = msgpack.packb([kind, name, _GONE, keys, b""])
    return piece


def array_of(count: int, packed: bytes) -> bytes:
    """Return an array of ``count`` packed values that stand one after the other in ``packed``."""
    head: bytes = msgpack.Packer().pack_array_header(count)
    return head + packed


def pack_key(key: Any) -> bytes:
    """Return one key packed; keys that are equal (1, 1.0, True) are packed alike.

    Raises:
        StateError: it has no wire form.
    """
    kind = type(key)
    try:
        if kind is str or kind is int or kind is bytes:
            return _pack_scalar(key)
        return _pack_keys(_canonical(key))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise StateError(f"key {key!r:.80}: {_why(error)}; {_KEYS_ALLOWED}") from None


#: One packer for all: a third of the time of making one. A scalar calls nothing back, so that no
#: two threads are in it at once.
_pack_scalar: Callable[[Any], bytes] = msgpack.Packer(unicode_errors="surrogatepass").pack


def _canonical(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(map(_canonical, key))
    if isinstance(key, bool) or (isinstance(key, float) and key.is_integer()):
        return int(key)
    return key


def pack_value(value: Any) -> bytes:
    """Return one value packed.

    Raises:
        StateError: it has no wire form.
    """
    try:
        packed = _pack_scalar(value) if type(value) in SCALARS else _pack_value(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise StateError(f"value {value!r:.80}: {_why(error)}; {_VALUES_ALLOWED}") from None
    if len(packed) > VALUE_BYTES_MAX:
        raise StateError(f"a value takes {len(packed)} bytes, at most {VALUE_BYTES_MAX}")
    return packed


def unpack_value(packed: bytes) -> Any:
    """Return what ``pack_value`` was given."""
    return _unpack(packed, True)


def _framed(piece: bytes) -> bytes:
    return _LENGTH.pack(len(piece)) + piece


def _pack_slice(component: str, kind: Kind, name: str, keys: list[Any], values: list[Any]) -> bytes:
    try:
        flat = is_flat(values)
        packed_keys = _pack_keys(keys)
        packed_values = _pack_keys(values) if flat else _pack_value(values)
    except (TypeError, ValueError, OverflowError, RecursionError):
        _check_one_by_one(component, name, keys, values)
        raise
    if len(packed_values) > VALUE_BYTES_MAX:
        _check_one_by_one(component, name, keys, values)
    piece: bytes = msgpack.packb([kind, name, flat, packed_keys, packed_values])
    return piece


def _check_one_by_one(component: str, name: str, keys: list[Any], values: list[Any]) -> None:
    """Raise the StateError of the first entry that cannot be packed; the slow road to its name."""
    for key, value in zip(keys, values, strict=True):
        where = f"{component}: state {name!r}, key {key!r:.80}"
        try:
            _pack_keys([key])
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise StateError(f"{where}: {_why(error)}; {_KEYS_ALLOWED}") from None
        try:
            size = len(_pack_value([value]))
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise StateError(f"{where}: {_why(error)}; {_VALUES_ALLOWED}") from None
        if size > VALUE_BYTES_MAX:
            raise StateError(f"{where}: the value takes {size} bytes, at most {VALUE_BYTES_MAX}")


_KEYS_ALLOWED = "keys are str, bytes, int of 64 bits, float, bool, None or tuples of these"
_VALUES_ALLOWED = (
    "keep str, bytes, int of 64 bits, float, bool, None, or lists, tuples and dicts of these"
)


def _why(error: Exception) -> str:
    if isinstance(error, OverflowError):
        return "an int of more than 64 bits has no wire form"
    if isinstance(error, TypeError):
        return str(error).replace("can not serialize", "no wire form for")
    return "nested too deeply, or holds itself"


def _check_shape(component: str, name: str, keys: list[Any], shapes: set[bool]) -> None:
    """Refuse a keyed map with plain and tuple keys: its grouping changed since it was begun."""
    shapes.update(issubclass(one, tuple) for one in set(map(type, keys)))
    if len(shapes) > 1:
        odd = next(key for key in keys if isinstance(key, tuple) == isinstance(keys[-1], tuple))
        raise StateError(
            f"{component}: state {name!r}, key {odd!r:.80}: the map holds plain keys and tuple "
            "keys; after a change of the key use another map name or start over with --fresh"
        )


def _pack_keys(keys: Any) -> bytes:
    packed: bytes = msgpack.packb(keys, unicode_errors="surrogatepass")
    return packed


def _pack_value(value: Any) -> bytes:
    packed: bytes = msgpack.packb(
        value, strict_types=True, default=_special, unicode_errors="surrogatepass"
    )
    return packed


def _special(value: Any) -> msgpack.ExtType:
    """Give a tuple a form of its own; called by msgpack for what it does not know."""
    if type(value) is tuple:
        return msgpack.ExtType(_EXT_TUPLE, _pack_value(list(value)))
    raise TypeError(f"no wire form for {type(value).__name__!r} object")


def _unpack(data: memoryview | bytes, use_list: bool) -> Any:
    return msgpack.unpackb(
        data,
        use_list=use_list,
        strict_map_key=False,
        unicode_errors="surrogatepass",
        ext_hook=_from_ext,
    )


def _from_ext(code: int, data: bytes) -> Any:
    if code != _EXT_TUPLE:
        raise ValueError(f"unknown extension {code}")
    return tuple(_unpack(data, True))


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
    head = _unpack(data[_HEADER.size : start], True)
    part = StatePart(
        head["component"], head["index"], base=head.get("base", ""),
        parallelism=head.get("parallelism", 0),
    )  # fmt: skip
    while (length := _LENGTH.unpack_from(data, start)[0]) != 0:
        start += _LENGTH.size
        _take_slice(part, _unpack(data[start : start + length], True))
        start += length
    return part


def _take_slice(part: StatePart, piece: list[Any]) -> None:
    kind, name, form, keys, values = piece
    entries = {"keyed": part.keyed, "task": part.task}[kind].setdefault(name, {})
    if form == _WHOLE:
        part.whole.add((kind, name))
    elif form == _GONE:
        gone = _unpack(keys, False)
        part.gone.setdefault((kind, name), set()).update(gone)
        for key in gone:
            entries.pop(key, None)
    elif type(form) is bool:
        entries.update(zip(_unpack(keys, False), _unpack(values, not form), strict=True))
    else:
        raise ValueError(f"unknown form of a slice: {form!r:.80}")
