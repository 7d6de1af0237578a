"""Marks: what travels in a channel between its frames, in order with them.

A mark is put on every channel of a task, behind all that it has emitted so far; it takes no
credit, so that only its bytes are free. What it means is up to who takes it: watermarks carry
event time (spouts/watermarks.py, bolts/valve.py), barriers cut checkpoints (bolts/alignment.py).
"""

from __future__ import annotations

from typing import NamedTuple

#: No row with an event time of ``value`` (ms since the epoch) or before follows on this channel.
WATERMARK = 1
#: Nothing will come on this channel for a while: it holds nobody's watermark back.
IDLE = 2
#: What came before belongs to checkpoint ``value``, what follows does not.
BARRIER = 3

KINDS = frozenset({WATERMARK, IDLE, BARRIER})
#: Kinds of which a later one takes the place of an earlier one that nothing came behind.
REPLACEABLE = frozenset({WATERMARK, IDLE})
#: The watermark that ends event time: nothing follows.
MAX_WATERMARK = (1 << 63) - 1
#: Before any watermark.
MIN_WATERMARK = -(1 << 63)


class Mark(NamedTuple):
    """One mark: its kind, and a signed number of 64 bits."""

    kind: int
    value: int
