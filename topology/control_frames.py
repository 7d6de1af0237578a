"""What links say to each other besides tuples: greetings, tracking, credits, the end.

All share the header of ``frame_header``. Bodies:

    HELLO     msgpack map: proto_min, proto_max, topology, worker, peer_incarnation (0 = not
              known), frame_bytes_max; epoch and incarnation are in the header
    HELLO_OK  msgpack map: last_seq, frame_bytes_max
    REJECT    msgpack map: code, text, epoch (the receiver's)
    TOGGLES   u64 root, u64 xor, ... (little-endian pairs, raw)
    VOUCH     u64 root, ... (raw)
    FAILS     msgpack [[root, component, task, reason, traceback], ...]
    CREDIT    msgpack [[source task, stream, target task, frames returned so far], ...]
    RESEND, BYE, BYE_OK   nothing

Credits are counted from the start of the epoch, not from the last message: a CREDIT that is
lost is made good by the next one, and one that comes twice does no harm.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    REJECT,
    RESEND,
    TOGGLES,
    VOUCH,
    Header,
    pack_header,
)
from .frames import Channel, decode_data, decode_end
from .unpacking import unpack_body
from .wire_limits import (
    CREDIT_CHANNELS_MAX,
    E_FRAME_SIZE,
    E_FRAME_TYPE,
    FAILS_MAX,
    GREETING_BYTES_MAX,
    NAME_CHARS_MAX,
    PROTOCOL_MAX,
    PROTOCOL_MIN,
    REASON_CHARS_MAX,
    TEXT_CHARS_MAX,
    TOGGLES_MAX,
    TRACEBACK_CHARS_MAX,
)

_U16, _U32, _U64 = (1 << 16) - 1, (1 << 32) - 1, (1 << 64) - 1


class Hello(NamedTuple):
    """A sender asks to send. ``worker`` is its number in the plan."""

    topology: str
    worker: int
    #: The incarnation it means to talk to, 0 when it has not been told.
    peer_incarnation: int
    frame_bytes_max: int
    proto_min: int = PROTOCOL_MIN
    proto_max: int = PROTOCOL_MAX


class HelloOk(NamedTuple):
    """The receiver has everything up to ``last_seq``, and takes what comes after."""

    last_seq: int
    frame_bytes_max: int


class Reject(NamedTuple):
    """The receiver does not take a link or a frame; ``code`` is one of ``REJECT_CODES``."""

    code: str
    text: str
    epoch: int


class Failure(NamedTuple):
    """A root failed in a bolt: which task, and why."""

    root: int
    component: str
    task: int
    reason: str
    traceback: str


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

    returned: list[tuple[Channel, int]]


#: Why a receiver refuses: a link (all but misrouted) or one frame (misrouted).
REJECT_CODES = ("stale_epoch", "version", "topology", "identity", "misrouted", "state", "frame")


def pack_hello(hello: Hello) -> bytes:
    """Return the body of a HELLO."""
    return _packed(hello._asdict())


def pack_hello_ok(answer: HelloOk) -> bytes:
    """Return the body of a HELLO_OK."""
    return _packed(answer._asdict())


def pack_reject(reject: Reject) -> bytes:
    """Return the body of a REJECT; its text is cut to ``TEXT_CHARS_MAX``."""
    return _packed({**reject._asdict(), "text": _clean(reject.text, TEXT_CHARS_MAX)})


def pack_toggles(pairs: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    """Yield the bodies of as many TOGGLES as ``pairs`` need."""
    yield from _pack_ids(list(chain.from_iterable(pairs)), 2 * TOGGLES_MAX)


def pack_vouch(roots: Iterable[int]) -> Iterator[bytes]:
    """Yield the bodies of as many VOUCH as ``roots`` need."""
    yield from _pack_ids(list(roots), TOGGLES_MAX)


def pack_fails(failures: Sequence[Failure], bytes_max: int) -> Iterator[bytes]:
    """Yield the bodies of as many FAILS as needed, each within ``bytes_max``.

    Reasons and tracebacks are cut, and characters that have no wire form replaced.
    """
    for start in range(0, len(failures), FAILS_MAX):
        yield from _pack_halves([_cut(f) for f in failures[start : start + FAILS_MAX]], bytes_max)


def pack_credits(returned: Sequence[tuple[Channel, int]]) -> Iterator[bytes]:
    """Yield the bodies of as many CREDIT as needed: at least one, since each carries the ack."""
    for start in range(0, len(returned) or 1, CREDIT_CHANNELS_MAX):
        part = returned[start : start + CREDIT_CHANNELS_MAX]
        yield packb([(*channel, frames) for channel, frames in part])


def decode_hello(data: bytes) -> Hello:
    """Decode a HELLO. Keys of later versions are passed over."""
    fields = _greeting(data)
    return Hello(
        topology=_name(fields, "topology"),
        worker=_number(fields, "worker", 0, _U32),
        peer_incarnation=_number(fields, "peer_incarnation", 0, _U64),
        frame_bytes_max=_number(fields, "frame_bytes_max", 1, _U32),
        proto_min=_number(fields, "proto_min", 1, _U16),
        proto_max=_number(fields, "proto_max", 1, _U16),
    )


def decode_hello_ok(data: bytes) -> HelloOk:
    """Decode a HELLO_OK."""
    fields = _greeting(data)
    return HelloOk(
        last_seq=_number(fields, "last_seq", 0, _U64),
        frame_bytes_max=_number(fields, "frame_bytes_max", 1, _U32),
    )


def decode_reject(data: bytes) -> Reject:
    """Decode a REJECT. A code of a later version is passed on as it is."""
    fields = _greeting(data)
    return Reject(
        code=_name(fields, "code"),
        text=_name(fields, "text", TEXT_CHARS_MAX),
        epoch=_number(fields, "epoch", 0, _U32),
    )


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
        if type(record) is not tuple or tuple(map(type, record)) != (int, str, int, str, str):
            raise WireError(E_FRAME_TYPE, "a failure is [root, component, task, reason, traceback]")
        if not 0 < record[0] <= _U64 or not 0 <= record[2] <= _U32:
            raise WireError(E_FRAME_TYPE, "root or task of a failure out of range")
    return FailFrame([Failure(*record) for record in records])


def decode_credit(data: bytes) -> CreditFrame:
    """Decode a CREDIT."""
    returned = []
    for record in _array(data, CREDIT_CHANNELS_MAX):
        if type(record) is not tuple or tuple(map(type, record)) != (int, int, int, int):
            raise WireError(E_FRAME_TYPE, "a credit is [source, stream, target, frames]")
        if min(record) < 0:
            raise WireError(E_FRAME_TYPE, "negative credit or channel")
        returned.append((record[:3], record[3]))
    return CreditFrame(returned)


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


def _packed(fields: dict[str, Any]) -> bytes:
    body: bytes = packb(fields)
    return body


def _pack_ids(ids: list[int], step: int) -> Iterator[bytes]:
    for start in range(0, len(ids), step):
        part = ids[start : start + step]
        yield struct.pack(f"<{len(part)}Q", *part)


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
        component=_clean(failure.component, NAME_CHARS_MAX),
        reason=_clean(failure.reason, REASON_CHARS_MAX),
        # The end of a traceback says what was raised.
        traceback=_clean(failure.traceback[-TRACEBACK_CHARS_MAX:], TRACEBACK_CHARS_MAX),
    )


def _clean(text: str, chars_max: int) -> str:
    return text[:chars_max].encode("utf-8", "replace").decode("utf-8")


def _greeting(data: bytes) -> dict[str, Any]:
    if len(data) > HEADER_BYTES + GREETING_BYTES_MAX:
        raise WireError(E_FRAME_SIZE, f"{len(data)} bytes are too many for a greeting")
    fields = unpack_body(
        memoryview(data)[HEADER_BYTES:], strict_map_key=True, object_pairs_hook=_unique
    )
    if type(fields) is not dict or any(type(key) is not str for key in fields):
        raise WireError(E_FRAME_TYPE, "a greeting is a map of names")
    return fields


def _unique(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise TypeError("duplicate map keys")
    return fields


def _number(fields: dict[str, Any], key: str, low: int, high: int) -> int:
    value = fields.get(key)
    if type(value) is not int or not low <= value <= high:
        raise WireError(
            E_FRAME_TYPE, f"{key}: expected an integer {low}..{high}, got {value!r:.80}"
        )
    return value


def _name(fields: dict[str, Any], key: str, chars_max: int = NAME_CHARS_MAX) -> str:
    value = fields.get(key)
    if type(value) is not str or not len(value) <= chars_max:
        raise WireError(E_FRAME_TYPE, f"{key}: expected a str, got {value!r:.80}")
    return value


def _array(data: bytes, items_max: int) -> tuple[Any, ...]:
    items = unpack_body(memoryview(data)[HEADER_BYTES:])
    if type(items) is not tuple:
        raise WireError(E_FRAME_TYPE, "the body is not an array")
    if len(items) > items_max:
        raise WireError(E_FRAME_SIZE, f"{len(items)} records, the limit is {items_max}")
    return items
