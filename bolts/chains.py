"""Chains of snapshot parts: a whole one, and behind it what changed, part by part.

What a task keeps is written whole once in a while and in changes in between; the manifest of a
round names all files of the chain, oldest first.

    part      P1        P2        P3        P4        P5
    holds     all       changes   changes   changes   all          P5 begins a new chain
    manifest  P1        P1 P2     P1 P2 P3  P1 .. P4  P5
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from waterspout.topology.errors import CorruptSnapshot

from .snapshots import Maps, PartReader, Slice, StatePart

AnyPart = StatePart | PartReader
#: Parts in a chain: each is a file to read after a failure.
CHAIN_PARTS_MAX = 16
#: The changes of a chain may take this many times the bytes of its whole part: what is read after
#: a failure is at most so much more, and a key is written at most so much more often.
CHANGES_MAX = 1.0


class Written(Protocol):
    """What is known of a part that was written (snapshot_store.WrittenPart)."""

    @property
    def file(self) -> str:
        """Its name."""

    @property
    def bytes(self) -> int:
        """Its length."""

    @property
    def sha256(self) -> str:
        """Its checksum, as hex."""


@dataclass
class Chain:
    """The parts of one task that the next one may add to."""

    parts: list[Any] = field(default_factory=list)

    @property
    def base(self) -> str:
        """The sha256 of the part that the next one adds to; "": the next one is to be whole."""
        if not self.parts or len(self.parts) >= CHAIN_PARTS_MAX:
            return ""
        changes = sum(part.bytes for part in self.parts[1:])
        if changes > CHANGES_MAX * self.parts[0].bytes:
            return ""
        return str(self.parts[-1].sha256)

    def add(self, part: Written, base: str) -> None:
        """Take note of a part that was written; ``base`` is what it adds to, or ""."""
        if not base:
            self.parts.clear()
        self.parts.append(part)


def merged(parts: Sequence[StatePart], name: str = "snapshot") -> StatePart:
    """Return a chain as one whole part.

    Args:
        parts: of one task, oldest first, with the sha256 of each in ``base`` of the next.

    Raises:
        CorruptSnapshot: the first one is not whole.
    """
    first = parts[0]
    if first.base:
        raise CorruptSnapshot(f"{name}: the part that it begins with holds changes only")
    for part in parts[1:]:
        for kind, to, changes in (
            ("keyed", first.keyed, part.keyed), ("task", first.task, part.task),
        ):  # fmt: skip
            _lay_over(kind, to, changes, part)
    return first


def _lay_over(kind: str, to: Maps, changes: Maps, part: StatePart) -> None:
    for name, entries in changes.items():
        if (kind, name) in part.whole or name not in to:
            to[name] = entries
            continue
        there = to[name]
        for key in part.gone.get((kind, name), ()):
            there.pop(key, None)
        there.update(entries)


def chained(parts: Iterable[tuple[AnyPart, str]], name: str = "snapshot") -> list[StatePart]:
    """Return the parts of a manifest as one whole part for each task that wrote some.

    Args:
        parts: in the order of the manifest, each with its sha256.

    Raises:
        CorruptSnapshot: a part does not add to the one before it.
    """
    chains = chains_of(parts, name)
    return [merged([part.part() for part in chain], name) for chain in chains]


def chains_of(
    parts: Iterable[tuple[AnyPart, str]], name: str = "snapshot"
) -> list[list[AnyPart]]:
    """Return the chain of each task that wrote some of ``parts``; see ``chained``."""
    chains: dict[int, list[AnyPart]] = {}
    last: dict[int, str] = {}
    for part, sha256 in parts:
        chain = chains.setdefault(part.index, [])
        if part.base != (last.get(part.index, "") if chain else ""):
            raise CorruptSnapshot(f"{name}: part {len(chain) + 1} of a chain does not fit")
        chain.append(part)
        last[part.index] = sha256
    return list(chains.values())


def slices_of(chain: Sequence[AnyPart]) -> Iterator[Slice]:
    """Yield the slices of a chain that count, oldest first; one is in memory at a time."""
    from_part: dict[tuple[str, str], int] = {}
    for place, part in enumerate(chain):
        from_part.update(dict.fromkeys(part.whole, place))
    for place, part in enumerate(chain):
        for one in part.slices():
            if place >= from_part.get((one.kind, one.name), 0):
                yield one
