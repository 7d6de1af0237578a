"""What the logics share."""

from __future__ import annotations

import pytest
from waterspout.bolts.windows.aggregates import CountRows, Sum
from waterspout.bolts.windows.item_aggregates import Distinct
from waterspout.bolts.windows.logic import Options, Rows, WindowLogic
from waterspout.topology.errors import UserError

ROWS = Rows(["a", "b", "c"], [1, 2, 3], [[], [[7, 8, 9]]])
MADE = [CountRows("n"), Sum("s", ["v"])]


def test_rows_at_some_places_keep_their_values() -> None:
    assert ROWS.at([2, 0]) == Rows(["c", "a"], [3, 1], [[], [[9, 7]]])


def test_each_row_alone_has_the_accs_of_all_aggregates() -> None:
    assert WindowLogic(MADE, Options(), 0).lifted(ROWS) == [(1, 7), (1, 8), (1, 9)]


def test_only_aggregates_with_a_limit_are_checked() -> None:
    assert not WindowLogic(MADE, Options(), 0).limited
    logic = WindowLogic([CountRows("n"), Distinct("d", "v", 1)], Options(), 0)
    assert logic.limited
    with pytest.raises(UserError, match="items_max"):
        logic.check((2, {1: None, 2: None}))


def test_the_base_promises_what_the_others_do() -> None:
    logic = WindowLogic(MADE, Options(), 5)
    assert (logic.watermark, logic.next_due()) == (5, None)
    for call in (lambda: logic.add(ROWS), lambda: logic.advance(1), logic.close, logic.open_keys):
        with pytest.raises(NotImplementedError):
            call()
