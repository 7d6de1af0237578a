"""Calls of a bolt that no tuple causes and that raised: what becomes of them.

    raised  ->  at least once: made again after a back-off, up to ``attempts_max`` times,
                               then a dead letter that names the call
                exactly-once:  everything goes back to the last checkpoint, up to as many times,
                               then a dead letter
                at most once:  noted, as a message that fails is

A call that waits has a root that stands for it (own_messages): the task is not done before, and its
watermark does not pass what the call has still to emit. What the call had emitted before it raised
is taken back; what it had changed in the state is not, as with a tuple, but by a restore.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any, NamedTuple

from waterspout.topology.backoff import backoff_s
from waterspout.topology.control_frames import Failure
from waterspout.topology.task_env import reason_of
from waterspout.topology.tracebacks import user_traceback

if TYPE_CHECKING:
    from .executor import BoltExecutor
    from .own_messages import BuryCall

#: Stands for "not soon", in seconds.
NEVER_S = 3600.0
#: What calls that are made again may take in one turn, in seconds, and as much messages that are
#: emitted again; one is in any case.
RETRY_S = 0.004
#: Characters of a value in a dead letter, where it is no number.
VALUE_MAX = 2000


def _nothing() -> None:
    """Stand in for what has nothing to do."""


class OwnCall(NamedTuple):
    """A call that is made again when it raises.

    Attributes:
        what: name of the method, or ``window``; what its dead letter has for a stream.
        id: tells it from other calls of the task.
        again: makes it again, and says ``failed`` or ``done`` then; when it is ``plain``, it is
            run under a root of its own, and whether it raises says it.
        values: of its dead letter: what it was about.
        gone: called when it is given up: its dead letter is stored, or nothing is tried again.
        text: begins the line of its errors.
        skips: under exactly-once it is known again after a restore, so that it can be left out,
            without any effect, when it has failed ``attempts_max`` times.
    """

    what: str
    id: Any
    again: Callable[[], None]
    values: list[Any]
    gone: Callable[[], None] = _nothing
    text: str = ""
    skips: bool = False
    plain: bool = False


class PartsFailed(Exception):
    """Raised by a call of a ready-made bolt: all of it is done but these parts.

    What the call has emitted goes out.

    Attributes:
        parts: what is to be done again, and what it raised.
    """

    def __init__(self, parts: Sequence[tuple[OwnCall, BaseException]]) -> None:
        super().__init__(f"{len(parts)} parts of a call failed")
        self.parts = parts


@dataclass(slots=True)
class _Waiting:
    """A call that failed.

    Attributes:
        root: stands for it.
        attempts: how often it has raised.
    """

    call: OwnCall
    root: int
    attempts: int = 0


class FailedCalls:
    """The calls of one task that failed.

    Args:
        executor: of the task.
    """

    def __init__(self, executor: BoltExecutor) -> None:
        self._executor = executor
        self._waiting: dict[Any, _Waiting] = {}
        #: (due, number, id) of calls that wait for their back-off.
        self._due: list[tuple[float, int, Any]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, id: Any) -> bool:
        """Say whether a call has failed and neither succeeded since nor been given up."""
        return id in self._waiting

    @property
    def due(self) -> bool:
        """Whether any call waits for its back-off."""
        return bool(self._due)

    def next_due(self, now: float) -> float:
        """Return the seconds until ``retry`` has something to do, or a long time."""
        return max(self._due[0][0] - now, 0.0) if self._due else NEVER_S

    def failed(self, call: OwnCall, error: BaseException, now: float) -> None:
        """Take a call that raised."""
        executor = self._executor
        executor.failed += 1
        reason, details = reason_of(error), user_traceback(error)
        text = f"{call.text or call.what}: {reason}"
        executor.env.note_error(executor.component, executor.task, text, details)
        if not executor.env.tracked:
            call.gone()
            return
        waiting = self._waiting.get(call.id)
        if waiting is None:
            waiting = self._waiting[call.id] = _Waiting(call, executor.own.stand_in())
        waiting.call = call
        waiting.attempts += 1
        failure = Failure(waiting.root, executor.component, executor.task, text, details)
        if attempts := executor.own.gives_up(call, waiting.attempts, failure, now):
            waiting.attempts = attempts
            self._bury(waiting, failure)
        elif executor.own.repeats:
            wait_s = backoff_s(executor.env.settings, waiting.attempts, waiting.root)
            self._count += 1
            heappush(self._due, (now + wait_s, self._count, call.id))

    def parts_failed(self, parts: PartsFailed, now: float) -> None:
        """Take the parts of a call that failed."""
        for call, error in parts.parts:
            self.failed(call, error, now)

    def skip(self, call: OwnCall, failure: Failure) -> None:
        """Give a call up that is not even made: it has failed so often before a restore."""
        waiting = _Waiting(call, self._executor.own.stand_in(), 0)
        self._bury(waiting, failure)

    def refused(self, what: str, row: Any, error: BaseException) -> None:
        """A row that a call yielded cannot be emitted: it becomes a dead letter, others go out."""
        executor = self._executor
        executor.failed += 1
        reason, details = reason_of(error), user_traceback(error)
        executor.env.note_error(executor.component, executor.task, f"{what}: {reason}", details)
        if executor.env.tracked:
            values = list(row) if isinstance(row, (list, tuple)) else [row]
            waiting = _Waiting(OwnCall(what, None, _nothing, values), executor.own.stand_in(), 1)
            text = f"{what} yielded a row that cannot be emitted: {reason}"
            failure = Failure(waiting.root, executor.component, executor.task, text, details)
            self._bury(waiting, failure, executor.own.bury_values)

    def _bury(self, waiting: _Waiting, failure: Failure, bury: BuryCall | None = None) -> None:
        """Make a dead letter of a call; it is gone once that is stored."""
        own, call = self._executor.own, waiting.call
        self._waiting.pop(call.id, None)
        own.when_buried[waiting.root] = call.gone
        attempts = waiting.attempts or self._executor.env.settings.attempts_max
        values = [_plain(value) for value in call.values]
        (bury or own.bury_call)(waiting.root, call.what, values, attempts, failure)

    def done(self, id: Any) -> None:
        """A call has succeeded, or there is nothing to be done any more."""
        waiting = self._waiting.pop(id, None)
        if waiting is not None:
            self._executor.own.completed(waiting.root)

    def retry(self, now: float) -> None:
        """Make calls again that are due, for one slice. Called in each turn, between two calls of
        the bolt."""
        executor = self._executor
        until = executor.env.clock() + RETRY_S
        while self._due and self._due[0][0] <= now and not executor.blocked():
            waiting = self._waiting.get(heappop(self._due)[2])
            if waiting is None:
                continue
            if waiting.call.plain:
                executor.own_calls.whole(waiting.call, waiting.call.again)
            else:
                waiting.call.again()
            if executor.env.clock() >= until:
                return

    def forget(self, *ids: Any) -> None:
        """A new epoch makes these calls by itself, from their beginning."""
        for id in ids:
            self.done(id)
        self._due = [each for each in self._due if each[2] not in ids]
        heapify(self._due)


def _plain(value: Any) -> Any:
    """Return a value as a store can hold it, and not too long."""
    if isinstance(value, (bool, float)) or value is None:
        return value
    if isinstance(value, int):
        return value if -(1 << 63) <= value < 1 << 63 else str(value)
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= VALUE_MAX else f"{text[:VALUE_MAX]} .. ({len(text)} characters)"
