"""Begins a topology from a savepoint: matches its state with the plan, and seeds a state folder.

State and positions belong to components by their ids, whatever their classes are now. What has
no place in the new plan is refused by name, unless the user says that it may be dropped; what
is new begins empty. Parallelism may differ (plan_move).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from waterspout.topology.errors import UserError
from waterspout.topology.plan import Plan

from .cluster.plan_move import remap
from .savepoint_folder import PARTS, have_copy
from .savepoint_manifest import Savepoint
from .snapshot_store import SnapshotStore
from .store import Part, Store, TaskPositions
from .store_sqlite import SqliteStore

Positions = dict[int, dict[str, list[Any]]]


class StateUnmatched(UserError):
    """Some of the state that a topology is to begin with has no place in its plan."""

    def __init__(self, lost: Sequence[str], whose: str) -> None:
        self.lost = list(lost)
        super().__init__(
            f"{whose} has {', '.join(lost)}, for which this topology has no place: give "
            "components the ids that they had, or drop it with --allow-dropped-state"
        )


class StateThere(UserError):
    """A state folder holds a run that could be gone on with."""

    def __init__(self) -> None:
        super().__init__(
            "there is state of an earlier run, which beginning from a savepoint would drop: "
            "--fresh drops it"
        )


def matched(
    savepoint: Savepoint, plan: Plan, *, allow_dropped: bool = False
) -> tuple[Positions, list[Part]]:
    """Return positions and parts of the savepoint as tasks of ``plan`` have them.

    Raises:
        StateUnmatched: some of it has no place, and it may not be dropped.
        PlanMoveRefused: a component is of another kind, or its state cannot be dealt out anew.
    """
    return taken_over(
        savepoint.plan, savepoint.positions, savepoint.parts, plan, "the savepoint",
        allow_dropped=allow_dropped,
    )  # fmt: skip


def taken_over(
    before: Plan, positions: Mapping[int, TaskPositions], parts: Sequence[Part], plan: Plan,
    whose: str, *, allow_dropped: bool,
) -> tuple[Positions, list[Part]]:  # fmt: skip
    """Return positions and parts of one plan as tasks of another have them.

    Args:
        before: that they are of.
        positions, parts: what its tasks have.
        plan: that is to go on with it.
        whose: names it in the error.
        allow_dropped: what has no place may be dropped.

    Raises:
        StateUnmatched, PlanMoveRefused: see ``matched``.
    """
    lost = unmatched(before, positions, parts, plan)
    if lost and not allow_dropped:
        raise StateUnmatched(lost, whose)
    return remap(before, plan, positions, parts)


def unmatched(
    before: Plan, positions: Iterable[int], parts: Iterable[Part], plan: Plan
) -> list[str]:
    """Return what of a state has no place in a plan, for people.

    Args:
        before: of the topology that the state is of.
        positions: its tasks that have some.
        parts: of its tasks.
        plan: that is to go on with it.
    """
    component_of = {task.task: task.component for task in before.tasks}
    state = dict.fromkeys(component_of[part.task] for part in parts)
    read = dict.fromkeys(component_of[task] for task in positions)
    return [
        *(f"state of {id!r}" for id in state if not _keeps_state(plan, id)),
        *(f"positions of {id!r}" for id in read if id not in plan.spec.spouts),
    ]


def _keeps_state(plan: Plan, id: str) -> bool:
    return id in plan.spec.bolts and plan.facts[id].stateful


def named_anew(parts: Sequence[Part]) -> tuple[list[Part], dict[str, str]]:
    """Return parts under names that no snapshot of the new run has, and old -> new name."""
    names: dict[str, str] = {}
    for part in parts:
        names.setdefault(part.file, f"epoch-0.round-0.task-{len(names) + 1}.part")
    return [replace(part, file=names[part.file]) for part in parts], names


def seed(
    store: Store, snapshots: Path, plan: Plan, positions: Positions, parts: Sequence[Part],
    fetch: Callable[[str, Path], object], *, fresh: bool,
) -> None:  # fmt: skip
    """Have a store begin with this state.

    Args:
        store: of the new run; nobody else uses it.
        snapshots: folder of its part files, made when it is not there.
        plan: of the new run.
        positions, parts: by its tasks.
        fetch: has a part, by the name that it has in ``parts``, lie at a path.
        fresh: what is there may be dropped.

    Raises:
        StateThere: something is there, and may not be dropped.
        StoreError, OSError: it cannot be written.
    """
    there = store.positions() or store.parts() or store.dead_letter_count()
    if there and not fresh and not store.finished():
        raise StateThere
    SnapshotStore(snapshots)
    anew, names = named_anew(parts)
    # Emptied first: a file that takes the place of an older one must not be named by it.
    store.clear()
    for old, new in names.items():
        fetch(old, snapshots / new)
    store.replace_plan(plan.fingerprint(), positions, anew, lambda task, partition: None)


def begin_from(
    savepoint: Savepoint, folder: Path, plan: Plan, state_dir: Path, *,
    fresh: bool = False, allow_dropped: bool = False,
) -> None:  # fmt: skip
    """Have a state folder begin with a savepoint. Called by ``run --from`` before the run.

    Args:
        savepoint, folder: what ``read_savepoint`` returned, and of which folder.
        plan: of the run.
        state_dir: its state folder.
        fresh: what is there may be dropped.
        allow_dropped: so may what has no place in the plan.

    Raises:
        UserError: see ``matched`` and ``seed``.
        StoreError, OSError: it cannot be written.
    """
    positions, parts = matched(savepoint, plan, allow_dropped=allow_dropped)
    store = SqliteStore(state_dir / "store.sqlite", owner=True)
    try:
        seed(
            store, state_dir / "snapshots", plan, positions, parts,
            lambda file, to: have_copy(folder / PARTS / file, to), fresh=fresh,
        )  # fmt: skip
    finally:
        store.close()
