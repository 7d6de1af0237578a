"""The ledger of a spout task under exactly-once: what was drawn before which checkpoint.

Nothing is emitted again within an epoch. A cut notes, for each partition, the position of the
next message to emit; once its checkpoint is complete, all that was drawn before it is durable.
Roots are still tracked: they bound what is in flight, and a checkpoint in whose tree something
failed is not complete (``settled``). What failed waits for the restore that takes everything
back to the last complete checkpoint::

    drawn      m1 m2 m3 | m4 m5 | m6
                        ^ cut 7 ^ cut 8      complete: 7, so first unacked is m4

Where failures came before a checkpoint was complete, ``draw_max`` messages go out until one is, and
more after each (supervisor/slow_start.py says how many).

Pure: fed with roots, cuts and the time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from waterspout.topology.control_frames import Failure
from waterspout.topology.settings import Settings

from .groups import Group
from .ledger import Ledger
from .positions import Positions
from .retries import Retry

#: From so many times max_pending on, what is drawn until a checkpoint is complete has no bound.
DRAW_MAX_PENDINGS = 16


def grown(draw_max: int | None, max_pending: int) -> int | None:
    """Return how much may be drawn after one more complete checkpoint: half as much again."""
    more = None if draw_max is None else draw_max + (draw_max + 1) // 2
    return None if more is None or more >= DRAW_MAX_PENDINGS * max_pending else more


@dataclass(slots=True)
class Cut:
    """What was drawn before a checkpoint.

    Attributes:
        positions: of the partitions that moved since the last complete checkpoint.
        acked, dead: messages of this epoch that are settled once it is complete.
        open: roots that were not worked through; shrinks while they are.
        sent: messages that went out in this epoch.
    """

    positions: dict[str, Positions]
    acked: int
    dead: int
    open: list[int]
    sent: int


class ExactLedger(Ledger):
    """Positions and groups of one spout task; see Ledger for what they have in common."""

    def __init__(self, settings: Settings, *, group_max: int) -> None:
        #: A failure makes a dead letter at once, so each message needs a root of its own.
        self.buries = settings.fail_to_dead_letter
        super().__init__(
            settings, seeks=True, durable_at_once=False, group_max=1 if self.buries else group_max
        )
        #: Messages drawn; a skipped one once its dead letter is stored.
        self._drawn = 0
        #: Messages that may go out until a checkpoint is complete; None: as many as there are.
        self.draw_max: int | None = None
        #: Messages that went out, and of these before the newest complete checkpoint.
        self._sent = self._sent_durable = 0
        self._cuts: dict[int, Cut] = {}
        #: Failed; the restore that was asked for brings them back.
        self._lost: list[Group] = []
        #: Root -> a message that failed and whose dead letter is on its way.
        self._burying: dict[int, Group] = {}
        #: [number of a cut, first group that went out after it].
        self._first: deque[list[Any]] = deque([[0, None]])

    # Groups go out and come back.

    def sent(self, root: int, group: Group) -> None:
        """Note that a group went out under ``root``."""
        super().sent(root, group)
        self._drawn += group.count
        self._sent += group.count
        first = self._first[-1]
        if first[1] is None:
            first[1] = group

    def room(self) -> int:
        """Return how many messages may go out now."""
        room = super().room()
        if self.draw_max is None:
            return room
        return min(room, self.draw_max - self._sent + self._sent_durable)

    def skip(self, group: Group) -> None:
        """Note that a message is not emitted any more: it waits for its dead letter."""
        self.pending += group.count
        self.emitted += group.count
        self._burials.add(group)

    def failed_root(self, failure: Failure, now: float) -> Group | None:
        """Take a failed root; return its group, None for a root of the past.

        The caller makes a dead letter of it (``buries``), or asks for a restore.
        """
        group = self._groups.pop(failure.root, None)
        if group is None:
            return None
        self.failed += group.count
        if not group.attempts:
            self.sizes.failed(group.count)
        if self.buries:
            self._burials.add(group)
            self._burying[failure.root] = group
        else:
            self._lost.append(group)
        return group

    def buried(self, group: Group) -> None:
        """A dead letter is stored: the message counts as settled, and may be passed over."""
        root = next((root for root, each in self._burying.items() if each is group), None)
        if root is None:
            # It was skipped: behind the position of every cut so far.
            self._drawn += group.count
        else:
            del self._burying[root]
        for cut in self._cuts.values():
            if root in cut.open:
                cut.acked -= group.count
                cut.dead += group.count
        super().buried(group)

    def _work_through(self, group: Group) -> None:
        self.worked_through += group.count

    @property
    def held(self) -> int:
        """Nothing is kept of what waits to become durable."""
        return 0

    @property
    def idle(self) -> bool:
        """Whether nothing is in flight, waits for a restore, or to be stored."""
        return super().idle and not self._lost

    # Checkpoints.

    @property
    def news(self) -> bool:
        """Whether a checkpoint would make something durable."""
        return any(group is not None for _, group in list(self._first))

    def cut(self, number: int, following: Mapping[str, int]) -> dict[str, Any]:
        """Note what was drawn before checkpoint ``number``; return the positions that moved.

        Args:
            following: partition -> position of its next message.
        """
        positions = {}
        for partition, position in following.items():
            known = self.positions_of(partition)
            if position > known.first_unacked:
                moved = positions[partition] = known.copy()
                moved.add(0, position)
        open_ = [*self._groups, *self._burying]
        acked = self._drawn - self.dead
        self._cuts[number] = Cut(positions, acked, self.dead, open_, self._sent)
        self._first.append([number, None])
        return {name: each.to_wire() for name, each in positions.items()}

    def settled(self, number: int) -> list[int] | None:
        """Return how many messages of this epoch are acked, and dead, with a checkpoint;
        None while something drawn before it is not worked through."""
        cut = self._cuts.get(number)
        if cut is None or self._lost:
            return None
        while cut.open:
            if cut.open[-1] in self._groups or cut.open[-1] in self._burying:
                return None
            cut.open.pop()
        return [cut.acked, cut.dead]

    def durable(self, number: int) -> None:
        """Checkpoint ``number`` is complete: all that was drawn before it is durable."""
        cut = self._cuts.get(number)
        if cut is None:
            return
        self._cuts = {n: each for n, each in self._cuts.items() if n > number}
        for partition, positions in cut.positions.items():
            known = self.positions_of(partition)
            known.merge(positions)
            self._suspects.durable(partition, known)
        if self.draw_max is not None and cut.sent > self._sent_durable:
            self.draw_max = grown(self.draw_max, self.settings.max_pending)
        self._sent_durable = cut.sent
        self.worked_through = max(self.acked + self.dead - cut.acked - cut.dead, 0)
        while self._first[0][0] < number:
            self._first.popleft()

    def abort(self) -> None:
        """A checkpoint was given up: the next one notes everything anew."""

    # Restores.

    def held_back(self, more: Iterable[Retry] = ()) -> int | None:
        """Nothing comes again within an epoch, so nothing holds a watermark back."""
        return None

    def attempt(self, root: int) -> list[Any] | None:
        """Return [partition, start, end, attempts] of a root that was at work in a dead worker."""
        group = self._groups.get(root)
        if group is None:
            return None
        return [group.partition, group.start, group.end, group.attempts + 1]

    def first_unacked(self, now: float, more: Iterable[Retry] = ()) -> list[Any] | None:
        """Return [partition, position, age in seconds] of the oldest that is not durable."""
        group = next((group for _, group in list(self._first) if group is not None), None)
        if group is None:
            return None
        return [group.partition, group.start, max(now - group.since, 0.0)]
