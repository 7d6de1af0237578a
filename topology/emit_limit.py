"""How a call that emits without end is noticed, at the price of a countdown per emit.

``emit`` counts down from ``step``, an eighth of ``emit_max``, and asks here at zero. The number
that a call has emitted is so known from below: never too high, and too low by two steps at most.
The countdown is an iterator that runs dry: 15 ns per emit, where an int took 30.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from itertools import repeat

from .errors import EmitOverflow

#: Questions per ``emit_max`` tuples.
STEPS = 8


class EmitLimit:
    """The limit ``emit_max`` for the calls of one bolt task.

    Args:
        call_of: returns a value that differs from call to call.
    """

    def __init__(self, component: str, emit_max: int, call_of: Callable[[], Hashable]) -> None:
        self._component, self._emit_max, self._call_of = component, emit_max, call_of
        #: Emits between two questions.
        self.step = -(-emit_max // STEPS)
        self._call: Hashable = None
        self._known = 0
        self._slow_call: Hashable = None
        self._slow_known = 0

    def stepped(self, stream: str) -> None:
        """Count ``step`` plain emits; those before a call's first question may be another's.

        Raises:
            EmitOverflow: the call at work emitted more than ``emit_max``.
        """
        call = self._call_of()
        if call == self._call:
            self._known += self.step
        else:
            self._call, self._known = call, 1
        self._check(self._known, stream)

    def add(self, count: int, stream: str) -> None:
        """Count tuples that one emit of another form (anchors, named streams, many) brings.

        Raises:
            EmitOverflow: the call at work emitted more than ``emit_max``.
        """
        call = self._call_of()
        if call != self._slow_call:
            self._slow_call, self._slow_known = call, 0
        self._slow_known += count
        self._check(self._slow_known, stream)

    def _check(self, known: int, stream: str) -> None:
        if known > self._emit_max:
            raise EmitOverflow(self._component, stream, self._emit_max)


def begin_ticks(limit: EmitLimit | None, asked_by: str | None = None) -> Iterator[None]:
    """Return a countdown: it yields once for each emit but the last of a step.

    Args:
        asked_by: the stream of an emit that found the last countdown dry.

    Raises:
        EmitOverflow: as ``stepped``; the dry countdown stays, so that the next emit asks again.
    """
    if limit is None:
        return repeat(None)
    if asked_by is not None:
        limit.stepped(asked_by)
    return repeat(None, limit.step - 1)
