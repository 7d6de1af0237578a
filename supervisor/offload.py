"""Runs calls outside of the data thread: a thread per blocking task, one event loop for async."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import TYPE_CHECKING

from waterspout.bolts.offload import Call

from .log_lines import RUNNING

if TYPE_CHECKING:
    import asyncio

#: Seconds that threads get to end when the worker stops; they are daemons anyway.
JOIN_S = 0.5


class Offload:
    """Runs calls; ``done`` is called for each, on whatever thread it ended.

    The executors bound how many calls are under way.
    """

    def __init__(self, done: Callable[[Call], None]) -> None:
        self._done = done
        self._queues: dict[int, queue.SimpleQueue[Call | None]] = {}
        self._threads: list[threading.Thread] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: set[asyncio.Task[None]] = set()

    def submit(self, call: Call) -> None:
        """Start a call. Called on the data thread."""
        if call.is_async:
            loop = self._loop or self._start_loop()
            loop.call_soon_threadsafe(self._start_async, call)
            return
        task = call.executor.task
        if task not in self._queues:
            self._queues[task] = queue.SimpleQueue()
            self._start_thread(f"blocking-{task}", lambda: self._work(self._queues[task]))
        self._queues[task].put(call)

    def _work(self, calls: queue.SimpleQueue[Call | None]) -> None:
        while (call := calls.get()) is not None:
            RUNNING.set(call.executor)
            call.run()
            self._done(call)

    def _start_loop(self) -> asyncio.AbstractEventLoop:
        # Here, because a worker without async bolts starts sooner without.
        import asyncio

        self._loop = asyncio.new_event_loop()
        self._start_thread("async", self._loop.run_forever)
        return self._loop

    def _start_async(self, call: Call) -> None:
        import asyncio

        context = copy_context()
        context.run(RUNNING.set, call.executor)
        task = asyncio.get_running_loop().create_task(call.run_async(), context=context)
        self._running.add(task)
        task.add_done_callback(lambda ended: self._ended(ended, call))

    def _ended(self, task: asyncio.Task[None], call: Call) -> None:
        import asyncio

        self._running.discard(task)
        if task.cancelled():
            # Before its first step, when it could not note that itself.
            call.error = asyncio.CancelledError()
        self._done(call)

    def cancel_all(self) -> None:
        """Cancel the async calls that run: a new epoch replays their messages."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in self._running])

    def _start_thread(self, name: str, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, name=f"waterspout-{name}", daemon=True)
        thread.start()
        self._threads.append(thread)

    def close(self) -> None:
        """End the threads; a call that does not end is left behind."""
        for calls in self._queues.values():
            calls.put(None)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
        for thread in self._threads:
            thread.join(JOIN_S)
