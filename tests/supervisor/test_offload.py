"""Threads and the event loop that run calls: every call is told of, whatever became of it.

These are the real threads, since they are what is tested; each test waits for an event, with a
limit, and for no time.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from waterspout.supervisor.offload import Offload

LIMIT_S = 5.0


class FakeExecutor:
    def __init__(self, task: int) -> None:
        self.task = task


class FakeCall:
    """Does what a test says; ``error`` is what the real one would note."""

    def __init__(self, work: Callable[[], Any], task: int = 1, *, is_async: bool = False) -> None:
        self.executor, self.work, self.is_async = FakeExecutor(task), work, is_async
        self.error: BaseException | None = None

    def run(self) -> None:
        self.work()

    async def run_async(self) -> None:
        try:
            await self.work()
        except BaseException as error:
            self.error = error


@pytest.fixture
def ended() -> queue.SimpleQueue[Any]:
    return queue.SimpleQueue()


@pytest.fixture
def offload(ended: queue.SimpleQueue[Any]) -> Iterator[Any]:
    made = Offload(ended.put)
    yield made
    made.close()


def test_the_calls_of_a_task_run_on_one_thread_in_order(
    offload: Any, ended: queue.SimpleQueue[Any]
) -> None:
    ran: list[tuple[threading.Thread, int]] = []
    calls = [
        FakeCall(lambda n=n: ran.append((threading.current_thread(), n)))  # type: ignore[misc]
        for n in range(5)
    ]
    for call in calls:
        offload.submit(call)
    assert [ended.get(timeout=LIMIT_S) for _ in calls] == calls
    (thread,) = {thread for thread, _ in ran}
    assert thread.name == "waterspout-blocking-1"
    assert [n for _, n in ran] == list(range(5))


def test_a_task_that_blocks_holds_no_other_up(
    offload: Any, ended: queue.SimpleQueue[Any]
) -> None:
    gate = threading.Event()
    stuck, free = FakeCall(lambda: gate.wait(LIMIT_S), 1), FakeCall(lambda: None, 2)
    offload.submit(stuck)
    offload.submit(free)
    assert ended.get(timeout=LIMIT_S) is free
    gate.set()
    assert ended.get(timeout=LIMIT_S) is stuck


def test_async_calls_share_one_loop_and_overlap(
    offload: Any, ended: queue.SimpleQueue[Any]
) -> None:
    loops = set()
    gates: list[asyncio.Event] = []

    async def first() -> None:
        loops.add(asyncio.get_running_loop())
        gates.append(asyncio.Event())
        await gates[0].wait()

    async def second() -> None:
        loops.add(asyncio.get_running_loop())
        gates[0].set()

    calls = [FakeCall(first, is_async=True), FakeCall(second, is_async=True)]
    for call in calls:
        offload.submit(call)
    assert {ended.get(timeout=LIMIT_S) for _ in calls} == set(calls)
    assert len(loops) == 1


def test_a_new_epoch_cancels_the_async_calls_and_the_loop_goes_on(
    offload: Any, ended: queue.SimpleQueue[Any]
) -> None:
    begun = threading.Event()

    async def forever() -> None:
        begun.set()
        await asyncio.get_running_loop().create_future()

    async def short() -> None:
        pass

    waits = FakeCall(forever, is_async=True)
    offload.submit(waits)
    assert begun.wait(LIMIT_S)
    offload.cancel_all()
    assert ended.get(timeout=LIMIT_S) is waits
    assert isinstance(waits.error, asyncio.CancelledError)
    after = FakeCall(short, is_async=True)
    offload.submit(after)
    assert ended.get(timeout=LIMIT_S) is after
    assert after.error is None


def test_a_call_cancelled_before_its_first_step_has_failed_too(
    offload: Any, ended: queue.SimpleQueue[Any]
) -> None:
    never = FakeCall(lambda: None, is_async=True)

    async def first() -> None:
        # Both on the loop, one behind the other: the second is cancelled before it began.
        offload.submit(never)
        offload.cancel_all()

    offload.submit(FakeCall(first, is_async=True))
    assert never in {ended.get(timeout=LIMIT_S), ended.get(timeout=LIMIT_S)}
    assert isinstance(never.error, asyncio.CancelledError)


def test_cancelling_without_a_loop_does_nothing(offload: Any) -> None:
    offload.cancel_all()


def test_close_ends_the_threads_but_leaves_a_call_that_hangs_behind(
    offload: Any, ended: queue.SimpleQueue[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waterspout.supervisor.offload.JOIN_S", 0.05)
    gate = threading.Event()
    offload.submit(FakeCall(lambda: gate.wait(LIMIT_S), 1))
    done = FakeCall(lambda: None, 2)
    offload.submit(done)
    assert ended.get(timeout=LIMIT_S) is done
    offload.close()
    stuck, free = offload._threads
    assert stuck.is_alive()
    assert stuck.daemon
    assert not free.is_alive()
    gate.set()
