"""Tuples in user hands: a bolt with ``auto_ack = False`` acks and fails them itself."""

from __future__ import annotations

from itertools import islice
from typing import Any

from waterspout.topology.task_env import TaskEnv
from waterspout.topology.tuples import Tuple

from .frame_work import FrameWork


class Holds:
    """The tuples that one task holds, and what becomes of them.

    A root leaves a frame when the last tuple of it was acked; counted per frame and root.
    """

    def __init__(self, component: str, task: int, env: TaskEnv) -> None:
        self._component, self._task, self._env = component, task, env
        #: id(tuple) -> (tuple, its frame, its roots, held since)
        self._held: dict[int, tuple[Tuple, FrameWork, tuple[int, ...], float]] = {}
        self.acked = 0
        self.failed = 0
        #: Acks and fails of tuples that are not held: twice, or of another bolt.
        self.ignored = 0

    def __len__(self) -> int:
        return len(self._held)

    def has(self, tup: Tuple) -> bool:
        """Say whether ``tup`` is held."""
        return id(tup) in self._held

    def oldest(self) -> float | None:
        """Return since when the oldest tuple is held; None: none is."""
        return next((entry[3] for entry in list(self._held.values())), None)

    def take(self, tup: Tuple, work: FrameWork, roots: tuple[int, ...], now: float) -> None:
        """Note a tuple before it is handed to the bolt."""
        if not work.by_row:
            self._count_rows(work)
        self._held[id(tup)] = (tup, work, roots, now)

    def ack(self, tup: Tuple) -> None:
        """Settle a tuple. Bound as the bolt's ``ack``."""
        entry = self._held.pop(id(tup), None)
        if entry is None:
            self.ignored += 1
            return
        self.acked += 1
        _, work, roots, _ = entry
        toggles, left = self._env.toggles, work.left
        assert left is not None
        for root in roots:
            left[root] -= 1
            if not left[root]:
                toggles[root] = toggles.get(root, 0) ^ work.edge

    def fail(self, tup: Tuple, reason: str = "failed by the bolt", details: str = "") -> None:
        """Fail a tuple's messages. Bound as the bolt's ``fail``."""
        entry = self._held.pop(id(tup), None)
        if entry is None:
            self.ignored += 1
            return
        self.failed += 1
        self._env.fail_roots(entry[2], self._component, self._task, reason, details)

    def extend(self, tup: Tuple) -> None:
        """Count ``hold_max`` from now on. Bound as the bolt's ``extend_timeout``."""
        entry = self._held.get(id(tup))
        if entry is not None:
            self._held[id(tup)] = (*entry[:3], self._env.clock())

    def roots_of(self, anchors: Any) -> tuple[int, ...]:
        """Return the distinct roots of held tuples, for ``emit(anchors=...)``."""
        roots: dict[int, None] = {}
        for tup in anchors:
            entry = self._held.get(id(tup))
            if entry is not None:
                roots.update(dict.fromkeys(entry[2]))
        return tuple(roots)

    def oldest_roots(self, roots_max: int) -> tuple[int, ...]:
        """Return distinct roots of held tuples, those taken first first.

        Raises:
            RuntimeError: called from another thread, while tuples came and went.
        """
        roots: dict[int, None] = {}
        for _, _, each, _ in self._held.values():
            roots.update(dict.fromkeys(each))
            if len(roots) >= roots_max:
                break
        return tuple(islice(roots, roots_max))

    def latest_roots(self, roots_max: int) -> tuple[int, ...]:
        """Return distinct roots of held tuples, those taken last first."""
        roots: dict[int, None] = {}
        for _, _, each, _ in reversed(self._held.values()):
            roots.update(dict.fromkeys(each))
            if len(roots) >= roots_max:
                break
        return tuple(islice(roots, roots_max))

    def vouched(self, now: float) -> set[int]:
        """Return the roots to vouch for; fail those that are held for too long, by name."""
        limit = now - self._env.settings.hold_max_s
        late = [tup for tup, _, _, since in self._held.values() if since < limit]
        for tup in late:
            seconds = self._env.settings.hold_max_s
            self.fail(tup, f"held for more than hold_max = {seconds:g} s without ack or fail")
        return {root for _, _, roots, _ in self._held.values() for root in roots}

    def drop_all(self) -> list[Tuple]:
        """Forget all tuples and return them: a new epoch replays their messages."""
        tuples = [entry[0] for entry in self._held.values()]
        self._held.clear()
        return tuples

    @staticmethod
    def _count_rows(work: FrameWork) -> None:
        work.left = {}
        for count, roots in work.runs:
            for root in roots:
                work.left[root] = work.left.get(root, 0) + count
        work.by_row = True
