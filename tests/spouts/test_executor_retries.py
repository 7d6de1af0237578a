"""What a Source task sends again of a group that failed: small parts first, then each alone."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.topology.control_frames import Failure
from waterspout.topology.task_env import AGAIN, TRACED

from .rig import Numbers, Rig, executor_of
from .test_executor import complete_all, fail


@pytest.mark.parametrize("seeks", [True, False])
def test_of_a_large_group_only_the_message_at_fault_is_given_up_after_all_its_attempts(
    seeks: bool,
) -> None:
    rig = Rig(attempts_max=4)
    executor = executor_of(
        rig, Numbers(size=10, stride=10), rig.ledger(group_max=10, seeks=seeks)
    )
    sent = []
    for _ in range(20):
        executor.turn(rig.now, 100)
        for root, values in rig.taken():
            sent.append(values)
            if 5 in values:
                fail(executor, root, rig.now)
            else:
                executor.completed(root, rig.now)
        for group, _ in rig.buried:
            executor.ledger.buried(group)
        rig.now += 10.0
    assert sent == [
        [*range(10)], [0, 1, 2, 3], [4, 5, 6, 7], [8, 9], [4], [5], [6], [7], [5]
    ]  # fmt: skip
    ((group, _),) = rig.buried
    assert (group.count, group.attempts + 1) == (1, 4)
    if seeks:
        assert (group.start, group.end) == (50, 60)
    assert executor.ledger.positions_of("p").first_unacked == 100
    assert (executor.ledger.acked, executor.ledger.dead) == (9, 1)


def test_a_part_has_no_messages_of_the_next_group() -> None:
    rig = Rig()
    executor = executor_of(rig, Numbers(size=20), rig.ledger(group_max=6))
    executor.turn(rig.now, 6)
    fail(executor, rig.taken()[0][0], rig.now)
    rig.now += 60
    executor.draining = True
    assert executor.turn(rig.now, 100) == 6
    assert [values for _, values in rig.taken()] == [[0, 1, 2, 3], [4, 5]]


def test_a_part_is_no_larger_than_what_there_is_room_for() -> None:
    rig = Rig(worked_through_max=6)
    executor = executor_of(
        rig, Numbers(size=9), rig.ledger(group_max=6, seeks=False, at_once=False)
    )
    executor.turn(rig.now, 100)
    (failing, _), (going, values) = rig.taken()
    assert len(values) == 3
    executor.completed(going, rig.now)
    fail(executor, failing, rig.now)
    rig.now += 60
    executor.turn(rig.now, 100)
    assert [values for _, values in rig.taken()] == [[0, 1, 2], [3, 4, 5]]


def test_messages_that_are_left_of_a_part_are_found_when_the_source_lost_others() -> None:
    class Compacted(Numbers):
        """Position n holds message n until most of the first ones are taken out."""

        gone = frozenset[int]()

        def reader(self, partition: str, position: int | None) -> Any:
            reader, at = super().reader(partition, position), [position or 0]

            def read(limit: int) -> Any:
                left = [n for n in range(at[0], self.size) if n not in self.gone][:limit]
                at[0] = left[-1] + 1 if left else self.size
                return ([[n] for n in left], at[0]) if left else None

            reader.read = read  # type: ignore[method-assign]
            return reader

    rig, source = Rig(), Compacted(size=20)
    executor = executor_of(rig, source, rig.ledger(group_max=6))
    executor.turn(rig.now, 6)
    fail(executor, rig.taken()[0][0], rig.now)
    source.gone = frozenset({1, 2, 4})
    rig.now += 1.0
    executor.draining = True
    executor.turn(rig.now, 100)
    assert complete_all(rig, executor) == [[0], [3], [5]]
    assert executor.drained() and not rig.buried and source.readers == 1


def test_what_a_read_passed_over_behind_the_last_message_is_no_lost_message() -> None:
    class Eager(Numbers):
        """Positions 4 and 5 hold nothing; a read of more than one message passes them over."""

        def reader(self, partition: str, position: int | None) -> Any:
            reader, at = super().reader(partition, position), [position or 0]

            def read(limit: int) -> Any:
                left = [n for n in range(at[0], self.size) if n not in (4, 5)][:limit]
                at[0] = left[-1] + 1 if left else self.size
                at[0] = 6 if limit > 1 and at[0] == 4 else at[0]
                return ([[n] for n in left], at[0]) if left else None

            reader.read = read  # type: ignore[method-assign]
            return reader

    rig, source = Rig(), Eager(size=9)
    executor = executor_of(rig, source, rig.ledger(group_max=4))
    executor.turn(rig.now, 4)
    fail(executor, rig.taken()[0][0], rig.now)
    rig.now += 1.0
    executor.draining = True
    executor.turn(rig.now, 100)
    assert complete_all(rig, executor) == [[0], [1], [2], [3]]
    assert executor.drained() and not rig.buried
    assert executor.ledger.positions_of("p").first_unacked == 6


@pytest.mark.parametrize("position", [4, 99])
def test_a_range_that_was_passed_over_without_its_messages_has_lost_them(position: int) -> None:
    class Truncated(Numbers):
        """Nothing is left of it, and it goes on behind what it had."""

        def reader(self, partition: str, position: int | None) -> Any:
            reader = super().reader(partition, position)
            if self.size:
                return reader
            reader.read = lambda limit: ([], behind)  # type: ignore[method-assign]
            return reader

    behind = position
    rig, source = Rig(), Truncated(size=4)
    executor = executor_of(rig, source, rig.ledger())
    executor.turn(rig.now, 100)
    fail(executor, rig.taken()[0][0], rig.now)
    source.size = 0
    rig.now += 1.0
    executor.draining = True
    executor.turn(rig.now, 100)
    ((group, failure),) = rig.buried
    assert (group.start, group.end, failure.reason) == (0, 4, "p no longer has positions 0 to 4")
    assert executor.ledger.positions_of("p").first_unacked == 0


def fail_message(executor: Any, root: int, row: int, rows: int, now: float) -> bool:
    told: bool = executor.failed_message(Failure(root, "bolt", 2, "no", "trace", row, rows), now)
    return told


def test_a_message_that_is_told_from_its_group_comes_back_alone_and_the_rest_does_not() -> None:
    rig = Rig(attempts_max=3)
    executor = executor_of(rig, Numbers(size=10, stride=10), rig.ledger(group_max=10))
    executor.turn(rig.now, 100)
    ((root, _),) = rig.taken()
    assert fail_message(executor, root, 5, 10, rig.now)
    executor.completed(root, rig.now)
    ledger = executor.ledger
    assert (ledger.acked, ledger.failed, ledger.pending, ledger.sizes.size) == (9, 1, 0, 10)
    assert ledger.positions_of("p").first_unacked == 50
    rig.now += 10.0
    executor.turn(rig.now, 100)
    ((root, values),) = rig.taken()
    assert values == [5] and root & AGAIN
    fail(executor, root, rig.now)
    rig.now += 10.0
    executor.turn(rig.now, 100)
    fail(executor, rig.taken()[0][0], rig.now)
    ((group, _),) = rig.buried
    assert (group.start, group.end, group.attempts + 1) == (50, 60, 3)
    assert executor.values_of(group) == [5]
    ledger.buried(group)
    assert ledger.positions_of("p").first_unacked == 100
    assert (ledger.acked, ledger.dead, ledger.replayed) == (9, 1, 2)
    assert executor.drained()


def test_a_message_whose_only_attempt_failed_is_buried_at_once() -> None:
    rig = Rig(attempts_max=1)
    executor = executor_of(rig, Numbers(size=4), rig.ledger())
    executor.turn(rig.now, 100)
    ((root, _),) = rig.taken()
    assert fail_message(executor, root, 1, 4, rig.now)
    ((group, failure),) = rig.buried
    assert (group.start, group.end, failure.row) == (1, 2, 1)
    executor.completed(root, rig.now)
    assert (executor.ledger.pending, executor.ledger.acked) == (1, 3)
    executor.ledger.buried(group)
    assert executor.ledger.positions_of("p").first_unacked == 4


def test_a_message_that_cannot_be_told_leaves_all_as_it_was() -> None:
    rig = Rig()
    source = Numbers(size=4)
    executor = executor_of(rig, source, rig.ledger())
    executor.turn(rig.now, 100)
    ((root, _),) = rig.taken()
    assert not fail_message(executor, root, 1, 2, rig.now)  # half of the group, on one of two tasks
    assert not fail_message(executor, root + 1, 1, 4, rig.now)
    source.errors = [ValueError("no")]
    assert not fail_message(executor, root, 1, 4, rig.now)
    assert fail_message(executor, root, 1, 4, rig.now)
    assert fail_message(executor, root, 1, 4, rig.now)  # in a second bolt: it is out already
    assert executor.ledger.failed == 1
    fail(executor, root, rig.now)
    rig.now += 10.0
    executor.turn(rig.now, 100)
    assert sorted(complete_all(rig, executor)) == [[0], [1], [2], [3]]
    assert executor.ledger.positions_of("p").first_unacked == 4


def test_the_last_message_of_a_group_fails_as_the_whole_group() -> None:
    rig = Rig(attempts_max=1)
    executor = executor_of(rig, Numbers(size=2), rig.ledger())
    executor.turn(rig.now, 100)
    ((root, _),) = rig.taken()
    assert fail_message(executor, root, 0, 2, rig.now)
    assert not fail_message(executor, root, 1, 2, rig.now)
    executor.failed(Failure(root, "bolt", 2, "no", "", 1, 2), rig.now)
    assert [(group.start, group.end) for group, _ in rig.buried] == [(0, 1), (1, 2)]
    executor.ledger.buried(rig.buried[1][0])
    assert executor.ledger.positions_of("p").to_wire() == [0, [[1, 2]]]


def test_the_last_message_of_a_group_is_not_given_up_for_what_another_one_led_to() -> None:
    rig = Rig(attempts_max=1)
    executor = executor_of(rig, Numbers(size=2), rig.ledger())
    executor.turn(rig.now, 100)
    ((root, _),) = rig.taken()
    assert fail_message(executor, root, 1, 2, rig.now)
    fail(executor, root, rig.now)  # a bolt further down, by a row that message 1 led to
    assert [(group.start, group.end) for group, _ in rig.buried] == [(1, 2)]
    rig.now += 10.0
    executor.turn(rig.now, 100)
    assert complete_all(rig, executor) == [[0]]


def test_what_was_told_from_its_group_keeps_its_attempts_in_a_new_epoch() -> None:
    rig = Rig(attempts_max=3)
    executor = executor_of(rig, Numbers(size=4), rig.ledger())
    executor.turn(rig.now, 100)
    ((root, _),) = rig.taken()
    assert fail_message(executor, root, 2, 4, rig.now)
    executor.new_epoch(None, [], rig.now)
    executor.going = True
    executor.turn(rig.now, 100)
    groups = rig.taken()
    assert [n for _, values in groups for n in values] == [0, 1, 2, 3]
    roots = {tuple(values): root for root, values in groups}
    assert roots[2,] & AGAIN
    fail(executor, roots[2,], rig.now)
    rig.now += 10.0
    executor.turn(rig.now, 100)
    fail(executor, rig.taken()[0][0], rig.now)
    assert [(group.start, group.attempts + 1) for group, _ in rig.buried] == [(2, 3)]


@pytest.mark.parametrize("more", [{"seeks": False}, {}])
def test_a_source_that_cannot_be_read_again_tells_no_message(more: dict[str, Any]) -> None:
    rig = Rig()
    executor = executor_of(rig, Numbers(size=4), rig.ledger(**more))
    executor.turn(rig.now, 100)
    ((root, _),) = rig.taken()
    assert fail_message(executor, root, 1, 4, rig.now) is not bool(more)


@pytest.mark.parametrize("seeks", [True, False])
def test_groups_ask_for_trails_once_others_failed_whole_where_one_message_can_be_read_again(
    seeks: bool,
) -> None:
    rig = Rig()
    executor = executor_of(rig, Numbers(size=30), rig.ledger(group_max=10, seeks=seeks))
    executor.turn(rig.now, 10)
    ((root, _),) = rig.taken()
    assert not root & TRACED
    fail(executor, root, rig.now)
    rig.now += 60
    executor.turn(rig.now, 100)
    sent = {len(values): bool(root & TRACED) for root, values in rig.taken()}
    assert len(sent) > 1
    assert sent == {size: seeks and size > 1 for size in sent}
