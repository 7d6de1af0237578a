"""What a bolt emits by itself comes again until it is through, and what cannot be is buried."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.bolts.contract import Bolt
from waterspout.bolts.failed_calls import NEVER_S, RETRY_S, PartsFailed
from waterspout.bolts.own_messages import OwnMessages
from waterspout.topology.columns import Columns
from waterspout.topology.control_frames import Failure
from waterspout.topology.marks import MIN_WATERMARK
from waterspout.topology.task_env import AGAIN

from .rig import TASK, Rig


class Plain(Bolt):
    """Does nothing; tests emit in its name."""

    outputs = ("x",)


def emitting(*values: Any, **options: Any) -> Rig:
    """Return a rig whose bolt emitted a message of its own."""
    rig = Rig(Plain(), **options)
    rig.own.emit(lambda: [rig.bolt.emit([value]) for value in values], rig.now)
    return rig


def fail_all(rig: Rig, reason: str = "why") -> None:
    """Fail what was emitted, as task 3 would."""
    runs = rig.out.take()[1]
    rig.env.fail_roots(tuple({r for _, roots in runs for r in roots}), "sink", 3, reason)
    rig.flush()


def test_an_own_message_has_a_root_of_the_task_and_is_kept_until_it_is_through() -> None:
    rig = emitting("a", "b")
    rig.flush()
    assert (rig.own.pending, len(rig.acker)) == (1, 1)
    ((count, (root,)),), values = rig.take()
    assert (count, values, root >> 48) == (2, ["a", "b"], TASK)
    assert (rig.own.pending, rig.done, rig.kept) == (0, [root], {})


def test_a_call_that_emits_nothing_starts_nothing() -> None:
    rig = emitting()
    assert (rig.own.pending, len(rig.acker), rig.env.toggles) == (0, 0, {})


@pytest.mark.parametrize("tracked", [True, False])
def test_what_was_emitted_before_an_error_is_taken_back_if_the_call_is_repeated(
    tracked: bool,
) -> None:
    rig = emitting(tracked=tracked)

    def call() -> None:
        rig.bolt.emit(["a"])
        raise ValueError

    with pytest.raises(ValueError):
        rig.own.emit(call, rig.now)
    rig.flush()
    assert rig.emitter.roots == () and not rig.own.pending
    assert rig.take()[1] == ([] if tracked else ["a"])


def test_what_failed_in_part_emits_the_rest() -> None:
    rig = emitting()

    def call() -> None:
        rig.bolt.emit(["a"])
        raise PartsFailed([])

    with pytest.raises(PartsFailed):
        rig.own.emit(call, rig.now)
    rig.flush()
    assert rig.own.pending == 1 and rig.take()[1] == ["a"]


def test_a_root_that_stands_for_a_call_is_pending_over_epochs_and_not_restored() -> None:
    rig = emitting()
    rig.own.sent_on = 7
    root = rig.own.stand_in()
    assert (rig.own.pending, rig.own.held_back()) == (1, 7)
    rig.own.again_all(rig.now)
    assert (rig.own.pending, rig.own.held_back()) == (1, MIN_WATERMARK)
    assert OwnMessages(TASK, rig.emitter, rig.env, dict(rig.kept)).pending == 0
    done: list[int] = []
    rig.own.when_buried[root] = lambda: done.append(root)
    rig.own.buried(root)
    assert (rig.own.pending, rig.own.held_back(), done) == (0, None, [root])


def test_a_call_that_is_done_and_not_durable_is_not_pending_in_a_new_epoch() -> None:
    rig = emitting()
    rig.own.durable_at_once = False
    rig.own.completed(rig.own.stand_in())
    rig.own.again_all(rig.now)
    assert rig.own.pending == 0 and rig.kept == {}


def test_emits_with_anchors_between_do_not_tear_the_message_apart() -> None:
    rig = Rig(Plain())

    def call() -> None:
        rig.bolt.emit(["mine"])
        rig.bolt.emit(["loose"], anchors=[])
        rig.bolt.emit(["mine too"])
        rig.bolt.emit(["loose"], anchors=[])

    rig.own.emit(call, rig.now)
    rig.flush()
    assert [[row[2][0] for row in rows] for rows in rig.kept.values()] == [["mine", "mine too"]]
    rig.take()
    assert len(rig.done) == 1


def test_rows_that_were_emitted_as_columns_are_kept_each() -> None:
    rig = Rig(Plain())
    rig.bolt.emit_many([["of another"]] * 20)
    rig.emitter.close_run(())
    for first in (0, 100):
        columns = Columns([list(range(first, first + 20))])
        rig.own.emit(lambda columns=columns: rig.bolt.emit_many(columns), rig.now)
    assert [[row for _, _, row in rows] for rows in rig.kept.values()] == [
        [[n] for n in range(first, first + 20)] for first in (0, 100)
    ]
    fail_all(rig)
    rig.retry(rig.now + 100.0)
    rig.flush()
    assert sorted(rig.take()[1]) == [*range(20), *range(100, 120)]
    assert not rig.own.pending


def test_a_failed_message_comes_again_after_a_back_off_under_a_fresh_root() -> None:
    rig = emitting("a", backoff_min_s=1.0)
    first = next(iter(rig.kept))
    fail_all(rig)
    assert rig.own.next_due(rig.now) == 1.0
    rig.retry(100.9)
    assert rig.out.rows == []
    rig.retry(101.0)
    rig.flush()
    assert rig.out.rows == [["a"]] and rig.own.pending == 1
    assert first not in rig.kept
    assert rig.take()[1] == ["a"]
    assert not rig.own.pending and rig.own.next_due(0.0) > 1000


def taking(rig: Rig, seconds: float) -> None:
    """Have each message that is emitted take so long."""
    opened = rig.acker.open

    def open_(root: int, edge: int, now: float) -> None:
        rig.now += seconds
        opened(root, edge, now)

    rig.acker.open = open_  # type: ignore[method-assign]


def test_many_that_are_due_are_emitted_again_a_slice_in_each_turn() -> None:
    rig = emitting("a")
    for value in "bcde":
        rig.own.emit(lambda value=value: rig.bolt.emit([value]), rig.now)
    rig.flush()
    fail_all(rig)
    taking(rig, 0.6 * RETRY_S)
    emitted = []
    for _ in range(3):
        rig.retry(rig.now + 100.0)
        emitted.append(len(rig.out.rows))
        assert rig.own.pending == 5
    assert emitted == [2, 4, 5]
    rig.flush()
    assert sorted(rig.take()[1]) == [*"abcde"] and not rig.own.pending


def test_nothing_is_emitted_again_while_the_outbox_is_full() -> None:
    rig = emitting("a")
    rig.flush()
    fail_all(rig)
    rig.full = True
    rig.now += 100.0
    rig.retry(rig.now)
    assert rig.out.rows == [] and rig.own.pending == 1
    assert rig.executor.own_calls.next_tick(rig.now) == NEVER_S, "a full outbox wakes nobody"
    rig.full = False
    assert rig.executor.own_calls.next_tick(rig.now) == 0.0
    rig.retry(rig.now)
    assert rig.out.rows == [["a"]]


def test_what_is_emitted_again_says_so_and_what_a_new_epoch_brings_back_does_not() -> None:
    rig = emitting("a")
    assert not next(iter(rig.kept)) & AGAIN
    rig.own.again_all(rig.now)
    assert not next(iter(rig.kept)) & AGAIN
    rig.flush()
    fail_all(rig)
    rig.retry(rig.now + 60)
    assert next(iter(rig.kept)) & AGAIN


@pytest.mark.parametrize("attempts_max", [1, 3, 5])
def test_a_row_at_fault_is_alone_after_a_few_tries_and_then_buried(attempts_max: int) -> None:
    rig = emitting(*range(20), attempts_max=attempts_max)
    buried: list[tuple[Any, int, str]] = []

    def bury(root: int, row: list[Any], attempts: int, failure: Failure) -> None:
        buried.append((row[2], attempts, failure.reason))
        rig.own.buried(root)

    rig.own.bury = bury
    for _ in range(30):
        edge, runs, rows, _ = rig.out.take()
        position = 0
        for count, (root,) in runs:
            if [13] in rows[position : position + count]:
                rig.env.fail_roots((root,), "sink", 3, "13")
            rig.env.toggles[root] = rig.env.toggles.get(root, 0) ^ edge
            position += count
        rig.flush()
        rig.now += 60
        rig.retry(rig.now)
    assert buried == [([13], max(attempts_max, 3), "13")]
    assert rig.own.pending == 0 and rig.kept == {}


def test_what_is_through_lasts_until_a_round_is_complete_where_state_is_kept_below() -> None:
    #  emit, through | freeze 1 | durable 1
    #  kept ....................'  forgotten
    rig = emitting("a")
    rig.own.durable_at_once = False
    rig.take()
    assert rig.own.pending == 0 and len(rig.kept) == 1
    rig.own.freeze(1)
    rig.own.durable(7)
    assert len(rig.kept) == 1
    rig.own.abort()
    rig.own.freeze(2)
    rig.own.durable(2)
    assert rig.kept == {}


def test_a_new_epoch_emits_everything_again_that_is_not_durable() -> None:
    rig = emitting("a")
    rig.own.emit(lambda: rig.bolt.emit(["b"]), rig.now)
    rig.own.durable_at_once = False
    rig.take()
    rig.acker.forget_all()
    rig.executor.new_epoch(rig.now)
    rig.flush()
    assert rig.own.pending == 2
    assert sorted(rig.take()[1]) == ["a", "b"]


def test_a_restored_task_emits_what_its_state_kept() -> None:
    rig = Rig(Plain())
    rig.kept[12345] = ((0, 3, ("old",)), (0, 99, ("task is gone",)))
    rig.own.again_all(rig.now)
    rig.flush()
    assert rig.own.pending == 1 and 12345 not in rig.kept
    assert rig.take()[1] == ["old"]


@pytest.mark.parametrize("raises", [False, True])
def test_untracked_messages_leave_at_once_and_are_not_kept(raises: bool) -> None:
    rig = Rig(Plain(), tracked=False)

    def call() -> None:
        rig.bolt.emit(["a"])
        if raises:
            raise ValueError

    try:
        rig.own.emit(call, rig.now)
    except ValueError:
        assert raises
    assert rig.out.mark == 1
    assert rig.out.take()[1:3] == ([(1, ())], [["a"]])
    assert (rig.own.pending, rig.env.toggles) == (0, {})
