"""Own messages under exactly-once: emitted once, watched, and taken back as a whole."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from waterspout.bolts.contract import Bolt
from waterspout.bolts.exact_messages import FAILURES_S, MANY, ExactOwnMessages, OwnFailures
from waterspout.bolts.failed_calls import OwnCall
from waterspout.bolts.task_time import TaskTime
from waterspout.bolts.timers import Timer, Timers
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
    rig.retry(rig.now + 1000)
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


def test_rows_that_come_through_do_not_count_against_others() -> None:
    """Many rows that each fail once or twice are no row that differs from try to try."""
    rig = ExactRig(attempts_max=3)
    rig.fail(rig.tick())
    rig.take()
    for _ in range(4 * MANY * 3):
        rig.bolt.first += 1
        root = rig.tick()
        rig.fail(root)
        rig.take()
    assert len(rig.asked) == 1 + 4 * MANY * 3 and not rig.buried


# Calls that raise.


class Raising(Bolt):
    """Its timer raises, after it has emitted."""

    outputs = ("x",)
    bad = True

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def on_timer(self, timer: Timer) -> None:
        self.calls.append(timer.at)
        self.emit([timer.at])
        if self.bad and timer.at == 10:
            raise ValueError("no")


class TimerRig:
    """A task with timers that is built anew, as a restore does."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.failures = OwnFailures()
        self.asked: list[Failure] = []
        self.letters: list[Any] = []
        self.bolt = Raising()
        self.build()

    def build(self) -> None:
        self.rig = Rig(self.bolt, **self.settings)
        executor = self.rig.executor
        own = ExactOwnMessages(TASK, self.rig.emitter, self.rig.env, self.failures)
        own.ask_restore = self.asked.append
        own.bury_call = lambda *letter: self.letters.append(letter)
        self.own = self.rig.own = executor.own = own
        self.bolt.context = SimpleNamespace(state=SimpleNamespace(key="k"), watermark=None)  # type: ignore[assignment]
        self.timers = Timers({}, lambda: self.bolt.context.state.key, lambda: 50)
        executor.time = TaskTime(
            executor, None, self.timers, lambda mark: None, lambda: 50, held=False
        )
        for at in (10, 20):
            self.timers.processing(at, "x")

    def turn(self, seconds: float = 100.0) -> list[Any]:
        self.rig.now += seconds
        self.rig.executor.own_calls.tick(self.rig.now)
        self.rig.flush()
        return self.rig.take()[1]


def test_a_timer_that_raises_asks_for_a_restore_and_is_not_called_again() -> None:
    rig = TimerRig()
    rig.turn()
    rig.own.cut(1)
    ((_, component, _, reason, *_),) = rig.asked
    assert (component, reason) == ("step", "on_timer 'x': ValueError: no")
    assert rig.turn() == [] and rig.turn() == [] and rig.bolt.calls == [10, 20]
    assert not rig.own.settled(1), "no checkpoint is complete over it"


def test_a_timer_that_raised_so_often_is_left_out_without_an_effect_and_buried() -> None:
    rig = TimerRig(attempts_max=3)
    for asked in (1, 2, 3):
        rig.turn()
        assert len(rig.asked) == asked and not rig.letters
        rig.build()
    rig.bolt.calls = []
    assert rig.turn() == [20] and rig.bolt.calls == [20]
    ((root, what, values, attempts, failure),) = rig.letters
    assert (what, values, attempts) == ("on_timer", ["k", 10, "x", "processing"], 3)
    assert failure.reason == "on_timer 'x': ValueError: no" and len(rig.asked) == 3
    rig.own.cut(1)
    assert not rig.own.settled(1)
    rig.own.buried(root)
    assert rig.own.settled(1) and rig.timers.counts()["processing"] == 0
    # A restore before it is durable leaves it out once more; after that it is called again.
    rig.build()
    assert rig.turn() == [20]
    rig.own.cut(2)
    rig.own.durable(2)
    rig.build()
    rig.bolt.bad = False
    assert rig.turn() == [10, 20]


def test_a_timer_that_does_not_raise_any_more_counts_for_nothing() -> None:
    rig = TimerRig(attempts_max=2)
    rig.turn()
    rig.build()
    rig.bolt.bad = False
    assert rig.turn() == [10, 20] and rig.own.pending == 0
    assert rig.failures.any(rig.rig.now)


def test_after_a_failure_each_row_of_many_timers_has_a_root_of_its_own() -> None:
    rig = TimerRig()
    rig.turn()
    rig.build()
    rig.bolt.bad = False
    rig.rig.executor.own_calls.tick(rig.rig.now)
    rig.rig.flush()
    assert [count for count, _ in rig.rig.take()[0]] == [1, 1]


def test_with_dead_letters_at_once_a_timer_that_raises_becomes_one() -> None:
    rig = TimerRig(fail_to_dead_letter=True)
    assert rig.turn() == [20]
    assert not rig.asked and rig.letters[0][1:4] == ("on_timer", ["k", 10, "x", "processing"], 1)


def test_timers_that_differ_from_try_to_try_are_given_up_at_last() -> None:
    rig = TimerRig(attempts_max=2)
    call = OwnCall("on_timer", 0, lambda: None, [], skips=True)
    failure = Failure(1, "step", TASK, "why", "")
    for n in range(2 * MANY):
        assert not rig.own.gives_up(call._replace(id=n), 1, failure, 100.0)
    assert rig.own.gives_up(call._replace(id=-1), 1, failure, 100.0)


def test_a_tick_that_raised_so_often_is_buried_at_once_and_anew_once_that_is_durable() -> None:
    rig = TimerRig(attempts_max=2)
    call = OwnCall("process_tick", "process_tick", lambda: None, [])
    failure = Failure(1, "step", TASK, "why", "")
    given_up = [rig.own.gives_up(call, 1, failure, 100.0) for _ in range(4)]
    assert given_up == [0, 2, 2, 2]
    rig.own.cut(1)
    rig.own.durable(1)
    assert not rig.own.gives_up(call, 1, failure, 100.0)
