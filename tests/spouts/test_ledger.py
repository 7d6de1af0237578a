"""The ledger of a spout task, example by example; test_ledger_model.py compares it with a model."""

from __future__ import annotations

import random
from itertools import count
from typing import Any

import pytest
from waterspout.spouts.groups import Group
from waterspout.spouts.ledger import Ledger
from waterspout.topology.control_frames import Failure
from waterspout.topology.settings import Settings

ROOTS = count(1)


def make(at_once: bool = False, seeks: bool = True, group_max: int = 64, **more: Any) -> Ledger:
    return Ledger(Settings(**more), seeks=seeks, durable_at_once=at_once, group_max=group_max)


def send(
    ledger: Ledger, start: int, end: int, *, attempts: int = 0, kept: bool = False, since: float = 0
) -> int:
    """Send [start, end) as one group; return its root."""
    root = next(ROOTS)
    group = Group("p", start, end, end - start, since, attempts=attempts)
    if kept:
        group.kept = [(n, "default", [n]) for n in range(start, end)]
    ledger.sent(root, group)
    return root


def fail(ledger: Ledger, root: int, now: float = 0.0) -> Group | None:
    return ledger.failed_root(Failure(root, "bolt", 2, "no", ""), now)


def told(ledger: Ledger, round_: int) -> dict[str, Any]:
    return ledger.freeze(round_)[0]


# --- three stages


def test_a_message_is_in_flight_then_worked_through_then_durable() -> None:
    #  sent        completed        freeze      durable
    #  |--flight---|--worked through------------|--durable
    ledger = make()
    root = send(ledger, 0, 10)
    assert (ledger.pending, ledger.worked_through) == (10, 0)
    ledger.completed(root, 1.0)
    assert (ledger.pending, ledger.worked_through) == (0, 10)
    assert told(ledger, 1) == {"p": [10, []]}
    assert ledger.positions_of("p").first_unacked == 0
    ledger.durable(1)
    assert (ledger.worked_through, ledger.positions_of("p").first_unacked) == (0, 10)


def test_without_state_below_worked_through_is_durable() -> None:
    ledger = make(at_once=True)
    ledger.completed(send(ledger, 0, 10), 0.0)
    assert ledger.worked_through == 0
    assert ledger.positions_of("p").first_unacked == 10


def test_what_is_worked_through_after_the_freeze_is_not_in_the_round() -> None:
    ledger = make()
    first, second = send(ledger, 0, 5), send(ledger, 5, 9)
    ledger.completed(first, 0.0)
    assert told(ledger, 1) == {"p": [5, []]}
    ledger.completed(second, 0.0)
    ledger.durable(1)
    assert ledger.positions_of("p").first_unacked == 5
    assert ledger.worked_through == 4
    assert told(ledger, 2) == {"p": [9, []]}


def test_first_unacked_stays_before_a_message_in_flight_and_ranges_ahead_are_told() -> None:
    ledger = make(at_once=True)
    slow = send(ledger, 0, 1)
    ledger.completed(send(ledger, 1, 4), 0.0)
    ledger.completed(send(ledger, 6, 8), 0.0)
    assert told(ledger, 1) == {"p": [0, [[1, 4], [6, 8]]]}
    ledger.completed(slow, 0.0)
    assert told(ledger, 2) == {"p": [4, [[6, 8]]]}


def test_a_partition_that_did_not_move_is_not_told_again() -> None:
    ledger = make()
    ledger.completed(send(ledger, 0, 5), 0.0)
    told(ledger, 1)
    ledger.durable(1)
    assert told(ledger, 2) == {}


@pytest.mark.parametrize("at_once", [True, False])
def test_positions_told_of_in_an_aborted_round_are_told_again(at_once: bool) -> None:
    ledger = make(at_once=at_once)
    ledger.completed(send(ledger, 0, 5), 0.0)
    assert told(ledger, 1) == {"p": [5, []]}
    ledger.abort()
    assert told(ledger, 2) == {"p": [5, []]}
    ledger.completed(send(ledger, 5, 6), 0.0)
    assert told(ledger, 3) == {"p": [6, []]}


