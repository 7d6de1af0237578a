"""Savepoints for tests: a plan that counts words, parts with state, a folder on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from waterspout.bolts.snapshots import MapCopy, StateCopy, encode_part
from waterspout.supervisor.savepoint_folder import have_copy, write_savepoint
from waterspout.supervisor.savepoint_manifest import Savepoint
from waterspout.supervisor.snapshot_store import SnapshotStore
from waterspout.supervisor.store import Part
from waterspout.topology.component import StreamDecl
from waterspout.topology.facts import ComponentFacts
from waterspout.topology.plan import Plan, make_plan
from waterspout.topology.spec import ComponentSpec, InputSpec, TopologySpec


def plan_of(
    parallelism: int = 2, *, spout: str = "lines", bolt: str = "count", secret: str = "s3cret",
    stateful: bool = True,
) -> Plan:  # fmt: skip
    """Return lines -> count, the bolt with state."""
    inputs = (InputSpec(spout, grouping="fields", fields=("word",)),)
    spec = TopologySpec(
        "words", "exactly-once", 2,
        {spout: ComponentSpec(spout, "spout", "m:Lines", {"password": secret})},
        {bolt: ComponentSpec(bolt, "bolt", "m:Count", {"token": secret}, parallelism, inputs)},
        folder="/home/someone",
    )  # fmt: skip
    word = {"default": StreamDecl(("word",))}
    facts = {
        spout: ComponentFacts("spout", word, "seek"),
        bolt: ComponentFacts("bolt", stateful=stateful),
    }
    return make_plan(spec, facts)


def written_parts(folder: Path, plan: Plan, bolt: str = "count") -> list[Part]:
    """Write a part for each task of the bolt; return what a store has of them."""
    store = SnapshotStore(folder)
    found = []
    for task in plan.tasks_of(bolt):
        entries: dict[Any, Any] = {f"word-{task.index}-{n}": n for n in range(50)}
        copy = StateCopy(bolt, task.index, (MapCopy("keyed", "counts", entries),))
        made = store.write(1, 7, task.task, encode_part(copy))
        found.append(Part(task.task, made.file, made.bytes, made.sha256))
    return found


def savepoint_at(folder: Path, plan: Plan | None = None) -> Savepoint:
    """Make a savepoint folder; return what it holds."""
    plan = plan or plan_of()
    bolt = next(iter(plan.spec.bolts))
    snapshots = folder.parent / f"{folder.name}-snapshots"
    parts = written_parts(snapshots, plan, bolt)
    (spout,) = plan.tasks_of(next(iter(plan.spec.spouts)))
    positions = {spout.task: {"a.txt": [17, [[20, 22]]]}}
    made = Savepoint(plan, 7, 1234.5, positions, parts)
    write_savepoint(folder, made, lambda file, to: have_copy(snapshots / file, to))
    return made
