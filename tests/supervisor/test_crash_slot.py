"""The crash slot: what a worker wrote is what the supervisor reads, whenever it died."""

from __future__ import annotations

import pytest
from waterspout.spouts.groups import Group
from waterspout.supervisor.crash_slot import NAMES_BYTES_MAX, ROOTS_MAX, CrashSlot, slot_bytes
from waterspout.topology.task_env import AGAIN

from .cores import plan_of

#: Tasks 1, 2 are of the spout, 3, 4 of the bolt; all on one worker.
PLAN = plan_of({"source": 2, "work": 2}, max_pending=64)
FIRST = 1 << 48


def slot() -> CrashSlot:
    return CrashSlot(PLAN, 0, bytearray(slot_bytes(PLAN, 0)))


def read(written: CrashSlot) -> CrashSlot:
    """Return the slot as the supervisor sees it: the bytes alone."""
    return CrashSlot(PLAN, 0, bytes(written.buffer))


def group(partition: str, start: int, end: int) -> Group:
    return Group(partition, start, end, end - start, 0.0)


def test_a_slot_that_was_never_written_to_names_nobody() -> None:
    assert read(slot()).roots_at_work() == []
    assert read(slot()).drawn() == {1: 0, 2: 0}


def test_the_roots_at_work_of_all_bolts_are_read_once_each() -> None:
    made = slot()
    made.at_work(3)((FIRST, FIRST + 1))
    made.at_work(4)((FIRST + 1,))
    assert read(made).roots_at_work() == [FIRST, FIRST + 1]


@pytest.mark.parametrize("before", [(FIRST,), (FIRST, FIRST + 1)])
def test_what_is_done_is_no_suspect(before: tuple[int, ...]) -> None:
    made = slot()
    note = made.at_work(3)
    note(before)
    note(())
    assert read(made).roots_at_work() == []


def test_more_roots_than_there_is_room_for_do_not_spill_into_the_next_task() -> None:
    made = slot()
    made.at_work(4)((7,))
    made.at_work(3)(tuple(range(1, ROOTS_MAX + 500)))
    assert read(made).roots_at_work() == list(range(1, ROOTS_MAX + 1))


def test_a_root_at_work_is_traced_to_its_position() -> None:
    made = slot()
    note = made.in_flight(1)
    note(FIRST + 9, group("a.txt", 10, 20), 5)
    note(FIRST + 10, group("b\udc80.txt", 3, 4), 6)
    seen = read(made)
    assert seen.positions_of([FIRST + 10, FIRST + 9]) == {
        1: [["a.txt", 10, 20, 0, True], ["b\udc80.txt", 3, 4, 0, True]]
    }
    assert seen.drawn() == {1: 6, 2: 0}


def test_a_replay_has_the_place_that_its_number_has() -> None:
    plan = plan_of({"source": 1, "work": 1}, max_pending=100)
    made = CrashSlot(plan, 0, bytearray(slot_bytes(plan, 0)))
    note = made.in_flight(1)
    roots = [FIRST | (0 if number % 3 else AGAIN) | number for number in range(100)]
    for number, root in enumerate(roots):
        note(root, group("a.txt", number, number + 1), number)
    found = CrashSlot(plan, 0, bytes(made.buffer)).positions_of(roots)
    assert found == {1: [["a.txt", number, number + 1, 0, True] for number in range(100)]}


def test_roots_of_other_workers_and_unknown_ones_have_no_position_here() -> None:
    made = slot()
    made.in_flight(1)(FIRST + 9, group("a.txt", 10, 20), 5)
    assert read(made).positions_of([(77 << 48) + 9, FIRST + 8]) == {}


def test_a_root_whose_place_was_taken_by_a_later_one_is_no_suspect() -> None:
    made = slot()
    note = made.in_flight(1)
    note(FIRST + 1, group("a", 0, 1), 1)
    note(FIRST + 1 + 64, group("a", 64, 65), 2)
    assert read(made).positions_of([FIRST + 1]) == {}
    assert read(made).positions_of([FIRST + 65]) == {1: [["a", 64, 65, 0, True]]}


def test_partitions_whose_names_have_no_room_have_no_suspects_and_do_no_harm() -> None:
    made = slot()
    note = made.in_flight(2)
    second = 2 << 48
    for number in range(NAMES_BYTES_MAX // 60_000 + 3):
        note(second + number % 64, group(f"{number:06}" * 10_000, 0, 1), number)
    note(second + 1, group("x" * 70_000, 0, 1), 99)
    assert read(made).positions_of([second + 1]) == {}
    assert len(made.buffer) == slot_bytes(PLAN, 0)
    assert read(made).drawn()[2] == 99


def test_names_are_written_once() -> None:
    made = slot()
    note = made.in_flight(1)
    for number in range(40):
        note(FIRST + number, group("ab"[number % 2], number, number + 1), number)
    found = read(made).positions_of([FIRST + 38, FIRST + 39])
    assert found == {1: [["a", 38, 39, 0, True], ["b", 39, 40, 0, True]]}
    assert read(made)._read_names() == ["a", "b"]


def test_how_often_a_message_was_tried_is_read_even_when_it_is_not_at_work() -> None:
    made = slot()
    note = made.in_flight(1)
    for number, attempts in ((1, 2), (2, 0), (3, 1 << 40), (4, 0)):
        note(FIRST + number, Group("a", number, number + 1, 1, 0.0, attempts=attempts), number)
    assert read(made).positions_of([FIRST + 1, FIRST + 4]) == {
        1: [["a", 1, 2, 2, True], ["a", 3, 4, (1 << 32) - 1, False], ["a", 4, 5, 0, True]]
    }
