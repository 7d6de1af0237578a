"""A spout's executor without a worker: a real emitter, one open frame, a list of burials."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from waterspout.spouts.contract import Messages, Reader, Source
from waterspout.spouts.executor import SourceExecutor
from waterspout.spouts.groups import Group
from waterspout.spouts.ledger import Ledger
from waterspout.topology.channels import OpenFrame
from waterspout.topology.columns import Columns
from waterspout.topology.component import StreamDecl
from waterspout.topology.control_frames import Failure
from waterspout.topology.emitter import Emitter, StreamOut
from waterspout.topology.groupings import DirectRoute, GlobalRoute
from waterspout.topology.plan import TaskPlan
from waterspout.topology.settings import Settings
from waterspout.topology.task_env import TaskEnv


class Roots:
    """Stands in for the acker: remembers what was opened."""

    def __init__(self) -> None:
        self.opened: dict[int, int] = {}

    def open(self, root: int, guard: int, now: float) -> None:
        """Note a root."""
        self.opened[root] = guard


class Rig:
    """What every executor of a spout needs."""

    def __init__(self, *, tracked: bool = True, index: int = 0, direct: bool = False,
                 **settings: Any) -> None:  # fmt: skip
        self.now = 100.0
        self.roots = Roots()
        self.env = TaskEnv(
            Settings(**settings), tracked=tracked, clock=lambda: self.now,
            draw=random.Random(5).getrandbits, acker=self.roots,
        )  # fmt: skip
        self.plan = TaskPlan(1, "lines", index, 0)
        self.frame = OpenFrame((1, 0, 2), 0)
        route = (DirectRoute if direct else GlobalRoute)([self.frame])
        stream = StreamOut("default", StreamDecl(("n",), direct), [route])
        self.emitter = Emitter(
            "lines", [stream], [self.frame], self.env.toggles, self.env.draw
        )
        self.is_blocked = False
        self.buried: list[tuple[Group, Failure]] = []

    def blocked(self) -> bool:
        """Say whether the outbox is full."""
        return self.is_blocked

    def bury(self, group: Group, failure: Failure) -> None:
        """Take a message that was given up."""
        self.buried.append((group, failure))

    def ledger(self, *, seeks: bool = True, at_once: bool = True, group_max: int = 4) -> Ledger:
        """Return a ledger."""
        return Ledger(
            self.env.settings, seeks=seeks, durable_at_once=at_once, group_max=group_max
        )

    def taken(self) -> list[tuple[int, list[Any]]]:
        """Return (root, values of the rows) of each group that went out since the last call."""
        _, runs, rows, _ = self.frame.take()
        groups, start = [], 0
        for count, roots in runs:
            root = roots[0] if roots else 0
            groups.append((root, [row[0] for row in rows[start : start + count]]))
            start += count
        return groups


class Numbers(Source):
    """Message n of a partition lies at n x stride and holds n; read by column when stride > 1."""

    def __init__(self, names: Sequence[str] = ("p",), size: int = 6, *, stride: int = 1,
                 ends: bool = True) -> None:  # fmt: skip
        self.names, self.size, self.stride, self.ends = list(names), size, stride, ends
        self.errors: list[BaseException] = []
        self.end_error: BaseException | None = None
        self.opened: list[tuple[str, int | None]] = []
        self.readers = 0
        self.is_bounded = True
        self.closed = False

    def partitions(self) -> Sequence[str]:
        self.maybe_raise()
        return self.names

    def bounded(self) -> bool:
        return self.is_bounded

    def reader(self, partition: str, position: int | None) -> Reader:
        self.maybe_raise()
        self.opened.append((partition, position))
        self.readers += 1
        return NumberReader(self, position or 0)

    def end_position(self, partition: str) -> int | None:
        if self.end_error is not None:
            raise self.end_error
        return self.size * self.stride

    def close(self) -> None:
        self.closed = True

    def maybe_raise(self) -> None:
        """Raise the next error there is."""
        if self.errors:
            raise self.errors.pop(0)


class NumberReader(Reader):
    """Reads numbers."""

    def __init__(self, source: Numbers, position: int) -> None:
        self.source, self.at = source, position // source.stride

    def read(self, limit: int) -> tuple[Messages, int] | None:
        source = self.source
        if self.at >= source.size and source.ends:
            return None
        end = min(self.at + limit, source.size)
        rows, self.at = [[n] for n in range(self.at, end)], end
        source.maybe_raise()  # After the reader has moved: that is when it hurts.
        return Columns.of_rows(rows, 1) if source.stride > 1 else rows, self.at * source.stride

    def close(self) -> None:
        self.source.readers -= 1


def executor_of(rig: Rig, source: Source, ledger: Ledger, parallelism: int = 1) -> SourceExecutor:
    """Return an executor that may start."""
    executor = SourceExecutor(
        rig.plan, source, rig.emitter, rig.env, ledger, parallelism=parallelism,
        blocked=rig.blocked, bury=rig.bury,
    )  # fmt: skip
    executor.going = True
    return executor
