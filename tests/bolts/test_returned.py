"""Rows that are returned in place of emitted are said, and not lost without a word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from waterspout.bolts.contract import Batch, Bolt
from waterspout.bolts.returned import refuse_rows
from waterspout.topology.errors import UserError
from waterspout.topology.tuples import Tuple

from .rig import Rig


def rows() -> Iterator[Any]:
    yield [1]


@pytest.mark.parametrize(
    ("made", "text"),
    [
        ([[1, 2]], r"^b: process returned \[\[1, 2\]\], which goes nowhere: call self\.emit"),
        ((1,), r"^b: process returned \(1,\), which goes nowhere"),
        (rows(), "^b: process returned a generator, whose rows go nowhere"),
    ],
)
def test_rows_are_refused_by_the_name_of_the_method(made: Any, text: str) -> None:
    with pytest.raises(UserError, match=text):
        refuse_rows("b", "process", made)


@pytest.mark.parametrize("made", [True, 5, "a", {"a": 1}, [], ()])
def test_what_is_no_row_is_left_alone(made: Any) -> None:
    refuse_rows("b", "process", made)


class Returns(Bolt):
    outputs = ("x",)

    def __init__(self, made: Any) -> None:
        self.made = made

    def process(self, tup: Tuple) -> Any:
        return self.made


class ReturnsOfBatch(Returns):
    def process_batch(self, batch: Batch) -> Any:
        return self.made


@pytest.mark.parametrize(("cls", "kind"), [(Returns, "process"), (ReturnsOfBatch, "batch")])
def test_a_message_whose_rows_are_returned_fails(cls: type[Returns], kind: str) -> None:
    rig = Rig(cls([[1]]), kind)
    rig.feed((2, (1,)))
    rig.run()
    (failure,) = rig.failures
    assert f"{'process' if kind == 'process' else 'process_batch'} returned" in failure.reason
    rig = Rig(cls(None), kind)
    rig.feed((2, (1,)))
    rig.run()
    assert (rig.done, rig.failures) == ([1], [])
