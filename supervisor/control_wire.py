"""Control messages as bytes: one msgpack map per ZeroMQ message, with the sender in it.

    worker -> coordinator   {"worker": 1, "incarnation": 0x.., <session>, "kind": .., ..}
    coordinator -> worker   {<session>, "kind": .., ..}
    status client <-> run   {"kind": ..} and {"ok": .., ..}

<session> are the fields of control_session.py, by which nothing is lost or taken twice. Lists
and tuples both arrive as lists. See protocol.py for what the maps hold.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgpack

#: Largest control message in bytes; sockets refuse larger ones. An ``assign`` of a topology with
#: a hundred thousand partitions takes about ten MB.
CONTROL_BYTES_MAX = 64 << 20
#: Entries that one list or map of a message may have.
ELEMENTS_MAX = 2_000_000


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


def join(head: Mapping[str, Any], body: bytes) -> bytes:
    """Return one packed map with the entries of ``head``, then those of the packed map ``body``.

    So that a message that is sent again is not packed again. The two have no key in common.
    """
    first = _packed(head)
    (count, start), (own, skip) = _map_header(body), _map_header(first)
    header: bytes = msgpack.Packer().pack_map_header(own + count)
    return b"".join((header, first[skip:], memoryview(body)[start:]))


def _map_header(data: bytes) -> tuple[int, int]:
    """Return how many entries a packed map has, and where the first one begins.

    Source: the msgpack specification, "map format family".
    """
    if data[0] & 0xF0 == 0x80:
        return data[0] & 0x0F, 1
    size = {0xDE: 2, 0xDF: 4}[data[0]]
    return int.from_bytes(data[1 : 1 + size], "big"), 1 + size


def peek(data: bytes, names: Collection[str]) -> dict[str, Any]:
    """Return the entries ``names`` of a packed map, without reading what comes after them.

    For those who pass messages on. A name that the map does not have is not in the result.

    Raises:
        ValueError: it is no map.
    """
    unpacker = msgpack.Unpacker(
        raw=False, strict_map_key=False, unicode_errors="surrogatepass",
        max_buffer_size=max(len(data), 1), max_ext_len=0,
    )  # fmt: skip
    found: dict[str, Any] = {}
    try:
        unpacker.feed(data)
        for _ in range(unpacker.read_map_header()):
            name = unpacker.unpack()
            if isinstance(name, str) and name in names:
                found[name] = unpacker.unpack()
                if len(found) == len(names):
                    break
            else:
                unpacker.skip()
    except (msgpack.UnpackException, ValueError, TypeError) as error:
        raise ValueError(f"not a control message: {error}") from error
    return found


def unpack(
    data: bytes, bytes_max: int = CONTROL_BYTES_MAX, elements_max: int = ELEMENTS_MAX
) -> dict[str, Any]:
    """Return the map that ``data`` holds.

    Args:
        data: what arrived.
        bytes_max: larger ones are refused; lower for peers that have less to say.
        elements_max: entries of one list or map.

    Raises:
        ValueError: it is no map, or one that is too large.
    """
    if len(data) > bytes_max:
        raise ValueError(f"not a control message: {len(data)} bytes, at most {bytes_max}")
    # A header may promise more than comes, and room for it is taken before that is seen.
    elements = min(elements_max, len(data))
    try:
        message = msgpack.unpackb(
            data, raw=False, strict_map_key=False, unicode_errors="surrogatepass",
            max_array_len=elements, max_map_len=elements, max_ext_len=0,
        )  # fmt: skip
    except (msgpack.UnpackException, ValueError, TypeError) as error:
        raise ValueError(f"not a control message: {error}") from error
    if not isinstance(message, dict):
        raise ValueError(f"not a control message: a {type(message).__name__}")
    return message
