"""How a run ends: everybody is told to stop, who does not is killed, the last exit ends it."""

from __future__ import annotations

from .effects import KillWorker, Outbox, TopologyDone
from .handover import HandOver
from .phases import Phase, Phases, Step
from .restarts import WorkerEvent


class Ending:
    """Stops the workers once. Fed by the coordinator.

    Args:
        handover: for the workers.
        phases: moved to STOPPING and to DONE.
        stop_timeout_s: setting of the topology.
        outbox: where effects go; TopologyDone is the last one.
    """

    def __init__(
        self, handover: HandOver, phases: Phases, stop_timeout_s: float, outbox: Outbox
    ) -> None:
        #: What TopologyDone will say, once it is known that the run ends.
        self.verdict: TopologyDone | None = None
        #: When the last worker was gone.
        self.ended_at = 0.0
        self._handover, self._phases, self._outbox = handover, phases, outbox
        self._stop_timeout_s = stop_timeout_s
        self._stopped_at = 0.0
        self._killed_rest = False

    def stop(self, verdict: TopologyDone, now: float) -> None:
        """Tell everybody to stop; the first reason given stands."""
        if self.verdict is not None:
            return
        self.verdict, self._stopped_at = verdict, now
        self._phases.step(Step.STOP, now)
        for worker in self._handover.workers:
            worker.apply(WorkerEvent.STOP)
            if worker.alive and not worker.registered:
                self._outbox.append(KillWorker(worker.number, worker.incarnation, "stopped"))
        self._handover.broadcast({"kind": "stop"})

    def on_tick(self, now: float) -> None:
        """Kill what did not stop within stop_timeout; after another, end without it."""
        late_s = now - self._stopped_at - self._stop_timeout_s
        if late_s > 0 and not self._killed_rest:
            self._killed_rest = True
            for worker in self._handover.workers:
                worker.killed_why = ""
                self._handover.kill(worker, "did not stop within stop_timeout")
        elif late_s > self._stop_timeout_s:
            for worker in self._handover.workers:
                worker.alive = False

    def end_if_all_exited(self, now: float) -> None:
        """Say that the run is over when the last worker is gone."""
        if self.verdict is None or any(worker.alive for worker in self._handover.workers):
            return
        if self._phases.phase is not Phase.DONE:
            self._phases.step(Step.ALL_EXITED, now)
            self.ended_at = now
            self._outbox.append(self.verdict)
