"""What waits for the coordinator: each once, in order, up to a limit."""

from __future__ import annotations

from waterspout.supervisor.cluster.host_protocol import RELAY_BYTES_MAX, RELAY_ITEMS_MAX
from waterspout.supervisor.cluster.outgoing import Outgoing

KEY = ("t", 0, 7)


def test_the_newest_of_equals_takes_the_place_of_the_one_before() -> None:
    waiting = Outgoing()
    for slot, data in (("a", b"1"), ("b", b"2"), ("a", b"333")):
        waiting.add(slot, KEY, data)
    assert (len(waiting), waiting.bytes) == (2, 4)
    assert waiting.batch().items == [["t", 0, 7, b"333"], ["t", 0, 7, b"2"]]


def test_a_batch_waits_until_it_was_sent() -> None:
    waiting = Outgoing()
    waiting.add("a", KEY, b"1")
    batch = waiting.batch()
    assert waiting.batch() == batch
    waiting.sent(batch)
    assert (waiting.batch().items, waiting.bytes, len(waiting)) == ([], 0, 0)


def test_a_message_has_so_many_bytes_or_one_item() -> None:
    waiting = Outgoing()
    big = bytes(RELAY_BYTES_MAX + 1)
    for slot, data in (("a", big), ("b", b"1"), ("c", bytes(RELAY_BYTES_MAX)), ("d", b"2")):
        waiting.add(slot, KEY, data)
    sizes = []
    while (batch := waiting.batch()).items:
        sizes.append([len(item[3]) for item in batch.items])
        waiting.sent(batch)
    assert sizes == [[len(big)], [1], [RELAY_BYTES_MAX], [1]]


def test_a_message_has_so_many_items() -> None:
    waiting = Outgoing()
    for number in range(RELAY_ITEMS_MAX + 1):
        waiting.add(number, KEY, b"")
    assert len(waiting.batch().items) == RELAY_ITEMS_MAX


def test_beyond_the_limit_the_newest_are_dropped_and_counted() -> None:
    waiting = Outgoing(bytes_max=10)
    waiting.add("a", KEY, bytes(20))
    waiting.add("b", KEY, b"1")
    assert (waiting.batch().slots, waiting.dropped) == (["a"], 1)
    waiting.add("a", KEY, bytes(8))
    waiting.add("b", KEY, b"1")
    assert (len(waiting), waiting.dropped) == (2, 1)
