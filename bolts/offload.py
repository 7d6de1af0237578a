"""Bolts whose calls run outside of the data thread: ``blocking: true`` and ``async def process``.

A call gets one tuple. What it emits is kept with the call, anchored to its tuple, and goes out
on the data thread when the call has ended; so trackers and frames have one owner. Who runs
the calls (threads, an event loop, a simulation) is up to the shell.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Sequence
from contextvars import ContextVar
from itertools import islice
from types import GeneratorType, coroutine
from typing import Any

from waterspout.topology.channels import Rows
from waterspout.topology.errors import EmitError, EmitOverflow, FailTuple
from waterspout.topology.returned import refuse_rows
from waterspout.topology.task_env import reason_of
from waterspout.topology.tracebacks import user_traceback
from waterspout.topology.tuples import DEFAULT_STREAM, Tuple

from .contract import Bolt
from .executor import BoltExecutor
from .frame_work import FrameWork
from .queued_mark import QueuedMark

#: Roots of calls under way that are kept for the supervisor: what one crash slot holds.
AT_WORK_MAX = 1024
#: The call that the running thread or coroutine works on.
CURRENT: ContextVar[Call | None] = ContextVar("waterspout_call", default=None)


class Call:
    """One tuple on its way through user code that runs elsewhere."""

    def __init__(
        self, executor: OffloadExecutor, tup: Tuple, roots: tuple[int, ...], *, is_async: bool
    ) -> None:
        self.executor, self.tup, self.roots, self.is_async = executor, tup, roots, is_async
        #: (row, stream, anchors, direct task) in order.
        self.emits: list[tuple[Any, str | None, Any, int | None]] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        """Run a blocking call to its end. Called on a thread of the task."""
        token = CURRENT.set(self)
        try:
            result = self.executor.bolt.process(self.tup)
            if isinstance(result, GeneratorType):
                for row in result:
                    if row is not None:
                        self.emit(row)
            elif result is not None:
                refuse_rows(self.executor.component, "process", result)
        # Whatever it is: the thread has to live on, and the tuple has to end.
        except BaseException as error:
            self.error = error
        finally:
            CURRENT.reset(token)

    async def run_async(self) -> None:
        """Run an async call to its end. Called as a task of an event loop."""
        CURRENT.set(self)
        try:
            result = await _stepwise(self.executor.bolt.process(self.tup), self)
            if result is not None:
                refuse_rows(self.executor.component, "process", result)
        # asyncio would end its loop over some of them. A cancelled call has failed, unless its
        # epoch is over, and then nobody waits for it.
        except BaseException as error:
            self.error = error

    def emit(
        self, row: Any, stream: str | None = None, anchors: Any = None,
        direct_task: int | None = None,
    ) -> None:  # fmt: skip
        """Keep an emit until the call has ended. Called on the thread of the call.

        Raises:
            EmitError: it cannot be emitted, said where it was emitted.
        """
        row = self.executor.emitter.checked(row, stream, direct_task)
        emit_max = self.executor.env.settings.emit_max
        if len(self.emits) >= emit_max:
            raise EmitOverflow(self.executor.component, stream or DEFAULT_STREAM, emit_max)
        self.emits.append((row, stream, anchors, direct_task))


@coroutine
def _stepwise(process: Coroutine[Any, Any, Any], call: Call) -> Generator[Any, None, Any]:
    """Run a coroutine as ``await`` would; tell before and after each step whose it is."""
    step_begins, step_ended = call.executor.step_begins, call.executor.step_ended
    error: BaseException | None = None
    while True:
        step_begins(call)
        try:
            awaited = process.send(None) if error is None else process.throw(error)
        except StopIteration as end:
            return end.value
        finally:
            step_ended()
        try:
            yield awaited
            error = None
        except BaseException as thrown:
            error = thrown


class OffloadExecutor(BoltExecutor):
    """Runs a bolt task whose calls run elsewhere, up to ``concurrency`` of them at once.

    What is kept for the supervisor in case of a crash: of async calls the one whose code runs;
    while none does (they wait, or threads of their own are at work), all that are under way.
    """

    submit: Callable[[Call], None]
    concurrency = 1
    is_async = False
    _under_way: tuple[int, ...] = ()
    _stepping = False
    #: No call is handed out meanwhile: ``on_durable`` is to run; the task is to be cut.
    held_back = cut_waits = False

    def use_offload(
        self, submit: Callable[[Call], None], *, is_async: bool, concurrency: int
    ) -> None:
        """Say where calls go. Called once at the start."""
        self.submit, self.is_async = submit, is_async
        self.concurrency = concurrency if is_async else 1

    def run(self) -> bool:
        """Hand out calls as far as ``concurrency`` allows."""
        started = False
        if not self.go_on():
            return True
        held_back = self.held_back or self.cut_waits
        while not held_back and self.queue and len(self.holds) < self.concurrency:
            work: Any = self.queue[0]
            if isinstance(work, QueuedMark) and self.holds:
                break  # it stands behind what the calls under way emit
            if not work.run_left and not work.next_run():
                self._frame_done(self.queue.popleft())
                if self.unfinished is not None:
                    break
                continue
            for tup in map(work.cls, islice(work.source, 1)):
                self._start(tup, work)
            work.run_left -= 1
            self.queued_rows -= 1
            started = True
        if started:
            self._note_at_work()
        return started

    @property
    def idle(self) -> bool:
        """Whether nothing is queued and no call is under way."""
        return not self.queue and not self.holds and self.unfinished is None

    def stand_still(self, wanted: bool = True) -> bool:
        """Hand out no call while a cut waits for those under way."""
        self.cut_waits = wanted
        return super().stand_still(wanted) and not self.holds

    def _note_at_work(self) -> None:
        self._under_way = self.holds.latest_roots(AT_WORK_MAX)
        if not self._stepping:
            self.at_work(self._under_way)

    def step_begins(self, call: Call) -> None:
        """Code of an async call is about to run. Called on the event loop."""
        self._stepping = True
        self.at_work(call.roots)

    def step_ended(self) -> None:
        """It waits or has ended. Called on the event loop."""
        self._stepping = False
        self.at_work(self._under_way)

    def _start(self, tup: Tuple, work: FrameWork) -> None:
        tup.task = work.channel[0]
        self.holds.take(tup, work, work.roots, self.env.clock())
        self.submit(Call(self, tup, work.roots, is_async=self.is_async))

    def call_done(self, call: Call) -> None:
        """Take an ended call: send what it emitted, settle or fail. On the data thread."""
        if not self.holds.has(call.tup):
            return  # of an earlier epoch: its message is replayed
        self.executed += 1
        roots = self.roots_at_work = self.holds.roots_of((call.tup,))
        self.emitter.roots = roots if self.bolt.auto_anchor else ()
        error = call.error
        if error is None:
            error = self._send(call)
        self.emitter.close_run(self.emitter.roots)
        if error is None:
            self.holds.ack(call.tup)
        else:
            self._call_failed(call, error)
        self._note_at_work()

    def _call_failed(self, call: Call, error: BaseException) -> None:
        reason = reason_of(error)
        on_purpose = isinstance(error, FailTuple)
        details = "" if on_purpose else user_traceback(error)
        self.holds.fail(call.tup, reason, details)
        if not on_purpose:
            self.env.note_error(self.component, self.task, reason, details)

    def _send(self, call: Call) -> BaseException | None:
        emit = self.emit_now
        try:
            for row, stream, anchors, direct_task in call.emits:
                emit(row, stream, anchors, direct_task)
        except Exception as error:
            # Of a grouping of the user's, too.
            return error
        return None

    def bind_emit(self, emit_now: Callable[..., Any], bolt: Bolt) -> None:
        """Give the bolt an ``emit`` that keeps rows with the call at work."""
        self.emit_now = emit_now

        def emit(
            tup: Sequence[Any], stream: str | None = None, anchors: Any = None,
            direct_task: int | None = None, need_task_ids: bool = False,
        ) -> None:  # fmt: skip
            call = CURRENT.get()
            name = stream or DEFAULT_STREAM
            if call is None:
                what = "no tuple is at work here; emit from process (blocking or async bolt)"
                raise EmitError(self.component, name, what)
            if need_task_ids:
                what = "need_task_ids is not known yet in a blocking or async bolt"
                raise EmitError(self.component, name, what)
            call.emit(tup, stream, anchors, direct_task)

        def emit_many(rows: Rows, stream: str | None = None) -> None:
            for row in rows:
                emit(row, stream)

        bolt.emit = emit  # type: ignore[method-assign]
        bolt.emit_many = emit_many  # type: ignore[method-assign]

    @property
    def busy_since(self) -> float | None:
        """When the oldest running call began; None: none runs."""
        return self.holds.oldest()
