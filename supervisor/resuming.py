"""After a restart of the coordinator: the workers that went on without it are taken over.

    who -> every worker that is known from before          (each answers ``here``)
    all here, all ready and going in the stored epoch  ->  they go on as they are: what is
           durable is said again, the round that was under way is given up
    anything else (one is lost, new, behind, finishing) ->  the epoch is raised, as after a loss
    an older snapshot is in force (falling_back.py)     ->  all are killed: who was not told yet
           holds more than it has, and nobody knows who that is

Until every worker has answered or is lost, no epoch is raised: a worker must not be assigned
anew while it has tasks at work.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .handover import HandOver
from .restarts import Worker
from .snapshotting import Snapshotting


class Resuming:
    """Finds out whether the workers can go on as they are. Fed by the coordinator.

    Args:
        handover: for the workers and the epoch.
        rounds: goes on behind every round that a worker ever heard of.
    """

    def __init__(self, handover: HandOver, rounds: Snapshotting) -> None:
        #: Workers that were asked and did not answer yet.
        self.waiting: set[int] = set()
        #: There was a coordinator before this one.
        self.resumed = False
        self._undecided = self._fell_back = False
        self._handover, self._rounds = handover, rounds
        self._whole = False
        self._round = 0

    def begin(self, known: Mapping[int, int], now: float) -> None:
        """Ask the processes of ``known`` (worker -> incarnation) how far they are.

        Raises:
            StoreError: the store cannot be read.
        """
        handover = self._handover
        self._fell_back = self._rounds.fell_back
        handover.raised_at = now
        self.waiting = {number for number in known if 0 <= number < len(handover.workers)}
        self.resumed = self._undecided = bool(self.waiting)
        self._whole = len(self.waiting) == len(handover.workers)
        handover.held = self._undecided
        for number in sorted(self.waiting):
            handover.workers[number].started(known[number], now)
            # If it is gone, nobody knows; what it wrote is not to be begun anew.
            handover.workers[number].was_built = handover.went = True
            handover.send_raw(number, {"kind": "who"})

    def on_report(self, worker: Worker, message: Mapping[str, Any]) -> None:
        """A worker that reports an epoch is built; it may be in a user call that takes long."""
        if worker.number in self.waiting and message["epoch"]:
            self._handover.on_built(worker)

    def on_here(self, worker: Worker, message: Mapping[str, Any]) -> None:
        """A worker says who it is and how far it came; only its first word counts."""
        if worker.number not in self.waiting:
            return
        self.waiting.discard(worker.number)
        handover = self._handover
        if message["epoch"] > handover.epoch:
            # Its epoch would come twice.
            handover.kill(worker, f"is in epoch {message['epoch']}, which the store does not have")
        elif message["epoch"] and not message["built"]:
            # It said why to a coordinator that is gone, and will say it again when it is assigned.
            handover.kill(worker, "could not build its components")
        elif message["epoch"] and self._fell_back:
            worker.excused = True
            handover.kill(worker, "goes back to an older snapshot")
        handover.on_register(worker, message)
        worker.epoch = message["epoch"]
        if message["built"]:
            handover.on_built(worker)
        if message["ready"] and worker.epoch == handover.epoch:
            worker.ready_epoch = worker.epoch
        self._round = max(self._round, message["round"])
        self._whole &= (
            worker.epoch == handover.epoch
            and message["built"]
            and message["ready"]
            and message["going"]
            and not message["finishing"]
        )

    def on_lost(self, worker: Worker) -> None:
        """A worker is gone: the epoch has to rise."""
        self.waiting.discard(worker.number)
        self._whole = False

    def step(self) -> None:
        """Decide, once everybody has answered; called after every event."""
        if self.waiting or not self._undecided:
            return
        self._undecided = self._handover.held = False
        # A round whose answers may still come must not be mistaken for the next one.
        self._rounds.go_on_after(self._round)
        if self._whole:
            self._rounds.settle()
        else:
            self._handover.raise_wanted = True
