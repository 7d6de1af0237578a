"""A key comes up once, at the earliest of its times."""

from __future__ import annotations

from waterspout.bolts.windows.schedule import Schedule


def all_of(schedule: Schedule) -> list[tuple[int, list[str]]]:
    taken = []
    while schedule.next() is not None:
        taken.append(schedule.take(100))
    return taken


def test_times_come_in_order_and_keys_of_one_time_by_their_numbers() -> None:
    schedule = Schedule()
    for key, at in [("c", 20), ("a", 10), ("b", 20)]:
        schedule.put(key, at, ord(key))
    assert len(schedule) == 3
    assert all_of(schedule) == [(10, ["a"]), (20, ["b", "c"])]
    assert len(schedule) == 0


def test_an_earlier_time_takes_the_place_of_a_later_one_and_not_the_other_way() -> None:
    schedule = Schedule()
    for at in (20, 30, 10, 15):
        schedule.put("a", at, ord("a"))
    assert [keys for _, keys in all_of(schedule)] == [["a"], []]


def test_a_key_that_was_put_twice_to_one_time_comes_once() -> None:
    schedule = Schedule()
    for at in (20, 10):
        schedule.put("a", at, ord("a"))
    assert schedule.take(100) == (10, ["a"])
    schedule.put("a", 20, ord("a"))
    assert schedule.take(100) == (20, ["a"])


def test_many_keys_of_one_time_come_in_parts_and_others_may_be_put_between() -> None:
    schedule = Schedule()
    for key in "dbeca":
        schedule.put(key, 10, ord(key))
    assert schedule.take(2) == (10, ["a", "b"])
    assert len(schedule) == 3
    schedule.put("a", 10, ord("a"))
    assert schedule.take(2) == (10, ["a", "c"])
    assert schedule.take(2) == (10, ["d", "e"])
    assert schedule.next() is None


def test_who_is_put_to_a_time_that_is_half_taken_has_its_place_there() -> None:
    schedule = Schedule()
    for key in "abcd":
        schedule.put(key, 10, ord(key))
    assert schedule.take(2) == (10, ["a", "b"])
    schedule.put("z", 10, ord("z"))
    assert schedule.take(2) == (10, ["c", "d"])


def test_a_key_that_has_come_up_and_waits_for_later_is_not_taken_where_it_was_once() -> None:
    schedule = Schedule()
    for at in (20, 10):
        schedule.put("a", at, 0)
    schedule.put("b", 20, 1)
    assert schedule.take(9) == (10, ["a"])
    schedule.put("a", 30, 0)
    assert all_of(schedule) == [(20, ["b"]), (30, ["a"])]
