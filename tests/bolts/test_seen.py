"""What was seen is known until it cannot come again, and goes with its key."""

from __future__ import annotations

import pytest
from waterspout.bolts.seen import SEEN_MAP, Seen, group_of
from waterspout.bolts.seen_rows import SeenRows
from waterspout.bolts.snapshots import StatePart
from waterspout.bolts.state import TaskState
from waterspout.topology.errors import EmitError
from waterspout.topology.keys import key_group
from waterspout.topology.origins import descendant, origin_of, partition_bytes
from waterspout.topology.tuples import tuple_class

from ..each_case import each_case

P, Q = partition_bytes("lines", "p"), partition_bytes("lines", "q")
KEYS = {("split", "default"): ("word",), ("split", "two"): ("n", "word")}
WORDS = tuple_class("split", "default", ("n", "word"))
TWO = tuple_class("split", "two", ("n", "word"))


def seen_of() -> Seen:
    return Seen("count", SeenRows("count", SEEN_MAP), KEYS)


def test_a_row_is_known_until_and_after_its_message_is_durable() -> None:
    seen = seen_of()
    first, second = origin_of(P, 1), descendant(origin_of(P, 2), b"s", 0)
    seen.mark(first, 5, None)
    seen.mark(second, 6, None)
    assert seen.knows(first) and seen.knows(second)
    seen.durable({Q: [9, []], P: [1, []]})
    assert seen.knows(first) and seen.knows(second)
    assert not seen.knows(origin_of(P, 2))


def test_what_was_emitted_goes_again_until_the_message_is_durable() -> None:
    seen = seen_of()
    seen.mark(origin_of(P, 1), 5, [(0, ["a"])])
    assert seen.emitted(origin_of(P, 1)) == [(0, ["a"])]
    seen.durable({P: [1, []]})
    assert seen.emitted(origin_of(P, 1)) == ()


def test_what_was_emitted_comes_back_and_a_row_without_origin_is_not_noted() -> None:
    seen = seen_of()
    origin = origin_of(P, 1)
    seen.mark(origin, 7, [(0, ["a", 1]), (1, [None, (1, 2)])])
    assert seen.emitted(origin) == [(0, ["a", 1]), (1, [None, (1, 2)])]
    assert group_of(seen.rows.get(origin)) == 7
    seen.mark(b"", 7, [(0, ["a"])])
    seen.mark_all([b"", origin_of(P, 2)], [1, 2])
    assert seen.rows.entries.keys() == {origin, origin_of(P, 2)}
    assert seen.emitted(origin_of(P, 2)) == seen.emitted(b"?") == ()


def test_what_has_no_wire_form_is_refused_by_name() -> None:
    with pytest.raises(EmitError, match=r"count: .*no wire form"):
        seen_of().mark(origin_of(P, 1), 7, [(0, [object()])])


def test_what_is_too_large_for_a_snapshot_is_refused() -> None:
    with pytest.raises(EmitError, match="at most 8388608"):
        seen_of().mark(origin_of(P, 1), 7, [(0, ["x" * (8 << 20)])])


def test_an_entry_that_cannot_be_read_is_refused() -> None:
    seen = seen_of()
    seen.rows.entries[b"o"] = b"\x00\x01\xc1"
    with pytest.raises(EmitError, match="kept rows"):
        seen.emitted(b"o")


@each_case("word", ["a", "ä", "\ud800", b"a", 1, 1.5, None, (1, "x")])
def test_groups_are_those_of_the_grouping(word: object) -> None:
    seen = seen_of()
    row = (3, word)
    assert seen.group(WORDS)(row) == seen.groups(WORDS, [[word]])[0] == key_group((word,))
    assert seen.group(TWO)(row) == seen.groups(TWO, [[3], [word]])[0] == key_group((3, word))


def test_what_was_seen_goes_to_the_task_that_has_its_key() -> None:
    state = TaskState("count", 1, parallelism=2)
    part = StatePart("count", 0, {SEEN_MAP: {b"a": 3, b"b": b"\x00\x46more"}, "counts": {}})
    state.restore([part], {0x46}, key_group)
    assert state.seen().entries == {b"b": b"\x00\x46more"}
