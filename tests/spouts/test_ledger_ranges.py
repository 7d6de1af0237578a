"""What waits for a round: of a source that can be read again ranges of messages, which stay few."""

from __future__ import annotations

from itertools import count
from typing import Any

from waterspout.spouts.groups import Group
from waterspout.spouts.ledger import Ledger
from waterspout.topology.control_frames import Failure
from waterspout.topology.settings import Settings

ROOTS = count(1)


def make(**more: Any) -> Ledger:
    return Ledger(Settings(**more), seeks=True, durable_at_once=False, group_max=64)


def send(ledger: Ledger, start: int, end: int, *, attempts: int = 0, since: float = 0.0) -> int:
    """Send [start, end) as one group; return its root."""
    root = next(ROOTS)
    ledger.sent(root, Group("p", start, end, end - start, since, attempts=attempts))
    return root


def test_a_source_that_can_be_read_again_waits_for_a_round_as_long_as_it_takes() -> None:
    """The coordinator is away: no round is made, and data flows on."""
    ledger = make(max_pending=100, worked_through_max=20)
    for start in range(0, 100_000, 100):
        roots = [send(ledger, n, n + 10, since=start) for n in range(start, start + 100, 10)]
        for root in (*roots[1::2], *roots[::2]):
            ledger.completed(root, 0.0)
        assert ledger.room() > 0
    assert ledger.worked_through == 100_000
    assert ledger.held <= 20
    assert ledger.first_unacked(0.0) == ["p", 0, 0.0]
    assert ledger.freeze(1)[0] == {"p": [100_000, []]}
    ledger.durable(1)
    assert (ledger.worked_through, ledger.held) == (0, 0)
    assert ledger.positions_of("p").first_unacked == 100_000


def test_ranges_that_do_not_touch_are_bounded() -> None:
    ledger = make(max_pending=1000, worked_through_max=50)
    for n in range(0, 400, 2):
        if ledger.room() <= 0:
            break
        ledger.completed(send(ledger, n, n + 1), 0.0)
    assert ledger.held == 50


def test_a_message_with_attempts_keeps_them_beside_the_ranges() -> None:
    ledger = make(max_pending=100, worked_through_max=8)
    for n in range(20):
        ledger.completed(send(ledger, n, n + 1, attempts=int(n == 7)), 0.0)
    assert ledger.held < 20
    ledger.new_epoch(None, [], 0.0)
    assert ledger.suspects_wire() == [["p", 7, 8, 1]]


def test_the_first_unacked_message_is_the_lowest_of_its_partition_whatever_came_through_first():
    ledger = make()
    roots = [send(ledger, start, start + 5, since=1.0) for start in (0, 5, 10)]
    for root in reversed(roots):
        ledger.completed(root, 2.0)
    assert ledger.first_unacked(3.0) == ["p", 0, 2.0]
    ledger.freeze(1)
    send(ledger, 15, 20, since=4.0)
    assert ledger.first_unacked(5.0) == ["p", 0, 4.0], "what is frozen is not durable yet"
    ledger.durable(1)
    assert ledger.first_unacked(5.0) == ["p", 15, 1.0]


def test_a_retry_that_its_executor_has_taken_out_is_unacked_too():
    ledger = make()
    ledger.failed_root(Failure(send(ledger, 0, 1), "bolt", 2, "no", ""), 0.0)
    send(ledger, 1, 2, since=1.0)
    retry = ledger.retries.due(1000.0)
    assert retry is not None
    assert ledger.first_unacked(2.0) == ["p", 1, 1.0]
    assert ledger.first_unacked(2.0, [retry]) == ["p", 0, 2.0]
