"""What remains of a group: parts without the messages that failed alone."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from waterspout.spouts.groups import Group
from waterspout.spouts.remains import Part, Remains


def test_a_message_in_the_middle_leaves_a_part_on_either_side() -> None:
    remains = Remains(0, 64, 7)
    assert remains.part_with(3) == Part(0, 0, 64, 7)
    remains.take_out(3, 21, 30)
    assert remains.parts == [Part(0, 0, 21, 3), Part(4, 30, 64, 3)]
    assert remains.part_with(3) is None
    assert remains.part_with(4) == Part(4, 30, 64, 3)


def test_the_first_and_the_last_leave_no_empty_part() -> None:
    remains = Remains(10, 40, 3)
    remains.take_out(0, 10, 20)
    remains.take_out(2, 30, 40)
    assert remains.parts == [Part(1, 20, 30, 1)]
    remains.take_out(1, 20, 30)
    assert (remains.parts, remains.rows) == ([], 3)


@given(st.integers(1, 12), st.data())
def test_whatever_is_taken_out_the_rest_is_there_once(count: int, data: st.DataObject) -> None:
    group = Group("p", 0, 10 * count, count, 1.5, attempts=2, before=7)
    out = data.draw(st.lists(st.integers(0, count - 1), unique=True))
    taken = [group.take_out(row, 10 * row, 10 * row + 10) for row in out]
    pieces = group.pieces()
    assert group.count == sum(piece.count for piece in pieces) == count - len(out)
    ranges = sorted((each.start, each.end) for each in (*taken, *pieces))
    assert ranges[0][0] == 0 and ranges[-1][1] == 10 * count
    assert all(a[1] == b[0] for a, b in pairwise(ranges))
    assert all(each.end - each.start == 10 * each.count for each in (*taken, *pieces))
    assert {(g.partition, g.since, g.attempts, g.before) for g in (*taken, *pieces)} == {
        ("p", 1.5, 2, 7)
    }


def test_a_group_that_is_whole_is_its_own_piece() -> None:
    group = Group("p", 0, 5, 5, 0.0)
    assert group.pieces() == [group]
