"""Makes the state of a bolt task: its backend, what was restored, whose key is at work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from waterspout.bolts.chains import AnyPart, chains_of, slices_of
from waterspout.bolts.contract import Bolt
from waterspout.bolts.snapshots import Slice, StatePart
from waterspout.bolts.state import TaskState
from waterspout.bolts.state_backends import STATE_BACKENDS
from waterspout.bolts.state_keys import TupleKeys, set_keys
from waterspout.topology.keys import group_owners, key_group
from waterspout.topology.plan import Plan, TaskPlan


@dataclass(frozen=True, slots=True)
class StateHost:
    """What state needs of the process that it is in.

    Attributes:
        wall_ms: milliseconds since 1970.
        folder: where backends put their files while the tasks run; None: a folder of their own.
        tag: tells these files from those of a process that had the tasks before.
    """

    wall_ms: Callable[[], int]
    folder: Path | None = None
    tag: str = ""


class TaskStates:
    """Makes the states of a worker's tasks."""

    def __init__(self, plan: Plan, host: StateHost) -> None:
        self._plan, self._host = plan, host

    def make(self, task: TaskPlan, restored: Sequence[tuple[AnyPart, str]] | None) -> TaskState:
        """Return the state of a task, before ``prepare``.

        Args:
            restored: the parts of the manifest, each with its sha256, in its order.

        Raises:
            CorruptSnapshot: they do not fit together.
            StateError: there is no room for the backend's file.
        """
        spec = self._plan.spec.component(task.component)
        offloads = spec.options.blocking or self._plan.facts[task.component].is_async
        name = spec.options.state or self._plan.spec.state
        state = TaskState(
            task.component, task.index, parallelism=spec.parallelism,
            backend=STATE_BACKENDS[name](self._path(task), self._plan.settings.state_cache),
            keys=TupleKeys(task.component, spec.inputs, offloads=offloads),
            wall_ms=self._host.wall_ms,
        )  # fmt: skip
        state.snapshotted = self._plan.facts[task.component].stateful
        if restored:
            try:
                self._restore(state, task, spec.parallelism, chains_of(restored, task.component))
            except BaseException:
                state.close()
                raise
        return state

    def _path(self, task: TaskPlan) -> Path | None:
        """Return the file of a backend; what an earlier process left of it is removed."""
        folder, mine = self._host.folder, f"task-{task.task}.{self._host.tag}.sqlite"
        if folder is None:
            return None
        for left in folder.glob(f"task-{task.task}.*.sqlite*"):
            if not left.name.startswith(mine):
                left.unlink(missing_ok=True)
        return folder / mine

    @staticmethod
    def _restore(
        state: TaskState, task: TaskPlan, parallelism: int, chains: list[list[AnyPart]]
    ) -> None:
        owned: set[int] | None = None
        # What another task wrote goes by key, too, whatever the parallelism was: it may have
        # changed to and fro without a snapshot in between.
        if any(
            chain[0].parallelism not in (0, parallelism) or chain[0].index != task.index
            for chain in chains
        ):
            owners = group_owners(parallelism)
            owned = {group for group, owner in enumerate(owners) if owner == task.index}
        parts = []
        for chain in chains:
            rest = StatePart(chain[0].component, chain[0].index)
            state.restore_slices(_streamed(state, slices_of(chain), rest), owned, key_group)
            parts.append(rest)
        state.restore(parts, owned, key_group)

    def prepared(self, bolt: Bolt, state: TaskState, component: str) -> None:
        """Have keys set for each call of a bolt that asked for it; called after ``prepare``."""
        state.prepared = True
        if state.key_wanted and state.keys is not None:
            is_generator = self._plan.facts[component].is_generator
            set_keys(bolt, state, state.keys, is_generator=is_generator)


def _streamed(state: TaskState, slices: Iterable[Slice], rest: StatePart) -> Iterator[Slice]:
    """Yield what the backend takes slice by slice; what it does not goes to ``rest``."""
    for one in slices:
        if state.streams(one.kind, one.name):
            yield one
        else:
            rest.take(one)
