"""Slices of a snapshot part: some keys and values of one map, packed; and single ones.

Keys and values are packed apart: among keys tuples are plain arrays (a list cannot be a key),
among values they are an extension, so that a list comes back as a list and a tuple as a tuple.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import chain, islice
from typing import Any, Literal

import msgpack
from waterspout.topology.errors import StateError

from .state_names import handle_of, shown, without_times
from .state_values import SCALARS, fault_of, key_fault_of

#: Most keys in one slice: 5,000 small ones hold the interpreter for about 0.3 ms.
SLICE_KEYS_MAX = 5000
#: Keys in the first slice of a map; doubled while slices stay small.
SLICE_KEYS_FIRST = 256
#: A slice that came out bigger than this many bytes halves the next one.
SLICE_BYTES_AIM = 256 * 1024
#: Wire form of one value, in bytes; a bigger one is refused by name.
VALUE_BYTES_MAX = 8 * 1024 * 1024
#: msgpack extension code of a tuple inside a value.
_EXT_TUPLE = 1
#: Form of a slice that names keys which were dropped.
GONE = "gone"

Kind = Literal["keyed", "task"]


def pack_slices(
    component: str, kind: Kind, name: str, entries: dict[Any, Any],
    shapes: set[bool] | None = None,
) -> Iterator[bytes]:  # fmt: skip
    """Yield the slices of one map, or of some of its entries.

    Args:
        shapes: of keys that came before, and of these afterwards; plain and tuple keys of a keyed
            map do not go together.

    Raises:
        StateError: a key or value has no wire form.
    """
    keys, values = iter(entries), iter(entries.values())
    limit = SLICE_KEYS_FIRST
    shapes = set() if shapes is None else shapes
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


def packed_slice(kind: Kind, name: str, keys: bytes, values: bytes) -> bytes:
    """Return a slice of keys and values that are packed already, each as an array."""
    piece: bytes = msgpack.packb([kind, name, False, keys, values])
    return piece


def gone_slice(kind: Kind, name: str, keys: bytes) -> bytes:
    """Return a slice that names keys, packed as an array, which were dropped."""
    piece: bytes = msgpack.packb([kind, name, GONE, keys, b""])
    return piece


def array_of(count: int, packed: bytes) -> bytes:
    """Return an array of ``count`` packed values that stand one after the other in ``packed``."""
    head: bytes = msgpack.Packer().pack_array_header(count)
    return head + packed


# Single keys and values.


def pack_key(key: Any) -> bytes:
    """Return one key packed; keys that are equal (1, 1.0, True) are packed alike.

    Raises:
        StateError: it has no wire form.
    """
    kind = type(key)
    try:
        if kind is str or kind is int or kind is bytes:
            return _pack_scalar(key)
        return pack_keys(_canonical(key))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise StateError(f"key {key!r:.80}: {key_fault_of(key) or error}") from None


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
    kind = type(value)
    try:
        if kind in SCALARS:
            packed = _pack_scalar(value)
        elif kind is tuple and SCALARS.issuperset(map(type, value)):
            # A quarter of the time of asking back for the tuple.
            packed = _pack_scalar(msgpack.ExtType(_EXT_TUPLE, _pack_scalar(value)))
        else:
            packed = _pack_value(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise StateError(f"value {value!r:.80}: {fault_of(value) or error}") from None
    if len(packed) > VALUE_BYTES_MAX:
        raise StateError(f"a value takes {len(packed)} bytes, at most {VALUE_BYTES_MAX}")
    return packed


def unpack_value(packed: bytes) -> Any:
    """Return what ``pack_value`` was given."""
    return unpack(packed, True)


# Inside.


def _pack_slice(component: str, kind: Kind, name: str, keys: list[Any], values: list[Any]) -> bytes:
    try:
        flat = is_flat(values)
        packed_keys = pack_keys(keys)
        packed_values = pack_keys(values) if flat else _pack_value(values)
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
        where = f"{component}: {shown(name)}, key {key!r:.80}"
        try:
            pack_keys([key])
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise StateError(f"{where}: {key_fault_of(key) or error}") from None
        try:
            size = len(_pack_value([value]))
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            kind, _, ttl = handle_of(name) or ("", "", False)
            fault = fault_of(without_times(kind, value) if ttl else value)
            raise StateError(f"{where}: {fault or error}") from None
        if size > VALUE_BYTES_MAX:
            raise StateError(f"{where}: the value takes {size} bytes, at most {VALUE_BYTES_MAX}")


def _check_shape(component: str, name: str, keys: list[Any], shapes: set[bool]) -> None:
    """Refuse a keyed map with plain and tuple keys: its grouping changed since it was begun."""
    shapes.update(issubclass(one, tuple) for one in set(map(type, keys)))
    if len(shapes) > 1:
        odd = next(key for key in keys if isinstance(key, tuple) == isinstance(keys[-1], tuple))
        raise StateError(
            f"{component}: {shown(name)}, key {odd!r:.80}: the map holds plain keys and tuple "
            "keys; after a change of the key use another map name or start over with --fresh"
        )


def pack_keys(keys: Any) -> bytes:
    """Return a list of keys packed as an array.

    Raises:
        TypeError, ValueError, OverflowError: one has no wire form.
    """
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


def unpack(data: memoryview | bytes, use_list: bool) -> Any:
    """Return what was packed.

    Args:
        use_list: plain arrays are lists, as in values; False: tuples, as in keys.

    Raises:
        ValueError, msgpack.UnpackException: it is not what this module packed.
    """
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
    return tuple(unpack(data, True))
