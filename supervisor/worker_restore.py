"""Takes the tasks of a worker that runs down, so that they are built anew from a checkpoint.

Under exactly-once every new epoch begins so, in all workers: a survivor whose state had seen
more than that of the others would count messages twice. The process stays, with its links, its
crash slot and what is kept here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from waterspout.bolts.exact_messages import OwnFailures
from waterspout.spouts.exact_ledger import ExactLedger
from waterspout.topology.control_frames import Failure
from waterspout.topology.plan import Plan
from waterspout.topology.task_env import reason_of, root_task
from waterspout.topology.tracebacks import user_traceback

from .crash_slot import CrashSlot, slot_bytes
from .exact_letter_box import ExactLetterBox
from .log_lines import RUNNING

if TYPE_CHECKING:
    from .worker_core import WorkerCore

#: Messages whose last failure is remembered, for their dead letters.
FAILURES_MAX = 1000


class WorkerRestore:
    """What one process remembers over the restores of its tasks."""

    def __init__(self, core: WorkerCore) -> None:
        self._core = core
        self._failures: OrderedDict[tuple[int, str, int], Failure] = OrderedDict()
        self._own_failures: dict[int, OwnFailures] = {}
        self._slot: CrashSlot | None = None
        #: Task -> messages that spouts had emitted which were taken down since they went last.
        self.drawn: dict[int, int] = {}
        self.went = False
        #: What waits for the next report.
        self.errors: dict[tuple[str, str], dict[str, Any]] = {}

    def note_failure(self, task: int, partition: str, start: int, failure: Failure) -> None:
        """Remember why a single message failed."""
        self._failures[task, partition, start] = failure
        self._failures.move_to_end((task, partition, start))
        if len(self._failures) > FAILURES_MAX:
            self._failures.popitem(last=False)

    def last_failure(self, task: int, partition: str, start: int) -> Failure | None:
        """Return why it failed at last, if that was in this process."""
        return self._failures.get((task, partition, start))

    def own_failures(self, task: int) -> OwnFailures:
        """Return what is known of failures of own messages of a bolt task."""
        return self._own_failures.setdefault(task, OwnFailures())

    def use_slot(self, plan: Plan, make_slot: Callable[[int], Any] | None) -> None:
        """Have the tasks note what is at work; the slot stays that of the process."""
        core = self._core
        if make_slot is None:
            return
        if self._slot is None:
            self._slot = CrashSlot(plan, core.worker, make_slot(slot_bytes(plan, core.worker)))
        for task, bolt in core.tasks.bolts.items():
            bolt.at_work = self._slot.at_work(task)
        for task, spout in core.tasks.spouts.items():
            spout.in_flight = self._slot.in_flight(task)

    def letters(self) -> ExactLetterBox:
        """Return the box of the next epoch: its requests go on being numbered."""
        letters = self._core.letters
        if not isinstance(letters, ExactLetterBox):
            return ExactLetterBox(self._core)
        letters.forget()
        return letters

    def tear_down(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """End all tasks; return the ``assign`` with what this worker alone knows of suspects."""
        core = self._core
        suspects = self._suspects(message)
        if self.went:
            # The coordinator has heard of what was taken down before these.
            self.drawn, self.went = {}, False
        for task, spout in core.tasks.spouts.items():
            self.drawn[task] = self.drawn.get(task, 0) + spout.ledger.emitted
        core.going = False
        core.builder.calls.clear()
        core.on_new_epoch()
        for bolt in core.order:
            bolt.holds.drop_all()
        close_tasks(core)
        self.errors = core.env.errors
        core.snapshot_jobs.clear()
        core.order = []
        return {**message, "suspects": suspects}

    def built(self) -> dict[str, Any]:
        """Return the message that all tasks are built."""
        drawn = {"drawn": dict(self.drawn)} if self.drawn else {}
        return {"kind": "built", "epoch": self._core.epoch, **drawn}

    def _suspects(self, message: Mapping[str, Any]) -> dict[int, list[list[Any]]]:
        """Return those of the message, and the messages of ``roots`` that are of ledgers here."""
        found = {task: list(each) for task, each in (message.get("suspects") or {}).items()}
        for root in message.get("roots") or ():
            spout = self._core.tasks.spouts.get(root_task(root))
            if spout is not None and isinstance(spout.ledger, ExactLedger):
                suspect = spout.ledger.attempt(root)
                if suspect is not None:
                    found.setdefault(spout.task, []).append(suspect)
        return found


def close_tasks(core: WorkerCore) -> None:
    """Close spouts, clean bolts up, release their state; nothing is at work then.

    What that raises is only noted.
    """
    for bolt in core.order:
        bolt.at_work(())
    closing: list[tuple[Any, Callable[[], object]]] = [
        (spout, spout.close) for spout in core.tasks.spouts.values()
    ]
    closing += [(bolt, bolt.bolt.cleanup) for bolt in core.order]
    closing += [(bolt, core.tasks.states[bolt.task].close) for bolt in core.order]
    for executor, close in closing:
        RUNNING.set(executor)
        try:
            close()
        except (Exception, SystemExit) as error:
            text = f"cleanup: {reason_of(error)}"
            core.env.note_error(executor.component, 0, text, user_traceback(error))
    RUNNING.set(None)
