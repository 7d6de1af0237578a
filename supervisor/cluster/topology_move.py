"""From one version of a running topology to the next, and back when the next one does not run.

What a coordinator needs for it is in the topology's record, as ``previous``, so that any later
coordinator can go on from any moment:

    QUIESCING               {next}                          the old one drains
    SWITCHING, ROLLING_BACK {last, next, positions, parts}  what the old one left when it had ended
    ACTIVE, until it runs   the same                        submitted over what another left

The topology's own store is fitted to the version that is to start, before it starts, and only if
it is not fitted yet: its fingerprint tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any, NamedTuple

from waterspout.topology.plan import Plan

from ..control_wire import pack, unpack
from ..savepoint_start import taken_over
from ..store import Part
from ..store_sqlite import SqliteStore
from .cluster_rows import TopologyRow
from .plan_move import PlanMoveRefused, homes, remap

#: Why another plan cannot go on with a state.
_AT_ITS_END = (
    "the end of its input is in its state, and sinks may still have to commit: submit the version "
    "that ended so, or start over with --fresh"
)


class Version(NamedTuple):
    """What a topology is at one time: its packed plan, its code, its requirements."""

    wire: bytes
    code: str = ""
    sub: str = ""
    requirements: str = ""

    @property
    def plan(self) -> Plan:
        """The plan."""
        return Plan.from_wire(unpack(self.wire))


def version_of(row: TopologyRow) -> Version:
    """Return the version that a record has now."""
    return Version(row.wire, row.code, row.sub, row.requirements)


def versions_of(row: TopologyRow) -> list[Version]:
    """Return the version that a record has, and those that it may come to have."""
    kept = unpack(row.previous) if row.previous else {}
    others = [Version(*kept[name]) for name in ("last", "next") if name in kept]
    return [version_of(row), *others]


def with_version(row: TopologyRow, version: Version) -> TopologyRow:
    """Return a record with another version."""
    return replace(row, **version._asdict(), generation=row.generation + 1)


def quiescing(next_version: Version) -> bytes:
    """Return what the record keeps while the version before ``next_version`` drains."""
    return pack({"next": list(next_version)})


def switched(
    row: TopologyRow,
    positions: Mapping[int, Mapping[str, Sequence[Any]]],
    parts: Sequence[Part],
) -> TopologyRow:
    """Return the record of a topology that goes over to its next version.

    Args:
        row: as it is while it drains.
        positions, parts: what the old version left; it has ended.
    """
    coming = Version(*unpack(row.previous)["next"])
    kept = _kept(version_of(row), coming, positions, parts)
    return replace(with_version(row, coming), previous=kept, outcome="", reason="")


def _kept(
    last: Version,
    coming: Version,
    positions: Mapping[int, Mapping[str, Sequence[Any]]],
    parts: Sequence[Part],
) -> bytes:
    return pack({
        "last": list(last),
        "next": list(coming),
        "positions": positions,
        "parts": [astuple(part) for part in parts],
    })


def with_kept_state(
    row: TopologyRow, before: TopologyRow, folder: Path, *, allow_dropped: bool
) -> TopologyRow:
    """Return the record of a topology that goes on with what one of its name left.

    Args:
        row: what was submitted.
        before: the record of the one that has ended.
        folder: its own.
        allow_dropped: what has no place in the new plan may be dropped.

    Raises:
        StateUnmatched: some has none.
        PlanMoveRefused: its state cannot be dealt out anew, or holds the end of its input.
        StoreError, StateInUse: its store cannot be read now.
    """
    last, coming = version_of(before), version_of(row)
    old, new = last.plan, coming.plan
    if old.fingerprint() == new.fingerprint():
        return row
    store = SqliteStore(folder / "store.sqlite", owner=True)
    try:
        if not store.is_of(old.fingerprint()):
            return row
        if store.final():
            # ``finish`` was called: by another plan, which does not know that, it would be again.
            raise PlanMoveRefused(row.name, _AT_ITS_END)
        positions, parts = store.positions(), store.parts()
    finally:
        store.close()
    whose = f"the kept state of {row.name}"
    taken_over(old, positions, parts, new, whose, allow_dropped=allow_dropped)
    return replace(row, previous=_kept(last, coming, positions, parts))


def rolled_back(row: TopologyRow, why: str) -> TopologyRow:
    """Return the record of a topology that goes back to its last version."""
    last = Version(*unpack(row.previous)["last"])
    return replace(with_version(row, last), outcome="", reason=f"rolled back: {why}")


def fit_store(row: TopologyRow, folder: Path) -> None:
    """Have the store of a topology fit the version that its record has; done once or again.

    Called before a driver is made; nothing else has the store open.

    Raises:
        StoreError, StateInUse: it cannot be done now.
        PlanMoveRefused: the state cannot be taken over; the request was checked before.
    """
    kept = unpack(row.previous) if row.previous else {}
    if "last" not in kept:
        return
    last, coming = Version(*kept["last"]), Version(*kept["next"])
    back = row.wire == last.wire
    old, new = last.plan, coming.plan
    fingerprint = (old if back else new).fingerprint()
    store = SqliteStore(folder / "store.sqlite", owner=True)
    try:
        if store.is_of(fingerprint):
            return
        positions, parts = kept["positions"], [Part(*part) for part in kept["parts"]]
        if back:
            store.replace_plan(fingerprint, positions, parts, homes(new, old))
        else:
            store.replace_plan(fingerprint, *remap(old, new, positions, parts), homes(old, new))
    finally:
        store.close()
