"""Own messages under exactly-once: emitted once, watched, and taken back as a whole."""

from __future__ import annotations

from collections import deque
from typing import Any

from waterspout.bolts.contract import Bolt
from waterspout.bolts.exact_messages import FAILURES_S, ExactOwnMessages
from waterspout.topology.control_frames import Failure

from .rig import TASK, Rig


class Ticker(Bolt):
    """Emits two rows at each tick."""

    outputs = ("x",)

    def process_tick(self, tup: Any) -> None:
        self.emit([1])
        self.emit([2])


class ExactRig(Rig):
    """A task that ticks."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(Ticker(), tick_interval_s=1.0, **settings)
        self.asked: list[Failure] = []
        self.buried: list[Any] = []
        self.times: deque[float] = deque()
        self.own = self.executor.own = self.new_own()
        self.executor.own_calls.tick(self.now - 1.0)

    def new_own(self) -> ExactOwnMessages:
        own = ExactOwnMessages(TASK, self.emitter, self.env, self.times)
        own.ask_restore = self.asked.append
        own.bury = lambda root, row, attempts, failure: self.buried.append((root, row, attempts))
        return own

    def tick(self) -> int:
        """Tick once; return the root."""
        known = set(self.own._kept)
        self.executor.own_calls.tick(self.now)
        self.now += 1.0
        self.flush()
        return next(root for root in self.own._kept if root not in known)

    def fail(self, root: int) -> None:
        self.own.failed(Failure(root, "b", 9, "refused", ""), self.now)


def test_a_message_is_open_in_the_cut_behind_it_until_it_is_worked_through() -> None:
    rig = ExactRig()
    rig.tick()
    rig.own.cut(1)
    assert not rig.own.settled(1) and rig.own.pending == 1
    rig.take()
    assert rig.own.settled(1) and rig.own.pending == 0
    rig.tick()
    assert rig.own.settled(1)
    rig.own.durable(1)
    assert rig.own.settled(1)


def test_a_message_that_fails_asks_for_a_restore_and_is_not_emitted_again() -> None:
    rig = ExactRig()
    root = rig.tick()
    rig.own.cut(1)
    rig.fail(root)
    assert [failure.root for failure in rig.asked] == [root]
    rig.own.retry(rig.now + 1000)
    rig.own.again_all(rig.now)
    rig.own.abort()
    assert len(rig.take()[1]) == 2 and not rig.take()[1]
    assert rig.own.next_due(rig.now) > 1000


def test_failures_of_an_hour_add_up_over_restores_until_rows_become_dead_letters() -> None:
    rig = ExactRig(attempts_max=3)
    for _ in range(2):
        rig.fail(rig.tick())
        rig.own = rig.executor.own = rig.new_own()
    assert len(rig.asked) == 2
    root = rig.tick()
    rig.own.cut(1)
    rig.fail(root)
    assert [(row[2], attempts) for _, row, attempts in rig.buried] == [([1], 3), ([2], 3)]
    assert not rig.own.settled(1) and rig.own.pending == 2
    for root, _, _ in rig.buried:
        rig.own.buried(root)
    assert rig.own.settled(1) and rig.own.pending == 0


def test_old_failures_are_forgotten() -> None:
    rig = ExactRig(attempts_max=2)
    rig.fail(rig.tick())
    rig.now += FAILURES_S + 10
    rig.fail(rig.tick())
    assert len(rig.asked) == 2 and not rig.buried


def test_with_dead_letters_at_once_nothing_is_taken_back() -> None:
    rig = ExactRig(fail_to_dead_letter=True)
    rig.fail(rig.tick())
    rig.fail(12345)
    assert not rig.asked and len(rig.buried) == 2
