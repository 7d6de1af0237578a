"""Calls that no tuple causes and that raise: tried again, given up, told of."""

from __future__ import annotations

from typing import Any

from waterspout.bolts.contract import Bolt
from waterspout.bolts.failed_calls import NEVER_S, RETRY_S, VALUE_MAX, OwnCall, PartsFailed
from waterspout.topology.control_frames import Failure

from ..each_case import each_case
from .rig import Rig


class Plain(Bolt):
    """Does nothing."""

    outputs = ("x",)


class Desk:
    """A rig whose dead letters are noted; ``raising`` says how often a call raises."""

    def __init__(self, raising: int = 0, **options: Any) -> None:
        self.rig = Rig(Plain(), backoff_min_s=1.0, **options)
        self.failed = self.rig.executor.own_calls.failed
        self.letters: list[Any] = []
        self.rows: list[Any] = []
        self.rig.own.bury_call = lambda *letter: self.letters.append(letter)
        self.rig.own.bury_values = lambda *letter: self.rows.append(letter)
        self.raising, self.made, self.gone = raising, 0, 0
        #: What each call takes.
        self.takes_s = 0.0

    def call(self, id: Any = "a", **more: Any) -> OwnCall:
        return OwnCall("work", id, self.run, [id], self._gone, plain=True, **more)

    def _gone(self) -> None:
        self.gone += 1

    def run(self) -> None:
        self.made += 1
        self.rig.now += self.takes_s
        self.rig.bolt.emit([self.made])
        if self.made <= self.raising:
            raise ValueError("why")

    def begin(self, id: Any = "a") -> None:
        """Make the call for the first time."""
        call = self.call(id)
        self.rig.executor.own_calls.whole(call, call.again)

    def after(self, seconds: float) -> list[Any]:
        """Let time pass; return what goes out."""
        self.rig.now += seconds
        self.failed.retry(self.rig.now)
        self.rig.flush()
        return self.rig.take()[1]


def test_a_call_is_made_again_after_growing_waits_until_it_succeeds() -> None:
    desk = Desk(raising=2)
    desk.begin()
    assert "a" in desk.failed and len(desk.failed) == 1 and desk.rig.own.pending == 1
    assert desk.failed.next_due(desk.rig.now) == 1.0
    assert desk.after(0.9) == [] and desk.made == 1
    assert desk.after(0.1) == [] and desk.made == 2
    assert 1.0 <= desk.failed.next_due(desk.rig.now) <= 2.0
    assert desk.after(2.0) == [3]
    assert not desk.failed.due and len(desk.failed) == 0 and desk.rig.own.pending == 0
    assert desk.failed.next_due(desk.rig.now) == NEVER_S


def test_nothing_is_made_again_while_the_outbox_is_full() -> None:
    desk = Desk(raising=1)
    desk.begin()
    desk.rig.full = True
    assert desk.after(5.0) == [] and desk.made == 1
    assert desk.rig.executor.own_calls.next_tick(desk.rig.now) == NEVER_S
    desk.rig.full = False
    assert desk.after(0.0) == [2]


def test_many_that_are_due_are_made_again_a_slice_in_each_turn() -> None:
    desk = Desk(raising=6)
    for id in range(6):
        desk.begin(id)
    desk.takes_s = 0.6 * RETRY_S
    assert [desk.after(2.0), desk.after(0.0), desk.after(0.0)] == [[7, 8], [9, 10], [11, 12]]
    assert not desk.failed.due
    desk = Desk(raising=2)
    for id in range(2):
        desk.begin(id)
    desk.takes_s = 1.0
    assert desk.after(2.0) == [3]
    assert desk.failed.next_due(desk.rig.now) == 0.0
    assert desk.after(0.0) == [4]


def test_a_call_that_always_raises_is_gone_once_its_dead_letter_is_stored() -> None:
    desk = Desk(raising=99, attempts_max=2)
    desk.begin()
    desk.after(1.0)
    ((root, what, values, attempts, failure),) = desk.letters
    assert (what, values, attempts) == ("work", ["a"], 2)
    assert isinstance(failure, Failure) and failure.reason == "work: ValueError: why"
    assert (desk.gone, desk.rig.own.pending, "a" in desk.failed) == (0, 1, False)
    desk.rig.own.buried(root)
    assert (desk.gone, desk.rig.own.pending) == (1, 0)


def test_untracked_a_call_is_noted_and_gone() -> None:
    desk = Desk(raising=1, tracked=False)
    desk.begin()
    assert (desk.gone, desk.rig.own.pending, len(desk.failed)) == (1, 0, 0)
    assert len(desk.rig.env.take_errors()) == 1


def test_parts_that_failed_are_tried_each_alone_and_the_rest_goes_out() -> None:
    desk = Desk(raising=1)

    def whole() -> None:
        desk.rig.bolt.emit(["rest"])
        raise PartsFailed([(desk.call(n), ValueError(n)) for n in "bc"])

    desk.rig.executor.own_calls.whole(desk.call("a"), whole)
    desk.rig.flush()
    assert desk.rig.take()[1] == ["rest"]
    assert "a" not in desk.failed and "b" in desk.failed and "c" in desk.failed
    assert desk.after(1.0) == [2] and "b" in desk.failed and "c" not in desk.failed
    assert desk.after(2.0) == [3] and len(desk.failed) == 0


def test_a_row_that_cannot_be_emitted_is_a_dead_letter_at_once() -> None:
    desk = Desk()
    desk.failed.refused("finish", ["a", "b"], ValueError("two"))
    desk.failed.refused("finish", 7, ValueError("none"))
    letters = [letter[1:4] for letter in desk.rows]
    assert letters == [("finish", ["a", "b"], 1), ("finish", [7], 1)]
    assert desk.rig.own.pending == 2 and desk.rig.executor.failed == 2


def test_a_call_that_is_left_out_has_had_all_its_attempts() -> None:
    desk = Desk(attempts_max=4)
    desk.failed.skip(desk.call(), Failure(0, "step", 2, "before", ""))
    ((_, what, _, attempts, failure),) = desk.letters
    assert (what, attempts, failure.reason, desk.made) == ("work", 4, "before", 0)


def test_what_a_new_epoch_does_by_itself_is_forgotten() -> None:
    desk = Desk(raising=9)
    desk.begin("a")
    desk.begin("b")
    desk.failed.forget("a")
    assert "a" not in desk.failed and desk.rig.own.pending == 1
    desk.after(5.0)
    assert desk.made == 3


@each_case("value, shown", [
    (5, 5), (None, None), (True, True), (1.5, 1.5), ("text", "text"), (1 << 70, str(1 << 70)),
    ([1, (2,)], "[1, (2,)]"), ("x" * 9999, "x" * VALUE_MAX + " .. (9999 characters)"),
])  # fmt: skip
def test_values_of_a_dead_letter_are_plain_and_short(value: Any, shown: Any) -> None:
    desk = Desk()
    desk.failed.refused("finish", [value], ValueError("no"))
    assert desk.rows[0][2] == [shown]
