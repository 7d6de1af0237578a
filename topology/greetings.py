"""Greetings and refusals: how a link between two workers begins, or why it does not.

Bodies are msgpack maps behind the header of ``frame_header``, which holds epoch and
incarnation. Keys of later versions are passed over, so that versions can talk at all:

    HELLO     proto_min, proto_max, topology, worker, peer_incarnation (0 = not known),
              frame_bytes_max
    HELLO_OK  last_seq, credits_sent (number of the last CREDIT), frame_bytes_max
    REJECT    code, text, epoch (the receiver's)
"""

from __future__ import annotations

from typing import Any, NamedTuple

from msgpack import packb

from .errors import WireError
from .frame_header import HEADER_BYTES
from .unpacking import unpack_body
from .wire_limits import (
    E_FRAME_SIZE,
    E_FRAME_TYPE,
    GREETING_BYTES_MAX,
    NAME_CHARS_MAX,
    PROTOCOL_MAX,
    PROTOCOL_MIN,
    TEXT_CHARS_MAX,
)

_U16, _U32, _U64 = (1 << 16) - 1, (1 << 32) - 1, (1 << 64) - 1

#: Why a receiver refuses: a link (all but misrouted) or one frame (misrouted).
REJECT_CODES = ("stale_epoch", "version", "topology", "identity", "misrouted", "state", "frame")


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
    credits_sent: int
    frame_bytes_max: int


class Reject(NamedTuple):
    """The receiver does not take a link or a frame; ``code`` is one of ``REJECT_CODES``."""

    code: str
    text: str
    epoch: int


def pack_hello(hello: Hello) -> bytes:
    """Return the body of a HELLO."""
    return _packed(hello._asdict())


def pack_hello_ok(answer: HelloOk) -> bytes:
    """Return the body of a HELLO_OK."""
    return _packed(answer._asdict())


def pack_reject(reject: Reject) -> bytes:
    """Return the body of a REJECT; its text is cut to ``TEXT_CHARS_MAX``."""
    return _packed({**reject._asdict(), "text": clean_text(reject.text, TEXT_CHARS_MAX)})


def decode_hello(data: bytes) -> Hello:
    """Decode a HELLO."""
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
        credits_sent=_number(fields, "credits_sent", 0, _U64),
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


def clean_text(text: str, chars_max: int) -> str:
    """Cut a text, and replace in it what UTF-8 cannot say."""
    return text[:chars_max].encode("utf-8", "replace").decode("utf-8")


def _packed(fields: dict[str, Any]) -> bytes:
    body: bytes = packb(fields)
    return body


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
