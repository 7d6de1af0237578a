"""Messages whose dead letters are under way: found by position, however many there are."""

from __future__ import annotations

from waterspout.spouts.burials import Burials
from waterspout.spouts.groups import Group


def group(start: int, end: int, partition: str = "p") -> Group:
    return Group(partition, start, end, 1, 0.0)


def test_a_message_is_found_where_it_begins_and_in_its_partition_only() -> None:
    burials = Burials()
    burials.add(group(3, 7))
    assert [burials.end_of("p", start) for start in (2, 3, 4, 7)] == [2, 7, 4, 7]
    assert burials.end_of("q", 3) == 3


def test_the_last_of_a_partition_is_known_until_none_is_left() -> None:
    burials, first, second = Burials(), group(8, 9), group(3, 7)
    burials.add(first)
    burials.add(second)
    assert (burials.last("p"), burials.last("q")) == (9, 0)
    assert burials.remove(second)
    assert (burials.last("p"), burials.end_of("p", 3)) == (9, 7), "stored, and not durable"
    burials.forget(second)
    assert (burials.last("p"), burials.end_of("p", 3)) == (9, 3)
    assert burials.remove(first)
    burials.forget(first)
    assert (burials.last("p"), burials.end_of("p", 8)) == (0, 8)


def test_one_is_removed_once_and_only_when_it_is_there() -> None:
    burials, one = Burials(), group(0, 1)
    burials.add(one)
    assert not burials.remove(group(0, 1))
    assert [len(burials), list(burials)] == [1, [one]]
    assert burials.remove(one) and not burials.remove(one)
    assert not burials
