"""Gives tasks what they need for origins when they are built: routes, executors, what is seen.

A task that has to do with none gets nothing, and pays nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from waterspout.bolts.contract import Bolt
from waterspout.bolts.executor import BoltExecutor
from waterspout.bolts.origin_executor import OriginExecutor
from waterspout.bolts.seen import Seen
from waterspout.spouts.executor import SourceExecutor
from waterspout.spouts.origin_executor import OriginSourceExecutor
from waterspout.topology.errors import UserError
from waterspout.topology.groupings import CustomRoute, DirectRoute, Route
from waterspout.topology.origin_paths import copied_inputs
from waterspout.topology.origins import OriginDirectRoute, OriginRoute, RowAtWork, partition_bytes
from waterspout.topology.plan import Plan, TaskPlan
from waterspout.topology.settings import Settings

#: Positions as ledgers tell them: task -> partition -> [first unacked, ranges acked ahead].
Positions = Mapping[int, Mapping[str, Any]]


class OriginBuilder:
    """Builds what the tasks of one worker need for origins."""

    def __init__(self, plan: Plan, settings: Settings) -> None:
        self._plan, self._settings = plan, settings
        self._paths = plan.origins
        self._component_of = {task.task: task.component for task in plan.tasks}
        self._rows: dict[int, RowAtWork] = {}

    def row(self, task: TaskPlan) -> RowAtWork | None:
        """Return the row at work of a task; None: its rows have nothing to do with origins."""
        paths = self._paths
        if task.component not in paths.taking and task.component not in paths.giving:
            return None
        if task.task not in self._rows:
            self._rows[task.task] = RowAtWork(task.component, self._settings.emit_max)
        return self._rows[task.task]

    def routes(
        self, task: TaskPlan, stream: tuple[int, str], routes: Sequence[tuple[str, Route]]
    ) -> list[Route]:
        """Return the routes of a stream of a task.

        Args:
            stream: index and name.
            routes: each with the bolt that it leads to.

        Raises:
            UserError: a custom grouping would see the origins; lint says so before.
        """
        row = self.row(task)
        if row is None or not routes:
            return [route for _, route in routes]
        taking = self._paths.taking
        carrying = [route for bolt, route in routes if bolt in taking]
        plain = [route for bolt, route in routes if bolt not in taking]
        if any(isinstance(route, CustomRoute) for route in carrying):
            raise UserError(f"{task.component}: effectively_once: not behind a custom grouping")
        asking = task.component in self._paths.asking
        if any(isinstance(route, DirectRoute) for route in (*carrying, *plain)):
            if asking:
                raise UserError(f"{task.component}: effectively_once: not with direct streams")
            direct = [OriginDirectRoute(r, stream[1], row) for r in carrying
                      if isinstance(r, DirectRoute)]  # fmt: skip
            return [*plain, *direct]
        if not carrying and not asking:
            return plain
        return [OriginRoute(stream, plain, carrying, row)]

    def source(self, component: str) -> type[SourceExecutor]:
        """Return the executor of a Source."""
        return OriginSourceExecutor if component in self._paths.giving else SourceExecutor

    def bolt(self, component: str) -> type[BoltExecutor]:
        """Return the executor of a bolt whose calls run on the data thread."""
        return OriginExecutor if component in self._paths.taking else BoltExecutor

    def use(self, task: TaskPlan, executor: Any, state: Any = None) -> None:
        """Give an executor what it needs. Called before the component is.

        Raises:
            UserError: the component cannot take part; lint says so before.
        """
        row = self.row(task)
        if row is None:
            return
        if isinstance(executor, OriginSourceExecutor):
            executor.use_origins(row)
        elif isinstance(executor, OriginExecutor):
            inputs = self._plan.spec.bolts[task.component].inputs
            seen = None
            if task.component in self._paths.asking:
                if any(one.grouping != "fields" for one in inputs):
                    raise UserError(f"{task.component}: effectively_once: inputs without fields")
                keys = {(one.source, one.stream): one.fields for one in inputs}
                seen = Seen(task.component, state.seen(), keys)
            executor.use_origins(row, seen, copied=copied_inputs(inputs))
        else:
            raise UserError(
                f"{task.component}: effectively_once: not with a Storm spout, nor with a blocking "
                "or async bolt on the way"
            )

    def check_anchors(self, executor: BoltExecutor, anchors: Sequence[Any]) -> None:
        """Refuse an emit without anchors where rows have origins.

        What is not tracked may come when its message is durable, and would be taken for an old
        copy.

        Raises:
            UserError: nothing anchors the row.
        """
        if not anchors and executor.component in self._paths.giving:
            raise UserError(
                f"{executor.component}: anchors=[]: a bolt below counts effectively once, which "
                "needs tracked rows"
            )

    def durable(self, bolts: Mapping[int, BoltExecutor], positions: Positions | None) -> None:
        """Tell bolts that ask which positions are durable."""
        if not positions or not self._paths.any:
            return
        by_partition = {
            partition_bytes(self._component_of[task], partition): wire
            for task, partitions in positions.items() if task in self._component_of
            for partition, wire in partitions.items()
        }  # fmt: skip
        for bolt in bolts.values():
            if isinstance(bolt, OriginExecutor) and bolt.seen is not None:
                bolt.seen.durable(by_partition)


def check_bolt(bolt: Bolt, executor: BoltExecutor) -> None:
    """Refuse a bolt whose rows have origins and are not anchored by themselves.

    Raises:
        UserError: it says so.
    """
    if isinstance(executor, OriginExecutor) and not bolt.auto_anchor:
        raise UserError(f"{executor.component}: effectively_once: not with auto_anchor = False")
