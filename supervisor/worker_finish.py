"""How a worker comes to the end of its input: levels finish one after the other.

Under at-least-once the coordinator knows that all is worked through when it says ``finish``;
under at-most-once nobody tracks, and end-of-stream marks tell. Reservations of positions,
which only at-most-once needs, are asked for here, too.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from waterspout.bolts.executor import BoltExecutor
from waterspout.spouts.once_executor import OnceExecutor
from waterspout.topology.plan import Plan

from .end_marks import EndMarks
from .log_lines import RUNNING

if TYPE_CHECKING:
    from .worker_core import WorkerCore


class WorkerFinish:
    """The level that finishes now, and the marks and reservations of at-most-once."""

    marks: EndMarks

    def __init__(self, core: WorkerCore) -> None:
        self._core = core
        #: The level that the coordinator told to finish; None: none.
        self.level: int | None = None
        self._reserve_id = 0
        #: id of a reservation -> (spout, its number there)
        self._reserving: dict[int, tuple[OnceExecutor, int]] = {}

    def begin(self, plan: Plan) -> None:
        """Get ready for the tasks of a plan; the coordinator says anew what finishes."""
        core = self._core
        self.level = None
        self.marks = EndMarks(plan, core.worker, core.links)
        for spout in core.tasks.spouts.values():
            if isinstance(spout, OnceExecutor) and spout.ledger.seeks:
                spout.reserve_with(partial(self._ask, spout))

    def new_epoch(self) -> None:
        """Forget marks; the coordinator says anew what finishes."""
        self.level = None
        self.marks.new_epoch()

    def _ask(
        self, spout: OnceExecutor, number: int, ends: dict[str, Any], messages: int
    ) -> None:
        core = self._core
        self._reserve_id += 1
        self._reserving[self._reserve_id] = (spout, number)
        core.control_outbox.append({
            "kind": "reserve", "epoch": core.epoch, "id": self._reserve_id, "task": spout.task,
            "positions": ends, "messages": messages,
        })  # fmt: skip

    def granted(self, id_: int) -> None:
        """A reservation is durable."""
        spout, number = self._reserving.pop(id_, (None, 0))
        if spout is not None and spout.reservations is not None:
            spout.reservations.granted(number)

    def turn(self, now: float) -> bool:
        """Go on with finishing; True: there is more to do at once."""
        core = self._core
        if not core.env.tracked:
            for spout in core.tasks.spouts.values():
                if spout.exhausted and spout.drained():
                    self.marks.say(spout.task, spout.emitter)
        return self.level is not None and self._finish_level(self.level, now)

    def _finish_level(self, level: int, now: float) -> bool:
        """Run ``finish`` of the bolts of a level; say so when all they emitted is through."""
        core = self._core
        assert core.plan is not None
        components = core.plan.levels[level]
        waiting = [
            bolt for bolt in core.order
            if bolt.component in components and not self._finish_bolt(bolt, now)
        ]  # fmt: skip
        RUNNING.set(None)
        for bolt in waiting:
            core.flush(bolt)
        if waiting:
            return any(self._goes_on(bolt) for bolt in waiting)
        core.control_outbox.append({"kind": "finished", "epoch": core.epoch, "level": level})
        self.level = None
        return False

    def _finish_bolt(self, bolt: BoltExecutor, now: float) -> bool:
        RUNNING.set(bolt)
        if self._core.env.tracked:
            return bolt.own_calls.finish_step(now)
        if not self.marks.complete(bolt.task) or not bolt.idle:
            return False
        return bolt.own_calls.finish_step(now) and self.marks.say(bolt.task, bolt.emitter)

    def _goes_on(self, bolt: BoltExecutor) -> bool:
        """Say whether a bolt that has not finished can go on at once, without any message."""
        if self._core.env.tracked:
            return bolt.own_calls.goes_on
        return self.marks.complete(bolt.task) and bolt.idle and not bolt.blocked()
