"""A topology at a glance: the status dict, the summary dict, and how healthy it is."""

from __future__ import annotations

from typing import Any

from .checkpoint_rows import (
    checkpoint_row,
    checkpoint_summary,
    restores_trouble,
    snapshot_row,
)
from .effects import TopologyDone
from .failing import is_failing
from .handover import HandOver
from .letters import Letters
from .phases import Phase, Phases
from .progress import Progress, latencies
from .snapshotting import Snapshotting
from .status import (
    bolt_rows,
    component_rows,
    percentiles,
    spout_rows,
    worker_rows,
)
from .summaries import merged_tops, merged_values


class Overview:
    """Reads the coordinator's parts; changes nothing."""

    def __init__(
        self,
        plan: Any,
        progress: Progress,
        handover: HandOver,
        rounds: Snapshotting,
        letters: Letters,
        phases: Phases,
    ) -> None:
        self.started_at = 0.0
        self._plan, self._progress, self._handover = plan, progress, handover
        self._rounds, self._letters, self._phases = rounds, letters, phases

    def status(self, now: float, pid: int, done: TopologyDone | None) -> dict[str, Any]:
        """Return the dict that ``waterspout status --json`` prints."""
        return {
            "topology": self._plan.name,
            "state": self._state(done),
            "health": self.health(now),
            "guarantee": self._plan.guarantee,
            "epoch": self._handover.epoch,
            "uptime_s": round(now - self.started_at, 3),
            "pid": pid,
            "spouts": spout_rows(self._plan, self._progress, now),
            "bolts": bolt_rows(self._plan, self._progress),
            "workers": worker_rows(self._handover.workers, now),
            "round": snapshot_row(self._rounds, now),
            "checkpoint": checkpoint_row(self._plan, self._rounds, now),
            "errors": self._error_rows(),
            "dead_letters": self._letters.count,
        }

    def _state(self, done: TopologyDone | None) -> str:
        if done is not None:
            return "finished" if done.ok else "failed"
        if self._phases.phase in (Phase.STARTING, Phase.RUNNING):
            return str(self._phases.phase)
        return "draining"

    def health(self, now: float) -> str:
        """Return healthy, degraded (it goes on, but something is wrong) or stalled."""
        if self._phases.phase is not Phase.STARTING and self._progress.stalled(now):
            return "stalled"
        missing = self._phases.phase is Phase.RUNNING and not self._handover.live
        failing = self._rounds.failures_in_row or self._rounds.answers.failure
        unread = self._phases.phase is Phase.RUNNING and is_failing(self._progress.spouts())
        set_back = restores_trouble(self._rounds)
        if missing or failing or unread or set_back or self._letters.blocked:
            return "degraded"
        return "healthy"

    def _error_rows(self) -> list[dict[str, Any]]:
        rows = self._progress.errors.rows()
        failing = (
            (f"{self._rounds.noun}s", self._rounds.failure),
            ("commits", self._rounds.answers.failure),
            ("dead letters", self._letters.blocked),
            ("restores", restores_trouble(self._rounds)),
        )
        for component, text in failing:
            if text:
                row = {"component": component, "task": None, "text": text}
                rows.append({**row, "traceback": "", "count": 1})
        return rows

    def summary(self, now: float, done: TopologyDone | None) -> dict[str, Any]:
        """Return the dict that is shown at the end of a run."""
        spouts = list(self._progress.spouts())
        totals = {
            name: sum(tally.total(name) for tally in spouts)
            for name in ("acked", "failed", "replayed", "dead")
        }
        pending = sum(tally.gauge("pending") for tally in spouts)
        undone = sum(tally.undone() for tally in spouts)
        duration_s = now - self.started_at
        twice = sum(tally.twice() for tally in spouts)
        exact = self._plan.guarantee == "exactly-once"
        return {
            "topology": self._plan.name,
            "guarantee": self._plan.guarantee,
            "ok": done is not None and done.ok,
            "outcome": done.outcome if done else "running",
            "duration_s": round(duration_s, 3),
            "messages": totals["acked"] + totals["dead"] + pending,
            "acked": max(totals["acked"] - undone, 0),
            "failed": totals["failed"],
            "replayed": totals["replayed"],
            "duplicates_possible": 0 if exact else twice,
            "worked_again": twice if exact else 0,
            "skipped_possible": sum(tally.skipped() for tally in spouts),
            "dead_letters": self._letters.count,
            "dead_letters_through": self._letters.through,
            "dead_letters_failed_again": self._letters.failed_again,
            "restarts": sum(worker.restarts for worker in self._handover.workers),
            "epochs": self._handover.epochs,
            "checkpoints": checkpoint_summary(self._plan, self._rounds),
            "latency_ms": percentiles(latencies(spouts)),
            "components": component_rows(self._plan, self._progress, duration_s),
            "top": merged_tops(self._plan, self._phases.summaries),
            "values": merged_values(self._plan, self._phases.summaries),
            "failing": [
                {"component": row["component"], "failing": row["failing"]}
                for row in spout_rows(self._plan, self._progress, now) if row["failing"]
            ],
            "errors": self._error_rows(),
            "reason": done.reason if done else "",
        }
