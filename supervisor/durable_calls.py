"""What bolts do around a snapshot: ``before_snapshot`` at the cut, ``on_durable`` once it counts.

``durable n`` is answered by ``durable_done`` when every task of the worker is through. What
raises is told with it, and said again by the coordinator. A bolt whose calls run elsewhere is
given no tuple until those under way have ended: ``on_durable`` runs beside no other call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from waterspout.bolts.contract import Bolt
from waterspout.bolts.executor import BoltExecutor
from waterspout.bolts.offload import OffloadExecutor
from waterspout.topology.task_env import reason_of
from waterspout.topology.tracebacks import user_traceback

from .log_lines import RUNNING

if TYPE_CHECKING:
    from .worker_core import WorkerCore


class DurableCalls:
    """Calls ``before_snapshot`` and ``on_durable`` of the bolts of one worker."""

    def __init__(self, core: WorkerCore) -> None:
        self._core = core
        #: Number that was told; None: it was answered.
        self._number: int | None = None
        self._waiting: list[BoltExecutor] = []
        self._failed = ""

    def before(self, executor: BoltExecutor, number: int, now: float) -> None:
        """Let a bolt get ready for its snapshot; what it emits is in it.

        Raises:
            Exception: whatever the user's code raises.
        """
        if type(executor.bolt).before_snapshot is not Bolt.before_snapshot:
            executor.roots_at_work = ()
            RUNNING.set(executor)
            executor.own.emit(lambda: executor.bolt.before_snapshot(number), now)
            RUNNING.set(None)

    def durable(self, number: int) -> None:
        """A snapshot is durable: have every bolt do what is to be done then."""
        self._number, self._failed = number, ""
        self._waiting = [
            bolt for bolt in self._core.order if type(bolt.bolt).on_durable is not Bolt.on_durable
        ]
        for bolt in self._waiting:
            if isinstance(bolt, OffloadExecutor):
                bolt.held_back = True
        self.turn()

    def turn(self) -> None:
        """Call those whose calls have ended; answer when all are through."""
        if self._number is None:
            return
        self._waiting = [bolt for bolt in self._waiting if not self._tell(bolt, self._number)]
        if not self._waiting:
            core = self._core
            answer = {"kind": "durable_done", "epoch": core.epoch, "round": self._number}
            if self._failed:
                answer["failed"] = self._failed
            core.control_outbox.append(answer)
            self._number = None

    def _tell(self, executor: BoltExecutor, number: int) -> bool:
        if isinstance(executor, OffloadExecutor):
            if len(executor.holds):
                return False
            executor.held_back = False
        RUNNING.set(executor)
        try:
            executor.bolt.on_durable(number)
        except (Exception, SystemExit) as error:
            text = f"on_durable: {reason_of(error)}"
            self._failed = self._failed or f"{executor.component}: {reason_of(error)}"
            self._core.env.note_error(
                executor.component, executor.task, text, user_traceback(error)
            )
        RUNNING.set(None)
        return True
