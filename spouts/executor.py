"""The executor of a ``Source`` task: reads partitions in groups, sends them, replays them.

Each turn it sends what is due for replay first, a few messages at a time, then new groups while
``max_pending`` and the outbox have room. A partition is read from its first unacked position;
ranges that were acked ahead are skipped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from waterspout.topology.control_frames import Failure
from waterspout.topology.emitter import Emitter
from waterspout.topology.plan import TaskPlan
from waterspout.topology.task_env import RootSource, TaskEnv, reason_of
from waterspout.topology.tracebacks import user_traceback
from waterspout.topology.tuples import DEFAULT_STREAM

from .answers import checked_names, checked_read, checked_reader, message_values
from .contract import Messages, Reader, Source
from .groups import Group, Kept, no_slot
from .lag import Lag
from .ledger import Ledger
from .partitions import Partition, index_of
from .retries import Retry
from .retry_readers import RetryReaders
from .second_reads import take_out, values_of
from .timed_spout import TimedSpout, bring_forward
from .troubles import Troubles

#: Wait after a read that raised, and before a source that had nothing is asked again.
READ_BACKOFF_S = 1.0
IDLE_POLL_S = 0.02

#: Takes (group, failure): make a dead letter of the group's one message.
Bury = Callable[[Group, Failure], None]


class SourceExecutor(TimedSpout):
    """Runs one Source task.

    Args:
        parallelism: tasks of the component; partitions are dealt out by a hash of their name.
        blocked: says whether the outbox is full.
        bury: called with a message that had its last attempt.
    """

    def __init__(
        self, plan: TaskPlan, source: Source, emitter: Emitter, env: TaskEnv, ledger: Ledger, *,
        parallelism: int, blocked: Callable[[], bool], bury: Bury,
    ) -> None:  # fmt: skip
        self.plan, self.source, self.emitter, self.env = plan, source, emitter, env
        self.task, self.component = plan.task, plan.component
        self.ledger, self.blocked, self._bury = ledger, blocked, bury
        self._parallelism = parallelism
        self.roots = RootSource(plan.task, env.draw)
        self.troubles = Troubles(env, plan.component, plan.task)
        self._waiting: deque[Partition] = deque()
        self._known: set[str] = set()
        self._lag = Lag(source, env.settings.report_interval_s, env.clock)
        self._next_discovery = 0.0
        self._retry: Retry | None = None
        self._retry_readers = RetryReaders(self.open_reader, self._close_reader)
        #: Told of each group that goes out: (root, group, messages drawn); outlives a crash.
        self.in_flight: Callable[[int, Group, int], None] = no_slot
        self.exhausted = self.draining = False
        self.going = self.running = False
        self._all_found = False

    # Partitions.

    def discover(self, now: float) -> None:
        """Ask the source for partitions and take those that belong to this task."""
        self._next_discovery = now + self.env.settings.discover_interval_s
        try:
            names, bounded = checked_names(self.source.partitions()), self.source.bounded()
        except (Exception, SystemExit) as error:
            self._next_discovery = now + READ_BACKOFF_S
            self.troubles.failed("looking for partitions", error)
            return
        self.troubles.over("looking for partitions")
        for name in names:
            if name not in self._known and index_of(name, self._parallelism) == self.plan.index:
                self._known.add(name)
                self.partition_found(name)
                self._waiting.append(self._start(name, now))
        self.partitions_found()
        self._all_found = bounded

    def _start(self, name: str, now: float) -> Partition:
        position = self.ledger.positions_of(name).first_unacked
        return Partition(name, position or None, now)

    # A turn.

    def turn(self, now: float, messages: int) -> int:
        """Send up to about ``messages`` messages; return how many went out."""
        if not self.going:
            return 0
        self.running = True
        self._lag.ask(self._waiting, now)
        sent = self._replay(now, messages)
        if not self.draining:
            sent += self._read_new(now, messages - sent)
        self.send_watermark(now)
        self.running = False
        return sent

    def room(self) -> int:
        """Return how many messages may be read now."""
        return self.ledger.room()

    def _read_new(self, now: float, messages: int) -> int:
        if self._next_discovery <= now and not self._all_found:
            self.discover(now)
        sent, idle, room = 0, 0, 0
        while sent < messages and idle < len(self._waiting) and not self.blocked():
            # A group is not cut for the turn's sake: a small one costs as much as a large one.
            if room <= 0 and (room := self.room()) <= 0:
                break
            partition = self._waiting[0]
            if partition.rests(now):
                self._waiting.rotate(-1)
                idle += 1
                continue
            count = self._read_group(partition, min(room, self.ledger.sizes.size), now)
            sent += count
            room -= count
            if count and self.time is not None:
                bring_forward(self.time, self._waiting, now)
            elif not count and self._waiting and self._waiting[0] is partition:
                self._waiting.rotate(-1)
                idle += 1
        self.exhausted = self._all_found and not self._waiting
        return sent

    def _read_group(self, partition: Partition, limit: int, now: float) -> int:
        """Read one group and send it; 0: nothing now. An ended partition is taken out."""
        start, ledger = partition.position or 0, self.ledger
        is_new = partition.is_new = partition.is_new or ledger.is_new(partition.name, start)
        skip_to = start if is_new else ledger.skip_to(partition.name, start)
        try:
            reader = partition.reader
            if skip_to > start or reader is None:
                reader = self._reopen(partition, skip_to)
                start = skip_to
            if not is_new and ledger.singly(partition.name, start):
                limit = 1
            got = checked_read(reader.read(limit), start)
            if got is not None and not got[0]:
                partition.rest(now, reader.wait_s(), len(self._waiting))
                self.partition_silent(partition.name, now)
        except (Exception, SystemExit) as error:
            self._read_failed(partition, error, now)
            return 0
        if self.troubles.found:
            self.troubles.over(f"reading {partition.name}")
        if got is None:
            self._close(partition)
            self._waiting.popleft()
            self.partition_ended(partition.name, now)
            return 0
        rows, position = got
        partition.position = position
        if not rows:
            ledger.void(partition.name, start, position)
            return 0
        partition.heard_at = now
        attempts = 0 if is_new else ledger.suspect_attempts(partition.name, start)
        group = Group(partition.name, start, position, len(rows), now, attempts=attempts,
                      before=self.before)  # fmt: skip
        self._take(group, rows, now)
        return len(rows)

    def _take(self, group: Group, rows: Messages, now: float) -> None:
        """Send a group that was just read."""
        ledger = self.ledger
        if not ledger.seeks:
            group.kept = [(None, DEFAULT_STREAM, row) for row in rows]
        if group.attempts and ledger.worn_out(group.partition, group.start, group.end):
            group.values = message_values(rows[0])
            self._give_up(group)
        else:
            self.send(group, rows, now)

    def _give_up(self, group: Group) -> None:
        """Bury a message that was at work in worker after worker when they died."""
        died = f"its worker died while working on it; it was tried {group.attempts} times"
        self._bury_at_once(group, died)

    def _bury_at_once(self, group: Group, reason: str) -> None:
        root = self.roots.next()
        self.ledger.sent(root, group)
        failure = Failure(root, self.component, self.task, reason, "")
        if self.ledger.failed_root(failure, group.since) is not None:
            self._bury(group, failure)

    def open_reader(self, partition: str, start: int) -> Reader:
        """Return a reader of a partition, which may be read from ``start`` on."""
        return checked_reader(self.source.reader(partition, start or None))

    def _reopen(self, partition: Partition, start: int) -> Reader:
        self._close(partition)
        partition.reader = self.open_reader(partition.name, start)
        partition.position = start
        return partition.reader

    def _close(self, partition: Partition) -> None:
        reader, partition.reader = partition.reader, None
        self._close_reader(reader)

    def _close_reader(self, reader: Reader | None) -> None:
        try:
            if reader is not None:
                reader.close()
        except (Exception, SystemExit) as error:
            self.troubles.note("closing a reader", error)

    def _read_failed(self, partition: Partition, error: BaseException, now: float) -> None:
        partition.wait_until = now + READ_BACKOFF_S
        self.troubles.failed(f"reading {partition.name}", error)
        if self.ledger.seeks:
            # Nobody knows where a reader stands that raised: the next one starts at our position.
            self._close(partition)

    # Sending.

    def send(self, group: Group, rows: Messages, now: float) -> None:
        """Send a group under a fresh root."""
        emitter, env = self.emitter, self.env
        if group.count == 1 and group.attempts + 1 >= env.settings.attempts_max:
            group.values = message_values(rows[0])
        # Only of what can be read again a message is told from its group.
        traced = group.count > 1 and self.ledger.seeks and self.ledger.sizes.shrunk
        root = self.roots.next(group.attempts > 0, traced)
        guard = env.open_root(root, now)
        self.ledger.sent(root, group)
        self.in_flight(root, group, self.ledger.emitted)
        error = self.try_many(group.partition, rows)
        if error is not None:
            reason, details = reason_of(error), user_traceback(error)
            env.fail_roots((root,), self.component, self.task, reason, details)
            env.note_error(self.component, self.task, reason, details)
        emitter.close_run((root,))
        env.drop_guard(root, guard)

    # Replays, a few messages at a time or one by one.

    def _replay(self, now: float, messages: int) -> int:
        sent = 0
        while sent < messages and self.ledger.retry_room() > 0 and not self.blocked():
            if self._retry is None:
                self._retry = self.ledger.retries.due(now)
                if self._retry is None:
                    break
            if not (count := self._replay_part(self._retry, now)):
                break
            sent += count
        return sent

    def _replay_part(self, retry: Retry, now: float) -> int:
        """Send the next messages of a retry; return how many, 0: nothing now."""
        limit = max(min(retry.part, retry.count, self.ledger.retry_room()), 1)
        kept: Kept | None = None
        rows: Messages
        if retry.kept is not None:
            kept, position = retry.next_kept(limit)
            rows = [values for _, _, values in kept]
        else:
            try:
                got = checked_read(self._retry_readers.of(retry).read(limit), retry.start)
            except (Exception, SystemExit) as error:
                self.troubles.failed(f"reading {retry.partition} again", error)
                self._put_back(retry, now + READ_BACKOFF_S)
                return 0
            if self.troubles.found:
                self.troubles.over(f"reading {retry.partition} again")
            if got is not None and not got[0] and got[1] < retry.end:
                self._skip_void(retry, got[1], now)
                return 0
            if got is None or not got[0] or got[1] > retry.end:
                self._end_retry()
                if got is not None and limit > 1:
                    # Some are gone: those that are left are found one by one.
                    retry.part, self._retry = 1, retry
                    return self._replay_part(retry, now)
                self._lost(retry)
                return 1
            rows, position = got
        group = retry.sent(len(rows), position, kept)
        if position >= retry.end or not retry.count:
            # What is left behind its last message holds none.
            self.ledger.void(retry.partition, position, retry.end)
            self._end_retry()
        if kept and retry.alone and retry.attempts >= self.env.settings.attempts_max:
            self._give_up(group)
        else:
            self.send(group, rows, now)
        return len(rows)

    def _skip_void(self, retry: Retry, position: int, now: float) -> None:
        """Nothing came: positions without a message are passed over, the rest waits."""
        self.ledger.void(retry.partition, retry.start, position)
        retry.start = max(retry.start, position)
        self._retry_readers.wait(retry)
        self.ledger.retries.put(retry, now + IDLE_POLL_S)
        self._retry = None

    def _put_back(self, retry: Retry, due: float) -> None:
        self.ledger.retries.put(retry, due)
        self._end_retry()

    def _end_retry(self) -> None:
        if self._retry is not None:
            self._retry_readers.done(self._retry)
            self._retry = None

    def _lost(self, retry: Retry) -> None:
        """The source no longer has the messages: give them up by name, never silently."""
        group = Group(retry.partition, retry.start, retry.end, 1, retry.since,
                      attempts=self.env.settings.attempts_max)  # fmt: skip
        gone = f"{retry.partition} no longer has positions {retry.start} to {retry.end}"
        self.env.note_error(self.component, self.task, gone)
        self._bury_at_once(group, gone)

    # What becomes of roots, and the end.

    def completed(self, root: int, now: float) -> None:
        """A root is zero. Called by the acker."""
        self.ledger.completed(root, now)

    def failed(self, failure: Failure, now: float) -> None:
        """A root failed. Called by the acker."""
        group = self.ledger.failed_root(failure, now)
        if group is not None:
            self._bury(group, failure)

    def failed_message(self, failure: Failure, now: float) -> bool:
        """One message of a root failed; False: it cannot be told which, so all do. Called by the
        acker, before the rest of the root is done."""
        return take_out(self.source, self.ledger, failure, now, self._bury)

    def values_of(self, group: Group) -> list[Any] | None:
        """Return the values of a single message, for its dead letter; None: gone."""
        return values_of(self.source, group)

    def new_epoch(self, durable_round: int | None, roots: list[int], now: float) -> None:
        """Go back to what is durable."""
        self.going = False
        if self._retry is not None:
            self._put_back(self._retry, now)
        self._retry_readers.close()
        self.troubles.clear()
        for root, group in self.ledger.new_epoch(durable_round, roots, now):
            # Written down at once: this process may be the next to die.
            self.in_flight(root, group, self.ledger.emitted)
        if self.ledger.seeks:
            for partition in self._waiting:
                self._close(partition)
            self._waiting = deque(self._start(name, now) for name in sorted(self._known))
            self.exhausted = False
        self.watermarks_anew(self._known if self.ledger.seeks else ())

    def drained(self) -> bool:
        """Whether nothing is in flight, waits for replay or to be stored."""
        return self.ledger.idle and self._retry is None

    def retries_at_work(self) -> tuple[Retry, ...]:
        """Return the retry whose messages go out part by part."""
        return () if self._retry is None else (self._retry,)

    def wakeup(self, now: float) -> float:
        """Return the seconds until there may be something to do."""
        if not self.going:
            return 3600.0
        wait = self.ledger.retries.next_due(now)
        if not self.draining:
            if self._waiting and self.ledger.room() > 0:
                wait = min(wait, *(max(p.wait_until - now, 0.0) for p in self._waiting))
            if not self._all_found:
                wait = min(wait, max(self._next_discovery - now, 0.0))
        wait = min(wait, self.next_watermark(now))
        if self._retry is not None:
            wait = 0.0
        return wait if self.ledger.retry_room() > 0 else 3600.0

    def lag(self) -> tuple[int, str] | None:
        """Return how far the readers are behind, and its unit, where the source knows it."""
        return self._lag.total(list(self._waiting))

    def close(self) -> None:
        """Close readers and the source. Called on a clean stop."""
        for partition in self._waiting:
            self._close(partition)
        self._retry_readers.close()
        self.source.close()