def test_a_durable_of_another_round_changes_nothing() -> None:
    ledger = make()
    ledger.completed(send(ledger, 0, 5), 0.0)
    told(ledger, 7)
    ledger.durable(6)
    assert ledger.worked_through == 5
    ledger.abort()
    ledger.durable(7)
    assert ledger.positions_of("p").first_unacked == 0


def test_a_freeze_tells_how_many_messages_will_be_acked_and_how_many_dead() -> None:
    ledger = make(attempts_max=1)
    ledger.completed(send(ledger, 0, 5), 0.0)
    later, bad = send(ledger, 5, 6), send(ledger, 6, 7)
    assert ledger.freeze(1)[1] == [5, 0]
    ledger.completed(later, 0.0)
    group = fail(ledger, bad)
    assert group is not None
    ledger.buried(group)
    ledger.durable(1)
    assert ledger.freeze(2)[1] == [6, 1]


# --- limits


def test_max_pending_bounds_what_is_in_flight() -> None:
    ledger = make(max_pending=10)
    root = send(ledger, 0, 8)
    assert ledger.room() == 2
    ledger.completed(root, 0.0)
    assert ledger.room() == 10


def test_worked_through_max_bounds_what_waits_to_become_durable() -> None:
    ledger = make(seeks=False, max_pending=10, worked_through_max=12)
    ledger.completed(send(ledger, 0, 10), 0.0)
    assert ledger.room() == 2
    told(ledger, 1)
    ledger.durable(1)
    assert ledger.room() == 10


# --- failures


def test_a_failed_group_comes_back_after_a_back_off_that_doubles_up_to_its_limit() -> None:
    ledger = make(backoff_min_s=0.1, backoff_max_s=0.5, attempts_max=10)
    waits = []
    for attempts in range(5):
        assert fail(ledger, send(ledger, 0, 1, attempts=attempts)) is None
        waits.append(ledger.retries.next_due(0.0))
        assert ledger.retries.due(waits[-1] - 0.001) is None
        retry = ledger.retries.due(waits[-1])
        assert retry is not None and retry.attempts == attempts + 1
    assert waits[0] == pytest.approx(0.1)
    for waited, whole in zip(waits[1:], [0.2, 0.4, 0.5, 0.5], strict=True):
        assert whole / 2 <= waited <= whole


def test_failures_of_first_attempts_bring_groups_down_and_completions_up_again() -> None:
    ledger = make(at_once=True, group_max=64)
    fail(ledger, send(ledger, 0, 64))
    small = ledger.sizes.size
    assert small < 64
    ledger.completed(send(ledger, 64, 10_000), 0.0)
    grown = ledger.sizes.size
    assert small < grown < 64
    # A message that was tried before goes out alone, whatever the size of groups.
    fail(ledger, send(ledger, 0, 1, attempts=1))
    ledger.completed(send(ledger, 1, 2, attempts=100_000), 0.0)
    assert ledger.sizes.size == grown


def test_one_failure_in_a_thousand_messages_repeats_less_than_two_in_a_hundred() -> None:
    rng = random.Random(3)
    ledger = make(at_once=True)
    bad = {n for n in range(100_000) if rng.random() < 0.001}
    position = 0
    while position < 100_000:
        end = min(position + ledger.sizes.size, 100_000)
        root = send(ledger, position, end)
        if bad.isdisjoint(range(position, end)):
            ledger.completed(root, 0.0)
        else:
            fail(ledger, root)
            retry = ledger.retries.due(100.0)
            assert retry is not None
            for start in range(retry.start, retry.end, retry.part):
                stop = min(start + retry.part, retry.end)
                ledger.completed(send(ledger, start, stop, attempts=1), 0.0)
        position = end
    assert ledger.positions_of("p").first_unacked == 100_000
    assert len(bad) <= ledger.replayed < 2_000


def test_the_last_attempt_gives_a_dead_letter_that_counts_only_once_it_is_stored() -> None:
    ledger = make(at_once=True, attempts_max=3)
    assert fail(ledger, send(ledger, 0, 1, attempts=1)) is None
    ledger.retries.due(100.0)
    group = fail(ledger, send(ledger, 0, 1, attempts=2))
    assert group is not None
    assert (ledger.dead, ledger.idle) == (0, False)
    assert ledger.positions_of("p").first_unacked == 0
    ledger.buried(group)
    ledger.buried(group)
    assert (ledger.dead, ledger.acked, ledger.idle) == (1, 0, True)
    assert ledger.positions_of("p").first_unacked == 1


