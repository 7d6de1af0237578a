"""What links say to each other besides tuples: tracking, credits, the end.

All share the header of ``frame_header``. Bodies:

    TOGGLES   u64 root, u64 xor, ... (little-endian pairs, raw)
    VOUCH     u64 root, ... (raw)
    FAILS     msgpack [[root, component, task, reason, traceback, row, rows], ...]
    CREDIT    u64 number, then 20 bytes for each channel: u32 source task, u32 target task,
              u16 stream, u16 0, u64 frames returned so far
    RESEND, BYE, BYE_OK   nothing

Credits are counted from the start of the epoch, not from the last message, so that one that
comes twice does no harm. CREDITs are numbered: a sender that misses one says HELLO again and
is told everything anew.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from msgpack import packb

from .errors import WireError
from .frame_header import (
    BYE,
    BYE_OK,
    CREDIT,
    DATA,
    END,
    FAILS,
    HEADER_BYTES,
    HELLO,
    HELLO_OK,
    MARK,
    REJECT,
    RESEND,
    TOGGLES,
    VOUCH,
    Header,
    pack_header,
)
from .frames import Channel, decode_data, decode_end, decode_mark
from .greetings import clean_text, decode_hello, decode_hello_ok, decode_reject
from .unpacking import unpack_body
from .wire_limits import (
    CREDIT_CHANNELS_MAX,
    E_FRAME_SIZE,
    E_FRAME_TYPE,
    FAILS_MAX,
    NAME_CHARS_MAX,
    REASON_CHARS_MAX,
    TOGGLES_MAX,
    TRACEBACK_CHARS_MAX,
)

#: Number of a CREDIT, and one channel in it.
_NUMBER = struct.Struct("<Q")
_CREDIT = struct.Struct("<IIHHQ")
_FAILURE = (int, str, int, str, str, int, int)
_U32, _U64 = (1 << 32) - 1, (1 << 64) - 1


class Failure(NamedTuple):
    """A root failed in a bolt: which task, and why.

    Attributes:
        row, rows: of the ``rows`` messages of its group only number ``row`` failed (from 0), and
            the others go on. ``rows`` is 0 where all failed.
    """

    root: int
    component: str
    task: int
    reason: str
    traceback: str
    row: int = 0
    rows: int = 0


class ToggleFrame(NamedTuple):
    """(root, xor) pairs for the acker."""

    pairs: list[tuple[int, int]]


class FailFrame(NamedTuple):
    """Roots that failed."""

    failures: list[Failure]


class VouchFrame(NamedTuple):
    """Roots that the sender still holds or has queued: signs of life, no progress."""

    roots: tuple[int, ...]


class CreditFrame(NamedTuple):
    """(channel, frames returned since the epoch began) of the channels that changed."""

    number: int
    returned: list[tuple[Channel, int]]


def pack_toggles(pairs: Sequence[tuple[int, int]]) -> bytes:
    """Return the body of TOGGLES for at most ``TOGGLES_MAX`` pairs."""
    return struct.pack(f"<{2 * len(pairs)}Q", *chain.from_iterable(pairs))


def pack_vouch(roots: Sequence[int]) -> bytes:
    """Return the body of a VOUCH for at most ``TOGGLES_MAX`` roots."""
    return struct.pack(f"<{len(roots)}Q", *roots)


def pack_fails(failures: Sequence[Failure], bytes_max: int) -> Iterator[bytes]:
    """Yield the bodies of as many FAILS as up to ``FAILS_MAX`` failures need.

    Each is within ``bytes_max``; reasons and tracebacks are cut, and characters that have no
    wire form replaced.
    """
    yield from _pack_halves([_cut(failure) for failure in failures], bytes_max)


def pack_credit(credit: CreditFrame) -> bytes:
    """Return the body of a CREDIT of at most ``CREDIT_CHANNELS_MAX`` channels."""
    records = [
        _CREDIT.pack(source, target, stream, 0, frames)
        for (source, stream, target), frames in credit.returned
    ]
    return b"".join((_NUMBER.pack(credit.number), *records))


def decode_toggles(data: bytes) -> ToggleFrame:
    """Decode TOGGLES."""
    ids = _unpack_ids(data, 2, 2 * TOGGLES_MAX)
    roots = ids[::2]
    _no_zero(roots)
    return ToggleFrame(list(zip(roots, ids[1::2], strict=True)))


def decode_vouch(data: bytes) -> VouchFrame:
    """Decode a VOUCH."""
    roots = _unpack_ids(data, 1, TOGGLES_MAX)
    _no_zero(roots)
    return VouchFrame(roots)


def decode_fails(data: bytes) -> FailFrame:
    """Decode FAILS."""
    records = _array(data, FAILS_MAX)
    for record in records:
        if type(record) is not tuple or tuple(map(type, record)) != _FAILURE:
            raise WireError(E_FRAME_TYPE, f"a failure is {list(Failure._fields)}")
        if not 0 < record[0] <= _U64 or not 0 <= record[2] <= _U32:
            raise WireError(E_FRAME_TYPE, "root or task of a failure out of range")
        if not 0 <= record[5] <= max(record[6] - 1, 0) or record[6] > _U32:
            raise WireError(E_FRAME_TYPE, "row of a failure out of range")
    return FailFrame([Failure(*record) for record in records])


def decode_credit(data: bytes) -> CreditFrame:
    """Decode a CREDIT."""
    records, rest = divmod(len(data) - HEADER_BYTES - _NUMBER.size, _CREDIT.size)
    if rest:
        raise WireError(E_FRAME_TYPE, f"{len(data) - HEADER_BYTES} bytes are not whole records")
    if records > CREDIT_CHANNELS_MAX:
        raise WireError(E_FRAME_SIZE, f"{records} channels, the limit is {CREDIT_CHANNELS_MAX}")
    (number,) = _NUMBER.unpack_from(data, HEADER_BYTES)
    returned = []
    body = memoryview(data)[HEADER_BYTES + _NUMBER.size :]
    for source, target, stream, zero, frames in _CREDIT.iter_unpack(body):
        if zero:
            raise WireError(E_FRAME_TYPE, "reserved bytes of a CREDIT are not 0")
        returned.append(((source, stream, target), frames))
    return CreditFrame(number, returned)


def decode_empty(data: bytes) -> None:
    """Check that a frame has no body."""
    if len(data) != HEADER_BYTES:
        raise WireError(E_FRAME_TYPE, f"{len(data) - HEADER_BYTES} bytes of body, expected none")


#: The decoder of each kind, for a frame whose header was read already.
DECODERS: dict[int, Callable[[bytes], Any]] = {
    HELLO: decode_hello,
    HELLO_OK: decode_hello_ok,
    REJECT: decode_reject,
    DATA: decode_data,
    END: decode_end,
    MARK: decode_mark,
    TOGGLES: decode_toggles,
    FAILS: decode_fails,
    VOUCH: decode_vouch,
    CREDIT: decode_credit,
    RESEND: decode_empty,
    BYE: decode_empty,
    BYE_OK: decode_empty,
}


def control_frame(header: Header, body: bytes = b"") -> bytes:
    """Return any frame but DATA and END."""
    return pack_header(*header) + body


def _unpack_ids(data: bytes, per_record: int, ids_max: int) -> tuple[int, ...]:
    count, rest = divmod(len(data) - HEADER_BYTES, 8)
    if rest or count % per_record or not count:
        raise WireError(E_FRAME_TYPE, f"{len(data) - HEADER_BYTES} bytes are not whole records")
    if count > ids_max:
        raise WireError(E_FRAME_SIZE, f"{count // per_record} records, the limit is lower")
    return struct.unpack_from(f"<{count}Q", data, HEADER_BYTES)


def _no_zero(roots: tuple[int, ...]) -> None:
    if 0 in roots:
        raise WireError(E_FRAME_TYPE, "root 0")


def _pack_halves(failures: list[Failure], bytes_max: int) -> Iterator[bytes]:
    body = packb(failures)
    if len(body) <= bytes_max or len(failures) == 1:
        yield body
        return
    middle = len(failures) // 2
    yield from _pack_halves(failures[:middle], bytes_max)
    yield from _pack_halves(failures[middle:], bytes_max)


def _cut(failure: Failure) -> Failure:
    return failure._replace(
        component=clean_text(failure.component, NAME_CHARS_MAX),
        reason=clean_text(failure.reason, REASON_CHARS_MAX),
        # The end of a traceback says what was raised.
        traceback=clean_text(failure.traceback[-TRACEBACK_CHARS_MAX:], TRACEBACK_CHARS_MAX),
    )


def _array(data: bytes, items_max: int) -> tuple[Any, ...]:
    items = unpack_body(memoryview(data)[HEADER_BYTES:])
    if type(items) is not tuple:
        raise WireError(E_FRAME_TYPE, "the body is not an array")
    if len(items) > items_max:
        raise WireError(E_FRAME_SIZE, f"{len(items)} records, the limit is {items_max}")
    return items
