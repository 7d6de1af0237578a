"""A worker's part in rounds: ledgers freeze, then tasks with state are copied and sinks flushed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from waterspout.spouts.once_executor import OnceExecutor
from waterspout.topology.task_env import reason_of
from waterspout.topology.tracebacks import user_traceback

from .durable_calls import DurableCalls

if TYPE_CHECKING:
    from .worker_core import WorkerCore

#: Stands for "not soon", in seconds.
NEVER_S = 3600.0


class SnapshotJob(NamedTuple):
    """A copy of a task's state that the shell encodes and writes, outside of the data thread."""

    epoch: int
    round: int
    task: int
    copy: Any
    #: The copy is of what was on its way to the task (bolts/channel_log.py).
    log: bool = False


class WorkerRounds:
    """The round at work in this worker; at most one."""

    def __init__(self, core: WorkerCore) -> None:
        self._core = core
        self._durables = DurableCalls(core)
        self._round = 0
        #: Highest round that this process was told to freeze.
        self.told = 0
        self._waiting: set[int] = set()
        self._parts: list[dict[str, Any]] = []
        #: Totals when the last round began; a round in which nothing moved is not worth a snapshot.
        self._seen: tuple[int, ...] = ()
        self._seen_at_freeze: tuple[int, ...] = ()

    def freeze(self, round_: int) -> None:
        """Freeze every ledger and tell what becomes durable."""
        core = self._core
        self.told = max(self.told, round_)
        positions: dict[int, Any] = {}
        settled: dict[int, list[int]] = {}
        for task, spout in core.tasks.spouts.items():
            changed, settled[task] = spout.ledger.freeze(round_)
            # Reserved positions are in the store already, ahead of these.
            if changed and not (isinstance(spout, OnceExecutor) and spout.reservations):
                positions[task] = changed
        for bolt in core.tasks.bolts.values():
            bolt.own.freeze(round_)
        seen, letters = totals_of(core), core.letters.freeze(round_)
        core.control_outbox.append({
            "kind": "frozen", "epoch": core.epoch, "round": round_, "positions": positions,
            "settled": settled, "letters": letters,
            "changed": seen != self._seen or bool(positions or letters),
        })  # fmt: skip
        self._seen_at_freeze = seen

    @property
    def news(self) -> bool:
        """Whether a round would make something durable. Asked by the control thread."""
        spouts = list(self._core.tasks.spouts.values())
        ledgers = any(spout.ledger.news for spout in spouts)
        return ledgers or self._core.letters.news or totals_of(self._core) != self._seen

    def snapshot(self, round_: int) -> None:
        """Flush sinks and copy states; every ledger of the topology is frozen by now."""
        core = self._core
        assert core.plan is not None
        self._round, self._parts = round_, []
        jobs = []
        for task, bolt in core.tasks.bolts.items():
            facts = core.plan.facts[bolt.component]
            try:
                self._durables.before(bolt, round_, core.clock())
                if facts.sink:
                    bolt.bolt.flush()
                if facts.stateful:
                    jobs.append((task, core.tasks.states[task].snapshot_begin()))
            except (Exception, SystemExit) as error:
                self._failed(f"{bolt.component}: {reason_of(error)}")
                core.env.note_error(
                    bolt.component, task, f"round {round_}: {reason_of(error)}",
                    user_traceback(error),
                )  # fmt: skip
                return
        self._waiting = {task for task, _ in jobs}
        for task, copy in jobs:
            core.snapshot_jobs.append(SnapshotJob(core.epoch, round_, task, copy))
        if not jobs:
            self._done()

    def part_written(self, job: SnapshotJob, part: Any) -> None:
        """Count a part that is on disk."""
        if job.epoch != self._core.epoch or job.round != self._round:
            return
        self._parts += parts_of(self._core, job, part)
        self._waiting.discard(job.task)
        if not self._waiting:
            self._done()

    def part_failed(self, job: SnapshotJob, text: str) -> None:
        """Give the round up: the disk is full, say."""
        if job.epoch == self._core.epoch and job.round == self._round:
            self._failed(text)

    def _done(self) -> None:
        self._core.control_outbox.append({
            "kind": "snapshotted", "epoch": self._core.epoch, "round": self._round,
            "parts": self._parts,
        })  # fmt: skip

    def _failed(self, text: str) -> None:
        self._core.control_outbox.append({
            "kind": "snapshot_failed", "epoch": self._core.epoch, "round": self._round,
            "text": text,
        })  # fmt: skip
        self._round = 0

    def turn(self, now: float) -> None:
        """Go on with what is to be done once a round is durable; called in each turn."""
        self._durables.turn()

    def wakeup(self, now: float) -> float:
        """Return the seconds until ``turn`` has something to do by itself: never."""
        return NEVER_S

    def durable(self, round_: int) -> None:
        """The round is complete."""
        if round_ == self.told:
            self._seen = self._seen_at_freeze
        for spout in self._core.tasks.spouts.values():
            spout.ledger.durable(round_)
        for bolt in self._core.tasks.bolts.values():
            bolt.own.durable(round_)
        self._core.letters.durable(round_)
        self._durables.durable(round_)

    def abort(self, round_: int = 0) -> None:
        """The round under way was given up, whatever its number."""
        self._round = 0
        for spout in self._core.tasks.spouts.values():
            spout.ledger.abort()
        for bolt in self._core.tasks.bolts.values():
            bolt.own.abort()
        self._core.letters.abort()


def parts_of(core: WorkerCore, job: SnapshotJob, part: Any) -> list[dict[str, Any]]:
    """Return what the manifest is to name for a task whose part is on disk, oldest first."""
    chain: Sequence[Any] = [part]
    if not job.log:
        chain = core.tasks.states[job.task].snapshot_written(job.copy, part)
    return [
        {"task": job.task, "file": each.file, "bytes": each.bytes, "sha256": each.sha256}
        for each in chain
    ]


def totals_of(core: WorkerCore) -> tuple[int, ...]:
    """Return figures of the bolts of a worker that change when something was worked on."""
    bolts = list(core.tasks.bolts.values())
    return (
        core.epoch, *(bolt.executed for bolt in bolts), *(bolt.own.pending for bolt in bolts),
        *(bolt.own.ended for bolt in bolts),
    )  # fmt: skip
