"""Reservations: nothing goes out before its position is durable, in order, a bounded way ahead."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.spouts import reservations as module
from waterspout.spouts.groups import Group
from waterspout.spouts.reservations import REQUEST_MIN, REQUEST_S, Reservations

from ..each_case import each_case


class Rig:
    def __init__(self, messages_max: int = 4 * REQUEST_MIN) -> None:
        self.now = 100.0
        self.asked: list[tuple[int, dict[str, Any], int]] = []
        self.reservations = Reservations(lambda *request: self.asked.append(request), messages_max)
        self.end = 0

    def add(self, partition: str, start: int, end: int, size: int = 1) -> None:
        rows = [["x" * size] for _ in range(start, end)]
        self.reservations.add(Group(partition, start, end, len(rows), 0.0), rows)

    def read(self, messages: int) -> None:
        """Read on in partition a."""
        self.add("a", self.end, self.end + messages)
        self.end += messages

    def reserve(self, after_s: float = 0.0) -> None:
        self.now += after_s
        self.reservations.reserve(self.now)

    def out(self, groups: int = 1000) -> list[tuple[str, int, int]]:
        """Return what may go out now."""
        found = []
        while self.reservations.ready and len(found) < groups:
            group, rows = self.reservations.next()
            assert len(rows) == group.count
            found.append((group.partition, group.start, group.end))
        return found


def test_nothing_goes_out_before_it_was_granted() -> None:
    # read  |--- reserve -->|  granted  |--- out
    rig = Rig()
    rig.add("a", 0, 3)
    assert rig.out() == []
    rig.reserve()
    assert rig.out() == []
    assert rig.asked == [(1, {"a": [3, []]}, 3)]
    rig.reservations.granted(1)
    assert rig.out() == [("a", 0, 3)]


def test_one_request_holds_the_last_end_of_each_partition() -> None:
    rig = Rig()
    rig.add("a", 0, 3)
    rig.add("b", 10, 12)
    rig.add("a", 3, 7)
    rig.reserve()
    assert rig.asked == [(1, {"a": [7, []], "b": [12, []]}, 9)]
    rig.reservations.granted(1)
    assert rig.out() == [("a", 0, 3), ("b", 10, 12), ("a", 3, 7)]


def test_what_was_read_after_a_request_is_not_granted_with_it() -> None:
    rig = Rig()
    rig.add("a", 0, 3)
    rig.reserve()
    rig.add("a", 3, 6)
    rig.reservations.granted(1)
    assert rig.out() == [("a", 0, 3)]
    assert not rig.reservations.idle


def test_nothing_is_asked_for_when_nothing_was_read() -> None:
    rig = Rig()
    rig.reserve()
    assert rig.asked == []


def test_one_request_is_under_way_and_the_next_holds_all_that_was_read_meanwhile() -> None:
    rig = Rig()
    rig.read(1)
    rig.reserve()
    for _ in range(3):
        rig.read(1)
        rig.reserve()
    assert len(rig.asked) == 1
    rig.reservations.granted(1)
    rig.out()
    rig.reserve()
    assert rig.asked[1:] == [(2, {"a": [4, []]}, 4)]


def test_while_something_may_go_out_only_a_full_request_is_made() -> None:
    # The store is asked seldom, and yet before what may go out has gone.
    rig = Rig()
    rig.read(2)
    rig.reserve()
    rig.reservations.granted(1)
    rig.read(REQUEST_MIN - 1)
    rig.reserve()
    assert len(rig.asked) == 1
    rig.read(1)
    rig.reserve()
    assert len(rig.asked) == 2 and rig.reservations.ready


def test_requests_grow_until_one_lasts_for_request_s_and_shrink_again() -> None:
    rig = Rig(messages_max=4 * REQUEST_MIN)
    rig.reserve()
    sizes = []
    for after_s in (0.001, 0.001, 0.001, 3 * REQUEST_S, 3 * REQUEST_S, 3 * REQUEST_S):
        rig.read(rig.reservations.room)
        rig.reserve(after_s)
        rig.reservations.granted(len(rig.asked))
        rig.out()
        sizes.append(rig.reservations.room // 2)
    # Never more at once than half of what may be held: two requests, one ahead of the other.
    assert sizes == [REQUEST_MIN, 2 * REQUEST_MIN, 2 * REQUEST_MIN, REQUEST_MIN, *[REQUEST_MIN] * 2]


@each_case("messages_max", [1, 2, 3, 1000])
def test_no_more_is_held_than_messages_max(messages_max: int) -> None:
    rig = Rig(messages_max)
    for step in range(50):
        if rig.reservations.room:
            rig.read(rig.reservations.room)
        assert 0 < rig.reservations.held <= messages_max
        rig.reserve()
        if step % 3 == 2:
            rig.reservations.granted(len(rig.asked))
            assert rig.out(1)
    assert rig.reservations.unsent <= rig.reservations.held


def test_no_more_is_read_once_so_many_bytes_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BYTES_MAX", 10_000)
    rig = Rig()
    rig.add("a", 0, 1, size=11_000)
    assert rig.reservations.room == 0
    rig.reserve()
    rig.reservations.granted(1)
    rig.out()
    assert rig.reservations.room > 0


def test_what_a_crash_may_skip_is_what_was_asked_for_and_has_not_gone_out() -> None:
    rig = Rig()
    unsent = []
    rig.read(5)
    unsent.append(rig.reservations.unsent)
    rig.reserve()
    rig.read(1)
    unsent.append(rig.reservations.unsent)
    rig.reservations.granted(1)
    unsent.append(rig.reservations.unsent)
    rig.out()
    unsent.append(rig.reservations.unsent)
    assert unsent == [0, 5, 5, 0]


def test_an_old_grant_and_a_second_one_do_no_harm() -> None:
    rig = Rig()
    rig.read(1)
    rig.reserve()
    rig.reservations.granted(1)
    assert rig.out() == [("a", 0, 1)]
    rig.read(1)
    rig.reserve()
    rig.reservations.granted(1)
    assert rig.out() == []
    rig.reservations.granted(2)
    rig.reservations.granted(2)
    assert rig.out() == [("a", 1, 2)]


def test_it_is_idle_once_all_that_was_read_has_gone_out() -> None:
    rig = Rig()
    steps = [rig.reservations.idle]
    rig.read(1)
    steps.append(rig.reservations.idle)
    rig.reserve()
    steps.append(rig.reservations.idle)
    rig.reservations.granted(1)
    steps.append(rig.reservations.idle)
    rig.out()
    steps.append(rig.reservations.idle)
    assert steps == [True, False, False, False, True]


def test_a_message_that_is_no_list_is_held_like_any_other() -> None:
    rig = Rig()
    rig.reservations.add(Group("a", 0, 1, 1, 0.0), [5])  # type: ignore[list-item]
    assert rig.reservations.held == 1
