"""The rows that a bolt has seen, as a part of its state that a cut hands over without a copy.

    entries    rows since the last cut: what is worked on is noted here
    held       rows of that cut, which are looked up and do not change
    older      those of the cut before it, until the last one is written

               entries   held      older
    cut 1      D         A B C                    written: A B C
               A and B are durable
    cut 2      F         D E       A B C          written: D E C
               F         D E C                    A and B were let go of while it was

The thread that writes a cut does what takes time: it takes those of ``older`` that may come again
over into ``held``, and lets go of them all. So the bolt looks at no row when its message becomes
durable, and each row is looked at once.

Each snapshot holds all rows that may come again. Changes would be no less: of two snapshots the
later one has next to none of the rows of the earlier one, and would have to name them as gone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from waterspout.topology.errors import StateError
from waterspout.topology.origins import ORIGIN_BYTES, PATH_AT, POSITION_AT

from .snapshots import MapCopy
from .state_slices import SLICE_KEYS_MAX, pack_slices

#: Origin -> key group of its row, or that in two bytes and what was emitted for it, packed.
Entries = dict[bytes, Any]


class DurableEnds:
    """Which messages are durable, as far as a task was told. By partition, as origins have it."""

    def __init__(self) -> None:
        #: partition -> bounds [0, first unacked, start, end, ...] of what is durable.
        self._bounds: dict[bytes, list[int]] = {}
        #: partition -> it and a bound, as an origin begins: up to the first all rows are durable,
        #: behind the last none.
        self._lowest: dict[bytes, bytes] = {}
        self.highest: dict[bytes, bytes] = {}

    def update(self, positions: Mapping[bytes, Any]) -> None:
        """Take positions, partition by partition, as a ledger tells them."""
        for partition, (first, ahead) in positions.items():
            bounds = [0, first, *(bound for pair in ahead for bound in pair)]
            self._bounds[partition] = bounds
            self._lowest[partition] = partition + first.to_bytes(8, "big")
            self.highest[partition] = partition + bounds[-1].to_bytes(8, "big")

    def copy(self) -> DurableEnds:
        """Return them as they are now, for another thread."""
        made = DurableEnds()
        made._bounds, made._lowest = self._bounds.copy(), self._lowest.copy()
        made.highest = self.highest.copy()
        return made

    def holds(self, origin: bytes) -> bool:
        """Say whether the message of a row is durable."""
        return origin[:PATH_AT] <= self.highest.get(origin[:POSITION_AT], b"") and self._in(origin)

    def unheld(self, origin: bytes) -> tuple[bytes, bytes]:
        """Return two bounds: an origin between them is of no message that is durable now.

        They hold for the partition of ``origin``: between them is what comes behind all that is
        durable of it. To compare with them takes 50 ns, to look into the bounds 125 and more.
        """
        if not origin:
            return b"", b""
        partition = origin[:POSITION_AT]
        highest = self.highest.get(partition, partition + bytes(PATH_AT - POSITION_AT))
        return highest.ljust(ORIGIN_BYTES, b"\xff"), partition.ljust(ORIGIN_BYTES, b"\xff")

    def _in(self, origin: bytes) -> bool:
        bounds = self._bounds.get(origin[:POSITION_AT])
        end = int.from_bytes(origin[POSITION_AT:PATH_AT], "big")
        # The position after it is in (start, end] of a range.
        return bounds is not None and bisect_left(bounds, end) % 2 == 1

    def not_among(self, entries: Entries) -> Entries:
        """Return the entries of rows whose messages are not durable: 150 ns for one that is."""
        lowest = self._lowest.get
        return {
            origin: entry for origin, entry in entries.items()
            if origin[:PATH_AT] > lowest(origin[:POSITION_AT], b"") and not self.holds(origin)
        }  # fmt: skip

    def holds_none(self, origins: Sequence[bytes]) -> bool:
        """Say whether it is plain at a glance that no row's is: 50 ns a row, not 300."""
        low, high = min(origins), max(origins)
        if low[:POSITION_AT] != high[:POSITION_AT]:
            return False
        bounds = self._bounds.get(low[:POSITION_AT])
        return bounds is None or int.from_bytes(low[POSITION_AT:PATH_AT], "big") > bounds[-1]


class SeenRows:
    """The rows of one task; see the module. All but the slices of a cut: on the bolt's thread.

    Whoever looks a row up asks ``older`` before ``held``: it goes from there to here at any time.
    """

    #: Each snapshot holds all.
    adds = False

    def __init__(self, component: str, name: str) -> None:
        self._component, self._name = component, name
        self.ends = DurableEnds()
        self.entries: Entries = {}
        self.held: Entries = {}
        self.older: Entries = {}
        #: Of which nothing was heard yet.
        self._cut: _Cut | None = None

    def __contains__(self, origin: bytes) -> bool:
        return origin in self.entries or origin in self.older or origin in self.held

    def get(self, origin: bytes) -> Any:
        """Return the entry of a row, or None."""
        for entries in (self.entries, self.older, self.held):
            entry = entries.get(origin)
            if entry is not None:
                return entry
        return None

    def has_none(self, origins: Sequence[bytes]) -> bool:
        """Say whether none of these rows is there: 60 ns a row."""
        return (
            self.entries.keys().isdisjoint(origins)
            and self.older.keys().isdisjoint(origins)
            and self.held.keys().isdisjoint(origins)
        )

    # Snapshots; as in StateMap.

    def load(self, entries: Iterable[tuple[bytes, Any]]) -> None:
        """Put restored rows in."""
        self.entries.update(entries)

    def cut(self, *, whole: bool) -> MapCopy:
        """Hand all rows over; a cut before this one that was not written is given up."""
        self.settle(written=False)
        if self.older:
            # Nobody looked through them: the rows of that cut and since then are written together.
            self.held.update(self.entries)
        else:
            self.older, self.held = self.held, self.entries
        self.entries = {}
        cut = self._cut = _Cut()
        slices = self._slices(cut, self.held, self.older, self.ends.copy())
        return MapCopy("keyed", self._name, {}, slices=slices, whole=True)

    def settle(self, *, written: bool) -> None:
        """Take note of what became of the last cut."""
        if self._cut is not None:
            self._cut.over = True
            self._cut = None

    def _slices(
        self, cut: _Cut, held: Entries, older: Entries, ends: DurableEnds
    ) -> Iterator[bytes]:
        """Yield the slices of what may come again, on the thread that encodes them."""
        for some in self._pieces(cut, older):
            held.update(ends.not_among(some))
        # All at once, a million would take 50 ms during which nobody else runs.
        while older:
            older.popitem()
        shapes: set[bool] = set()
        for some in self._pieces(cut, held):
            yield from pack_slices(self._component, "keyed", self._name, some, shapes)

    def _pieces(self, cut: _Cut, entries: Entries) -> Iterator[Entries]:
        left = iter(entries.items())
        for _ in range(0, len(entries), SLICE_KEYS_MAX):
            if cut.over:
                raise StateError(f"{self._component}: this snapshot was given up")
            yield dict(islice(left, SLICE_KEYS_MAX))


class _Cut:
    """Whether a cut is over, written or given up: whoever reads the rows then stops."""

    over = False
