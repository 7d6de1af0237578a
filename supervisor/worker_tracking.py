"""Tells ackers, here and elsewhere, what happened to roots in a turn; vouches for what waits.

What an acker finds out about the roots of this worker goes to the spouts and bolts that drew them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from waterspout.bolts.acker import Acker
from waterspout.topology.control_frames import Failure
from waterspout.topology.task_env import root_task

from .log_lines import RUNNING

if TYPE_CHECKING:
    from .worker_core import WorkerCore

#: Longest time between two signs of life for what is queued or held.
VOUCH_S_MAX = 5.0


class WorkerTracking:
    """Sums toggles per root and takes them to the worker that drew the root."""

    def __init__(self, core: WorkerCore) -> None:
        self._core = core
        self._next_vouch = 0.0

    def acker(self, timeout_s: float) -> Acker:
        """Make the acker of this worker."""
        return Acker(self._completed, self._failed, timeout_s, self._failed_message)

    def _completed(self, root: int, now: float) -> None:
        tasks, task = self._core.tasks, root_task(root)
        spout = tasks.spouts.get(task)
        if spout is None:
            tasks.bolts[task].own.completed(root)
        elif not self._core.letters.completed(root):
            spout.completed(root, now)

    def _failed(self, failure: Failure, now: float) -> None:
        tasks, task = self._core.tasks, root_task(failure.root)
        spout = tasks.spouts.get(task)
        if spout is None:
            tasks.bolts[task].own.failed(failure, now)
        elif not self._core.letters.failed(failure):
            spout.failed(failure, now)

    def _failed_message(self, failure: Failure, now: float) -> bool:
        spout = self._core.tasks.spouts.get(root_task(failure.root))
        if spout is None:
            return False
        # The spout is asked to read it again: that is code of the user's, which may hang.
        RUNNING.set(spout)
        spout.running = True
        told = spout.failed_message(failure, now)
        spout.running = False
        RUNNING.set(None)
        return told

    def turn(self, now: float) -> None:
        """Flush what this turn did to roots. Called before the frames of the turn leave."""
        self._flush()
        # Exactly-once knows no message timeout: a call that hangs is found by hang_timeout.
        if now >= self._next_vouch and not self._core.env.exact:
            self._vouch(now)

    def _flush(self) -> None:
        core, env = self._core, self._core.env
        while env.toggles or env.fails:
            toggles, fails = dict(env.toggles), list(env.fails)
            env.toggles.clear()
            env.fails.clear()
            if core.links:
                toggles, fails = self._send_toggles(toggles), self._send_fails(fails)
            # The time after the work, not before it: latency is measured here.
            now = core.clock()
            core.acker.fail(fails, now)
            core.acker.toggle(toggles, now)

    def _send_toggles(self, toggles: dict[int, int]) -> dict[int, int]:
        """Send what belongs to ackers of other workers; return the rest."""
        core = self._core
        home, me = core.home, core.worker
        away: dict[int, dict[int, int]] = {}
        here: dict[int, int] = {}
        for root, xor in toggles.items():
            worker = home.get(root >> 48, me)
            if worker == me:
                here[root] = xor
            else:
                away.setdefault(worker, {})[root] = xor
        for worker, pairs in away.items():
            core.links[worker].send_toggles(pairs)
        return here

    def _send_fails(self, fails: list[Failure]) -> list[Failure]:
        core = self._core
        here = []
        for failure in fails:
            worker = core.home.get(root_task(failure.root), core.worker)
            if worker == core.worker:
                here.append(failure)
            else:
                core.links[worker].send_fails([failure])
        return here

    def _vouch(self, now: float) -> None:
        """Vouch for what is queued or held here, so that waiting is never taken for loss."""
        core = self._core
        self._next_vouch = now + min(core.env.settings.message_timeout_s / 3, VOUCH_S_MAX)
        by_worker: dict[int, set[int]] = {}
        for root in self._waiting(now):
            by_worker.setdefault(core.home.get(root_task(root), core.worker), set()).add(root)
        core.acker.vouch(by_worker.pop(core.worker, ()), now)
        for worker, roots in by_worker.items():
            core.links[worker].send_vouch(roots)
        if core.going:
            core.acker.expire(now)

    def _waiting(self, now: float) -> set[int]:
        """Return every root that is queued, held or in a frame that has not left."""
        core = self._core
        waiting: set[int] = set()
        for bolt in core.order:
            waiting |= bolt.vouched(now)
        for executor in (*core.order, *core.tasks.spouts.values()):
            for frame in executor.emitter.frames:
                runs = [*frame.runs, *(run for _, runs, _, _ in frame.sealed() for run in runs)]
                waiting |= {root for _, roots in runs for root in roots}
        return waiting
