"""Hand-acking bolts: tuples end when the bolt says so, once, and not later than hold_max."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.bolts.contract import Bolt
from waterspout.topology.errors import FailTuple
from waterspout.topology.tuples import Tuple

from .rig import IN, Rig


class Keeper(Bolt):
    """Keeps its tuples."""

    auto_ack = False
    outputs = ("x",)

    def __init__(self) -> None:
        self.got: list[Tuple] = []
        self.forgotten: list[list[Tuple]] = []
        self.error: BaseException | None = None

    def process(self, tup: Tuple) -> None:
        self.got.append(tup)
        if self.error is not None:
            raise self.error

    def reset(self, old_tuples: list[Tuple]) -> None:
        self.forgotten.append(old_tuples)
        if self.error is not None:
            raise self.error


def keeping(*runs: Any, **settings: Any) -> tuple[Rig, Keeper]:
    bolt = Keeper()
    rig = Rig(bolt, "held", **settings)
    rig.feed(*runs)
    rig.run()
    return rig, bolt


def test_a_root_ends_with_the_last_of_its_tuples_in_the_frame() -> None:
    rig, bolt = keeping((2, (1,)), (1, (2,)), (1, (1,)))
    order = [(0, []), (1, []), (3, [1]), (2, [1, 2])]
    for index, done in order:
        bolt.ack(bolt.got[index])
        rig.flush()
        assert rig.done == done
    assert rig.executor.holds.acked == 4


def test_a_tuple_of_a_join_counts_for_all_its_roots() -> None:
    rig, bolt = keeping((1, (1, 2)), (1, (2,)))
    bolt.ack(bolt.got[0])
    rig.flush()
    assert rig.done == [1]
    bolt.fail(bolt.got[1], "no good")
    rig.flush()
    assert [(each.root, each.component, each.reason) for each in rig.failures] == [
        (2, "step", "no good")
    ]


def test_the_task_that_emitted_is_known_to_a_bolt_that_acks_by_hand() -> None:
    _, bolt = keeping((1, (1,)))
    assert bolt.got[0].task == 1


def test_second_acks_and_strange_tuples_are_ignored_and_counted() -> None:
    rig, bolt = keeping((2, (1,)))
    bolt.ack(bolt.got[0])
    bolt.ack(bolt.got[0])
    bolt.fail(bolt.got[0])
    bolt.ack(IN((1,)))
    bolt.extend_timeout(IN((1,)))
    rig.flush()
    assert (rig.done, rig.failures, rig.executor.holds.ignored) == ([], [], 3)
    bolt.ack(bolt.got[1])
    rig.flush()
    assert rig.done == [1]


def test_after_a_fail_an_ack_comes_too_late() -> None:
    rig, bolt = keeping((1, (1,)))
    bolt.fail(bolt.got[0])
    bolt.ack(bolt.got[0])
    rig.flush()
    assert not rig.done and len(rig.failures) == 1


@pytest.mark.parametrize(("error", "noted"), [(ValueError("bad"), 1), (FailTuple("bad"), 0)])
def test_raising_fails_only_the_tuple_at_work(error: Exception, noted: int) -> None:
    bolt = Keeper()
    rig = Rig(bolt, "held")
    bolt.error = error
    rig.feed((1, (1,)), (1, (2,)))
    rig.executor.run()
    assert len(bolt.got) == 2 and rig.executor.failed == 2
    assert [each.root for each in rig.env.fails] == [1, 2]
    assert len(rig.env.take_errors()) == noted


def test_a_tuple_held_for_longer_than_hold_max_fails_by_name() -> None:
    #  100 s  taken;  110 s  extend_timeout of the second
    #  121 s  the first is late;  131 s  the second
    rig, bolt = keeping((1, (1,)), (1, (2,)), hold_max_s=20.0)
    rig.now = 110.0
    bolt.extend_timeout(bolt.got[1])
    assert rig.executor.vouched(120.0) == {1, 2}
    assert rig.executor.vouched(121.0) == {2}
    rig.flush()
    assert [each.reason for each in rig.failures] == [
        "held for more than hold_max = 20 s without ack or fail"
    ]
    assert rig.executor.vouched(131.0) == set()
    bolt.ack(bolt.got[0])
    assert rig.executor.holds.ignored == 1


def test_what_waits_in_the_queue_is_vouched_for_beside_what_is_held() -> None:
    rig, _ = keeping((1, (1,)))
    rig.feed((1, (5,)))
    assert rig.executor.vouched(rig.now) == {1, 5}


def test_emits_anchored_to_held_tuples_descend_from_the_roots_of_all_of_them() -> None:
    rig, bolt = keeping((1, (1,)), (1, (2, 3)), (1, (3,)))
    bolt.emit(["joined"], anchors=bolt.got)
    bolt.emit(["loose"], anchors=[])
    bolt.emit(["gone"], anchors=[IN((1,))])
    for tup in bolt.got:
        bolt.ack(tup)
    rig.flush()
    assert not rig.done
    runs, values = rig.take()
    assert runs == [(1, (1, 2, 3)), (2, ())]
    assert values == ["joined", "loose", "gone"]
    assert sorted(rig.done) == [1, 2, 3]


def test_emits_without_anchors_descend_from_the_tuple_at_work() -> None:
    class Echo(Keeper):
        def process(self, tup: Tuple) -> None:
            self.emit([tup[0]])
            self.ack(tup)

    rig = Rig(Echo(), "held")
    rig.feed((1, (1,)), (1, (2,)))
    rig.run()
    assert rig.take() == ([(1, (1,)), (1, (2,))], [0, 1])
    assert rig.done == [1, 2]


def test_a_new_epoch_takes_the_tuples_back_and_tells_the_bolt() -> None:
    rig, bolt = keeping((2, (1,)))
    bolt.ack(bolt.got[0])
    rig.executor.new_epoch(rig.now)
    assert bolt.forgotten == [[bolt.got[1]]]
    bolt.ack(bolt.got[1])
    assert (len(rig.executor.holds), rig.executor.holds.ignored) == (0, 1)


def test_a_reset_that_raises_is_noted_and_the_worker_goes_on() -> None:
    rig, bolt = keeping((1, (1,)))
    bolt.error = RuntimeError("no")
    rig.executor.new_epoch(rig.now)
    (noted,) = rig.env.take_errors()
    assert (noted["component"], noted["text"]) == ("step", "reset: RuntimeError: no")
    assert "in reset" in noted["traceback"] and "executor.py" not in noted["traceback"]
    bolt.error = None
    rig.feed((1, (2,)))
    rig.run()
    assert bolt.got[-1][0] == 0 and len(rig.executor.holds) == 1


def test_the_oldest_and_the_latest_held_tuples_are_known() -> None:
    rig, bolt = keeping((1, (1,)), (1, (2, 1)), (1, (3,)))
    holds = rig.executor.holds
    assert holds.oldest() == 100.0
    assert holds.latest_roots(9) == (3, 2, 1)
    assert holds.latest_roots(1) == (3,)
    assert holds.has(bolt.got[0]) and not holds.has(IN((1,)))
    for tup in bolt.got:
        bolt.ack(tup)
    assert holds.oldest() is None
