"""The executor of a Source under exactly-once: it reads on, cuts, and never emits again."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.spouts.exact_executor import ExactExecutor
from waterspout.spouts.exact_ledger import ExactLedger
from waterspout.spouts.groups import Group
from waterspout.topology.control_frames import Failure

from .rig import Numbers, Rig


def executor_of(
    rig: Rig, source: Numbers, positions: Any = None, suspects: Any = ()
) -> tuple[ExactExecutor, list[tuple[Group, Failure]]]:
    ledger = ExactLedger(rig.env.settings, group_max=4)
    ledger.restore(positions or {}, suspects)
    executor = ExactExecutor(
        rig.plan, source, rig.emitter, rig.env, ledger, parallelism=1, blocked=rig.blocked,
        bury=rig.bury,
    )  # fmt: skip
    asked: list[tuple[Group, Failure]] = []
    executor.ask_restore = lambda _, group, failure: asked.append((group, failure))
    executor.going = True
    return executor, asked


def fail(executor: ExactExecutor, root: int) -> None:
    executor.failed(Failure(root, "b", 3, "refused", "tb"), 200.0)


def test_a_cut_holds_the_position_of_the_next_message_to_emit() -> None:
    rig = Rig()
    executor, _ = executor_of(rig, Numbers(size=10, stride=3))
    executor.turn(rig.now, 4)
    assert executor.cut(1) == {"p": [12, []]}
    executor.turn(rig.now, 100)
    assert executor.cut(2) == {"p": [30, []]}


def test_a_partition_that_has_ended_stays_in_the_cut() -> None:
    rig = Rig()
    executor, _ = executor_of(rig, Numbers(("p", "q"), size=2))
    executor.turn(rig.now, 100)
    assert executor.exhausted
    assert executor.cut(1) == {"p": [2, []], "q": [2, []]}


def test_it_reads_on_where_the_checkpoint_was() -> None:
    rig = Rig()
    executor, _ = executor_of(rig, Numbers(size=6), {"p": [4, []]})
    executor.turn(rig.now, 100)
    assert [values for _, values in rig.taken()] == [[4, 5]]
    assert executor.cut(3) == {"p": [6, []]}


def test_what_was_acked_ahead_under_another_guarantee_is_not_emitted_again() -> None:
    rig = Rig()
    executor, _ = executor_of(rig, Numbers(size=6), {"p": [1, [[3, 4]]]})
    executor.turn(rig.now, 100)
    assert [n for _, values in rig.taken() for n in values] == [1, 2, 4, 5]


def test_what_fails_asks_for_a_restore_and_is_not_emitted_again() -> None:
    rig = Rig()
    executor, asked = executor_of(rig, Numbers(size=4))
    executor.turn(rig.now, 100)
    ((root, values),) = rig.taken()
    fail(executor, root)
    ((group, failure),) = asked
    assert (group.partition, group.start, group.end, failure.reason) == ("p", 0, 4, "refused")
    rig.now += 100
    executor.turn(rig.now, 100)
    assert rig.taken() == [] and not executor.drained()
    fail(executor, root)
    assert len(asked) == 1 and values == [0, 1, 2, 3]


def test_nothing_goes_on_without_the_message_that_failed() -> None:
    rig = Rig()
    executor, asked = executor_of(rig, Numbers(size=4))
    executor.turn(rig.now, 100)
    ((root, _),) = rig.taken()
    assert not executor.failed_message(Failure(root, "b", 3, "refused", "tb", 1, 4), 200.0)
    assert not asked and executor.ledger.pending == 4


def test_suspects_of_the_restore_come_singly() -> None:
    rig = Rig()
    executor, _ = executor_of(rig, Numbers(size=6), suspects=[["p", 0, 4, 1]])
    executor.turn(rig.now, 100)
    assert [values for _, values in rig.taken()] == [[0], [1], [2], [3], [4, 5]]


def test_a_message_without_attempts_left_is_skipped_once_its_letter_is_stored() -> None:
    rig = Rig(attempts_max=3)
    executor, _ = executor_of(rig, Numbers(size=4), suspects=[["p", 1, 2, 3]])
    why = Failure(7, "b", 3, "it was bad", "tb")
    executor.last_failure = lambda partition, start: why if start == 1 else None
    executor.turn(rig.now, 100)
    executor.turn(rig.now + 1, 100)
    assert [values for _, values in rig.taken()] == [[0]]
    ((group, failure),) = rig.buried
    assert (group.start, group.end, failure) == (1, 2, why)
    # A restore to this cut would draw it once more.
    assert executor.cut(1) == {"p": [1, []]}
    executor.ledger.buried(group)
    # From here on the letter may be tried again: a cut behind that must not draw it once more.
    assert executor.cut(2) == {"p": [2, []]}
    executor.turn(rig.now + 2, 100)
    assert [values for _, values in rig.taken()] == [[2, 3]]
    assert executor.cut(3) == {"p": [4, []]}


def test_other_partitions_go_on_while_a_skipped_message_waits_for_its_letter() -> None:
    rig = Rig(attempts_max=3)
    executor, _ = executor_of(rig, Numbers(("p", "q"), size=2), suspects=[["p", 0, 1, 3]])
    executor.turn(rig.now, 100)
    executor.turn(rig.now + 0.001, 100)
    assert [values for _, values in rig.taken()] == [[0, 1]]
    assert not executor.exhausted
    assert "died, 3 times" in rig.buried[0][1].reason
    assert executor.wakeup(rig.now + 0.001) > 0.01


@pytest.mark.parametrize("attempts", [0, 4])
def test_with_dead_letters_at_once_nothing_is_taken_back(attempts: int) -> None:
    rig = Rig(fail_to_dead_letter=True)
    executor, asked = executor_of(rig, Numbers(size=3), suspects=[["p", 0, 1, attempts]])
    executor.turn(rig.now, 100)
    groups = rig.taken()
    assert [values for _, values in groups] == [[0], [1], [2]]
    fail(executor, groups[0][0])
    assert not asked and [group.start for group, _ in rig.buried] == [0]
