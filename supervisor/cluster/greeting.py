"""The first 64 bytes of a ZeroMQ connection: enough to tell who listens, and whether with keys.

Source: ZMTP 3.1, rfc.zeromq.org/spec/37, "greeting".

    0          1 .. 8     9      10     11     12 .. 31    32         33 .. 63
    +----------+----------+------+------+------+-----------+----------+--------+
    | FF       | padding  | 7F   | 3    | 1    | mechanism | server?  | zeros  |
    +----------+----------+------+------+------+-----------+----------+--------+
"""

from __future__ import annotations

GREETING_BYTES = 64
_SIGNATURE = b"\xff" + bytes(7) + b"\x01\x7f"


#: What the other side waits for before it says its own mechanism. The rest of ours is kept back: it
#: would hang up at once if it did not like it, and might not have said its own by then.
OPENING = _SIGNATURE + b"\x03\x01"


def mechanism_of(data: bytes) -> str | None:
    """Return the mechanism in a greeting (NULL, CURVE ..); None: it is no greeting."""
    if len(data) < GREETING_BYTES or data[0] != 0xFF or data[9] & 1 == 0 or data[10] < 3:
        return None
    name = data[12:32].rstrip(b"\0")
    return name.decode() if name.isalnum() and name.isascii() else None
