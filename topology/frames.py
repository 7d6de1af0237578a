"""The frames that carry tuples between workers, and marks in a channel and at its end.

A frame is one single-part message: the header of ``frame_header``, then what is drawn here.
What links say to each other besides tuples is in ``control_frames``. Decoding is strict: whatever
is not a frame raises WireError with an E_FRAME_* code and nothing else.

The memory that a decoded frame takes is bounded by its bytes: every element takes at least
one byte on the wire and at most 73 on the heap (an empty dict).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from msgpack import Packer, Unpacker

from .columns import Columns
from .errors import WaterspoutError, WireError
from .frame_header import HEADER_BYTES, Header
from .marks import KINDS as MARK_KINDS
from .marks import Mark
from .trails import Trail, trails_from_wire, trails_to_wire
from .unpacking import unpack_body
from .wire_limits import (
    E_FRAME_DECODE,
    E_FRAME_SIZE,
    E_FRAME_TYPE,
    FRAME_ROWS_MAX,
    MAGIC,
    PROTOCOL_MAX,
)
from .wire_values import NotPackable

#: (source task, stream index, target task)
Channel = tuple[int, int, int]
#: (count, roots): that many rows in order descend from these roots; () = untracked.
Run = tuple[int, tuple[int, ...]]


# DATA, END and MARK go on:
#
#   24         32           36           40           42          44         48
#   +----------+------------+------------+------------+-----------+----------+--------
#   | edge u64 | source u32 | target u32 | stream u16 | width u16 | rows u32 | body ...
#   +----------+------------+------------+------------+-----------+----------+--------
#
# Body of DATA: msgpack [counts, root counts, roots, values], all flat, and trails if there are:
#   counts       [rows of run 0, rows of run 1, ...]
#   root counts  [roots of run 0, ...]; [] when each run has one root
#   roots        bin: the u64 roots of all runs, in order
#   values       the values of all rows, in order; ``width`` to a row
#   trails       [[number of the run, step, ...], ...] (trails.py)
# Flat arrays are as fast as nested ones for few runs, twice as fast for a run per row, and
# their structure needs no check item by item.
# END has edge, width and rows 0 and no body; so has MARK, whose body is u8 kind, i64 value.
_CHANNEL = struct.Struct("<QIIHHI")
_DATA = struct.Struct("<BBBBIQQQIIHHI")
_MARK = struct.Struct("<Bq")
DATA_HEADER_BYTES = _DATA.size
#: Elements that the body of DATA may have.
_PARTS = (4, 5)
#: Of a frame that nobody asked for.
NO_TRAILS: Mapping[int, Trail | None] = {}


class FrameTooLarge(WaterspoutError):
    """A frame to be sent is over its limit; carries ``size_bytes`` and ``bytes_max``."""

    def __init__(self, size_bytes: int, bytes_max: int) -> None:
        super().__init__(f"frame of {size_bytes} bytes, the limit is {bytes_max}")
        self.size_bytes = size_bytes
        self.bytes_max = bytes_max


class DataFrame(NamedTuple):
    """Rows of one channel as they came over the wire: values in normal form."""

    channel: Channel
    edge: int
    runs: list[Run]
    rows: list[tuple[Any, ...]] | Columns
    #: Values per row; the receiver compares it with the fields of the stream.
    width: int
    trails: Mapping[int, Trail | None] = NO_TRAILS


class EndFrame(NamedTuple):
    """No row will come on this channel any more in this epoch."""

    channel: Channel


class MarkFrame(NamedTuple):
    """A mark that follows all rows that came on this channel before it."""

    channel: Channel
    mark: Mark


class BodyPacker:
    """Packs bodies of DATA frames. One per thread: it reuses its buffer."""

    def __init__(self) -> None:
        self._packer = Packer()

    def pack(
        self, runs: Sequence[Run], rows: Sequence[Sequence[Any]],
        trails: Mapping[int, Trail | None] = NO_TRAILS,
    ) -> bytes:  # fmt: skip
        """Return the body for ``rows``, which all have the same number of values.

        Called by the sender of a frame before it draws a seq or takes a credit. 1,024 rows
        of one word take 26 us; rows of one value have a path of their own (40 us else).

        Raises:
            NotPackable: a value has no wire form; ask ``find_unpackables``.
        """
        width = len(rows[0])
        if isinstance(rows, Columns):
            values = rows.flat()
        elif width == 1:
            values = [value for (value,) in rows]
        else:
            values = list(chain.from_iterable(rows))
            assert len(values) == width * len(rows), "rows of one channel have one width"
        try:
            last = (trails_to_wire(runs, trails),) if trails else ()
            body: bytes = self._packer.pack((*_flat_runs(runs), values, *last))
        except Exception as error:
            # Not only what msgpack raises: user types run code of their own while packed.
            self._packer.reset()
            raise NotPackable(f"{type(error).__name__}: {error}") from error
        return body


def data_frame(
    header: Header, channel: Channel, edge: int, width: int, rows: int, body: bytes
) -> bytes:
    """Return a DATA frame around a packed body; ``header.kind`` is DATA."""
    source, stream, target = channel
    kind, epoch, incarnation, seq = header
    return (
        _DATA.pack(
            MAGIC, PROTOCOL_MAX, kind, 0, epoch, incarnation, seq,
            edge, source, target, stream, width, rows,
        )
        + body
    )  # fmt: skip


def end_frame(header: Header, channel: Channel) -> bytes:
    """Return an END frame; ``header.kind`` is END."""
    return data_frame(header, channel, 0, 0, 0, b"")


def mark_frame(header: Header, channel: Channel, mark: Mark) -> bytes:
    """Return a MARK frame; ``header.kind`` is MARK."""
    return data_frame(header, channel, 0, 0, 0, _MARK.pack(*mark))


def decode_channel(data: bytes) -> Channel:
    """Read the channel of a DATA, END or MARK frame, whose body may be broken."""
    return _channel_fields(data)[0]


def decode_data(data: bytes) -> DataFrame:
    """Decode a DATA frame whose header was read already.

    Raises:
        WireError: the body is not what the header says.
    """
    channel, edge, width, rows = _channel_fields(data)
    if not 0 < rows <= FRAME_ROWS_MAX:
        raise WireError(E_FRAME_SIZE, f"{rows} rows, allowed are 1 to {FRAME_ROWS_MAX}")
    body = unpack_body(memoryview(data)[DATA_HEADER_BYTES:])
    if type(body) is not tuple or len(body) not in _PARTS:
        raise WireError(
            E_FRAME_TYPE, "the body of DATA is not [counts, root counts, roots, values, trails?]"
        )
    runs = read_runs(body[0], body[1], body[2], rows)
    if not edge and body[2]:
        raise WireError(E_FRAME_TYPE, "edge 0 on tracked rows")
    trails = trails_from_wire(body[4], runs) if len(body) > 4 else {}
    return DataFrame(channel, edge, runs, _cut_rows(body[3], width, rows), width, trails)


def decode_end(data: bytes) -> EndFrame:
    """Decode an END frame whose header was read already."""
    channel, edge, width, rows = _channel_fields(data)
    if len(data) != DATA_HEADER_BYTES or edge or width or rows:
        raise WireError(E_FRAME_TYPE, "END carries nothing but its channel")
    return EndFrame(channel)


def decode_mark(data: bytes) -> MarkFrame:
    """Decode a MARK frame whose header was read already."""
    channel, edge, width, rows = _channel_fields(data)
    if len(data) != DATA_HEADER_BYTES + _MARK.size or edge or width or rows:
        raise WireError(E_FRAME_TYPE, "MARK carries its channel, a kind and a value")
    mark = Mark(*_MARK.unpack_from(data, DATA_HEADER_BYTES))
    if mark.kind not in MARK_KINDS:
        raise WireError(E_FRAME_TYPE, f"unknown mark {mark.kind}")
    return MarkFrame(channel, mark)


def salvage_roots(data: bytes) -> tuple[int, ...]:
    """Return the distinct roots of a DATA frame whose values are broken, if its runs are whole.

    Called for frames that ``decode_data`` refused, so that their messages fail by name
    instead of by timeout.
    """
    try:
        reader = Unpacker(None, use_list=False, max_buffer_size=len(data))
        reader.feed(memoryview(data)[DATA_HEADER_BYTES:])
        if reader.read_array_header() not in _PARTS:
            return ()
        parts = [reader.unpack() for _ in range(3)]
        runs = read_runs(parts[0], parts[1], parts[2], _channel_fields(data)[3])
    except Exception:
        # The frame was refused already; whatever is wrong with it, no root can be named.
        return ()
    return tuple(dict.fromkeys(chain.from_iterable(roots for _, roots in runs)))


def read_runs(counts: Any, root_counts: Any, roots: Any, rows: int) -> list[Run]:
    """Return the runs that the first three parts of a body describe.

    Raises:
        WireError: wrong types, counts that do not add up to ``rows``, root 0.
    """
    try:
        ids = struct.unpack(f"<{len(roots) // 8}Q", roots)
        sound = (
            type(counts) is type(root_counts) is tuple
            and set(map(type, counts)) == {int}
            and min(counts) > 0
            and sum(counts) == rows
            and 0 not in ids
            and _root_counts_fit(root_counts, len(counts), len(ids))
        )
    except (TypeError, struct.error):
        sound = False
    if not sound:
        raise WireError(E_FRAME_TYPE, "counts and roots do not make runs over all rows")
    if not root_counts:
        return list(zip(counts, zip(ids, strict=True), strict=True))
    following = iter(ids)
    return [
        (rows, tuple(islice(following, roots)))
        for rows, roots in zip(counts, root_counts, strict=True)
    ]


def _root_counts_fit(root_counts: tuple[Any, ...], runs: int, ids: int) -> bool:
    if not root_counts:
        return runs == ids
    return (
        len(root_counts) == runs
        and set(map(type, root_counts)) == {int}
        and min(root_counts) >= 0
        and sum(root_counts) == ids
    )


def _flat_runs(runs: Sequence[Run]) -> tuple[Sequence[int], Sequence[int], bytes]:
    """Return counts, root counts and roots as a body has them."""
    counts = [count for count, _ in runs]
    root_counts: Sequence[int]
    try:
        ids = [root for _, (root,) in runs]
        root_counts = ()
    except ValueError:
        ids = [root for _, roots in runs for root in roots]
        root_counts = [len(roots) for _, roots in runs]
    return counts, root_counts, struct.pack(f"<{len(ids)}Q", *ids)


def _channel_fields(data: bytes) -> tuple[Channel, int, int, int]:
    if len(data) < DATA_HEADER_BYTES:
        raise WireError(E_FRAME_DECODE, f"{len(data)} bytes, the header takes {DATA_HEADER_BYTES}")
    edge, source, target, stream, width, rows = _CHANNEL.unpack_from(data, HEADER_BYTES)
    return (source, stream, target), edge, width, rows


def _cut_rows(values: Any, width: int, rows: int) -> list[tuple[Any, ...]] | Columns:
    if type(values) is not tuple or len(values) != width * rows:
        raise WireError(E_FRAME_TYPE, f"expected {rows} x {width} values")
    if width == 0:
        return [()] * rows
    if rows >= Columns.height_min:
        columns = tuple([list(values[position::width]) for position in range(width)])
        return Columns.of(columns, rows, normal=True)
    # One iterator in ``width`` places: zip takes the values of each row from it in turn.
    return list(zip(*[iter(values)] * width, strict=True))
