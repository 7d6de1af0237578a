"""Groups: what is in flight under one root."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.spouts.groups import Group, joined, lowest, no_slot


def test_a_new_group_was_not_tried_is_not_dead_and_keeps_no_payload() -> None:
    group = Group("p", 10, 74, 64, 1.5)
    assert (group.partition, group.start, group.end, group.count) == ("p", 10, 74, 64)
    assert (group.since, group.attempts, group.dead, group.kept) == (1.5, 0, False, None)


def test_a_group_takes_no_further_attributes() -> None:
    # Ten thousand are alive at once; a dict each would cost more than the positions.
    with pytest.raises(AttributeError):
        Group("p", 0, 1, 1, 0.0).note = 1  # type: ignore[attr-defined]


def test_where_nobody_reads_the_slot_it_takes_any_group() -> None:
    no_slot(1, Group("p", 0, 1, 1, 0.0), 1)


# --- joined


def ranges(groups: list[Group]) -> list[tuple[str, int, int, int]]:
    return [(group.partition, group.start, group.end, group.count) for group in groups]


def test_neighbours_become_one_whatever_their_order() -> None:
    #  a: 0====10====20   25==30      b: 20==25
    groups = [
        Group("a", 10, 20, 5, 3.0), Group("b", 20, 25, 5, 1.0), Group("a", 0, 10, 10, 2.0),
        Group("a", 25, 30, 5, 4.0),
    ]  # fmt: skip
    found = joined(groups)
    assert ranges(found) == [("b", 20, 25, 5), ("a", 0, 20, 15), ("a", 25, 30, 5)]
    assert [group.since for group in found] == [1.0, 2.0, 4.0]


def test_what_was_tried_before_is_dead_or_keeps_its_payload_stays_alone() -> None:
    tried, dead = Group("a", 1, 2, 1, 0.0, attempts=1), Group("a", 2, 3, 1, 0.0)
    dead.dead = True
    kept = Group("a", 3, 4, 1, 0.0, kept=[(None, "default", ["x"])])
    groups = [Group("a", 0, 1, 1, 0.0), tried, dead, kept, Group("a", 4, 5, 1, 0.0)]
    assert sorted(ranges(joined(groups))) == ranges(groups)


def test_a_gap_without_messages_has_no_age() -> None:
    void = Group("a", 10, 12, 0, 0.0)
    (found,) = joined([Group("a", 0, 10, 3, 5.0), void, Group("a", 12, 13, 1, 7.0)])
    assert (found.start, found.end, found.count, found.since) == (0, 13, 4, 5.0)
    first, last = joined([Group("a", 20, 22, 0, 0.0), Group("a", 0, 1, 1, 5.0)])
    assert (first.start, last.start) == (0, 20)


def test_only_the_next_range_of_its_partition_is_taken_in() -> None:
    group = Group("a", 0, 10, 3, 5.0)
    for other in (Group("a", 11, 12, 1, 0.0), Group("b", 10, 12, 1, 0.0),
                  Group("a", 10, 11, 1, 0.0, attempts=1)):  # fmt: skip
        assert not group.extend(other)
        assert ranges([group]) == [("a", 0, 10, 3)]
    assert group.extend(Group("a", 10, 12, 2, 6.0))
    assert ranges([group]) == [("a", 0, 12, 5)] and group.since == 5.0
    tried = Group("a", 0, 1, 1, 0.0, attempts=1)
    assert not tried.extend(Group("a", 1, 2, 1, 0.0))


def test_neighbours_hold_the_lowest_watermark_of_all_that_have_one() -> None:
    groups = [
        Group("a", n, n + 1, 1, 0.0, before=before)
        for n, before in enumerate((None, 30, 10, None, 20))
    ]
    (found,) = joined(groups)
    assert found.before == 10
    (bare,) = joined([Group("a", 0, 1, 1, 0.0), Group("a", 1, 2, 1, 0.0)])
    assert bare.before is None and lowest([bare, found]) == 10 and lowest([]) is None


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 30)), unique=True))
def test_the_same_positions_and_messages_are_left(places: list[tuple[str, int]]) -> None:
    found = joined([Group(name, n, n + 1, 1, float(n)) for name, n in places])
    left = [(g.partition, n) for g in found for n in range(g.start, g.end)]
    assert sorted(left) == sorted(places)
    assert sum(group.count for group in found) == len(places)
    ends = {(group.partition, group.end) for group in found}
    assert not ends & {(group.partition, group.start) for group in found}
