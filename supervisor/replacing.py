"""Workers that are to move: killed together after a fresh round, so that little is replayed."""

from __future__ import annotations

from collections.abc import Iterable

from .handover import HandOver
from .snapshotting import RoundState, Snapshotting


class Replacing:
    """Remembers who is to be replaced and why. Fed by the coordinator.

    Args:
        handover: kills them; they start again elsewhere.
        rounds: makes the round before.
        wait_s: how long the round is waited for (round_timeout).
    """

    def __init__(self, handover: HandOver, rounds: Snapshotting, wait_s: float) -> None:
        self._handover, self._rounds, self._wait_s = handover, rounds, wait_s
        #: worker -> (incarnation that is to go, why)
        self._wanted: dict[int, tuple[int, str]] = {}
        self._until = 0.0
        self._began = False

    def want(self, workers: Iterable[int], why: str, now: float) -> None:
        """Have these workers replaced; a round that is under way is as good as a fresh one."""
        table = self._handover.workers
        found = {n: (table[n].incarnation, why) for n in workers if table[n].alive}
        if found and not self._wanted:
            self._until, self._began = now + self._wait_s, False
        self._wanted |= found

    def step(self, now: float, *, live: bool) -> None:
        """Start the round, or kill when it is over, or when there can be none."""
        if not self._wanted:
            return
        idle = self._rounds.state is RoundState.IDLE
        if live and now < self._until and not (idle and self._began):
            if idle:
                self._rounds.start(self._handover.epoch, now)
            self._began = True
            return
        wanted, self._wanted = self._wanted, {}
        for number, (incarnation, why) in wanted.items():
            worker = self._handover.workers[number]
            if worker.incarnation == incarnation:
                worker.excused = True
                self._handover.kill(worker, why)
