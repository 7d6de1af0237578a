"""What the workers' reports add up to: totals, who is in a call since when, stalls, errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from waterspout.topology.marks import MAX_WATERMARK
from waterspout.topology.settings import Settings

from .tallies import Tally

#: Different errors that are remembered; the one seen longest ago makes room.
ERRORS_MAX = 50
#: How often it is looked at whether messages come through, at most.
WATCH_S = 0.1


class Errors:
    """Errors of components, equal ones counted, newest last."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int | None, str], dict[str, Any]] = {}

    def add(
        self, component: str, task: int | None, text: str, traceback: str = "", count: int = 1
    ) -> None:
        """Count an error; the newest traceback of equal ones is kept."""
        key = (component, task, text)
        old = self._seen.pop(key, {"count": 0})
        self._seen[key] = {
            "component": component,
            "task": task,
            "text": text,
            "traceback": traceback,
            "count": old["count"] + count,
        }
        if len(self._seen) > ERRORS_MAX:
            del self._seen[next(iter(self._seen))]

    def rows(self) -> list[dict[str, Any]]:
        """Return copies of all errors for ``status``."""
        return [dict(row) for row in self._seen.values()]


class Progress:
    """Adds up reports. Fed by the coordinator.

    Args:
        plan: for tasks, components and kinds.
        settings: message_timeout decides what is a stall; max_pending bounds what is unknown.
    """

    def __init__(self, plan: Any, settings: Settings) -> None:
        self.errors = Errors()
        self.tallies = {
            t.task: Tally(t.task, t.component, plan.kind(t.component), plan.seeks(t.component))
            for t in plan.tasks
        }
        self._spouts = [tally for tally in self.tallies.values() if tally.kind == "spout"]
        #: Tasks that were in a user call by the newest report of each worker.
        self._calls: dict[int, list[Tally]] = {worker: [] for worker in range(plan.workers)}
        self._tasks = {
            worker: [t.task for t in plan.tasks if t.worker == worker]
            for worker in range(plan.workers)
        }
        self._message_timeout_s = settings.message_timeout_s
        # At most once nothing is drawn twice.
        self._drawn_since_max = (
            0 if plan.guarantee == "at-most-once" else settings.max_pending
        )
        self._takes_back = plan.guarantee != "at-most-once"
        #: Acked messages of workers that were lost, and that ``take_back`` did not tell yet.
        self._lost_acks = 0
        self._mark: tuple[int, ...] = ()
        self._moved_at = self._watch_at = 0.0
        self._waits = False
        #: Workers whose newest report says that a round would make nothing durable.
        self._without_news: set[int] = set()

    # Feeding.

    def on_report(
        self, worker: int, message: Mapping[str, Any], now: float, *, counts: bool = True
    ) -> None:
        """Take a report of ``worker``; entries of tasks that are not its own are ignored.

        Args:
            worker, message: who says what.
            now: monotonic seconds.
            counts: False: its tasks are restored meanwhile, and count from 0 again.
        """
        self._without_news.discard(worker)
        if not message.get("news", True):
            self._without_news.add(worker)
        own = set(self._tasks[worker])
        calls: list[Tally] = []
        if counts:
            self._calls[worker] = calls
        for entry in message["tasks"]:
            if counts and entry.get("task") in own:
                tally = self.tallies[entry["task"]]
                tally.update(entry, message["epoch"], now)
                if entry.get("call_since_s"):
                    calls.append(tally)
        for error in message["errors"]:
            self.errors.add(
                error.get("component", ""),
                error.get("task"),
                error.get("text", ""),
                error.get("traceback", ""),
                error.get("count", 1),
            )
        self._watch_acks(now)

    def on_durable(self, settled: Mapping[int, Sequence[int]]) -> None:
        """A round was committed with these counts of messages, [acked, dead] per spout task."""
        for task, (acked, dead) in settled.items():
            if task in self.tallies:
                self.tallies[task].made_durable(acked, dead)

    def on_reserve(self, worker: int, task: int, messages: int) -> None:
        """A spout task asks for positions (at-most-once), of so many messages by now."""
        if task in self._tasks[worker]:
            self.tallies[task].reserved = messages

    def on_lost(self, worker: int, drawn: Mapping[int, int]) -> None:
        """A worker is gone; ``drawn``: emissions of its spout tasks, where known exactly."""
        before = self._acked()
        for task in self._tasks[worker]:
            self.tallies[task].end_incarnation(drawn.get(task), self._drawn_since_max)
        self._lost_acks += before - self._acked()

    def take_back(self, epoch: int) -> int:
        """A loss ends this epoch: what is not durable does not count any more, whatever is still
        reported of it. Return how many acked messages that takes back since the last call."""
        if not self._takes_back:
            return 0
        before = self._acked()
        for tally in self._spouts:
            tally.lost_epoch = epoch
        taken, self._lost_acks = self._lost_acks + before - self._acked(), 0
        return taken

    def _acked(self) -> int:
        return sum(tally.total("acked") for tally in self._spouts)

    def on_restored(self) -> None:
        """All tasks go back to a checkpoint: they count from 0 again, as after a loss."""
        for worker in self._tasks:
            self.on_lost(worker, {})

    def on_drawn(self, worker: int, drawn: Mapping[int, int]) -> None:
        """A worker that lives has taken its tasks down: so many messages they had emitted."""
        for task in set(drawn) & set(self._tasks[worker]):
            self.tallies[task].drew(int(drawn[task]))

    def _watch_acks(self, now: float) -> None:
        """Note when something came through last, or when messages began to be pending.

        It looks at all spouts, and every worker reports: not at each report, then.
        """
        if now < self._watch_at:
            return
        self._watch_at = now + WATCH_S
        done = worked = pending = 0
        for tally in self._spouts:
            report, before = tally.report, tally.before
            done += before["acked"] + max(report.get("acked") or 0, tally.durable)
            done += before["dead"] + (report.get("dead") or 0)
            worked += report.get("worked_through") or 0
            pending += report.get("pending") or 0
        mark = done, worked
        waited, self._waits = self._waits, bool(pending)
        if mark != self._mark or not (waited and self._waits):
            self._mark, self._moved_at = mark, now

    # Asking.

    def spouts(self) -> Iterator[Tally]:
        """Return the tallies of all spout tasks."""
        return iter(self._spouts)

    def tasks_of(self) -> dict[int, list[int]]:
        """Return task -> all tasks of its component."""
        of_component: dict[str, list[int]] = {}
        for tally in self.tallies.values():
            of_component.setdefault(tally.component, []).append(tally.task)
        return {t.task: of_component[t.component] for t in self.tallies.values()}

    def first_task(self, component: str | None) -> int:
        """Return the first task of a component; 0 when there is none."""
        return next((t.task for t in self.tallies.values() if t.component == component), 0)

    def of_component(self, component: str) -> list[Tally]:
        """Return the tallies of one component's tasks."""
        return [tally for tally in self.tallies.values() if tally.component == component]

    @property
    def news(self) -> bool:
        """Say whether a round may make something durable."""
        return len(self._without_news) < len(self._tasks)

    def pending(self) -> int:
        """Return the messages in flight, as last reported."""
        return sum(tally.gauge("pending") for tally in self.spouts())

    def all_spouts(self, flag: str, epoch: int) -> bool:
        """Say whether every spout task reported ``flag`` (drained, exhausted) in this epoch."""
        return all(
            tally.epoch == epoch and bool(tally.report.get(flag)) for tally in self.spouts()
        )

    def all_through(self, epoch: int, since: float) -> bool:
        """Say whether every spout task reported in this epoch, after ``since``, that nothing of
        it is in flight."""
        return all(
            tally.epoch == epoch and tally.at > since and not tally.gauge("pending")
            for tally in self._spouts
        )

    def input_over(self, epoch: int) -> bool:
        """Say whether all input was drawn and event time, where there is any, has ended everywhere.

        Windows fire then while rounds go on, stage after stage, each when all it holds is durable:
        a failure in the middle of ``finish`` cannot make one fire again with a part of its rows.
        """
        return self.all_spouts("exhausted", epoch) and self._event_time_over(epoch)

    def _event_time_over(self, epoch: int) -> bool:
        tallies = self.tallies.values()
        if not any(tally.report.get("watermark") for tally in tallies):
            return True
        return all(
            tally.epoch == epoch
            and (tally.report.get("watermark") or (MAX_WATERMARK,))[0] == MAX_WATERMARK
            for tally in tallies
        )

    def stalled(self, now: float) -> bool:
        """Say whether messages are pending and none came through for message_timeout."""
        return bool(self.pending()) and now - self._moved_at > self._message_timeout_s

    def calls(self, worker: int) -> list[tuple[str, int, float, float]]:
        """Return the user calls of a worker: (component, task, seconds so far, when reported)."""
        return [
            (tally.component, tally.task, float(tally.report["call_since_s"]), tally.at)
            for tally in self._calls[worker]
            if tally.report.get("call_since_s")
        ]


def latencies(tallies: Iterable[Tally]) -> Counter[int]:
    """Return the sum of latency histograms."""
    total: Counter[int] = Counter()
    for tally in tallies:
        total += tally.latency()
    return total
