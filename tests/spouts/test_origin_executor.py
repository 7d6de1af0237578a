"""A Source task gives each message its origin, whatever group and try it comes in."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.spouts.origin_executor import OriginSourceExecutor
from waterspout.topology.component import StreamDecl
from waterspout.topology.control_frames import Failure
from waterspout.topology.emitter import StreamOut
from waterspout.topology.groupings import GlobalRoute
from waterspout.topology.origins import OriginRoute, RowAtWork, origin_of, partition_bytes

from .rig import Numbers, Rig

P = partition_bytes("lines", "p")


def executor_of(rig: Rig, source: Numbers, **ledger: Any) -> OriginSourceExecutor:
    row = RowAtWork("lines", 100)
    route = OriginRoute((0, "default"), [], [GlobalRoute([rig.frame])], row)
    rig.emitter.streams["default"] = StreamOut("default", StreamDecl(("n",)), [route])
    executor = OriginSourceExecutor(
        rig.plan, source, rig.emitter, rig.env, rig.ledger(**ledger), parallelism=1,
        blocked=rig.blocked, bury=rig.bury,
    )  # fmt: skip
    executor.use_origins(row)
    executor.going = True
    return executor


def rows(rig: Rig) -> list[list[Any]]:
    return [list(row) for row in rig.frame.take()[2]]


@pytest.mark.parametrize("stride", [1, 3])
def test_each_message_has_the_position_behind_it(stride: int) -> None:
    rig = Rig()
    executor = executor_of(rig, Numbers(size=6, stride=stride))
    executor.turn(rig.now, 100)
    assert rows(rig) == [[n, origin_of(P, (n + 1) * stride)] for n in range(6)]


@pytest.mark.parametrize(("stride", "size"), [(1, 4), (3, 4), (1, 6), (3, 6)])
def test_a_message_that_comes_again_in_a_part_or_alone_has_the_same(
    stride: int, size: int
) -> None:
    rig = Rig(backoff_min_s=0.0, backoff_max_s=0.0)
    executor = executor_of(rig, Numbers(size=6, stride=stride), at_once=False, group_max=size)
    executor.turn(rig.now, size)
    first = rows(rig)
    for root in list(executor.ledger._groups):
        executor.failed(Failure(root, "b", 3, "refused", ""), rig.now)
    executor.turn(rig.now + 10, size)
    assert rows(rig)[:size] == first[:size]
    executor.new_epoch(None, [], rig.now)
    executor.going = True
    executor.turn(rig.now, 100)
    assert rows(rig) == [[n, origin_of(P, (n + 1) * stride)] for n in range(6)]


def test_what_it_does_not_read_has_none() -> None:
    rig = Rig()
    executor_of(rig, Numbers(size=0))
    assert rig.emitter.try_many([[7]]) is None
    assert rows(rig) == [[7, b""]]


def test_messages_that_wait_to_become_durable_are_bounded_not_their_ranges() -> None:
    rig = Rig(worked_through_max=4, max_pending=2)
    executor = executor_of(rig, Numbers(size=100), at_once=False)
    for _ in range(5):
        executor.turn(rig.now, 100)
        for root in list(executor.ledger._groups):
            executor.completed(root, rig.now)
    assert 4 <= executor.ledger.worked_through == executor.ledger.held <= 4 + 2
