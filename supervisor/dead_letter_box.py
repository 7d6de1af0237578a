"""Dead letters of one worker: sent to the coordinator, counted as acked only once stored."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

from waterspout.bolts.executor import BoltExecutor
from waterspout.bolts.own_messages import BuryCall, BuryRow, OwnMessages
from waterspout.spouts.executor import Bury
from waterspout.spouts.groups import Group
from waterspout.spouts.ledger import Ledger
from waterspout.topology.control_frames import Failure
from waterspout.topology.task_env import reason_of
from xxhash import xxh3_64_hexdigest

from .task_build import SpoutExecutor

if TYPE_CHECKING:
    from .worker_core import WorkerCore


#: (task, letter id, stream, values)
Replay = tuple[int, int, str, list[Any]]


class DeadLetterBox:
    """Sends messages that were given up to the store, and starts those that are tried again."""

    def __init__(self, core: WorkerCore) -> None:
        self._core = core
        self._ids = count(1)
        #: id of the request -> (whose message it is, which one)
        self._waiting: dict[int, tuple[Ledger | OwnMessages, Any]] = {}
        self._replays: deque[Replay] = deque()
        #: Root -> the replay that is under way as it.
        self._letter_of: dict[int, Replay] = {}
        #: Replays that are worked through and wait for a round; those that the round at work froze.
        self._worked: list[Replay] = []
        self._frozen: list[Replay] = []
        self._round = 0

    def bury_of(self, executor: SpoutExecutor) -> Bury:
        """Return the function that makes a dead letter of a message of a spout task."""

        attempts_max = executor.ledger.settings.attempts_max

        def bury(group: Group, failure: Failure) -> None:
            number = next(self._ids)
            self._waiting[number] = (executor.ledger, group)
            kept = group.kept[0] if group.kept else None
            record = {
                "task": executor.task, "component": executor.component,
                "partition": group.partition, "start": group.start, "end": group.end,
                "message_id": _plain_id(kept[0]) if kept else None,
                "stream": kept[1] if kept else "default",
                "values": executor.values_of(group),
                # One that is given up without another try has had them all.
                "attempts": min(group.attempts + 1, attempts_max),
                "reason": failure.reason, "traceback": failure.traceback,
                "failed_component": failure.component,
            }  # fmt: skip
            self._core.control_outbox.append(
                {"kind": "dead_letters", "id": number, "records": [record]}
            )

        return bury

    def serve(self, executor: BoltExecutor) -> None:
        """Make dead letters of what a bolt itself emits or is called for."""
        own = executor.own
        own.bury_values = self._bury_values_of(executor, named=False)
        own.bury_call = self._bury_values_of(executor, named=True)
        own.bury = self._bury_row_of(executor)

    def _bury_row_of(self, executor: BoltExecutor) -> BuryRow:
        """Return the function that makes a dead letter of a row that a bolt itself emitted."""
        bury_values = executor.own.bury_values

        def bury(root: int, row: list[Any], attempts: int, failure: Failure) -> None:
            assert self._core.plan is not None
            name, _, values = row
            if not isinstance(name, str):
                name = self._core.plan.streams_of(executor.component)[name]
            bury_values(root, name, list(values), attempts, failure)

        return bury

    def _bury_values_of(self, executor: BoltExecutor, *, named: bool) -> BuryCall:
        """Return the function that makes a dead letter of what no tuple caused.

        Args:
            named: what it is and its values are its name: another one of that name takes its
                place, as when all has gone back and the same call was given up once more.
        """

        def bury(root: int, what: str, values: list[Any], attempts: int, failure: Failure) -> None:
            number = next(self._ids)
            self._waiting[number] = (executor.own, root)
            record = {
                "task": executor.task, "component": executor.component, "partition": None,
                "start": None, "end": None, "message_id": None, "stream": what,
                "values": values, "attempts": attempts, "reason": failure.reason,
                "traceback": failure.traceback, "failed_component": failure.component,
            }  # fmt: skip
            if named:
                digest = xxh3_64_hexdigest(repr((what, values)).encode(errors="replace"))
                record["request"] = ["call", digest, 0]
            self._core.control_outbox.append(
                {"kind": "dead_letters", "id": number, "records": [record]}
            )

        return bury

    def stored(self, number: int) -> None:
        """The store has it: the message counts as worked through."""
        entry = self._waiting.pop(number, None)
        if entry is not None:
            ledger, group = entry
            ledger.buried(group)

    def take_replays(self, replays: Mapping[int, Any]) -> None:
        """Queue dead letters that the user wants to try again; known ones are not doubled."""
        known = {replay[1] for replay in self._all()}
        for task, letters in replays.items():
            for letter, stream, values in letters:
                if letter not in known:
                    self._replays.append((int(task), letter, stream, list(values or ())))

    def _all(self) -> Iterator[Replay]:
        yield from self._replays
        yield from self._letter_of.values()
        yield from self._worked
        yield from self._frozen

    def replay(self, now: float) -> int:
        """Send what is queued; called in each turn while spouts may emit."""
        sent = 0
        while self._replays:
            task, letter, stream, values = self._replays[0]
            executor = self._core.tasks.spouts.get(task)
            if executor is not None and (executor.blocked() or executor.ledger.room() <= 0):
                break
            self._replays.popleft()
            why_not = self._why_not(executor, stream, values)
            if executor is None or why_not:
                self._keep(letter, f"cannot be sent again: {why_not}", "")
                continue
            self._send(executor, stream, values, letter, now)
            sent += 1
        return sent

    @staticmethod
    def _why_not(executor: SpoutExecutor | None, stream: str, values: list[Any]) -> str:
        """Say why a letter cannot be sent: the topology may have changed, values may be gone."""
        if executor is None:
            return "a bolt made it by itself, no message of a spout did"
        out = executor.emitter.streams.get(stream)
        if out is None:
            return f"the task has no stream {stream!r}"
        if out.direct:
            return f"the stream {stream!r} is direct, and its task is not known any more"
        if len(values) != out.arity:
            return f"{len(values)} values for the fields {list(out.fields)}"
        return ""

    def _send(
        self, executor: SpoutExecutor, stream: str, values: list[Any], letter: int, now: float
    ) -> None:
        env = self._core.env
        emitter = executor.emitter
        emitter.close_run(())
        root = executor.roots.next(again=True)
        guard = env.open_root(root, now)
        self._letter_of[root] = (executor.task, letter, stream, values)
        error = emitter.try_many([values], stream)
        if error is not None:
            env.fail_roots((root,), executor.component, executor.task, reason_of(error))
        emitter.close_run((root,))
        env.drop_guard(root, guard)

    def completed(self, root: int) -> bool:
        """A root is zero; True when it was a replayed dead letter, which the next round tells."""
        replay = self._letter_of.pop(root, None)
        if replay is None:
            return False
        self._worked.append(replay)
        return True

    def failed(self, failure: Failure) -> bool:
        """A root failed; True when it was a replayed dead letter, which stays in the store."""
        replay = self._letter_of.pop(failure.root, None)
        if replay is None:
            return False
        self._keep(replay[1], failure.reason, failure.traceback)
        return True

    def _keep(self, letter: int, reason: str, traceback: str) -> None:
        """Tell the store that a letter failed again; until then its replay counts as under way."""
        record = {"replay_of": letter, "reason": reason, "traceback": traceback}
        self._core.control_outbox.append(
            {"kind": "dead_letters", "id": next(self._ids), "records": [record]}
        )

    @property
    def news(self) -> bool:
        """Whether a letter got through that no round has frozen: its work may be elsewhere."""
        return bool(self._worked)

    def freeze(self, round_: int) -> list[int]:
        """Freeze what is worked through, as ledgers do; return the letters that are done then."""
        self.abort()
        self._round, self._frozen, self._worked = round_, self._worked, []
        return [replay[1] for replay in self._frozen]

    def durable(self, round_: int) -> None:
        """The round is complete: the coordinator has dropped the letters that it froze."""
        if round_ == self._round:
            self._frozen, self._round = [], 0

    def abort(self) -> None:
        """The round was given up: what it froze waits for the next one."""
        self._worked = self._frozen + self._worked
        self._frozen, self._round = [], 0

    def new_epoch(self, durable_round: int | None) -> None:
        """What is not durable is lost with the epoch: it is sent again."""
        self.durable(durable_round or -1)
        self._replays = deque(self._all())
        self._letter_of.clear()
        self._worked, self._frozen, self._round = [], [], 0

    @property
    def idle(self) -> bool:
        """Whether nothing is queued or under way."""
        return not (self._replays or self._letter_of)


def _plain_id(tup_id: Any) -> Any:
    """Return a message id in a form that the store can hold."""
    return tup_id if isinstance(tup_id, (int, str, float, bool)) or tup_id is None else repr(tup_id)

