"""Limits and error codes of the wire: what a peer may send, and what a refusal is called."""

from __future__ import annotations

#: First byte of every frame.
MAGIC = 0x57  # 'W'
#: Version of the frame layout that this code speaks; HELLO offers the range MIN..MAX.
PROTOCOL_MIN = 1
PROTOCOL_MAX = 1

#: Frames that travel together as the parts of one message: each message wakes a thread of ZeroMQ on
#: either side, which costs more than a frame.
FRAMES_MAX = 8
#: Bytes of a whole frame, header included, where the settings name no other limit.
FRAME_BYTES_MAX = 1 << 20
#: Bytes that every frame but DATA may have, even where ``frame_bytes_max`` is lower.
CONTROL_BYTES_MAX = 1 << 16
#: Rows that one DATA frame may hold, whatever ``frame_rows_max`` says; refused on both sides.
FRAME_ROWS_MAX = 1 << 16
#: Bytes of a HELLO, HELLO_OK or REJECT; they hold a few names and numbers.
GREETING_BYTES_MAX = 4096
#: Characters of a name in a HELLO and of a text in a REJECT; a longer text is cut.
NAME_CHARS_MAX = 256
TEXT_CHARS_MAX = 512
#: (root, xor) pairs in one TOGGLES frame, and roots in one VOUCH; more go into further frames.
TOGGLES_MAX = 8192
#: Channels in one CREDIT; the rest go into further ones.
CREDIT_CHANNELS_MAX = 2048
#: Records in one FAILS frame, and the characters of a reason and of a traceback in it (cut).
FAILS_MAX = 256
REASON_CHARS_MAX = 1024
TRACEBACK_CHARS_MAX = 8192
#: Levels of lists and dicts in a value. msgpack itself gives up at 1,024; this is what
#: values that stay in a worker are held to, so that a bolt can walk them recursively.
VALUE_DEPTH_MAX = 200
#: Integers that have a wire form.
INT_MIN = -(1 << 63)
INT_MAX = (1 << 64) - 1

E_FRAME_PARTS = "E_FRAME_PARTS"
E_FRAME_DECODE = "E_FRAME_DECODE"
E_FRAME_SIZE = "E_FRAME_SIZE"
E_FRAME_DEPTH = "E_FRAME_DEPTH"
E_FRAME_TYPE = "E_FRAME_TYPE"
E_FRAME_ENCODING = "E_FRAME_ENCODING"
E_FRAME_STATE = "E_FRAME_STATE"
E_FRAME_VERSION = "E_FRAME_VERSION"

#: Every code that a WireError bears, and what it means; docs/errors.md is made from it.
FRAME_CODES: dict[str, str] = {
    E_FRAME_PARTS: "a message without a part, or of more parts than frames travel together",
    E_FRAME_DECODE: "not a frame: too short, wrong magic, truncated, trailing bytes, not msgpack",
    E_FRAME_SIZE: "over the byte or row limit",
    E_FRAME_DEPTH: "nested too deeply",
    E_FRAME_TYPE: "well-formed msgpack of the wrong type: ext types, wrong fields, numbers out "
    "of range",
    E_FRAME_ENCODING: "a str that is not UTF-8",
    E_FRAME_STATE: "a frame that has no place here: unknown kind, before HELLO, impossible seq, "
    "ack or credit",
    E_FRAME_VERSION: "a layout version that this code does not speak",
}


def message_bytes_max(frame_bytes_max: int) -> int:
    """Return the size of the largest message on a link; sockets are told to refuse larger ones."""
    return max(frame_bytes_max, CONTROL_BYTES_MAX)
