"""The executor of a ``Spout`` task: Storm's next_tuple, ack and fail by message id.

Messages that are emitted with an id are numbered, kept, and emitted again by the framework
when they fail (``replay = "re-emit"``); with ``replay = "none"`` the spout is only told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from waterspout.topology.control_frames import Failure
from waterspout.topology.emitter import Emitter
from waterspout.topology.errors import EmitError
from waterspout.topology.plan import TaskPlan
from waterspout.topology.returned import refuse_rows
from waterspout.topology.task_env import RootSource, TaskEnv, reason_of
from waterspout.topology.tracebacks import user_traceback

from .contract import EndOfInput, Spout
from .executor import READ_BACKOFF_S, Bury
from .groups import Group, no_slot
from .ledger import Ledger
from .partitions import idle_wait
from .retries import Retry
from .timed_spout import TimedSpout
from .troubles import Troubles

#: The one partition of a spout whose messages are only numbered.
PARTITION = ""


class StormExecutor(TimedSpout):
    """Runs one Spout task. The same interface as SourceExecutor."""

    def __init__(
        self, plan: TaskPlan, spout: Spout, emitter: Emitter, env: TaskEnv, ledger: Ledger, *,
        reemits: bool, blocked: Callable[[], bool], bury: Bury,
    ) -> None:  # fmt: skip
        self.plan, self.spout, self.emitter, self.env = plan, spout, emitter, env
        self.task, self.component = plan.task, plan.component
        self.ledger, self.blocked, self._bury = ledger, blocked, bury
        self._reemits = reemits
        ledger.tells = True
        self.roots = RootSource(plan.task, env.draw)
        self.troubles = Troubles(env, plan.component, plan.task)
        self._number = ledger.positions_of(PARTITION).end
        self._ids: set[Any] = set()
        #: The task that a message on a direct stream was emitted to, by message id.
        self._direct: dict[Any, int] = {}
        self._deactivated = False
        self._wait_until = 0.0
        #: When the last message came.
        self._heard_at = env.clock()
        self._emit = emitter.bind()
        spout.emit = self.emit  # type: ignore[method-assign]
        #: Told of each group that goes out: (root, group, messages drawn); outlives a crash.
        self.in_flight: Callable[[int, Group, int], None] = no_slot
        self.exhausted = False
        self.draining = False
        self.going = False
        self.running = False

    def emit(
        self, tup: Any, tup_id: Any = None, stream: str | None = None,
        direct_task: int | None = None, need_task_ids: bool = False,
    ) -> list[int] | None:  # fmt: skip
        """Emit a message; bound as the spout's ``emit``."""
        name = stream or "default"
        if tup_id is not None and self.env.tracked:
            self._check_id(tup_id, name)
        before = self.before
        self.emitter.close_run(())
        error = None if self.time is None else self.note_time(PARTITION, [tup], name)
        tasks: list[int] | None = None
        if error is None:
            tasks = self._emit(tup, stream, None, direct_task, need_task_ids)
        elif tup_id is None or not self.env.tracked:
            raise error
        if tup_id is None or not self.env.tracked:
            self.emitter.close_run(())
            self.ledger.emitted += 1
            return tasks
        self._ids.add(tup_id)
        if direct_task is not None:
            self._direct[tup_id] = direct_task
        group = Group(PARTITION, self._number, self._number + 1, 1, self.env.clock(),
                      kept=[(tup_id, name, list(tup))], before=before)  # fmt: skip
        self._track(group, group.since, error)
        self._number += 1
        return tasks

    def _check_id(self, tup_id: Any, stream: str) -> None:
        try:
            known = tup_id in self._ids
        except TypeError:
            what = f"the message id {tup_id!r:.80} is not hashable"
            raise EmitError(self.component, stream, what) from None
        if known:
            raise EmitError(self.component, stream, f"message id {tup_id!r:.80} is still pending")

    def _track(self, group: Group, now: float, error: BaseException | None) -> None:
        """Give what was routed since the last run a root, and keep its payload.

        Args:
            error: why nothing was routed; the message fails.
        """
        root = self.roots.next(group.attempts > 0)
        guard = self.env.open_root(root, now)
        self.ledger.sent(root, group)
        if error is not None:
            reason, details = reason_of(error), user_traceback(error)
            self.env.fail_roots((root,), self.component, self.task, reason, details)
            self.env.note_error(self.component, self.task, reason, details)
        self.in_flight(root, group, self.ledger.emitted)
        self.emitter.close_run((root,))
        self.env.drop_guard(root, guard)

    def discover(self, now: float) -> None:
        """A spout has no partitions to look for."""

    def turn(self, now: float, messages: int) -> int:
        """Replay what is due, then call ``next_tuple`` up to ``messages`` times."""
        if not self.going:
            return 0
        self.running = True
        before = self.ledger.emitted
        if self.draining is not self._deactivated:
            self._deactivated = self.draining
            name = "deactivate" if self.draining else "activate"
            self._call(lambda _: getattr(self.spout, name)(), None, name)
        self._tell()
        self._replay(now, messages)
        while (
            not self.draining
            and not self.exhausted
            and self._wait_until <= now
            and self.ledger.emitted - before < messages
            and self.ledger.room() > 0
            and not self.blocked()
        ):
            count = self.ledger.emitted
            self._next_tuple(now)
            if self.ledger.emitted == count:
                self.partition_silent(PARTITION, now)
                wait_s = idle_wait(now - self._heard_at)
                self._wait_until = max(self._wait_until, now + wait_s)
            else:
                self._heard_at = now
        self.send_watermark(now)
        self.running = False
        return self.ledger.emitted - before

    def _next_tuple(self, now: float) -> None:
        try:
            # mypy says that it returns nothing; a user's may.
            made: Any = self.spout.next_tuple()  # type: ignore[func-returns-value]
            if made is not None:
                refuse_rows(self.component, "next_tuple", made, yields=False)
        except EndOfInput:
            self.exhausted = True
        except (Exception, SystemExit) as error:
            self._wait_until = now + READ_BACKOFF_S
            self.troubles.failed("next_tuple", error)
            return
        if self.troubles.found:
            self.troubles.over("next_tuple")

    def _replay(self, now: float, messages: int) -> None:
        for _ in range(messages):
            if self.ledger.retry_room() <= 0 or self.blocked():
                return
            retry = self.ledger.retries.due(now)
            if retry is None:
                return
            assert retry.kept is not None
            tup_id, stream, values = retry.kept[0]
            self._call(self.spout.fail, tup_id, "fail")
            if not self._reemits:
                self._forget(tup_id)
                self.ledger.void(retry.partition, retry.start, retry.end)
                continue
            if retry.attempts >= self.env.settings.attempts_max:
                self._give_up(retry)
                continue
            self.emitter.close_run(())
            error = self.note_time(PARTITION, [values], stream)
            if error is None:
                self._emit(list(values), stream, None, self._direct.get(tup_id))
            group = Group(PARTITION, retry.start, retry.end, 1, retry.since,
                          attempts=retry.attempts, kept=retry.kept,
                          before=retry.before)  # fmt: skip
            self._track(group, now, error)

    def _give_up(self, retry: Retry) -> None:
        """Bury a message that was at work in worker after worker when they died."""
        root = self.roots.next()
        group = Group(PARTITION, retry.start, retry.end, 1, retry.since,
                      attempts=retry.attempts, kept=retry.kept)  # fmt: skip
        self.ledger.sent(root, group)
        text = f"its worker died while working on it; it was tried {retry.attempts} times"
        self.failed(Failure(root, self.component, self.task, text, ""), retry.since)

    def _forget(self, tup_id: Any) -> None:
        self._ids.discard(tup_id)
        self._direct.pop(tup_id, None)

    def _tell(self) -> None:
        """Tell the spout which messages are durable."""
        durable, self.ledger.durable_groups = self.ledger.durable_groups, []
        for group in durable:
            for tup_id, _, _ in group.kept or ():
                self._forget(tup_id)
                self._call(self.spout.ack, tup_id, "ack")

    def _call(self, call: Callable[[Any], None], tup_id: Any, name: str) -> None:
        try:
            call(tup_id)
        except (Exception, SystemExit) as error:
            self.troubles.note(name, error)

    def completed(self, root: int, now: float) -> None:
        """A root is zero."""
        self.ledger.completed(root, now)

    def failed(self, failure: Failure, now: float) -> None:
        """A root failed: tell the spout; the ledger brings it back or gives it up."""
        group = self.ledger.failed_root(failure, now)
        if group is not None:
            self._bury(group, failure)

    def values_of(self, group: Group) -> list[Any] | None:
        """Return the values of a message for its dead letter."""
        return list(group.kept[0][2]) if group.kept else None

    def new_epoch(self, durable_round: int | None, roots: list[int], now: float) -> None:
        """Bring back what is not durable."""
        self.going = False
        self.troubles.clear()
        if self.env.tracked:
            self.ledger.new_epoch(durable_round, roots, now)
        self.watermarks_anew()

    def wakeup(self, now: float) -> float:
        """Return the seconds until there may be something to do."""
        if not self.going:
            return 3600.0
        wait = self.ledger.retries.next_due(now)
        if not self.draining and not self.exhausted and self.ledger.room() > 0:
            wait = min(wait, max(self._wait_until - now, 0.0))
        return min(wait, self.next_watermark(now))

    def lag(self) -> None:
        """Not known."""
        return None

    def close(self) -> None:
        """Tell what is durable, then close the spout."""
        self._tell()
        self.spout.close()
