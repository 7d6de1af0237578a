"""The ledger of one spout task: which messages are in flight, worked through, durable.

In flight -> worked through (the root is zero) -> durable. Where nothing below keeps state or
buffers output, worked through is durable. Otherwise a round freezes what is worked through,
and exactly that becomes durable when the round is complete. Positions (first unacked and
acked ahead) move on durable only; the highest acked one is never persisted.

Pure: fed with roots, rounds and the time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from waterspout.topology.backoff import backoff_s
from waterspout.topology.control_frames import Failure
from waterspout.topology.histogram import bucket_of
from waterspout.topology.settings import Settings

from .burials import Burials
from .group_size import GroupSize
from .groups import Group, joined, lowest
from .positions import Positions
from .retries import Retry, RetryQueue, part_of
from .suspects import Suspects

#: So many groups that were worked through are joined into ranges: 1 us each.
JOIN_MAX = 1024


class Ledger:
    """Positions and groups of one spout task.

    Args:
        seeks: the source can read again; else the payload is kept until durable.
        durable_at_once: nothing below keeps state.
        group_max: largest group; failures bring its size down (``group_size``).
    """

    def __init__(
        self, settings: Settings, *, seeks: bool, durable_at_once: bool, group_max: int
    ) -> None:
        self.settings = settings
        self.seeks, self.counts_messages, self._at_once = seeks, not seeks, durable_at_once
        self.sizes = GroupSize(group_max)
        self._groups: dict[int, Group] = {}
        self._positions: dict[str, Positions] = {}
        self._worked: list[Group] = []
        self._frozen: list[Group] = []
        self._join_max = min(JOIN_MAX, settings.worked_through_max // 2)
        self._join_at = self._join_max
        self._round = 0
        #: Partitions whose positions moved since the last round, and those that it was told of.
        self._changed: set[str] = set()
        self._told: set[str] = set()
        self.retries = RetryQueue()
        self._suspects = Suspects()
        #: Messages in flight, or on their way to the dead letters.
        self.pending = 0
        #: Messages that wait to become durable.
        self.worked_through = 0
        #: ``acked`` were worked through, ``dead`` have a dead letter; no message is both.
        #: ``replayed`` is what was, or will be, emitted once more by this ledger.
        self.emitted = self.replayed = self.acked = self.failed = self.dead = 0
        self.latency: dict[int, int] = {}
        #: Messages that wait for ``dead_letters_stored``.
        self._burials = Burials()
        #: Set by an executor that tells its spout of durable messages, and empties the list.
        self.tells = False
        self.durable_groups: list[Group] = []

    # Groups go out and come back.

    def room(self) -> int:
        """Return how many new messages may go out now: those that wait for a try have a claim."""
        return self.retry_room() - self.retries.messages

    def retry_room(self) -> int:
        """Return how many messages may go out now that were out before."""
        room = self.settings.max_pending - self.pending
        return min(room, self.settings.worked_through_max - self.held)

    @property
    def held(self) -> int:
        """What worked_through_max bounds: messages whose payload, or rows, are kept; else ranges
        of messages, which stay few however long no round is made."""
        ranges = len(self._worked) + len(self._frozen)
        return self.worked_through if self.counts_messages else ranges

    def sent(self, root: int, group: Group) -> None:
        """Note that a group went out under ``root``."""
        self._groups[root] = group
        self.pending += group.count
        self.emitted += group.count
        if self._suspects.is_replay(group):
            self.replayed += group.count

    def passed(self, group: Group, now: float) -> None:
        """Note that a group went out untracked: nobody will tell what becomes of it."""
        self.emitted += group.count
        self.acked += group.count
        bucket = bucket_of(now - group.since)
        self.latency[bucket] = self.latency.get(bucket, 0) + group.count
        self._make_durable(group)

    def completed(self, root: int, now: float) -> Group | None:
        """Take note that a root is zero; returns its group, None for a root of the past."""
        group = self._groups.pop(root, None)
        if group is None:
            return None
        self.pending -= group.count
        self.acked += group.count
        bucket = bucket_of(now - group.since)
        self.latency[bucket] = self.latency.get(bucket, 0) + group.count
        if not group.attempts:
            self.sizes.passed(group.count)
        if group.remains is None:
            self._work_through(group)
        else:
            for piece in group.pieces():
                self._work_through(piece)
        return group

    def _work_through(self, group: Group) -> None:
        if self._at_once:
            self._make_durable(group)
            return
        self.worked_through += group.count
        # Almost always it is the next range; what comes in another order is sorted now and then.
        if not (self.seeks and self._worked and self._worked[-1].extend(group)):
            self._worked.append(group)
        if len(self._worked) > self._join_at and self.seeks:
            self._worked = joined(self._worked)
            # What cannot be joined is not looked at again and again.
            self._join_at = max(self._join_max, 2 * len(self._worked))

    def _make_durable(self, group: Group) -> None:
        positions = self.positions_of(group.partition)
        positions.add(group.start, group.end)
        if group.dead:
            self._burials.forget(group)
        self._changed.add(group.partition)
        self._suspects.durable(group.partition, positions)
        if self.tells and group.kept is not None:
            self.durable_groups.append(group)

    def failed_root(self, failure: Failure, now: float) -> Group | None:
        """Take a failed root: its messages come back in parts after a back-off, or die.

        Returns a group of one message that has had ``attempts_max`` attempts: the caller
        makes a dead letter of it and calls ``buried`` when that is stored.
        """
        group = self._groups.pop(failure.root, None)
        if group is None:
            return None
        self.failed += group.count
        if not group.attempts:
            self.sizes.failed(group.count)
        attempts, pieces = group.attempts + 1, group.pieces()
        alone = group.alone(failure.row, failure.rows)
        if attempts >= self.settings.attempts_max and alone:
            self._burials.add(pieces[0])
            return pieces[0]
        self.pending -= group.count
        for piece in pieces:
            self._try_again(piece, attempts, failure, now)
        return None

    def group_of(self, root: int) -> Group | None:
        """Return the group that is in flight under a root."""
        return self._groups.get(root)

    def failed_message(
        self, failure: Failure, place: tuple[int, int], now: float
    ) -> Group | None:
        """Take out the one message of a group that failed, at [start, end) of its partition.

        Returns it as ``failed_root`` does when it has had ``attempts_max`` attempts.
        """
        group = self._groups[failure.root]
        message = group.take_out(failure.row, *place)
        self.failed += 1
        attempts = message.attempts + 1
        if attempts >= self.settings.attempts_max:
            self._burials.add(message)
            return message
        self.pending -= 1
        self._try_again(message, attempts, failure, now)
        return None

    def _try_again(self, group: Group, attempts: int, failure: Failure, now: float) -> None:
        due = now + backoff_s(self.settings, attempts, failure.root)
        part = part_of(group, self.settings.attempts_max)
        self.retries.put(Retry(group, attempts, part), due)

    def buried(self, group: Group) -> None:
        """A dead letter is stored: the message counts as worked through."""
        if self._burials.remove(group):
            self.pending -= group.count
            self.dead += group.count
            group.dead = True
            self._work_through(group)

    def void(self, partition: str, start: int, end: int) -> None:
        """Take note that nobody waits for [start, end): no message is there, or its spout has it
        back. Without this, first unacked would stay before it for ever."""
        if end > start:
            self._work_through(Group(partition, start, end, 0, 0.0))

    @property
    def idle(self) -> bool:
        """Whether nothing is in flight, waits for replay, or to be stored."""
        return not (self._groups or self.retries or self._burials)

    # Rounds.

    @property
    def news(self) -> bool:
        """Whether something became worked through, or moved, that no round was told of."""
        return bool(self._worked or self._changed)

    def freeze(self, round_: int) -> tuple[dict[str, Any], list[int]]:
        """Freeze what is worked through; return the positions once it is durable, and how many
        messages of this incarnation are acked, and how many dead, then."""
        self.abort()
        self._round = round_
        self._frozen, self._worked = self._worked, []
        self._join_at = self._join_max
        changed = {p: self._positions[p].copy() for p in self._changed if p in self._positions}
        for group in self._frozen:
            positions = changed.get(group.partition)
            if positions is None:
                positions = changed[group.partition] = self.positions_of(group.partition).copy()
            positions.add(group.start, group.end)
        self._told = set(self._changed)
        self._changed.clear()
        return {name: positions.to_wire() for name, positions in changed.items()}, [
            max(self.acked - sum(group.count for group in self._worked if not group.dead), 0),
            max(self.dead - sum(group.count for group in self._worked if group.dead), 0),
        ]

    def durable(self, round_: int) -> None:
        """The round is complete: what it froze is durable."""
        if round_ != self._round:
            return
        frozen, self._frozen, self._round = self._frozen, [], 0
        self._told.clear()
        for group in frozen:
            self.worked_through -= group.count
            self._make_durable(group)
            self._changed.discard(group.partition)

    def abort(self) -> None:
        """The round was given up: what it froze waits for the next one."""
        self._worked = self._frozen + self._worked
        self._frozen, self._round = [], 0
        self._changed |= self._told
        self._told.clear()

    # Epochs and restarts.

    def restore(self, positions: dict[str, Any], suspects: Iterable[Any]) -> None:
        """Start from stored positions; ``suspects`` are [partition, start, end, attempts]."""
        self._positions = {name: Positions.from_wire(wire) for name, wire in positions.items()}
        self._suspects.restore(suspects)

    def new_epoch(
        self, durable_round: int | None, roots: Iterable[int], now: float
    ) -> list[tuple[int, Group]]:
        """Start over from what is durable. ``roots`` were at work in a dead worker: their
        messages gain an attempt and come back singly; returns them with their groups."""
        if durable_round and durable_round == self._round:
            self.durable(durable_round)
        self.abort()
        suspects = [(root, self._groups[root]) for root in roots if root in self._groups]
        for _, group in suspects:
            group.attempts += 1
            for piece in group.pieces():
                self._suspects.add(piece.partition, piece.start, piece.end, piece.attempts)
        self._restart(now)
        return suspects

    def _restart(self, now: float) -> None:
        lost = [*self._groups.values(), *self._worked]
        retries = self.retries.take_all()
        # What was worked through but not durable is worked on again, and acked then.
        dead = [group for group in self._worked if group.dead]
        for group in dead:
            self._burials.forget(group)
        self.dead -= sum(group.count for group in dead)
        self.acked -= self.worked_through - sum(group.count for group in dead)
        self._groups.clear()
        self._worked = []
        self.pending, self.worked_through = len(self._burials), 0
        if self.seeks:
            # The readers go back to first unacked; what was tried before keeps its count.
            tried: list[Group | Retry] = [*retries]
            tried += (piece for group in lost if group.attempts for piece in group.pieces())
            for each in tried:
                self._suspects.add(each.partition, each.start, each.end, each.attempts)
            # Those that have attempts are counted when they go out.
            self.replayed += sum(group.count for group in lost if not group.attempts)
            return
        for group in lost:
            if not group.count:
                self._worked.append(group)
                continue
            self.retries.put(Retry(group, max(group.attempts, 1)), now)
        for retry in retries:
            self.retries.put(retry, now)

    def is_new(self, partition: str, start: int) -> bool:
        """Say whether nothing from ``start`` on was tried or acked: true of almost all groups."""
        known = self._positions.get(partition)
        return not (self._suspects or self._burials or (known and known.end > start))

    def suspect_attempts(self, partition: str, start: int) -> int:
        """Return how often the message at ``start`` was tried before; usually 0."""
        return self._suspects.attempts(partition, start)

    def worn_out(self, partition: str, start: int, end: int) -> bool:
        """Whether exactly this message, and not only a group that it was in, had all attempts."""
        tried = self._suspects.attempts_alone(partition, start, end)
        return tried >= self.settings.attempts_max

    def skip_to(self, partition: str, start: int) -> int:
        """Return from where on to read instead of ``start``: behind what is durable already,
        and behind messages that wait for ``dead_letters_stored``."""
        positions = self.positions_of(partition)
        end = positions.covered(start)
        while (behind := self._burials.end_of(partition, end)) > end:
            end = positions.covered(behind)
        return end

    def singly(self, partition: str, start: int) -> bool:
        """Whether to read message by message: near what was acked ahead, and near suspects."""
        return (
            self.positions_of(partition).end > start
            or self._suspects.follow(partition, start)
            or self._burials.last(partition) > start
        )

    def suspects_wire(self) -> list[list[Any]]:
        """Return suspects for the report, so that attempts outlive this ledger."""
        return self._suspects.to_wire()

    def held_back(self, more: Iterable[Retry] = ()) -> int | None:
        """Return the watermark that holds for all that is not durable; None: nothing holds.

        What comes again, after a failure or in a new epoch, was drawn under a watermark at least
        as high: it is late only if it was late the first time.

        Args:
            more: retries that their executor has taken out.
        """
        return lowest(
            (*self._groups.values(), *self.retries, *more, *self._worked, *self._frozen)
        )

    # What status shows.

    def positions_of(self, partition: str) -> Positions:
        """Return the durable positions of a partition; made when it is new."""
        return self._positions.setdefault(partition, Positions())

    def root_at(self, partition: str, start: int) -> int | None:
        """Return the root of the messages that are in flight from ``start`` on."""
        for root, group in list(self._groups.items()):
            if group.start == start and group.partition == partition:
                return root
        return None

    def first_unacked(self, now: float, more: Iterable[Retry] = ()) -> list[Any] | None:
        """Return [partition, position, age in seconds] of the first message that is not durable,
        in the partition of the oldest; ``more``: retries that their executor has taken out."""
        groups = (*list(self._groups.values()), *self._burials)
        # Ranges stay few; messages that are kept one by one do not.
        some = None if self.seeks else 1
        groups += (*self._worked[:some], *self._frozen[:some])
        waiting: list[Group | Retry] = [group for group in groups if group.count]
        waiting += (*more, *self.retries)
        if not waiting:
            return None
        oldest = min(waiting, key=lambda each: each.since).partition
        first = min((w for w in waiting if w.partition == oldest), key=lambda each: each.start)
        return [oldest, first.start, max(now - first.since, 0.0)]
