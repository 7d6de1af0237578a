"""A tap: asked for while somebody looks, bounded, and taken back at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from waterspout.supervisor.cluster.tap_stream import ROWS_MAX, TAP_S, TapStream


class Rig:
    """A tap and what it orders."""

    def __init__(self, limit: int = 0) -> None:
        self.orders: list[Mapping[str, Any]] = []
        self.ended = 0
        self.tap = TapStream(
            5,
            {"component": "count", "where": "", "rate": 10.0},
            limit=limit,
            order=lambda fields, now: self.orders.append(fields),
            closed=self._end,
        )

    def _end(self) -> None:
        self.ended += 1


def test_it_is_ordered_again_before_it_runs_out():
    rig = Rig()
    for tick in range(100):
        rig.tap.turn(tick * TAP_S / 100)
    assert len(rig.orders) == 3
    assert rig.orders[0] == {
        "id": 5, "component": "count", "where": "", "rate": 10.0, "for_s": TAP_S,
    }  # fmt: skip


def test_rows_come_as_they_are_up_to_the_limit():
    rig = Rig(limit=3)
    assert rig.tap.turn(0.0) == ([], False)
    rig.tap.on_rows([1, 2])
    assert rig.tap.turn(0.1) == ([{"rows": [1, 2]}], False)
    rig.tap.on_rows([3, 4])
    assert rig.tap.turn(0.2) == ([{"rows": [3]}], True)


def test_a_client_that_reads_slowly_costs_a_bounded_number_of_rows():
    rig = Rig()
    rig.tap.on_rows(range(10 * ROWS_MAX))
    ((answer,), _) = rig.tap.turn(0.0)
    assert len(answer["rows"]) == ROWS_MAX
    assert answer["rows"][-1] == 10 * ROWS_MAX - 1


def test_at_its_end_workers_are_told_to_stop():
    rig = Rig()
    rig.tap.close(1.0)
    assert rig.orders[-1]["for_s"] == 0.0
    assert rig.ended == 1
