"""Control messages as bytes: one msgpack map per ZeroMQ message, with the sender in it.

    worker -> coordinator   {"worker": 1, "incarnation": 0x.., "kind": .., ..}
    coordinator -> worker   {"kind": .., ..}
    status client <-> run   {"kind": ..} and {"ok": .., ..}

Lists and tuples both arrive as lists. See protocol.py for what the maps hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack

#: Largest control message in bytes; sockets refuse larger ones. An ``assign`` of a topology with
#: a hundred thousand partitions takes about ten MB.
CONTROL_BYTES_MAX = 64 << 20


def pack(message: Mapping[str, Any]) -> bytes:
    """Return a message as bytes.

    A value with no wire form, which users can bring in (an id of a message, a metric, an int of
    more than 64 bits), goes as the text that ``repr`` gives: it is only shown.
    """
    try:
        return _packed(message)
    except (TypeError, ValueError, OverflowError):
        return _packed(_plain(message))


def _packed(message: Any) -> bytes:
    packed: bytes = msgpack.packb(message, use_bin_type=True, unicode_errors="surrogatepass")
    return packed


def _plain(value: Any) -> Any:
    """Return a copy in which everything has a wire form."""
    if isinstance(value, Mapping):
        return {_plain_key(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    try:
        _packed(value)
    except (TypeError, ValueError, OverflowError):
        return repr(value)
    return value


def _plain_key(key: Any) -> Any:
    plain = _plain(key)
    return repr(key) if isinstance(plain, list) else plain


def unpack(data: bytes) -> dict[str, Any]:
    """Return the map that ``data`` holds.

    Raises:
        ValueError: it is no map.
    """
    try:
        message = msgpack.unpackb(
            data, raw=False, strict_map_key=False, unicode_errors="surrogatepass"
        )
    except (msgpack.UnpackException, ValueError, TypeError) as error:
        raise ValueError(f"not a control message: {error}") from error
    if not isinstance(message, dict):
        raise ValueError(f"not a control message: a {type(message).__name__}")
    return message
