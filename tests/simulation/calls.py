"""Calls of blocking and async bolts: they end later, in any order, or never get to tell."""

from __future__ import annotations

from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .process import Process

#: Longest time that a call waits before it goes on, in seconds.
WAIT_S = 0.03


def start(process: Process, call: Any) -> None:
    """Have a call run a little later, as a thread or an event loop would."""
    if call.is_async:
        _step(process, call, call.run_async(), copy_context())
    else:
        process.clock.after(process.rng.random() * WAIT_S, lambda: _run(process, call))


def _run(process: Process, call: Any) -> None:
    if process.alive:
        call.run()
        _done(process, call)


def _step(process: Process, call: Any, coroutine: Any, context: Context) -> None:
    """Run a coroutine up to where it waits; go on later."""
    if not process.alive:
        coroutine.close()
        return
    try:
        context.run(coroutine.send, None)
    except StopIteration:
        _done(process, call)
        return
    wait_s = process.rng.random() * WAIT_S
    process.clock.after(wait_s, lambda: _step(process, call, coroutine, context))


def _done(process: Process, call: Any) -> None:
    process.post(lambda now: process.core.on_call_done(call, now))
