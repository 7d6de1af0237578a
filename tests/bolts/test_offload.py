"""Blocking and async calls: kept apart, settled on the data thread, known when they crash."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from contextvars import copy_context
from dataclasses import replace
from typing import Any

import pytest
from waterspout.bolts import Bolt
from waterspout.bolts.frame_work import FrameWork
from waterspout.bolts.offload import AT_WORK_MAX, Call, OffloadExecutor
from waterspout.bolts.own_messages import OwnMessages
from waterspout.topology.channels import OpenFrame
from waterspout.topology.component import StreamDecl
from waterspout.topology.emitter import Emitter, StreamOut
from waterspout.topology.errors import EmitError, FailTuple
from waterspout.topology.groupings import GlobalRoute
from waterspout.topology.marks import BARRIER, Mark
from waterspout.topology.plan import TaskPlan
from waterspout.topology.settings import Settings
from waterspout.topology.task_env import TaskEnv
from waterspout.topology.tuples import tuple_class

EDGE = 0xABCDEF
CHANNEL = (1, 0, 2)


class Rig:
    """One bolt task whose calls a test runs when it likes."""

    def __init__(self, bolt: Bolt, *, is_async: bool = False, concurrency: int = 3) -> None:
        self.now = 50.0
        rng = random.Random(1)
        settings = replace(Settings(), emit_max=10, hold_max_s=300.0)
        self.env = TaskEnv(
            settings, tracked=True, clock=lambda: self.now, draw=rng.getrandbits, acker=None  # type: ignore
        )
        self.out = OpenFrame((2, 0, 3), 0)
        stream = StreamOut("default", StreamDecl(("n",)), [GlobalRoute([self.out])])
        emitter = Emitter("work", [stream], [self.out], self.env.toggles, rng.getrandbits)
        own = OwnMessages(2, emitter, self.env, {})
        self.executor = OffloadExecutor(
            TaskPlan(2, "work", 0, 0), bolt, emitter, self.env, blocked=lambda: False, own=own
        )
        self.calls: deque[Call] = deque()
        self.executor.bind_emit(emitter.bind(self.executor.holds.roots_of), bolt)
        self.executor.use_offload(self.calls.append, is_async=is_async, concurrency=concurrency)
        self.at_work: list[tuple[int, ...]] = []
        self.executor.at_work = self.at_work.append

    def feed(self, *roots: int) -> None:
        """Queue a frame with one row per root; the row is the root's number."""
        runs = [(1, (root,)) for root in roots]
        rows = [(root,) for root in roots]
        cls = tuple_class("source", "default", ("n",))
        self.executor.enqueue(FrameWork(CHANNEL, cls, EDGE, runs, rows, remote=False))

    def end(self, *roots: int) -> None:
        """Run the calls of these roots to their end, in this order."""
        for root in roots:
            (call,) = [call for call in self.calls if call.roots == (root,)]
            self.calls.remove(call)
            call.run() if not call.is_async else asyncio.run(call.run_async())
            self.executor.call_done(call)

    @property
    def rows(self) -> list[Any]:
        return [row[0] for row in self.out.rows]

    def settled(self) -> set[int]:
        """Return the roots whose frame edge was toggled out, and no other edge is open."""
        closed = dict(self.env.toggles)
        for _, roots in self.out.runs:
            for root in roots:
                closed[root] ^= self.out.edge
        return {root for root, xor in closed.items() if xor == EDGE}


class Echo(Bolt):
    def process(self, tup: Any) -> None:
        self.emit([tup["n"]])


class EchoAsync(Bolt):
    async def process(self, tup: Any) -> None:
        await asyncio.sleep(0)
        self.emit([tup["n"]])


def test_a_blocking_task_has_one_call_at_a_time_and_keeps_the_order() -> None:
    rig = Rig(Echo())
    rig.feed(11, 12)
    rig.executor.run()
    assert [call.roots for call in rig.calls] == [(11,)]
    rig.end(11)
    rig.executor.run()
    rig.end(12)
    assert rig.rows == [11, 12]


def test_what_a_call_emits_goes_out_when_it_has_ended_and_is_anchored_to_its_tuple() -> None:
    rig = Rig(Echo())
    rig.feed(11)
    rig.executor.run()
    rig.calls[0].run()
    assert rig.rows == []
    rig.executor.call_done(rig.calls[0])
    assert rig.rows == [11]
    assert rig.out.runs == [(1, (11,))]
    assert rig.settled() == {11}


def test_async_calls_run_up_to_concurrency_and_end_in_any_order() -> None:
    rig = Rig(EchoAsync(), is_async=True, concurrency=2)
    rig.feed(11, 12, 13)
    rig.executor.run()
    assert len(rig.calls) == 2
    rig.end(12)
    rig.executor.run()
    rig.end(13, 11)
    assert rig.rows == [12, 13, 11]
    assert rig.settled() == {11, 12, 13}
    assert rig.executor.holds.oldest() is None


