"""A frame that is too large for the wire goes out as several, each with an edge of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .frames import DATA_HEADER_BYTES, NO_TRAILS, BodyPacker, FrameTooLarge, Run
from .trails import Trail


class Part(NamedTuple):
    """Some of the rows of a frame in order, with their runs and packed body."""

    runs: list[Run]
    rows: Sequence[Sequence[Any]]
    body: bytes


def pack_parts(
    packer: BodyPacker,
    runs: Sequence[Run],
    rows: Sequence[Sequence[Any]],
    frame_bytes_max: int,
    trails: Mapping[int, Trail | None] = NO_TRAILS,
) -> list[Part]:
    """Pack rows into as few halvings as make every frame fit into ``frame_bytes_max``.

    Called in place of ``packer.pack`` where rows may be large. The caller draws an edge for
    each part, and toggles each root of a part with the edge of that part.

    Raises:
        NotPackable: a value has no wire form.
        FrameTooLarge: a row is over the limit alone; ``find_oversized`` says which.
    """
    body = packer.pack(runs, rows, trails)
    size = DATA_HEADER_BYTES + len(body)
    if size <= frame_bytes_max:
        return [Part(list(runs), rows, body)]
    if trails:
        # Rows go before trails, which only save work.
        return pack_parts(packer, runs, rows, frame_bytes_max)
    if len(rows) == 1:
        raise FrameTooLarge(size, frame_bytes_max)
    middle = len(rows) // 2
    first, second = split_runs(runs, middle)
    return [
        *pack_parts(packer, first, rows[:middle], frame_bytes_max),
        *pack_parts(packer, second, rows[middle:], frame_bytes_max),
    ]


def split_runs(runs: Sequence[Run], rows: int) -> tuple[list[Run], list[Run]]:
    """Return the runs of the first ``rows`` rows and those of the rest."""
    first: list[Run] = []
    for position, (count, roots) in enumerate(runs):
        if count > rows:
            head: list[Run] = [(rows, roots)] if rows else []
            return first + head, [(count - rows, roots), *runs[position + 1 :]]
        first.append((count, roots))
        rows -= count
    return first, []


def runs_without(runs: Sequence[Run], dropped: Sequence[int]) -> list[Run]:
    """Return the runs that are left when the rows at the positions ``dropped`` are taken out.

    Called when some rows of a frame failed alone (no wire form, too large) and the rest goes.
    """
    gone = set(dropped)
    left: list[Run] = []
    start = 0
    for count, roots in runs:
        kept = count - sum(position in gone for position in range(start, start + count))
        if kept:
            left.append((kept, roots))
        start += count
    return left
