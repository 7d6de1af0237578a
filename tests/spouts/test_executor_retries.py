"""What a Source task sends again of a group that failed: small parts first, then each alone."""

from __future__ import annotations

from typing import Any

import pytest

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