class Raises(Bolt):
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def process(self, tup: Any) -> None:
        self.emit([tup["n"]])
        raise self.error


class RaisesAsync(Raises):
    async def process(self, tup: Any) -> None:
        await asyncio.sleep(0)
        self.emit([tup["n"]])
        raise self.error


@pytest.mark.parametrize("kind", [Raises, RaisesAsync])
@pytest.mark.parametrize(
    "error", [ValueError("bad"), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()]
)
def test_whatever_a_call_raises_fails_its_message_and_emits_nothing(
    kind: type[Raises], error: BaseException
) -> None:
    rig = Rig(kind(error), is_async=kind is RaisesAsync)
    rig.feed(11)
    rig.executor.run()
    rig.end(11)
    assert rig.rows == []
    assert [failure.root for failure in rig.env.fails] == [11]
    rig.executor.run()
    assert rig.executor.idle


@pytest.mark.parametrize("kind", [Raises, RaisesAsync])
def test_the_traceback_begins_in_the_users_code(kind: type[Raises]) -> None:
    rig = Rig(kind(ValueError("bad")), is_async=kind is RaisesAsync)
    rig.feed(11)
    rig.executor.run()
    rig.end(11)
    (failure,) = rig.env.fails
    assert failure.reason == "ValueError: bad"
    assert "in process" in failure.traceback
    assert failure.traceback.count("  File ") == 1


def test_a_tuple_failed_on_purpose_is_no_error_of_the_component() -> None:
    rig = Rig(Raises(FailTuple("later")))
    rig.feed(11)
    rig.executor.run()
    rig.end(11)
    assert rig.env.fails[0].reason == "FailTuple: later"
    assert rig.env.take_errors() == []


def test_a_call_of_an_earlier_epoch_changes_nothing() -> None:
    rig = Rig(Echo())
    rig.feed(11)
    rig.executor.run()
    rig.executor.new_epoch(rig.now)
    rig.end(11)
    assert (rig.rows, rig.env.toggles, rig.env.fails) == ([], {}, [])
    assert rig.executor.executed == 0


class Emits(Bolt):
    """Calls what a test gives it, inside of a call."""

    def __init__(self, call: Any) -> None:
        self.call = call

    def process(self, tup: Any) -> Any:
        return self.call(self)


def failed(call: Any) -> str:
    """Return the reason for which a call failed."""
    rig = Rig(Emits(call))
    rig.feed(11)
    rig.executor.run()
    rig.end(11)
    (failure,) = rig.env.fails
    return failure.reason


def test_an_emit_that_the_stream_does_not_allow_fails_the_tuple_by_name() -> None:
    assert "2 values for the fields ['n']" in failed(lambda bolt: bolt.emit([1, 2]))
    assert "not declared" in failed(lambda bolt: bolt.emit([1], stream="other"))
    assert "need_task_ids" in failed(lambda bolt: bolt.emit([1], need_task_ids=True))
    assert "EmitError" in failed(lambda bolt: bolt.emit(5))


class Careless(Bolt):
    """Emits what is not allowed, by way of a function of its own."""

    def __init__(self, *args: Any, **more: Any) -> None:
        self.args, self.more = args, more

    def process(self, tup: Any) -> None:
        self.give()
        raise AssertionError("the call went on")

    def give(self) -> None:
        self.emit(*self.args, **self.more)


class CarelessAsync(Careless):
    async def process(self, tup: Any) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        self.give()
        raise AssertionError("the call went on")


@pytest.mark.parametrize("kind", [Careless, CarelessAsync])
@pytest.mark.parametrize(
    ("row", "more"),
    [
        ([1, 2], {}),
        (5, {}),
        ([1], {"stream": "other"}),
        ([1], {"direct_task": 7}),
        ([1], {"need_task_ids": True}),
    ],
)
def test_an_emit_that_is_not_allowed_raises_where_it_is_called(
    kind: type[Careless], row: Any, more: dict[str, Any]
) -> None:
    rig = Rig(kind(row, **more), is_async=kind is CarelessAsync)
    rig.feed(11)
    rig.executor.run()
    rig.end(11)
    (failure,) = rig.env.fails
    assert failure.reason.startswith("EmitError: work: emit to stream")
    frames = [line for line in failure.traceback.splitlines() if line.startswith("  File ")]
    assert [line.rpartition(" ")[2] for line in frames] == ["process", "give"]


