"""A retry: which messages go out next, and how many together."""

from __future__ import annotations

from waterspout.spouts.groups import Group, Kept
from waterspout.spouts.retries import PART, Retry, RetryQueue, part_of

from ..each_case import each_case


def group_of(count: int, *, stride: int = 1, kept: bool = False) -> Group:
    """Return messages 0 .. count - 1 of a partition, each of which takes ``stride`` positions."""
    payload: Kept | None = [(n, "default", [n]) for n in range(count)] if kept else None
    return Group("p", 0, count * stride, count, 7.0, kept=payload, before=3)


@each_case(
    "count, attempts_max, part",
    [(1, 5, 1), (PART, 5, 1), (PART + 1, 5, PART), (64, 3, PART), (64, 2, 1), (64, 1, 1)],
)
def test_a_group_comes_back_in_parts_while_its_messages_have_attempts_left(
    count: int, attempts_max: int, part: int
) -> None:
    assert part_of(group_of(count), attempts_max) == part


def test_only_a_message_that_was_alone_is_said_to_be_tried_alone() -> None:
    assert Retry(group_of(1), 2).alone and not Retry(group_of(2), 2).alone


def test_parts_follow_on_each_other_and_keep_what_is_known_of_their_group() -> None:
    retry = Retry(group_of(6, stride=10), 1, 4)
    groups = [retry.sent(4, 40, None), retry.sent(2, 60, None)]
    assert [(g.start, g.end, g.count) for g in groups] == [(0, 40, 4), (40, 60, 2)]
    assert {(g.partition, g.attempts, g.since, g.before) for g in groups} == {("p", 1, 7.0, 3)}
    assert (retry.start, retry.end, retry.count) == (60, 60, 0)


def test_kept_messages_are_taken_in_order_and_the_last_ones_take_the_rest_of_the_range() -> None:
    retry = Retry(group_of(6, stride=10, kept=True), 1, 4)
    first, position = retry.next_kept(4)
    group = retry.sent(len(first), position, first)
    rest, end = retry.next_kept(4)
    assert ([n for n, _, _ in first], position) == ([0, 1, 2, 3], 4)
    assert ([n for n, _, _ in rest], end) == ([4, 5], 60)
    assert group.kept == first


def test_a_queue_gives_what_is_due_in_order_and_knows_how_many_messages_wait() -> None:
    queue = RetryQueue()
    first, second, third = (Retry(group_of(count), 1) for count in (1, 2, 3))
    for retry, due in ((third, 5.0), (first, 1.0), (second, 1.0)):
        queue.put(retry, due)
    assert (len(queue), queue.messages, queue.next_due(0.5)) == (3, 6, 0.5)
    assert set(queue) == {first, second, third}
    assert queue.due(0.9) is None
    assert [queue.due(2.0), queue.due(2.0), queue.due(2.0)] == [first, second, None]
    assert (queue.messages, queue.next_due(9.0)) == (3, 0.0)
    assert queue.take_all() == [third]
    assert (len(queue), queue.messages, queue.next_due(9.0)) == (0, 0, 3600.0)
