"""The header that every frame between workers begins with, and the kinds of frames."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from .errors import WireError
from .wire_limits import (
    E_FRAME_DECODE,
    E_FRAME_PARTS,
    E_FRAME_SIZE,
    E_FRAME_STATE,
    E_FRAME_TYPE,
    E_FRAME_VERSION,
    FRAME_BYTES_MAX,
    FRAMES_MAX,
    MAGIC,
    PROTOCOL_MAX,
)

#: A sender asks to send; the receiver takes it, or refuses it or one of its frames.
HELLO, HELLO_OK, REJECT = 1, 2, 3
#: Tuples of a channel, and the end of a channel.
DATA, END = 4, 5
#: Tracking: XORs for ackers, failed roots, roots still held.
TOGGLES, FAILS, VOUCH = 6, 7, 8
#: From the receiver: received so far and credits returned; received so far, send the rest again.
CREDIT, RESEND = 9, 10
#: The sender is done; the receiver has it all.
BYE, BYE_OK = 11, 12
#: A mark in a channel: a watermark, a barrier.
MARK = 13

KINDS = range(HELLO, MARK + 1)
#: Kinds that take a number in the sender's sequence and are delivered exactly once, in order.
SEQUENCED = frozenset({DATA, END, MARK, TOGGLES, FAILS, VOUCH})
#: Kinds whose layout is the same in all versions, so that versions can be compared.
_ALL_VERSIONS = frozenset({HELLO, REJECT})

# The header of every frame, 24 bytes:
#
#   0       1         2      3       4           8                 16           24
#   +-------+---------+------+-------+-----------+-----------------+------------+
#   | 'W' u8| version | kind | flags | epoch u32 | incarnation u64 | seq u64    |
#   |       | u8      | u8   | u8 = 0|           | (the sender's)  |            |
#   +-------+---------+------+-------+-----------+-----------------+------------+
#
# seq: number in the sequence for the kinds of SEQUENCED, counted from 1 in each epoch;
# HELLO and HELLO_OK: number of the HELLO; CREDIT and RESEND: last seq received in order;
# BYE and BYE_OK: last seq sent; REJECT: seq of what is refused.
_HEADER = struct.Struct("<BBBBIQQ")
HEADER_BYTES = _HEADER.size


class Header(NamedTuple):
    """The fields that every frame has."""

    kind: int
    epoch: int
    incarnation: int
    seq: int


def pack_header(kind: int, epoch: int, incarnation: int, seq: int) -> bytes:
    """Return the 24 bytes that every frame begins with."""
    return _HEADER.pack(MAGIC, PROTOCOL_MAX, kind, 0, epoch, incarnation, seq)


def check_parts(parts: Sequence[bytes]) -> None:
    """Check how many parts a message has (without routing id): each of them is a frame.

    Raises:
        WireError: none, or more than a peer sends together; their bytes are not looked at.
    """
    if not 1 <= len(parts) <= FRAMES_MAX:
        raise WireError(E_FRAME_PARTS, f"{len(parts)} parts, the limit is {FRAMES_MAX}")


def decode_header(data: bytes, frame_bytes_max: int = FRAME_BYTES_MAX) -> Header:
    """Read the header of a frame; called first, so that duplicates need not be decoded.

    Raises:
        WireError: too short, too long, not ours, or of a version or kind not known.
    """
    size = len(data)
    if size < HEADER_BYTES:
        raise WireError(E_FRAME_DECODE, f"{size} bytes, a header takes {HEADER_BYTES}")
    if size > frame_bytes_max:
        raise WireError(E_FRAME_SIZE, f"{size} bytes, the limit is {frame_bytes_max}")
    magic, version, kind, flags, epoch, incarnation, seq = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise WireError(E_FRAME_DECODE, f"starts with {bytes(data[:4])!r}, not with a header")
    if version != PROTOCOL_MAX and kind not in _ALL_VERSIONS:
        raise WireError(E_FRAME_VERSION, f"layout version {version}, this is {PROTOCOL_MAX}")
    if kind not in KINDS:
        raise WireError(E_FRAME_STATE, f"unknown kind {kind}")
    if flags:
        raise WireError(E_FRAME_TYPE, f"unknown flags {flags:#04x}")
    return Header(kind, epoch, incarnation, seq)