def test_a_group_is_never_given_up_for_the_failure_of_one_of_its_messages() -> None:
    ledger = make(attempts_max=1)
    assert fail(ledger, send(ledger, 0, 10)) is None


def test_roots_that_nobody_knows_change_nothing() -> None:
    ledger = make()
    assert ledger.completed(99, 0.0) is None
    assert fail(ledger, 99) is None
    assert (ledger.pending, ledger.acked, ledger.failed) == (0, 0, 0)


# --- a new epoch


def test_a_source_that_seeks_goes_back_to_first_unacked_and_keeps_attempts() -> None:
    ledger = make()
    ledger.completed(send(ledger, 0, 4), 0.0)
    told(ledger, 1)
    ledger.durable(1)
    in_flight = send(ledger, 4, 5, attempts=2)
    fail(ledger, send(ledger, 5, 6, attempts=1))
    ledger.completed(send(ledger, 6, 9), 0.0)
    ledger.new_epoch(None, [], 0.0)
    assert ledger.positions_of("p").first_unacked == 4
    assert (ledger.pending, ledger.worked_through, ledger.idle) == (0, 0, True)
    assert [ledger.suspect_attempts("p", n) for n in (3, 4, 5, 6)] == [0, 2, 2, 0]
    assert ledger.completed(in_flight, 0.0) is None


def test_the_round_that_became_durable_before_the_epoch_rose_is_not_replayed() -> None:
    ledger = make()
    ledger.completed(send(ledger, 0, 4), 0.0)
    told(ledger, 3)
    ledger.new_epoch(3, [], 0.0)
    assert ledger.positions_of("p").first_unacked == 4


def test_a_source_that_does_not_seek_gets_everything_back_that_is_not_durable() -> None:
    ledger = make(seeks=False)
    send(ledger, 0, 2, kept=True)
    ledger.completed(send(ledger, 2, 4, kept=True), 0.0)
    told(ledger, 1)
    fail(ledger, send(ledger, 4, 5, kept=True))
    ledger.new_epoch(None, [], 9.0)
    back = []
    while (retry := ledger.retries.due(9.0)) is not None:
        assert retry.kept is not None
        back += [kept[0] for kept in retry.kept]
    assert sorted(back) == [0, 1, 2, 3, 4]


def test_acked_and_dead_are_taken_back_with_what_is_worked_on_again() -> None:
    ledger = make(attempts_max=1)
    ledger.completed(send(ledger, 0, 4), 0.0)
    group = fail(ledger, send(ledger, 4, 5))
    assert group is not None
    ledger.buried(group)
    assert (ledger.acked, ledger.dead) == (4, 1)
    ledger.new_epoch(None, [], 0.0)
    assert (ledger.acked, ledger.dead) == (0, 0)
    ledger.completed(send(ledger, 0, 5), 0.0)
    assert ledger.freeze(1)[1] == [5, 0]


@pytest.mark.parametrize("seeks", [True, False])
def test_what_is_replayed_by_a_new_epoch_is_counted_once(seeks: bool) -> None:
    ledger = make(seeks=seeks)
    send(ledger, 0, 4, kept=not seeks)
    fine = send(ledger, 4, 5, attempts=1, kept=not seeks)
    ledger.new_epoch(None, [fine], 0.0)
    before = 1  # The single message had been sent once more already.
    if seeks:
        send(ledger, 0, 4)
    while (retry := ledger.retries.due(0.0)) is not None:
        for n in range(retry.start, retry.end):
            send(ledger, n, n + 1, attempts=retry.attempts)
    if seeks:
        send(ledger, 4, 5, attempts=ledger.suspect_attempts("p", 4))
    assert ledger.replayed == before + 5


