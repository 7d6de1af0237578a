"""Whole maps: what a cut copies, and what it packs; more in test_state.py."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from waterspout.bolts.snapshots import StateCopy, decode_part, encode_part
from waterspout.bolts.whole_maps import copy_of


@pytest.mark.parametrize(
    ("value", "packed"),
    [(1, False), ("x", False), ((1, "x"), False), ([1], True), ({}, True), ((1, [2]), True)],
)
@pytest.mark.parametrize("kind", ["keyed", "task"])
def test_only_what_can_change_in_place_is_packed_at_the_cut(
    kind: Any, value: Any, packed: bool
) -> None:
    entries = {"k": value}
    copy = copy_of("count", kind, "m", entries)
    assert (copy.kind, copy.name, copy.whole) == (kind, "m", True)
    assert (copy.slices is not None) is packed
    entries.clear()
    part = decode_part(b"".join(encode_part(StateCopy("count", 0, (copy,)))))
    assert part.maps(kind) == {"m": {"k": value}}


def test_the_copy_of_a_counter_is_a_plain_dict() -> None:
    assert type(copy_of("count", "keyed", "m", Counter("aab")).entries) is dict
