"""Rows that were seen: found at any time, written while they can come again, and then let go of."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from waterspout.bolts import seen_rows
from waterspout.bolts.chains import merged
from waterspout.bolts.seen import SEEN_MAP
from waterspout.bolts.seen_rows import DurableEnds, SeenRows
from waterspout.bolts.snapshots import MapCopy
from waterspout.bolts.state import TaskState
from waterspout.bolts.state_slices import unpack
from waterspout.topology.errors import StateError
from waterspout.topology.keys import key_group
from waterspout.topology.origins import origin_of, partition_bytes

from ..each_case import each_case
from .test_state import Written

P, Q = partition_bytes("lines", "p"), partition_bytes("lines", "q")
A, B, C, D = (origin_of(P, end) for end in (1, 2, 3, 4))


def rows_of(*origins: bytes) -> SeenRows:
    rows = SeenRows("count", SEEN_MAP)
    rows.entries.update(dict.fromkeys(origins, 7))
    return rows


def slices_of(cut: MapCopy) -> Iterator[bytes]:
    assert cut.slices is not None and cut.whole
    return iter(cut.slices)


def read(pieces: Iterable[bytes]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for piece in pieces:
        _, name, form, keys, values = unpack(piece, True)
        assert name == SEEN_MAP
        found.update(zip(unpack(keys, False), unpack(values, not form), strict=True))
    return found


def written(rows: SeenRows) -> dict[Any, Any]:
    """Make a snapshot, and return what is in it."""
    found = read(slices_of(rows.cut(whole=False)))
    rows.settle(written=True)
    return found


def test_a_position_is_durable_when_it_ends_in_a_range() -> None:
    #  0      10        14    16
    #  |======]         (=====]
    ends = DurableEnds()
    ends.update({P: [10, [[14, 16]]], Q: [0, []]})
    held = [end for end in range(1, 20) if ends.holds(origin_of(P, end))]
    assert held == [*range(1, 11), 15, 16]
    assert not any(ends.holds(origin_of(Q, end)) for end in range(1, 20))
    assert not ends.holds(origin_of(partition_bytes("lines", "r"), 1))
    assert not ends.holds(b"")


def test_rows_of_one_partition_behind_all_that_is_durable_are_known_at_a_glance() -> None:
    ends = DurableEnds()
    ends.update({P: [10, [[14, 16]]]})
    assert ends.holds_none([origin_of(P, 17), origin_of(P, 20)])
    assert not ends.holds_none([origin_of(P, 16), origin_of(P, 20)])
    assert not ends.holds_none([origin_of(P, 17), origin_of(Q, 20)])
    assert not ends.holds_none([origin_of(P, 17), b""])
    assert ends.holds_none([origin_of(Q, 1)])


@pytest.mark.parametrize("of", [P, Q, partition_bytes("lines", "r")])
def test_what_comes_behind_all_that_is_durable_of_a_partition_is_between_two_bounds(
    of: bytes,
) -> None:
    ends = DurableEnds()
    ends.update({P: [10, [[14, 16]]], Q: [3, []]})
    last = {P: 16, Q: 3}.get(of, 0)
    low, high = ends.unheld(origin_of(of, 5))
    for partition in {P, Q, of, bytes(8), b"\xff" * 8}:
        for end in (*range(1, 20), 2**63):
            for origin in (
                origin_of(partition, end),
                origin_of(partition, end)[:16] + b"\xff" * 16,
            ):
                assert (low < origin < high) == (partition == of and end > last)


def test_a_row_without_origin_says_nothing_of_others() -> None:
    ends = DurableEnds()
    ends.update({P: [10, []]})
    low, high = ends.unheld(b"")
    assert not any(low < origin < high for origin in (origin_of(P, 5), origin_of(Q, 5), b""))


def test_entries_of_messages_that_are_durable_are_left_out() -> None:
    ends = DurableEnds()
    ends.update({P: [2, [[3, 4]]]})
    other = origin_of(Q, 1)
    assert ends.not_among({A: 1, B: 2, C: 3, D: 4, other: 5}) == {C: 3, other: 5}
    before = ends.copy()
    ends.update({Q: [1, []]})
    assert before.not_among({other: 5}) == {other: 5} and not ends.not_among({other: 5})


def test_each_snapshot_has_what_may_come_again() -> None:
    #  entries  held  older
    #  D        A B C        written: A B C
    #  -        D     A B C  durable: A B; written: C D
    #  -        C D   -
    rows = rows_of(A, B, C)
    assert written(rows) == {A: 7, B: 7, C: 7}
    rows.entries[D] = 8
    rows.ends.update({P: [2, []]})
    assert all(row in rows for row in (A, B, C, D))
    assert written(rows) == {C: 7, D: 8}
    assert (rows.entries, rows.held, rows.older) == ({}, {C: 7, D: 8}, {})
    assert [row in rows for row in (A, B, C, D)] == [False, False, True, True]
    assert [rows.get(row) for row in (A, D)] == [None, 8]
    assert rows.has_none([A, B]) and not rows.has_none([A, D])


def test_a_snapshot_is_as_large_as_what_can_come_again_whatever_came_before() -> None:
    rows, sizes = rows_of(), []
    for round_ in range(5):
        first = 2000 * round_
        rows.entries.update({origin_of(P, first + end): 7 for end in range(1, 2001)})
        sizes.append(sum(map(len, slices_of(rows.cut(whole=False)))))
        rows.settle(written=True)
        rows.ends.update({P: [first + 2000, []]})
    assert max(sizes) < 1.01 * min(sizes)
    assert len(rows.held) == 2000 and not rows.older


def test_a_cut_copies_nothing_and_looks_at_nothing() -> None:
    rows = rows_of(A, B)
    entries = rows.entries
    cut = rows.cut(whole=False)
    assert rows.held is entries and not cut.entries
    rows.entries[C] = 9
    assert read(slices_of(cut)) == {A: 7, B: 7}
    rows.ends.update({P: [3, []]})
    assert rows.held is entries, "nobody looks when something is durable"


def test_what_becomes_durable_after_the_cut_is_in_it() -> None:
    rows = rows_of(A)
    written(rows)
    cut = rows.cut(whole=False)
    rows.ends.update({P: [1, []]})
    assert read(slices_of(cut)) == {A: 7}


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_a_snapshot_that_was_given_up_takes_nothing_along(taken: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(seen_rows, "SLICE_KEYS_MAX", 1)
    rows = rows_of(A, B)
    written(rows)
    rows.entries[C] = 7
    pieces = slices_of(rows.cut(whole=False))
    for _ in range(taken):
        next(pieces)
    rows.entries[D] = 7
    rows.ends.update({P: [1, []]})
    assert all(row in rows for row in (A, B, C, D))
    again = rows.cut(whole=False)
    with pytest.raises(StateError, match="count: this snapshot was given up"):
        list(pieces)
    assert read(slices_of(again)).keys() - {A} == {B, C, D}
    rows.settle(written=True)
    assert written(rows).keys() == {B, C, D}


class Late(dict[bytes, Any]):
    """Rows that are taken over by another thread just after it was asked for some."""

    pieces: Iterator[bytes]

    def __contains__(self, origin: object) -> bool:
        found = super().__contains__(origin)
        list(self.pieces)
        return found

    def keys(self) -> Any:
        found = dict(self).keys()
        list(self.pieces)
        return found


@each_case("asks", [lambda rows: A in rows, lambda rows: not rows.has_none([A])])
def test_a_row_is_found_while_it_is_taken_over(asks: Callable[[SeenRows], bool]) -> None:
    rows = rows_of(A, B)
    written(rows)
    late = rows.entries = Late()
    late.pieces = slices_of(rows.cut(whole=False))
    assert rows.held is late and asks(rows)


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_rounds_writes_what_is_not_durable(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen_rows, "SLICE_KEYS_MAX", 3)
    rng = random.Random(seed)
    rows = rows_of()
    worked_on: set[int] = set()
    durable = first = 0
    for _ in range(60):
        for end in rng.sample(range(first + 1, first + 40), rng.randrange(12)):
            if end not in worked_on:
                worked_on.add(end)
                rows.entries[origin_of(P, end)] = end % 128
        cut = rows.cut(whole=False)
        told = durable
        outcome = rng.choice(("written", "written", "given up", "half", "never begun"))
        if outcome in ("written", "given up"):
            found = read(slices_of(cut))
            must = {origin_of(P, end) for end in worked_on if end > told}
            may = {origin_of(P, end) for end in worked_on}
            assert must <= found.keys() <= may
        elif outcome == "half":
            next(slices_of(cut), None)
        if outcome == "written":
            rows.settle(written=True)
            # All up to the first that was not worked on.
            while first + 1 in worked_on:
                first += 1
            durable = rng.randint(durable, first)
            rows.ends.update({P: [durable, []]})
        assert all(origin_of(P, end) in rows for end in worked_on if end > durable)
    written(rows)
    assert written(rows).keys() == {origin_of(P, end) for end in worked_on if end > durable}


def test_what_was_seen_is_whole_in_each_part_of_a_chain_that_adds_up_handles() -> None:
    state, written = TaskState("count"), Written()
    rows, records = state.seen(), state.records("counts")
    rows.entries |= {A: 1, B: 2}
    records.put_all({key: (key,) for key in range(1000)})
    written.parts_of(state)
    rows.ends.update({P: [1, []]})
    rows.entries[C] = 3
    records.put(1, (2,))
    parts = written.parts_of(state)
    assert len(parts) == 2
    after = TaskState("count")
    after.restore([merged(parts)])
    assert after.seen().entries == {B: 2, C: 3}
    assert after.records("counts")[1] == (2,)


@pytest.mark.parametrize("owner", [0, 1])
def test_what_was_restored_is_known_and_written_by_the_task_that_has_its_key(owner: int) -> None:
    state, parts = TaskState("count"), Written()
    state.seen().entries |= {A: 3, B: b"\x00\x46more"}
    after = TaskState("count", owner, parallelism=2)
    after.restore(parts.parts_of(state), range(64 * owner, 64 * owner + 64), key_group)
    rows = after.seen()
    mine = {B: b"\x00\x46more"} if owner else {A: 3}
    assert rows.entries == mine and after.seen() is rows
    (part,) = Written().parts_of(after)
    assert part.keyed == {SEEN_MAP: mine}
