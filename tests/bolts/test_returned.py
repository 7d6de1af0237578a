"""Rows that a bolt returns in place of emitting them fail its message by name."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.bolts.contract import Batch, Bolt
from waterspout.bolts.culprits import Culprits
from waterspout.topology.task_env import TRACED
from waterspout.topology.tuples import Tuple

from .rig import SOURCE, Rig
from .test_offload import Rig as CallsRig


class Returns(Bolt):
    outputs = ("x",)

    def __init__(self, made: Any) -> None:
        self.made = made

    def process(self, tup: Tuple) -> Any:
        return self.made


class ReturnsOfBatch(Returns):
    def process_batch(self, batch: Batch) -> Any:
        return self.made


class ReturnsAndHolds(Returns):
    auto_ack = False

    def process(self, tup: Tuple) -> Any:
        self.ack(tup) if self.made is None else None
        return self.made


@pytest.mark.parametrize(
    ("cls", "kind"),
    [(Returns, "process"), (ReturnsOfBatch, "batch"), (ReturnsAndHolds, "held")],
)
def test_a_message_whose_rows_are_returned_fails(cls: type[Returns], kind: str) -> None:
    rig = Rig(cls([[1]]), kind)
    rig.feed((2, (1,)))
    rig.run()
    (failure,) = rig.failures
    assert f"{'process_batch' if kind == 'batch' else 'process'} returned" in failure.reason
    rig = Rig(cls(None), kind)
    rig.feed((2, (1,)))
    rig.run()
    assert (rig.done, rig.failures) == ([1], [])


class ReturnsSome(Bolt):
    outputs = ("n",)

    def process(self, tup: Tuple) -> Any:
        self.emit([tup[0]])
        return [[tup[0]]] if tup[0] < 2 else None


@pytest.mark.parametrize("root", [1, TRACED | 1])
def test_each_tuple_is_asked_and_not_only_the_last_of_a_run(root: int) -> None:
    rig = Rig(ReturnsSome())
    rig.executor.culprits = Culprits((SOURCE,))
    rig.acker._failed_message = lambda failure, now: rig.failures.append(failure) is None
    rig.feed((4, (root,)))
    rig.run()
    assert [(failure.row, failure.rows) for failure in rig.failures] == [(0, 4), (1, 4)]
    assert rig.take()[1] == [0, 1, 2, 3]


class ReturnsRows(Bolt):
    outputs = ("n",)

    def process(self, tup: Any) -> Any:
        return [[1]]


class ReturnsRowsAsync(Bolt):
    outputs = ("n",)

    async def process(self, tup: Any) -> Any:
        return [[1]]


@pytest.mark.parametrize(
    ("bolt", "is_async"), [(ReturnsRows(), False), (ReturnsRowsAsync(), True)]
)
def test_rows_that_a_call_returns_fail_its_tuple(bolt: Bolt, is_async: bool) -> None:
    rig = CallsRig(bolt, is_async=is_async)
    rig.feed(1)
    rig.executor.run()
    rig.end(1)
    (failure,) = rig.env.fails
    assert "process returned [[1]], which goes nowhere" in failure.reason