def test_a_call_may_go_on_after_an_emit_that_is_not_allowed_and_change_its_rows() -> None:
    def careful(bolt: Bolt) -> None:
        row = [1]
        bolt.emit(row)
        row[0] = 2
        with pytest.raises(EmitError):
            bolt.emit([1, 2])
        bolt.emit(row)

    rig = Rig(Emits(careful))
    rig.feed(11)
    rig.executor.run()
    rig.end(11)
    assert (rig.rows, rig.env.fails) == ([1, 2], [])


def test_a_call_that_emits_more_than_emit_max_fails() -> None:
    reason = failed(lambda bolt: [bolt.emit([n]) for n in range(11)])
    assert "more than emit_max = 10" in reason


def test_emit_many_is_kept_with_the_call_too() -> None:
    rig = Rig(Emits(lambda bolt: bolt.emit_many([[1], [2]])))
    rig.feed(11)
    rig.executor.run()
    rig.calls[0].run()
    assert rig.rows == []
    rig.executor.call_done(rig.calls[0])
    assert rig.rows == [1, 2]


def test_a_generator_yields_rows_and_other_results_are_no_rows() -> None:
    rig = Rig(Emits(lambda bolt: (row for row in ([1], None, [2]))))
    rig.feed(11)
    rig.executor.run()
    rig.end(11)
    assert rig.rows == [1, 2]
    rig = Rig(Emits(lambda bolt: "done"))
    rig.feed(11)
    rig.executor.run()
    rig.end(11)
    assert (rig.rows, rig.env.fails) == ([], [])


def test_an_emit_outside_of_a_call_is_refused() -> None:
    bolt = Echo()
    Rig(bolt)
    with pytest.raises(EmitError, match="no tuple is at work here"):
        bolt.emit([1])


# What is known when it crashes.


def test_the_root_of_a_blocking_call_is_at_work_until_it_has_ended() -> None:
    rig = Rig(Echo())
    rig.feed(11)
    rig.executor.run()
    assert rig.at_work == [(11,)]
    rig.end(11)
    assert rig.at_work[-1] == ()


def test_of_async_calls_the_one_whose_code_runs_is_at_work_and_all_while_none_does() -> None:
    #  11: |run|......|run|      12: ....|run|.......
    seen: list[tuple[int, tuple[int, ...]]] = []

    class Steps(Bolt):
        async def process(self, tup: Any) -> None:
            for _ in range(2):
                seen.append((tup["n"], rig.at_work[-1]))
                await asyncio.sleep(0)

    rig = Rig(Steps(), is_async=True)
    rig.feed(11, 12)
    rig.executor.run()
    assert rig.at_work == [(12, 11)]
    first, second = ((call.run_async(), copy_context()) for call in rig.calls)
    for coroutine, context in (first, second, second, first):
        context.run(coroutine.send, None)
        assert rig.at_work[-1] == (12, 11)
    assert seen == [(11, (11,)), (12, (12,)), (12, (12,)), (11, (11,))]
    for coroutine, _ in (first, second):
        coroutine.close()


def test_no_more_roots_are_kept_than_the_crash_slot_has_room_for() -> None:
    rig = Rig(EchoAsync(), is_async=True, concurrency=2 * AT_WORK_MAX)
    rig.feed(*range(1, AT_WORK_MAX + 10))
    rig.executor.run()
    assert rig.at_work[-1] == tuple(range(AT_WORK_MAX + 9, 9, -1))


# Hangs.


def test_the_oldest_call_tells_since_when_the_task_is_busy() -> None:
    rig = Rig(EchoAsync(), is_async=True)
    assert rig.executor.busy_since is None
    rig.feed(11)
    rig.executor.run()
    rig.now += 5
    rig.feed(12)
    rig.executor.run()
    assert rig.executor.busy_since == 50.0
    rig.end(11)
    assert rig.executor.busy_since == 55.0


def test_a_call_is_vouched_for_up_to_hold_max_and_then_fails_by_name() -> None:
    rig = Rig(EchoAsync(), is_async=True)
    rig.feed(11)
    rig.executor.run()
    assert rig.executor.vouched(rig.now + 299) == {11}
    assert rig.executor.vouched(rig.now + 301) == set()
    assert "hold_max" in rig.env.fails[0].reason


def test_a_mark_waits_for_the_calls_under_way_before_it() -> None:
    """C11: what they emit belongs before it."""
    rig = Rig(EchoAsync(), concurrency=3, is_async=True)
    came: list[int] = []
    rig.executor.on_barrier = lambda channel, value: came.append(value)
    rig.feed(1, 2)
    rig.executor.enqueue_mark(CHANNEL, Mark(BARRIER, 7))
    rig.feed(3)
    rig.executor.run()
    assert (came, len(rig.calls)) == ([], 2)
    rig.end(2)
    rig.executor.run()
    assert (came, len(rig.calls)) == ([], 1)
    rig.end(1)
    rig.executor.run()
    assert (came, [call.roots for call in rig.calls]) == ([7], [(3,)])
