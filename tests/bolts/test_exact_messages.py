"""Own messages under exactly-once: emitted once, watched, and taken back as a whole."""

from __future__ import annotations

from typing import Any

from waterspout.bolts.contract import Bolt
from waterspout.bolts.exact_messages import FAILURES_S, MANY, ExactOwnMessages, OwnFailures
from waterspout.topology.control_frames import Failure

from .rig import TASK, Rig


class Ticker(Bolt):
    """Emits two rows at each tick."""

    outputs = ("x",)
    first = 1

    def process_tick(self, tup: Any) -> None:
        self.emit([self.first])
        self.emit([2])


class ExactRig(Rig):
    """A task that ticks."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(Ticker(), tick_interval_s=1.0, **settings)
        self.asked: list[Failure] = []
        self.buried: list[Any] = []
        self.failures_so_far = OwnFailures()
        self.own = self.executor.own = self.new_own()
        self.executor.own_calls.tick(self.now - 1.0)

    def new_own(self) -> ExactOwnMessages:
        own = ExactOwnMessages(TASK, self.emitter, self.env, self.failures_so_far)
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


def test_after_a_failure_each_row_has_a_root_of_its_own_and_only_the_one_at_fault_is_given_up() -> (
    None
):
    rig = ExactRig(attempts_max=3)
    rig.fail(rig.tick())
    rig.take()
    for attempts in (1, 2, 3):
        rig.own = rig.executor.own = rig.new_own()
        first = rig.tick()
        assert list(rig.own._kept.values()) == [[[0, 3, [1]]], [[0, 3, [2]]]]
        if attempts < 3:
            rig.fail(first)
            rig.take()
    assert len(rig.asked) == 3 and not rig.buried
    rig.own.cut(1)
    rig.fail(first)
    ((root, row, attempts),) = rig.buried
    assert (row[2], attempts) == ([1], 3)
    assert rig.take()[0] == [(1, (first,)), (1, (first + 1,))]
    assert not rig.own.settled(1) and rig.own.pending == 1
    rig.own.buried(root)
    assert rig.own.settled(1) and rig.own.pending == 0


def test_rows_that_differ_from_try_to_try_do_not_take_everything_back_for_ever() -> None:
    rig = ExactRig(attempts_max=2)
    for _ in range(2 * MANY):
        rig.fail(rig.tick())
        rig.bolt.first += 1
    assert len(rig.asked) == 2 * MANY and not rig.buried
    rig.fail(rig.tick())
    assert len(rig.buried) == 1


def test_old_failures_are_forgotten() -> None:
    rig = ExactRig(attempts_max=2)
    rig.fail(rig.tick())
    rig.now += FAILURES_S + 10
    rig.take()
    rig.fail(rig.tick())
    assert len(rig.asked) == 2 and not rig.buried
    assert rig.take()[0][0][0] == 2, "both rows have one root again"


def test_with_dead_letters_at_once_nothing_is_taken_back() -> None:
    rig = ExactRig(fail_to_dead_letter=True)
    rig.fail(rig.tick())
    rig.fail(12345)
    assert not rig.asked and len(rig.buried) == 2
