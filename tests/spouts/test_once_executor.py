"""The executor of a Source under at-most-once: what it holds back, sends, and never sends again."""

from __future__ import annotations

from typing import Any

from waterspout.spouts.groups import Group
from waterspout.spouts.once_executor import OnceExecutor
from waterspout.topology.groupings import CustomRoute

from .rig import Numbers, Rig


class Store:
    """Grants reservations when a test says so."""

    def __init__(self, rig: Rig, executor: OnceExecutor) -> None:
        self.rig, self.executor = rig, executor
        self.asked: list[tuple[int, dict[str, Any], int]] = []
        executor.reserve_with(lambda *request: self.asked.append(request))

    def grant(self) -> None:
        """Make durable what was asked for."""
        assert self.executor.reservations is not None
        self.executor.reservations.granted(len(self.asked))

    def ends(self) -> dict[str, int]:
        """Return what a successor would start from."""
        return {name: first for _, ends, _ in self.asked for name, (first, _) in ends.items()}


def executor_of(rig: Rig, source: Numbers, *, seeks: bool = True) -> OnceExecutor:
    executor = OnceExecutor(
        rig.plan, source, rig.emitter, rig.env, rig.ledger(seeks=seeks), parallelism=1,
        blocked=rig.blocked, bury=rig.bury,
    )  # fmt: skip
    executor.going = True
    return executor


def once(source: Numbers, **settings: Any) -> tuple[Rig, OnceExecutor, Store]:
    """Return the executor of a source that seeks."""
    rig = Rig(tracked=False, **settings)
    executor = executor_of(rig, source)
    return rig, executor, Store(rig, executor)


def sent(rig: Rig) -> list[int]:
    assert rig.roots.opened == {} and rig.env.toggles == {}
    return [n for root, values in rig.taken() for n in values]


def test_a_source_that_does_not_seek_is_sent_as_it_is_read() -> None:
    rig = Rig(tracked=False)
    executor = executor_of(rig, Numbers(size=3), seeks=False)
    assert executor.turn(rig.now, 100) == 3
    assert sent(rig) == [0, 1, 2]
    assert executor.drained() and executor.reserved == 0
    assert executor.ledger.acked == 3


def test_what_was_read_goes_out_when_its_position_is_durable_and_not_before() -> None:
    rig, executor, store = once(Numbers(size=6))
    assert executor.turn(rig.now, 100) == 0
    assert executor.turn(rig.now, 100) == 0
    assert sent(rig) == [] and store.ends() == {"p": 6}
    assert (executor.reserved, executor.drained()) == (6, False)
    store.grant()
    assert executor.turn(rig.now, 100) == 6
    assert sent(rig) == [0, 1, 2, 3, 4, 5]
    assert (executor.reserved, executor.drained()) == (0, True)


def test_messages_are_read_ahead_while_others_go_out() -> None:
    rig, executor, store = once(Numbers(size=1000), reserve_max=64)
    executor.turn(rig.now, 8)
    store.grant()
    out = 0
    while out < 900:
        before = len(store.asked)
        assert executor.turn(rig.now, 8) > 0, "it waited for the store"
        out += len(sent(rig))
        if len(store.asked) > before:
            store.grant()
    assert executor.reserved <= 64


def test_a_full_outbox_keeps_allowed_messages_back() -> None:
    rig, executor, store = once(Numbers(size=6))
    executor.turn(rig.now, 100)
    store.grant()
    rig.is_blocked = True
    assert executor.turn(rig.now, 100) == 0
    rig.is_blocked = False
    assert executor.turn(rig.now, 100) == 6


def test_a_drain_sends_what_was_read_so_that_the_next_run_skips_nothing() -> None:
    rig, executor, store = once(Numbers(size=1000), reserve_max=64)
    executor.turn(rig.now, 8)
    executor.draining = True
    values = []
    while not executor.drained():
        store.grant()
        executor.turn(rig.now, 8)
        values += sent(rig)
    assert values == list(range(store.ends()["p"]))
    assert executor.turn(rig.now, 8) == 0


def test_a_new_epoch_sends_nothing_twice_and_drops_nothing() -> None:
    rig, executor, store = once(Numbers(size=8))
    executor.turn(rig.now, 100)
    store.grant()
    executor.turn(rig.now, 4)
    executor.new_epoch(None, [], rig.now)
    assert executor.turn(rig.now, 100) == 0
    executor.going = True
    executor.turn(rig.now, 100)
    assert sent(rig) == list(range(8))


def test_after_a_reader_failed_the_next_one_begins_behind_what_is_held() -> None:
    rig, executor, store = once(Numbers(size=12))
    executor.turn(rig.now, 2)
    source = executor.source
    assert isinstance(source, Numbers)
    source.errors.append(OSError("broken"))
    executor.turn(rig.now, 2)
    rig.now += 5.0
    values: list[int] = []
    while not (executor.exhausted and executor.drained()):
        executor.turn(rig.now, 100)
        store.grant()
        values += sent(rig)
    assert values == list(range(12))


def test_it_is_woken_by_what_may_go_out_and_not_by_what_waits_for_the_store() -> None:
    rig, executor, store = once(Numbers(size=100), reserve_max=8)
    waits = [executor.wakeup(rig.now)]
    for _ in range(3):
        executor.turn(rig.now, 100)
    waits.append(executor.wakeup(rig.now))
    store.grant()
    waits.append(executor.wakeup(rig.now))
    executor.new_epoch(None, [], rig.now)
    waits.append(executor.wakeup(rig.now))
    assert waits == [0.0, 3600.0, 0.0, 3600.0]


def test_what_goes_out_is_noted_where_it_outlives_a_crash() -> None:
    rig, executor, store = once(Numbers(size=6))
    noted: list[tuple[int, int]] = []
    executor.in_flight = lambda root, group, drawn: noted.append((root, drawn))
    executor.turn(rig.now, 100)
    assert noted == []
    store.grant()
    executor.turn(rig.now, 100)
    assert noted == [(0, 4), (0, 6)]


class Choosy:
    """A custom grouping that raises for number 2."""

    def prepare(self, context: Any, stream: str, targets: list[int]) -> None: ...

    def choose_tasks(self, values: list[Any]) -> list[int]:
        if values[0] == 2:
            raise RuntimeError("not 2")
        return [2]


def test_of_a_group_only_the_message_that_is_refused_is_lost() -> None:
    rig = Rig(tracked=False)
    rig.emitter.streams["default"].routes[0] = CustomRoute([rig.frame], Choosy())
    executor = executor_of(rig, Numbers(size=4), seeks=False)
    executor.turn(rig.now, 100)
    assert sent(rig) == [0, 1, 3]
    assert [each["count"] for each in rig.env.take_errors()] == [1]
    assert executor.ledger.failed == 1


def test_a_lone_message_that_is_refused_is_noted_once() -> None:
    rig = Rig(tracked=False)
    executor = executor_of(rig, Numbers(size=1), seeks=False)
    executor.send(Group("p", 0, 1, 1, rig.now), [[1, 2]], rig.now)
    assert sent(rig) == []
    (error,) = rig.env.take_errors()
    assert "lines: emit to stream 'default': 2 values" in error["text"] and error["count"] == 1
