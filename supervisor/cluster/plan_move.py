"""From one plan of a topology to the next: what changes, and where positions and state go.

A task of the new plan takes over what the task of the same component and index kept. A source
deals its partitions out by a hash of their names, so its positions follow the partitions to
whatever number of tasks; the numbered messages of a Storm-style spout stay with their task, and
what its dropped tasks had was acked. State follows its keys: with another parallelism a task gets
the parts of all tasks that had some of its key groups, and picks its own when it reads them.

    key groups   0 .................................. 127
    2 tasks      |---- a0 ----------|---- a1 -----------|
    3 tasks      |-- b0 -----|-- b1 ------|-- b2 -------|     b0: a0   b1: a0, a1   b2: a1

Where tuples are not dealt out by key, equal keys may be in several tasks: that is refused, but of
sinks whose keys are of their own making. A sink's transactions may be of any key group: each of
its tasks gets the parts of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from waterspout.spouts.partitions import index_of
from waterspout.spouts.positions import Positions
from waterspout.topology.errors import UserError
from waterspout.topology.keys import group_owners
from waterspout.topology.plan import Plan
from waterspout.topology.spec import ComponentSpec, InputSpec

from ..snapshot_store import is_log_name
from ..store import Home, Part, TaskPositions

#: The one partition of a spout whose messages are only numbered.
NUMBERED = ""

#: Positions by task, as a store has them.
AllPositions = Mapping[int, TaskPositions]


class PlanMoveRefused(UserError):
    """The state of ``component`` cannot be taken over by the new plan."""

    def __init__(self, component: str, why: str) -> None:
        super().__init__(f"{component}: {why}")
        self.component = component


def task_map(old: Plan, new: Plan) -> dict[int, int]:
    """Return old task -> new task of the same component and index."""
    there = {(task.component, task.index): task.task for task in new.tasks}
    return {
        task.task: there[task.component, task.index]
        for task in old.tasks
        if (task.component, task.index) in there
    }


def homes(old: Plan, new: Plan) -> Home:
    """Return which task of ``new`` goes on with what a task of ``old`` had of a partition."""
    tasks = task_map(old, new)
    places = {task.task: (task.component, task.index) for task in old.tasks}

    def home(task: int, partition: str | None) -> int | None:
        component, index = places.get(task, ("", 0))
        if partition is None or component not in new.spec.spouts:
            return tasks.get(task)
        return _home(new, component, index, partition)

    return home


def check(old: Plan, new: Plan) -> None:
    """Refuse what would lose state.

    Raises:
        PlanMoveRefused: a component gets another kind, or one with state another parallelism
            although its tuples are not dealt out by key.
    """
    for spec, after in _common(old, new):
        if spec.kind != after.kind:
            raise PlanMoveRefused(spec.id, f"was a {spec.kind}, and is a {after.kind} now")
        moves = old.facts[spec.id].stateful and spec.parallelism != after.parallelism
        anyhow = old.facts[spec.id].rescalable and new.facts[spec.id].rescalable
        if moves and not anyhow and not (_by_key(spec) and _by_key(after)):
            raise PlanMoveRefused(
                spec.id,
                f"it keeps state, which {after.parallelism} tasks cannot take over from "
                f"{spec.parallelism}, since not all of its inputs have 'grouping: fields': leave "
                "its parallelism, or start over with --fresh",
            )


def check_parts(old: Plan, parts: Iterable[Part]) -> None:
    """Refuse what only the tasks that it was on its way to can go on with.

    Raises:
        PlanMoveRefused: tasks had overtaken late channels in the newest checkpoint. The last one
            of a topology that drained is aligned, as is that of a savepoint.
    """
    component_of = {task.task: task.component for task in old.tasks}
    for part in parts:
        if is_log_name(part.file):
            raise PlanMoveRefused(
                component_of[part.task],
                "its checkpoint holds messages that were on their way to it "
                "(checkpoint_alignment_timeout): go on with the topology that wrote it, and stop "
                "that so that it drains, or start over with --fresh",
            )


def _by_key(spec: ComponentSpec) -> bool:
    """Say whether a key is in one task of a component only."""
    return spec.parallelism == 1 or all(each.grouping == "fields" for each in spec.inputs)


def remap(
    old: Plan, new: Plan, positions: AllPositions, parts: Iterable[Part]
) -> tuple[dict[int, dict[str, list[Any]]], list[Part]]:
    """Return what the store of ``new`` begins with, from what that of ``old`` holds.

    Raises:
        PlanMoveRefused: see ``check`` and ``check_parts``.
    """
    parts = list(parts)
    check_parts(old, parts)
    check(old, new)
    return _positions(old, new, positions), _parts(old, new, parts)


def _parts(old: Plan, new: Plan, parts: Iterable[Part]) -> list[Part]:
    of_task: dict[int, list[Part]] = {}
    for part in parts:
        of_task.setdefault(part.task, []).append(part)
    return [
        replace(part, task=task)
        for task, sources in _sources(old, new)
        # A file that several tasks share is read once.
        for part in {p.file: p for source in sources for p in of_task.get(source, ())}.values()
    ]


def _sources(old: Plan, new: Plan) -> Iterator[tuple[int, list[int]]]:
    """Yield each new task with state, and the old tasks that had some of what it goes on with."""
    for spec, after in _common(old, new):
        if new.facts[spec.id].stateful:
            owned, had = _groups(after.parallelism), _groups(spec.parallelism)
            # Transactions have random keys: those of any group may be in any task.
            sink = old.facts[spec.id].sink_kind == "transactional"
            for task in new.tasks_of(spec.id):
                yield task.task, [
                    each.task
                    for each in old.tasks_of(spec.id)
                    # What is not keyed stays with its index; of a task that is no more it goes
                    # to the index modulo the parallelism (bolts/state.py).
                    if task.index == each.index % after.parallelism
                    or (spec.parallelism != after.parallelism
                        and (sink or owned[task.index] & had[each.index]))
                ]  # fmt: skip


def _groups(tasks: int) -> list[set[int]]:
    """Return the key groups of each of so many tasks."""
    found: list[set[int]] = [set() for _ in range(tasks)]
    for group, owner in enumerate(group_owners(tasks)):
        found[owner].add(group)
    return found


def _positions(
    old: Plan, new: Plan, positions: AllPositions
) -> dict[int, dict[str, list[Any]]]:
    merged: dict[int, dict[str, Positions]] = {}
    for task in old.tasks:
        for partition, wire in positions.get(task.task, {}).items():
            home = _home(new, task.component, task.index, partition)
            if home is not None:
                kept = merged.setdefault(home, {}).setdefault(partition, Positions())
                kept.merge(Positions.from_wire(wire))
    return {
        task: {partition: kept.to_wire() for partition, kept in of_task.items()}
        for task, of_task in merged.items()
    }


def _home(new: Plan, component: str, index: int, partition: str) -> int | None:
    """Return the task that goes on with a partition."""
    if component not in new.spec.spouts:
        return None
    tasks = new.tasks_of(component)
    if partition == NUMBERED and new.facts[component].replay != "seek":
        return tasks[index].task if index < len(tasks) else None
    return tasks[index_of(partition, len(tasks))].task


# What changes, for people.


def diff(old: Plan, new: Plan) -> list[str]:
    """Return one line for each thing that changes; [] when it is the same topology."""
    lines = [*_topology(old, new)]
    for spec in old.spec.components():
        if not _has(new, spec.id):
            kept = ", its state is dropped" if old.facts[spec.id].stateful else ""
            kept = ", its positions are dropped" if spec.kind == "spout" else kept
            lines.append(f"- {spec.kind} {spec.id}{kept}")
    for spec in new.spec.components():
        if not _has(old, spec.id):
            lines.append(f"+ {spec.kind} {spec.id} ({spec.class_path} x {spec.parallelism})")
    for before, after in _common(old, new):
        if old.facts[before.id].stateful and before.parallelism != after.parallelism:
            lines.append(f"~ {after.kind} {after.id}: its state is dealt out anew, by key")
        lines += [f"~ {after.kind} {after.id}: {what}" for what in _component(before, after)]
        if old.facts[before.id].stateful and not new.facts[after.id].stateful:
            lines.append(f"~ {after.kind} {after.id}: keeps no state any more: it is dropped")
    moved = sum(
        old.worker_of()[before] != new.worker_of()[after]
        for before, after in task_map(old, new).items()
    )
    if moved:
        lines.append(f"~ {moved} task{'s' if moved > 1 else ''} on another worker")
    return lines


def _has(plan: Plan, component: str) -> bool:
    return component in plan.spec.spouts or component in plan.spec.bolts


def _common(old: Plan, new: Plan) -> Iterator[tuple[ComponentSpec, ComponentSpec]]:
    for spec in old.spec.components():
        if _has(new, spec.id):
            yield spec, new.spec.component(spec.id)


def _topology(old: Plan, new: Plan) -> Iterator[str]:
    for name in ("name", "guarantee"):
        yield from _change(name, getattr(old, name), getattr(new, name), mark="~ ")
    yield from _change("workers", old.workers, new.workers, mark="~ ")
    for setting in fields(old.settings):
        before, after = (getattr(plan.settings, setting.name) for plan in (old, new))
        yield from _change(f"setting {setting.name}", before, after, mark="~ ")


def _component(before: ComponentSpec, after: ComponentSpec) -> Iterator[str]:
    yield from _change("kind", before.kind, after.kind)
    yield from _change("class", before.class_path, after.class_path)
    yield from _change("parallelism", before.parallelism, after.parallelism)
    # Values of args may be secret: only their names are shown.
    names = sorted(before.args.keys() | after.args.keys())
    nothing = object()
    changed = [n for n in names if before.args.get(n, nothing) != after.args.get(n, nothing)]
    if changed:
        yield f"args changed: {', '.join(changed)}"
    for each in sorted(_inputs(before) - _inputs(after)):
        yield f"no longer reads {each}"
    for each in sorted(_inputs(after) - _inputs(before)):
        yield f"reads {each}"
    for option in fields(before.options):
        pair = (getattr(spec.options, option.name) for spec in (before, after))
        yield from _change(option.name, *pair)


def _inputs(spec: ComponentSpec) -> set[str]:
    return {_input(each) for each in spec.inputs}


def _input(each: InputSpec) -> str:
    by = each.custom or each.grouping
    keys = f" {', '.join(each.fields)}" if each.fields else ""
    return f"{each.source}/{each.stream} by {by}{keys}"


def _change(name: str, before: Any, after: Any, mark: str = "") -> Iterator[str]:
    if before != after:
        yield f"{mark}{name}: {before} -> {after}"
