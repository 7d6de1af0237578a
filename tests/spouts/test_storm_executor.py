"""The executor of a Spout task: message ids, ack and fail, and the framework's own replays."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.spouts.contract import EndOfInput, Spout
from waterspout.spouts.storm_executor import StormExecutor
from waterspout.topology.control_frames import Failure
from waterspout.topology.errors import EmitError

from .rig import Rig


class Script(Spout):
    """Emits (values, keyword arguments) from a list; says what it is told."""

    def __init__(self, *emits: Any) -> None:
        self.todo = list(emits)
        self.calls: list[Any] = []
        self.ends = True

    def next_tuple(self) -> None:
        if self.todo:
            values, more = self.todo.pop(0)
            self.emit(values, **more)
        elif self.ends:
            raise EndOfInput

    def ack(self, tup_id: Any) -> None:
        self.calls.append(("ack", tup_id))

    def fail(self, tup_id: Any) -> None:
        self.calls.append(("fail", tup_id))

    def activate(self) -> None:
        self.calls.append("activate")

    def deactivate(self) -> None:
        self.calls.append("deactivate")

    def close(self) -> None:
        self.calls.append("close")


def messages(*ids: Any) -> list[Any]:
    return [([str(each)], {"tup_id": each}) for each in ids]


def start(rig: Rig, spout: Spout, *, reemits: bool = True, at_once: bool = True) -> StormExecutor:
    executor = StormExecutor(
        rig.plan, spout, rig.emitter, rig.env, rig.ledger(seeks=False, at_once=at_once),
        reemits=reemits, blocked=rig.blocked, bury=rig.bury,
    )  # fmt: skip
    executor.going = True
    return executor


def fail(rig: Rig, executor: StormExecutor, root: int) -> None:
    executor.failed(Failure(root, "b", 2, "no", ""), rig.now)


def test_each_message_has_a_root_of_its_own_and_the_end_is_noticed() -> None:
    rig = Rig()
    executor = start(rig, Script(*messages("a", "b")))
    assert executor.turn(rig.now, 100) == 2
    assert [values for _, values in rig.taken()] == [["a"], ["b"]]
    assert len(rig.roots.opened) == 2
    assert executor.exhausted and not executor.drained()


def test_ack_is_called_only_when_the_message_is_durable() -> None:
    rig, spout = Rig(), Script(*messages("a"))
    executor = start(rig, spout, at_once=False)
    executor.turn(rig.now, 100)
    executor.completed(rig.taken()[0][0], rig.now)
    executor.turn(rig.now, 100)
    executor.ledger.freeze(1)
    executor.turn(rig.now, 100)
    assert spout.calls == []
    executor.ledger.durable(1)
    executor.turn(rig.now, 100)
    assert spout.calls == [("ack", "a")]


def test_a_failed_message_is_told_and_emitted_again_by_the_framework() -> None:
    rig, spout = Rig(backoff_min_s=0.5), Script(*messages("a"))
    executor = start(rig, spout)
    executor.turn(rig.now, 100)
    fail(rig, executor, rig.taken()[0][0])
    executor.turn(rig.now, 100)
    assert (rig.taken(), spout.calls) == ([], [])
    rig.now += 0.5
    executor.turn(rig.now, 100)
    ((root, values),) = rig.taken()
    assert (values, spout.calls) == (["a"], [("fail", "a")])
    executor.completed(root, rig.now)
    executor.turn(rig.now, 100)
    assert spout.calls == [("fail", "a"), ("ack", "a")]
    assert executor.drained()


def test_payloads_that_wait_for_replay_are_bounded_by_max_pending() -> None:
    rig, spout = Rig(max_pending=2, backoff_min_s=0.5), Script(*messages(*"abcdef"))
    executor = start(rig, spout)
    for _ in range(3):
        executor.turn(rig.now, 100)
        for root, _values in rig.taken():
            fail(rig, executor, root)
    assert len(spout.todo) == 4
    rig.now += 0.5
    executor.turn(rig.now, 100)
    assert [values for _, values in rig.taken()] == [["a"], ["b"]]


def test_without_replay_the_spout_is_only_told_and_may_emit_the_id_anew() -> None:
    rig, spout = Rig(), Script(*messages("a", "b"))
    executor = start(rig, spout, reemits=False)
    executor.turn(rig.now, 1)
    fail(rig, executor, rig.taken()[0][0])
    rig.now += 1.0
    spout.todo += messages("a")
    executor.turn(rig.now, 100)
    groups = rig.taken()
    assert [values for _, values in groups] == [["b"], ["a"]]
    assert spout.calls == [("fail", "a")]
    for root, _ in groups:
        executor.completed(root, rig.now)
    assert executor.drained()
    # The one that was handed back leaves no hole that would be stored for ever.
    assert executor.ledger.positions_of("").to_wire() == [3, []]


def test_a_message_without_an_id_is_not_tracked() -> None:
    rig = Rig()
    executor = start(rig, Script((["x"], {})))
    executor.turn(rig.now, 100)
    assert rig.taken() == [(0, ["x"])]
    assert rig.roots.opened == {} and executor.drained()
    assert executor.ledger.emitted == 1


@pytest.mark.parametrize(
    ("tup_id", "what"), [([1], "not hashable"), ("a", "still pending")]
)
def test_an_id_that_cannot_be_used_is_an_error_and_nothing_is_emitted(
    tup_id: Any, what: str
) -> None:
    rig = Rig()
    executor = start(rig, Script())
    executor.emit(["first"], tup_id="a")
    with pytest.raises(EmitError, match=what):
        executor.emit(["second"], tup_id=tup_id)
    executor.emit(["third"], tup_id="b")
    assert [values for _, values in rig.taken()] == [["first"], ["third"]]


def test_an_id_of_a_tuple_that_was_refused_may_be_used_again() -> None:
    rig = Rig()
    executor = start(rig, Script())
    with pytest.raises(EmitError, match="2 values"):
        executor.emit(["too", "many"], tup_id="a")
    executor.emit(["fine"], tup_id="a")
    assert [values for _, values in rig.taken()] == [["fine"]]


def test_a_message_on_a_direct_stream_is_replayed_to_the_same_task() -> None:
    rig = Rig(direct=True)
    executor = start(rig, Script((["x"], {"tup_id": 1, "direct_task": 2})))
    executor.turn(rig.now, 100)
    fail(rig, executor, rig.taken()[0][0])
    rig.now += 1.0
    executor.turn(rig.now, 100)
    assert [values for _, values in rig.taken()] == [["x"]]


def test_next_tuple_that_raises_is_asked_again_later() -> None:
    class Once(Script):
        def next_tuple(self) -> None:
            if not self.calls:
                self.calls.append("raised")
                raise ValueError("broker")
            super().next_tuple()

    rig = Rig()
    executor = start(rig, Once(*messages("a")))
    assert executor.turn(rig.now, 100) == 0
    assert executor.wakeup(rig.now) == 1.0
    (error,) = rig.env.take_errors()
    assert error["text"] == "next_tuple: ValueError: broker"
    rig.now += 1.0
    assert executor.turn(rig.now, 100) == 1


def test_ack_that_raises_is_noted_and_does_no_harm() -> None:
    class Rude(Script):
        def ack(self, tup_id: Any) -> None:
            raise KeyError(tup_id)

    rig = Rig()
    executor = start(rig, Rude(*messages("a", "b")))
    executor.turn(rig.now, 100)
    for root, _ in rig.taken():
        executor.completed(root, rig.now)
    executor.turn(rig.now, 100)
    texts = [error["text"] for error in rig.env.take_errors()]
    assert texts == ["ack: KeyError: 'a'", "ack: KeyError: 'b'"]


def test_a_message_that_kills_worker_after_worker_is_given_up_and_its_neighbour_is_not() -> None:
    rig = Rig(attempts_max=2)
    executor = start(rig, Script(*messages("bad", "good")))
    for _ in range(2):
        executor.going = True
        executor.turn(rig.now, 100)
        roots = [root for root, values in rig.taken() if values == ["bad"]]
        rig.now += 1.0
        executor.new_epoch(None, roots, rig.now)
    executor.going = True
    executor.turn(rig.now, 100)
    assert [values for _, values in rig.taken()] == [["good"]]
    ((group, failure),) = rig.buried
    assert executor.values_of(group) == ["bad"]
    assert failure.reason == "its worker died while working on it; it was tried 2 times"


def test_a_new_epoch_brings_back_what_is_not_durable() -> None:
    rig, spout = Rig(), Script(*messages("a", "b"))
    executor = start(rig, spout, at_once=False)
    executor.turn(rig.now, 100)
    executor.completed(rig.taken()[0][0], rig.now)
    executor.new_epoch(None, [], rig.now)
    executor.going = True
    executor.turn(rig.now, 100)
    assert sorted(values for _, values in rig.taken()) == [["a"], ["b"]]


def test_numbers_go_on_where_an_earlier_run_has_stored_them() -> None:
    rig = Rig()
    ledger = rig.ledger(seeks=False)
    ledger.restore({"": [5, [[7, 9]]]}, [])
    executor = StormExecutor(
        rig.plan, Script(*messages("a")), rig.emitter, rig.env, ledger, reemits=True,
        blocked=rig.blocked, bury=rig.bury,
    )  # fmt: skip
    executor.going = True
    executor.turn(rig.now, 100)
    executor.completed(rig.taken()[0][0], rig.now)
    assert ledger.positions_of("").to_wire() == [5, [[7, 10]]]


def test_draining_deactivates_the_spout_once_and_asks_it_no_more() -> None:
    rig, spout = Rig(), Script(*messages("a"))
    executor = start(rig, spout)
    executor.draining = True
    executor.turn(rig.now, 100)
    executor.turn(rig.now, 100)
    assert spout.calls == ["deactivate"] and rig.taken() == []


def test_the_end_of_a_pause_activates_the_spout_again() -> None:
    rig, spout = Rig(), Script(*messages("a"))
    executor = start(rig, spout)
    for draining in (True, True, False, False):
        executor.draining = draining
        executor.turn(rig.now, 100)
    assert spout.calls == ["deactivate", "activate"]
    assert len(rig.taken()) == 1


def test_close_tells_what_is_durable_first() -> None:
    rig, spout = Rig(), Script(*messages("a"))
    executor = start(rig, spout)
    executor.turn(rig.now, 100)
    executor.completed(rig.taken()[0][0], rig.now)
    executor.close()
    assert spout.calls == [("ack", "a"), "close"]


def test_a_spout_with_nothing_to_give_is_asked_again_after_a_short_wait() -> None:
    rig, spout = Rig(), Script()
    spout.ends = False
    executor = start(rig, spout)
    assert executor.turn(rig.now, 100) == 0
    assert executor.wakeup(rig.now) == pytest.approx(0.001)
    rig.now += 10.0
    assert executor.turn(rig.now, 100) == 0
    assert executor.wakeup(rig.now) == pytest.approx(0.05)
    spout.todo += messages("a")
    rig.now += 10.0
    assert executor.turn(rig.now, 100) == 1
    assert executor.wakeup(rig.now) == pytest.approx(0.001)


class Returns(Spout):
    def __init__(self, made: Any) -> None:
        self.made = made

    def next_tuple(self) -> Any:
        return self.made


def test_rows_that_next_tuple_returns_are_an_error_and_other_values_are_not() -> None:
    rig = Rig()
    start(rig, Returns([1])).turn(rig.now, 10)
    (error,) = rig.env.take_errors()
    assert "next_tuple returned [1], which goes nowhere: call self.emit(row)" in error["text"]
    for made in (True, [], 5):
        start(rig, Returns(made)).turn(rig.now, 10)
    assert rig.env.take_errors() == []
