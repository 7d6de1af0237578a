"""What a worker reports of its tasks, built by the control thread from what it can read.

Only reads: the data thread goes on meanwhile. Whether a call hangs is seen without any cost
per tuple: the iterator over the frame at work tells how many rows are left, and when that does
not change between two reports, the same call is still at work.
"""

from __future__ import annotations

from operator import length_hint
from typing import TYPE_CHECKING, Any

from waterspout.bolts.executor import BoltExecutor
from waterspout.bolts.offload import OffloadExecutor
from waterspout.spouts.once_executor import OnceExecutor
from waterspout.topology.frames import Channel
from waterspout.topology.tuples import DEFAULT_STREAM

from .link_credit import link_rows
from .root_places import oldest_roots

if TYPE_CHECKING:
    from .task_build import SpoutExecutor
    from .worker_core import WorkerCore

#: Name of the metric that counts calls without a tuple that failed and wait for another try.
WAITING = "calls_waiting"


class Reporter:
    """Builds reports; remembers what was at work at the last one."""

    def __init__(self, core: WorkerCore) -> None:
        self._core = core
        #: task -> (what was at work, since when)
        self._calls: dict[int, tuple[Any, float]] = {}
        #: spout task -> (the tree of its first unacked message, and how it stood, since when)
        self._trees: dict[int, tuple[Any, float]] = {}

    def report(self, now: float) -> dict[str, Any]:
        """Return the ``report`` message."""
        core = self._core
        spouts, bolts = dict(core.tasks.spouts), dict(core.tasks.bolts)
        tasks = [self._spout(each, now) for each in spouts.values()]
        tasks += [self._bolt(each, now) for each in bolts.values()]
        suspects = {
            task: wire for task, each in spouts.items() if (wire := each.ledger.suspects_wire())
        }
        report = {
            "kind": "report", "epoch": core.epoch, "tasks": tasks,
            "errors": core.env.take_errors() if core.plan is not None else [],
            "loop_age_s": max(now - core.turned_at, 0.0), "news": core.rounds.news,
            "links": link_rows(core.links),
        }  # fmt: skip
        if suspects:
            report["suspects"] = suspects
        return report

    def _spout(self, executor: SpoutExecutor, now: float) -> dict[str, Any]:
        ledger, time = executor.ledger, executor.time
        first = _retried(lambda: ledger.first_unacked(now, executor.retries_at_work()))
        if first:
            first = [*first, *self._tree(executor, first, now)]
        return {
            "task": executor.task, "kind": "spout", "emitted": ledger.emitted,
            "acked": ledger.acked, "failed": ledger.failed, "replayed": ledger.replayed,
            "dead": ledger.dead, "pending": ledger.pending,
            "worked_through": ledger.worked_through, "first_unacked": first,
            "lag": _retried(executor.lag), "latency": _retried(lambda: dict(ledger.latency)) or {},
            "exhausted": executor.exhausted,
            "drained": executor.drained() and self._core.letters.idle and self._quiet(),
            "group_max": ledger.sizes.size,
            "watermark": None if time is None else _retried(lambda: time.status(now)),
            "reserved": executor.reserved if isinstance(executor, OnceExecutor) else 0,
            "call_since_s": self._call_since(executor.task, executor.running, ledger.emitted, now),
            "roots": _retried(lambda: oldest_roots(executor)),
            "failing": _retried(lambda: executor.troubles.rows(now)) or [],
        }  # fmt: skip

    def _tree(
        self, executor: SpoutExecutor, first: list[Any], now: float
    ) -> tuple[float | None, int | None]:
        """Return for how long nothing was done to the tree of the first unacked message; its root.

        None: nothing of it is under way; it waits for another try, or for the next round.
        """
        root = _retried(lambda: executor.ledger.root_at(first[0], first[1]))
        value = None if root is None else self._core.acker.value(root)
        if value is None:
            self._trees.pop(executor.task, None)
            return None, None
        known = self._trees.get(executor.task)
        if known is None or known[0] != (root, value):
            known = self._trees[executor.task] = (root, value), now
        return now - known[1], root

    def _channel(self, channel: Channel) -> str:
        """Return ``rows[1].errors``: whose channel it is, and of which stream."""
        plan = self._core.plan
        assert plan is not None
        task = plan.tasks[channel[0] - 1]
        stream = plan.streams_of(task.component)[channel[1]]
        return f"{task.component}[{task.index}]{'' if stream == DEFAULT_STREAM else f'.{stream}'}"

    def _quiet(self) -> bool:
        """Whether nothing is queued here; without tracking nobody else would know."""
        core = self._core
        return core.env.tracked or (
            all(bolt.queued_rows == 0 for bolt in list(core.tasks.bolts.values()))
            and all(link.drained for link in list(core.links.values()))
        )

    def _bolt(self, executor: BoltExecutor, now: float) -> dict[str, Any]:
        at_work, time = (executor.executed, self._rows_left(executor)), executor.time
        return {
            "task": executor.task, "kind": "bolt", "executed": executor.executed,
            "acked": max(executor.executed - executor.failed - len(executor.holds), 0),
            "failed": executor.failed + executor.holds.failed,
            "emitted": executor.emitter.emitted, "queue": executor.queued_rows,
            "busy_s": executor.busy_s,
            "call_since_s": self._bolt_call(executor, at_work, now),
            "held": len(executor.holds), "roots": _retried(lambda: oldest_roots(executor)),
            "watermark": None if time is None else _retried(lambda: time.status(self._channel)),
            "metrics": _retried(lambda: _metrics(executor)) or {},
        }  # fmt: skip

    def _bolt_call(self, executor: BoltExecutor, at_work: Any, now: float) -> float:
        if isinstance(executor, OffloadExecutor):
            since = executor.busy_since
            return 0.0 if since is None else max(now - since, 0.0)
        return self._call_since(executor.task, executor.running, at_work, now)

    @staticmethod
    def _rows_left(executor: BoltExecutor) -> int:
        try:
            return length_hint(executor.queue[0].counter)
        except IndexError:
            return 0

    def _call_since(self, task: int, running: bool, at_work: Any, now: float) -> float:
        if not running:
            self._calls.pop(task, None)
            return 0.0
        known = self._calls.get(task)
        if known is None or known[0] != at_work:
            self._calls[task] = (at_work, now)
            return 0.0
        return now - known[1]


def _metrics(executor: BoltExecutor) -> dict[str, Any]:
    """Return the metrics of a bolt; timers, windows and ticks that wait for a try are one."""
    waiting = len(executor.own_calls.failed)
    found = dict(executor.bolt.context.metrics.values)
    return {**found, WAITING: waiting} if waiting else found


def _retried(read: Any) -> Any:
    """Return what ``read`` gives; a dict that changed under its hands is read again."""
    for _ in range(5):
        try:
            return read()
        except RuntimeError:
            continue
    return None
