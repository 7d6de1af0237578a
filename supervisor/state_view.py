"""Looks into the state of a snapshot, offline: which maps it has, and what is in them.

Read from the files of the newest complete snapshot, or of a savepoint; nothing of the topology
has to run, and none of its code is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

from waterspout.bolts.chains import chained
from waterspout.bolts.snapshots import StatePart
from waterspout.bolts.state_names import handle_of, without_times
from waterspout.topology.errors import CorruptSnapshot, UserError
from waterspout.topology.problems import did_you_mean, listed

from .snapshot_store import SnapshotStore
from .store import Part

#: How often a snapshot is begun anew that a run replaced and deleted while it was read.
READS_MAX = 3


@dataclass(frozen=True, slots=True)
class MapView:
    """One map of one task.

    Attributes:
        kind: value, list or map for what a handle keeps; keyed or task for a whole map.
        ttl: its entries go after a while; ``entries`` has also those that are over by now.
    """

    component: str
    index: int
    kind: str
    name: str
    ttl: bool
    entries: dict[Any, Any]

    def pairs(self) -> Iterator[tuple[Any, Any]]:
        """Yield (key, value) as the bolt sees them, without the times that a ttl goes by."""
        for key, stored in self.entries.items():
            yield key, without_times(self.kind, stored) if self.ttl else stored


def read_maps(
    parts: Sequence[Part], folder: Path, component: str | None = None
) -> Iterator[MapView]:
    """Yield the maps of a snapshot, task by task: only one task's is in memory at a time.

    They are shown as they were written. After a change of parallelism a file is of several tasks,
    each of which will take the keys that it owns: what it holds is there once all the same.

    Args:
        parts: of its manifest.
        folder: with the files.
        component: only of this one.

    Raises:
        CorruptSnapshot: a part is gone or damaged.
        UserError: no such component keeps state.
    """
    store = SnapshotStore(folder)
    seen: set[str] = set()
    once = {part.file: part.task for part in sorted(parts, key=attrgetter("task"), reverse=True)}
    for task in sorted(set(once.values())):
        files = [part for part in parts if part.task == task == once[part.file]]
        read = [(store.read(part.file, part.sha256), part.sha256) for part in files]
        read = [each for each in read if not each[0].log]
        seen.update(part.component for part, _ in read)
        for whole in chained(read, files[-1].file):
            if component in (None, whole.component):
                yield from _maps_of(whole)
        del read
    if component is not None and component not in seen:
        near = did_you_mean(component, seen)
        known = f"; these do: {listed(sorted(seen))}" if seen else ""
        raise UserError(f"no component {component!r:.80} keeps state{near}{known}")


def again_when_replaced(call: Callable[[], int]) -> int:
    """Return what ``call`` returns; called anew when a snapshot went while it was read."""
    for _ in range(READS_MAX - 1):
        try:
            return call()
        except CorruptSnapshot:
            continue
    return call()


def _maps_of(part: StatePart) -> Iterator[MapView]:
    for kind, maps in (("keyed", part.keyed), ("task", part.task)):
        for name, entries in sorted(maps.items()):
            handle = handle_of(name) if kind == "keyed" else None
            shown_kind, shown, ttl = handle or (kind, name, False)
            yield MapView(part.component, part.index, shown_kind, shown, ttl, entries)
