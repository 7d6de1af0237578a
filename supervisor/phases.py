"""From the first start to the last exit: the phases of a run, as a table and its driver.

Input that ends:  RUNNING -> FINISHING (level by level) -> SUMMARISING -> CLOSING (the last
round) -> STOPPING -> DONE. Summaries are asked for before the last round: once that is durable
nothing of the run can be lost any more. A worker that dies later is started again only for what
its tasks do once their snapshot is durable; neither ``finish`` nor a spout is called again.
Ctrl-C: RUNNING -> DRAINING (spouts draw nothing new) -> SUMMARISING ...; ``finish`` is not
called, since the input has not ended.
A worker that is lost on the way back leads to RUNNING (or DRAINING): spouts replay what is not
durable, levels finish anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from waterspout.topology.settings import Settings

#: Last rounds that may fail before the run is ended without one; nothing is lost by that: what
#: is not durable is replayed by the next run.
LAST_ROUNDS_MAX = 5


class Phase(StrEnum):
    """Where a run stands."""

    STARTING = "starting"  #: never was everybody ready
    RUNNING = "running"
    DRAINING = "draining"  #: asked to end: spouts draw nothing new
    FINISHING = "finishing"  #: input has ended, finish() level by level
    SUMMARISING = "summarising"
    CLOSING = "closing"  #: the last round
    STOPPING = "stopping"  #: workers were told to stop
    DONE = "done"


class Step(StrEnum):
    """What moves a run on."""

    GO = "go"
    INPUT_ENDED = "input ended"
    DRAIN = "drain"
    DRAINED = "drained"
    LEVELS_DONE = "levels done"
    SUMMARIES_IN = "summaries in"
    LOST = "lost"
    OVER = "over"  #: the end of the input is durable since an earlier coordinator
    STOP = "stop"
    ALL_EXITED = "all exited"


_P, _S = Phase, Step
#: (phase, step) -> phase; a step that is not here for a phase changes nothing in it.
STEPS: dict[tuple[Phase, Step], Phase] = {
    (_P.STARTING, _S.GO): _P.RUNNING,
    (_P.STARTING, _S.OVER): _P.CLOSING,
    (_P.RUNNING, _S.INPUT_ENDED): _P.FINISHING,
    (_P.RUNNING, _S.DRAIN): _P.DRAINING,
    (_P.DRAINING, _S.DRAINED): _P.SUMMARISING,
    (_P.FINISHING, _S.LEVELS_DONE): _P.SUMMARISING,
    (_P.FINISHING, _S.LOST): _P.RUNNING,
    (_P.SUMMARISING, _S.LOST): _P.RUNNING,
    (_P.SUMMARISING, _S.SUMMARIES_IN): _P.CLOSING,
    (_P.CLOSING, _S.LOST): _P.RUNNING,
    (_P.STOPPING, _S.ALL_EXITED): _P.DONE,
} | {(phase, _S.STOP): _P.STOPPING for phase in list(_P)[: list(_P).index(_P.STOPPING)]}


class Phases:
    """Drives a run through its phases. Fed by the coordinator, which stops the workers.

    Args:
        levels: number of levels of bolts.
        workers: number of workers.
        settings: drain_timeout and stop_timeout.
        broadcast: sends a message to every worker.
    """

    def __init__(
        self,
        levels: int,
        workers: int,
        settings: Settings,
        broadcast: Callable[[dict[str, Any]], None],
    ) -> None:
        self.phase = Phase.STARTING
        #: The user asked to drain.
        self.draining = False
        #: All input was worked through (and no worker was lost since).
        self.input_ended = False
        #: task -> what its component's ``summary()`` said.
        self.summaries: dict[int, dict[str, Any]] = {}
        self._levels, self._workers, self._broadcast = levels, workers, broadcast
        self._drain_timeout_s = settings.drain_timeout_s
        self._stop_timeout_s = settings.stop_timeout_s
        self._level = 0
        self._answers: set[int] = set()
        self._summarised_at = 0.0
        self._drain_until = float("inf")

    @property
    def rounds_wanted(self) -> bool:
        """Say whether ordinary rounds go on; the last one is started by the coordinator."""
        return self.phase in (Phase.RUNNING, Phase.DRAINING)

    def step(self, step: Step, now: float) -> None:
        """Move on by the table, and do what the new phase begins with."""
        old, self.phase = self.phase, STEPS.get((self.phase, step), self.phase)
        if self.phase is not old:
            self._enter(now)

    def _enter(self, now: float) -> None:
        if self.phase in (Phase.RUNNING, Phase.FINISHING):
            self.input_ended = self.phase is Phase.FINISHING
        if self.phase is Phase.RUNNING and self.draining:
            self.step(Step.DRAIN, now)
        elif self.phase is Phase.DRAINING:
            self._broadcast({"kind": "drain"})
        elif self.phase is Phase.FINISHING:
            self._level = -1
            self._next_level(now)
        elif self.phase is Phase.SUMMARISING:
            self._answers, self._summarised_at = set(), now
            self._broadcast({"kind": "summarise"})

    def drain(self, now: float) -> None:
        """The user asked to end; everything has to be over ``drain_timeout`` from now."""
        if not self.draining:
            self.draining = True
            self._drain_until = now + self._drain_timeout_s
            self.step(Step.DRAIN, now)

    def _next_level(self, now: float) -> None:
        self._level += 1
        self._answers = set()
        if self._level >= self._levels:
            self.step(Step.LEVELS_DONE, now)
        else:
            self._broadcast({"kind": "finish", "level": self._level})

    def on_finished(self, worker: int, message: Mapping[str, Any], now: float) -> None:
        """A worker finished a level, and what that emitted was worked through."""
        if self.phase is Phase.FINISHING and message["level"] == self._level:
            self._answers.add(worker)
            if len(self._answers) == self._workers:
                self._next_level(now)

    def on_summaries(self, worker: int, message: Mapping[str, Any], now: float) -> None:
        """A worker's components said what they have to say."""
        if self.phase is Phase.SUMMARISING:
            self.summaries.update(message["tasks"])
            self._answers.add(worker)
            if len(self._answers) == self._workers:
                self.step(Step.SUMMARIES_IN, now)

    def on_tick(self, now: float) -> None:
        """Give up waiting: for the drain to end, or for a summary."""
        if self.phase is Phase.DRAINING and now >= self._drain_until:
            self.step(Step.DRAINED, now)
        elif self.phase is Phase.SUMMARISING and now - self._summarised_at > self._stop_timeout_s:
            self.step(Step.SUMMARIES_IN, now)

    def overdue(self, now: float) -> bool:
        """Say whether a drain takes so long that the run is to end without its last round."""
        return now >= self._drain_until + self._stop_timeout_s
