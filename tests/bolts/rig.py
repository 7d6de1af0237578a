"""One bolt task between frames that a test hands in and frames that it reads: a worker in small.

The acker is the real one, so that tests see when trees end; the clock moves by hand.
"""

from __future__ import annotations

import random
from typing import Any

from waterspout.bolts.acker import Acker
from waterspout.bolts.contract import Bolt
from waterspout.bolts.executor import BoltExecutor
from waterspout.bolts.frame_work import FrameWork
from waterspout.bolts.own_messages import OwnMessages
from waterspout.topology.channels import OpenFrame
from waterspout.topology.component import StreamDecl
from waterspout.topology.control_frames import Failure
from waterspout.topology.emitter import Emitter, StreamOut
from waterspout.topology.frames import Channel, Run
from waterspout.topology.groupings import GlobalRoute
from waterspout.topology.plan import TaskPlan
from waterspout.topology.settings import Settings
from waterspout.topology.task_env import TaskEnv
from waterspout.topology.tuples import tuple_class

SOURCE, TASK, TARGET = 1, 2, 3
EDGE = 0xE
IN = tuple_class("source", "default", ("n",))


class Rig:
    """Task 2 of component ``step``; it gets frames of task 1 and emits ``x`` to task 3.

    Args:
        kind: how rows reach the bolt, as in ``BoltExecutor.use_step``.
    """

    def __init__(
        self, bolt: Bolt, kind: str = "process", *, tracked: bool = True,
        tick_interval_s: float | None = None, **settings: Any,
    ) -> None:  # fmt: skip
        self.now = 100.0
        self.full = False
        self.done: list[int] = []
        self.failures: list[Failure] = []
        self.credits: list[Channel] = []
        acker = Acker(self._completed, self._failed, timeout_s=30.0)
        self.acker = acker
        draw = random.Random(7).getrandbits
        self.env = TaskEnv(
            Settings(**settings), tracked=tracked, clock=lambda: self.now, draw=draw,
            acker=acker, credit=self.credits.append,
        )  # fmt: skip
        self.out = OpenFrame((TASK, 0, TARGET), 0)
        stream = StreamOut("default", StreamDecl(("x",)), [GlobalRoute([self.out])])
        self.emitter = Emitter("step", [stream], [self.out], self.env.toggles, draw)
        self.kept: dict[Any, Any] = {}
        self.own = OwnMessages(TASK, self.emitter, self.env, self.kept)
        self.executor = BoltExecutor(
            TaskPlan(TASK, "step", 0, 0), bolt, self.emitter, self.env,
            blocked=lambda: self.full, own=self.own, tick_interval_s=tick_interval_s,
        )  # fmt: skip
        self.executor.use_step(kind=kind)
        self.bolt: Any = bolt
        holds = self.executor.holds
        roots_of = holds.roots_of if not bolt.auto_ack else self._roots_of
        self.bolt.emit, self.bolt.emit_many = self.emitter.bind(roots_of), self.emitter.bind_many()
        self.bolt.ack, self.bolt.fail, self.bolt.extend_timeout = (
            holds.ack, holds.fail, holds.extend,
        )  # fmt: skip

    def _roots_of(self, anchors: Any) -> tuple[int, ...]:
        return self.executor.roots_at_work if anchors else ()

    def _completed(self, root: int, now: float) -> None:
        self.done.append(root)
        self.own.completed(root)

    def _failed(self, failure: Failure, now: float) -> None:
        self.failures.append(failure)
        self.own.failed(failure, now)

    def feed(self, *runs: Run, remote: bool = False, edge: int = EDGE) -> FrameWork:
        """Queue a frame of these runs; its rows count up from 0. Roots are opened as needed."""
        for root in {root for _, roots in runs for root in roots}:
            if root not in self.acker._entries:
                self.acker.open(root, edge, self.now)
            else:
                self.acker.toggle({root: edge}, self.now)
        rows = [[n] for n in range(sum(count for count, _ in runs))]
        work = FrameWork((SOURCE, 0, TASK), IN, edge, list(runs), rows, remote=remote)
        self.executor.enqueue(work)
        return work

    def flush(self) -> None:
        """Tell the acker what happened: the end of a turn."""
        toggles, fails = dict(self.env.toggles), list(self.env.fails)
        self.env.toggles.clear()
        self.env.fails.clear()
        self.acker.fail(fails, self.now)
        self.acker.toggle(toggles, self.now)

    def retry(self, now: float) -> None:
        """Emit own messages again that are due by then, as a turn does."""
        self.own.retry(now, self.executor.blocked)

    def run(self) -> None:
        """Work everything off that can be; then a turn ends."""
        while (self.executor.queue or self.executor.paused) and not self.full:
            self.executor.run()
        self.flush()

    def take(self) -> tuple[list[Run], list[Any]]:
        """Take what was emitted, as task 3 would, and work it through there."""
        edge, runs, rows, _ = self.out.take()
        for root in {root for _, roots in runs for root in roots}:
            self.env.toggles[root] = self.env.toggles.get(root, 0) ^ edge
        self.flush()
        return runs, [row[0] for row in rows]
