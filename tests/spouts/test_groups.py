"""Groups: what is in flight under one root."""

from __future__ import annotations

import pytest
from waterspout.spouts.groups import Group, no_slot


def test_a_new_group_was_not_tried_is_not_dead_and_keeps_no_payload() -> None:
    group = Group("p", 10, 74, 64, 1.5)
    assert (group.partition, group.start, group.end, group.count) == ("p", 10, 74, 64)
    assert (group.since, group.attempts, group.dead, group.kept) == (1.5, 0, False, None)


def test_a_group_takes_no_further_attributes() -> None:
    # Ten thousand are alive at once; a dict each would cost more than the positions.
    with pytest.raises(AttributeError):
        Group("p", 0, 1, 1, 0.0).note = 1  # type: ignore[attr-defined]


def test_where_nobody_reads_the_slot_it_takes_any_group() -> None:
    no_slot(1, Group("p", 0, 1, 1, 0.0), 1)