def test_only_suspects_gain_an_attempt() -> None:
    ledger = make()
    send(ledger, 0, 4)
    suspect = send(ledger, 4, 8)
    ledger.new_epoch(None, [suspect], 0.0)
    assert [ledger.suspect_attempts("p", n) for n in (3, 4, 7, 8)] == [0, 1, 1, 0]
    assert ledger.suspects_wire() == [["p", 4, 8, 1]]
    assert ledger.singly("p", 7) and not ledger.singly("p", 8)


def test_a_message_is_worn_out_by_its_own_attempts_not_by_those_of_its_group() -> None:
    ledger = make(attempts_max=2)
    ledger.restore({}, [["p", 0, 8, 2], ["p", 3, 4, 2]])
    assert ledger.worn_out("p", 3, 4)
    assert not ledger.worn_out("p", 4, 5)


def test_suspects_are_forgotten_once_they_are_durable() -> None:
    ledger = make(at_once=True)
    ledger.restore({}, [["p", 0, 2, 1], ["p", 2, 4, 1]])
    ledger.completed(send(ledger, 0, 2, attempts=1), 0.0)
    assert ledger.suspects_wire() == [["p", 2, 4, 1]]
    ledger.completed(send(ledger, 2, 4, attempts=1), 0.0)
    assert ledger.suspects_wire() == []


# --- restarts, and what readers ask


def test_a_restart_skips_exactly_what_was_acked_ahead() -> None:
    ledger = make()
    ledger.restore({"p": [3, [[5, 7], [9, 10]]]}, [])
    unread, position = [], 0
    while position < 12:
        position = ledger.skip_to("p", position)
        unread.append(position)
        position += 1
    assert unread == [3, 4, 7, 8, 10, 11]


def test_a_message_that_waits_for_its_dead_letter_is_not_read_again() -> None:
    ledger = make(attempts_max=1)
    group = fail(ledger, send(ledger, 2, 3))
    assert group is not None
    ledger.new_epoch(None, [], 0.0)
    assert [ledger.skip_to("p", n) for n in (1, 2, 3)] == [1, 3, 3]
    assert ledger.singly("p", 0) and not ledger.singly("p", 3)


def test_positions_without_a_message_do_not_hold_first_unacked_back() -> None:
    ledger = make()
    ledger.completed(send(ledger, 0, 2), 0.0)
    ledger.void("p", 2, 5)
    ledger.completed(send(ledger, 5, 6), 0.0)
    assert told(ledger, 1) == {"p": [6, []]}
    assert ledger.worked_through == 3


def test_positions_without_a_message_survive_an_epoch_where_payload_is_kept() -> None:
    ledger = make(seeks=False)
    ledger.void("p", 0, 5)
    ledger.new_epoch(None, [], 0.0)
    assert ledger.retries.due(100.0) is None and ledger.idle
    assert told(ledger, 1) == {"p": [5, []]}


def test_first_unacked_names_the_oldest_message_that_is_not_durable() -> None:
    ledger = make()
    assert ledger.first_unacked(0.0) is None
    send(ledger, 5, 6, since=2.0)
    send(ledger, 0, 1, attempts=1, since=1.0)
    assert ledger.first_unacked(4.0) == ["p", 0, 3.0]


def test_only_an_executor_that_tells_its_spout_is_given_durable_groups() -> None:
    ledger = make(at_once=True, seeks=False)
    ledger.completed(send(ledger, 0, 1, kept=True), 0.0)
    assert ledger.durable_groups == []
    ledger.tells = True
    ledger.completed(send(ledger, 1, 2, kept=True), 0.0)
    assert [group.start for group in ledger.durable_groups] == [1]


def test_latency_counts_from_the_first_time_a_message_was_drawn() -> None:
    ledger = make()
    ledger.completed(send(ledger, 0, 3, since=0.0), 1.0)
    ledger.completed(send(ledger, 3, 4, since=0.0), 100.0)
    assert sorted(ledger.latency.values()) == [1, 3]


def test_what_passes_untracked_is_acked_and_durable_at_once() -> None:
    ledger = make()
    ledger.passed(Group("p", 0, 5, 5, 1.0), 3.0)
    assert (ledger.emitted, ledger.acked, ledger.pending, ledger.idle) == (5, 5, 0, True)
    assert ledger.positions_of("p").first_unacked == 5
    assert sum(ledger.latency.values()) == 5
