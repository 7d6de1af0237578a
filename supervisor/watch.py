"""Which workers are beyond help: hung in a user call, silent, or cut off from a peer.

A worker in a user call that takes long is busy, not gone: its data thread answers no peer, and
a call that holds the interpreter lock keeps its reports away, too. So only ``hang_timeout`` of
the component, or long silence, kills.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .handover import HandOver
from .progress import Progress
from .restarts import Worker, WorkerState

#: A built worker that sent nothing for this long is gone. Long enough for a call that holds the
#: interpreter lock, as a big C call may.
SILENT_MAX_S = 30.0
#: A data thread whose loop did not turn for this long, outside of any user call, never will.
LOOP_AGE_MAX_S = 60.0
#: A worker whose last report is younger is there.
FRESH_S = 2.0
#: When the coordinator itself did not run for this long (stopped, swapped out), nobody is blamed.
PAUSE_MAX_S = 2.0


class Watch:
    """Decides whom to kill and why. Fed by the coordinator.

    Args:
        plan: for the components' hang timeouts.
        handover: for workers and the epoch that they are to be ready in.
        progress: for user calls that are going on.
        wait_s: how long a built worker may take to be ready in an epoch (boot_timeout).
    """

    def __init__(self, plan: Any, handover: HandOver, progress: Progress, wait_s: float) -> None:
        self._plan, self._handover, self._progress = plan, handover, progress
        self._workers = handover.workers
        self._wait_s = wait_s
        self._ticked_at: float | None = None

    def on_tick(self, now: float) -> list[tuple[Worker, str]]:
        """Return the workers to kill, with the reason."""
        self._forgive(now)
        found = []
        for worker in self._workers:
            if worker.state is WorkerState.RUNNING and worker.alive:
                why = (
                    self._hung(worker, now)
                    or self._silent(worker, now)
                    or self._stuck(worker)
                    or self._late(worker, now)
                )
                if why:
                    found.append((worker, why))
        return found

    def _forgive(self, now: float) -> None:
        """After a pause of the coordinator itself, count everybody's silence from now."""
        if self._ticked_at is not None and now - self._ticked_at > PAUSE_MAX_S:
            for worker in self._workers:
                worker.seen_at = now
                worker.started_at += now - self._ticked_at
            self._handover.raised_at += now - self._ticked_at
        self._ticked_at = now

    def _hung(self, worker: Worker, now: float) -> str:
        for component, task, since_s, at in self._progress.calls(worker.number):
            limit_s = self._plan.hang_timeout_s(component)
            # While reports stay away the call goes on; a pause of ours is not counted.
            in_call_s = since_s + min(now - at, now - worker.seen_at)
            if in_call_s > limit_s:
                return (
                    f"component {component!r} task {task} hung: in one call since "
                    f"{in_call_s:.0f} s, hang_timeout is {limit_s:g} s"
                )
        return ""

    def _silent(self, worker: Worker, now: float) -> str:
        silent_s = now - worker.seen_at
        if silent_s <= SILENT_MAX_S or self._progress.calls(worker.number):
            return ""
        return f"silent for {silent_s:.0f} s"

    def _stuck(self, worker: Worker) -> str:
        if worker.loop_age_s <= LOOP_AGE_MAX_S or self._progress.calls(worker.number):
            return ""
        return f"its data thread is stuck since {worker.loop_age_s:.0f} s, in no user call"

    def _late(self, worker: Worker, now: float) -> str:
        """A worker that does not come along into the epoch, while nobody is busy."""
        handover = self._handover
        late_s = now - handover.raised_at
        if (
            handover.live
            or worker.epoch != handover.epoch
            or worker.ready_epoch == handover.epoch
            or late_s <= self._wait_s
            or any(self._progress.calls(peer.number) for peer in self._workers)
        ):
            return ""
        return f"not ready in epoch {handover.epoch} after {late_s:.0f} s"

    def on_link_down(
        self, reporter: int, message: Mapping[str, Any], now: float
    ) -> tuple[Worker, str] | None:
        """Return the accused peer when it lives and is not just busy: then the link is broken."""
        if not 0 <= message["peer"] < len(self._workers):
            return None
        peer = self._workers[message["peer"]]
        there = peer.state is WorkerState.RUNNING and now - peer.seen_at <= FRESH_S
        if not there or self._progress.calls(peer.number):
            return None
        return peer, f"link from worker {reporter} down for {message['silent_s']:.0f} s"
