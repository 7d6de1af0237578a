"""Reservations: nothing goes out before its position is durable, in order, a bounded way ahead."""

from __future__ import annotations

from typing import Any

from waterspout.spouts.groups import Group
from waterspout.spouts.reservations import MESSAGES_MAX, UNDER_WAY_MAX, Reservations


class Rig:
    def __init__(self) -> None:
        self.asked: list[tuple[int, dict[str, Any]]] = []
        self.reservations = Reservations(lambda number, ends: self.asked.append((number, ends)))

    def add(self, partition: str, start: int, end: int) -> None:
        rows = [[n] for n in range(start, end)]
        self.reservations.add(Group(partition, start, end, len(rows), 0.0), rows)

    def out(self) -> list[tuple[str, int, int]]:
        """Return what may go out now."""
        found = []
        while (item := self.reservations.next()) is not None:
            group, rows = item
            assert len(rows) == group.count
            found.append((group.partition, group.start, group.end))
        return found


def test_nothing_goes_out_before_it_was_granted() -> None:
    # read  |--- reserve -->|  granted  |--- out
    rig = Rig()
    rig.add("a", 0, 3)
    assert rig.out() == []
    rig.reservations.reserve()
    assert rig.out() == []
    assert rig.asked == [(1, {"a": [3, []]})]
    rig.reservations.granted(1)
    assert rig.out() == [("a", 0, 3)]


def test_one_request_holds_the_last_end_of_each_partition() -> None:
    rig = Rig()
    rig.add("a", 0, 3)
    rig.add("b", 10, 12)
    rig.add("a", 3, 7)
    rig.reservations.reserve()
    assert rig.asked == [(1, {"a": [7, []], "b": [12, []]})]
    rig.reservations.granted(1)
    assert rig.out() == [("a", 0, 3), ("b", 10, 12), ("a", 3, 7)]


def test_what_was_read_after_a_request_is_not_granted_with_it() -> None:
    rig = Rig()
    rig.add("a", 0, 3)
    rig.reservations.reserve()
    rig.add("a", 3, 6)
    rig.reservations.granted(1)
    assert rig.out() == [("a", 0, 3)]
    assert not rig.reservations.idle


def test_nothing_is_asked_for_when_nothing_was_read() -> None:
    rig = Rig()
    rig.reservations.reserve()
    assert rig.asked == []


def test_only_so_many_requests_are_under_way() -> None:
    rig = Rig()
    for start in range(UNDER_WAY_MAX + 1):
        rig.add("a", start, start + 1)
        rig.reservations.reserve()
    assert len(rig.asked) == UNDER_WAY_MAX
    assert not rig.reservations.room
    rig.reservations.granted(1)
    assert rig.reservations.room
    rig.reservations.reserve()
    assert rig.asked[-1] == (UNDER_WAY_MAX + 1, {"a": [UNDER_WAY_MAX + 1, []]})


def test_no_more_is_read_ahead_than_one_request_may_hold() -> None:
    rig = Rig()
    rig.add("a", 0, MESSAGES_MAX - 1)
    assert rig.reservations.room
    rig.add("a", MESSAGES_MAX - 1, MESSAGES_MAX)
    assert not rig.reservations.room
    rig.reservations.reserve()
    assert rig.reservations.room


def test_a_later_grant_grants_what_was_asked_before_and_an_old_one_does_no_harm() -> None:
    rig = Rig()
    rig.add("a", 0, 1)
    rig.reservations.reserve()
    rig.add("a", 1, 2)
    rig.reservations.reserve()
    rig.reservations.granted(2)
    assert rig.out() == [("a", 0, 1), ("a", 1, 2)]
    rig.reservations.granted(1)
    rig.reservations.granted(2)
    assert rig.out() == []


def test_it_is_idle_once_all_that_was_read_has_gone_out() -> None:
    rig = Rig()
    steps = [rig.reservations.idle]
    rig.add("a", 0, 1)
    steps.append(rig.reservations.idle)
    rig.reservations.reserve()
    steps.append(rig.reservations.idle)
    rig.reservations.granted(1)
    steps.append(rig.reservations.idle)
    rig.out()
    steps.append(rig.reservations.idle)
    assert steps == [True, False, False, False, True]
