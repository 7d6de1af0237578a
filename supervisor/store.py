"""What the coordinator must not forget, as an interface: ``SqliteStore`` and ``MemoryStore``.

Every method that changes something returns only when the change is durable. What is kept:
the epoch, the positions of every spout task, the parts of the last complete round, how often
a message was at work when its worker died, dead letters, and a bounded history of events.
A replicated store can follow: the coordinator knows nothing but this class.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from waterspout.topology.errors import UserError, WaterspoutError

#: First unacked position, and the ranges [start, end) beyond it that are acked: [first, [[s, e]]].
Position = Sequence[Any]
#: Positions of one spout task by partition.
TaskPositions = Mapping[str, Position]
#: Events kept; older ones are forgotten.
EVENTS_MAX = 1000
#: Suspects kept; beyond it the oldest is forgotten, which only costs it an attempt.
SUSPECTS_MAX = 10_000


class StoreError(WaterspoutError):
    """The store could not do it (disk full, I/O error); the caller may try again."""


class StaleEpoch(StoreError):
    """A commit or reservation of an older epoch: another coordinator took over."""


class PositionWentBack(StoreError):
    """A first unacked position was lower than the one that is stored: a fault of ours."""


class TopologyChanged(UserError):
    """The state is of another topology, or of a version of it that is not known."""

    def __init__(self) -> None:
        super().__init__(
            "the state directory belongs to another topology, or to a version of this one that is "
            "not known any more or had come to the end of its input: run that one, start over with "
            "--fresh, or give another --state-dir"
        )


class StateInUse(UserError):
    """Another run uses the same state directory."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file of one task's part of a snapshot: its name, its size and its checksum.

    Attributes:
        task: that takes it over; a part of several files has several of these, in order, and one
            file may be of several tasks: each takes the keys that it owns.
    """

    task: int
    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Suspect:
    """A message that was at work when its worker died, and how often that happened."""

    task: int
    partition: str
    start: int
    end: int
    attempts: int


#: (task of the old plan, partition that it read, None: none) -> task of the new plan that goes on
#: with it; None: none does.
Home = Callable[[int, str | None], int | None]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message given up on.

    Attributes:
        id: rises, never reused.
        at: wall clock seconds when it was stored.
        status: kept | replay (waits for, or is under, another try).
        record: task, component, partition, start, end, message_id, stream, values, attempts,
            reason, traceback (see protocol.py).
    """

    id: int
    at: float
    status: str
    record: Mapping[str, Any]


class Store(ABC):
    """The coordinator's memory. Used from one thread.

    Raises:
        StoreError: from any method, when it could not be done.
    """

    @abstractmethod
    def bind(self, fingerprint: str) -> None:
        """Note whose state this is, when it is new; called when a run starts.

        Raises:
            TopologyChanged: it belongs to another topology.
        """

    def is_of(self, fingerprint: str) -> bool:
        """Say whether this state is of a topology; state that is new becomes so."""
        try:
            self.bind(fingerprint)
        except TopologyChanged:
            return False
        return True

    @abstractmethod
    def epoch(self) -> int:
        """Return the newest epoch; 0 when there was none."""

    @abstractmethod
    def next_epoch(self) -> int:
        """Raise the epoch by one and return it; it was never returned before, by any process."""

    @abstractmethod
    def last_round(self) -> int:
        """Return the newest round ever committed; 0 when there was none."""

    @abstractmethod
    def next_rounds(self, count: int) -> int:
        """Return the first of ``count`` numbers for rounds that nobody was ever given before."""

    @abstractmethod
    def restore_round(self) -> int | None:
        """Return the round to restore from, or None when the topology starts empty."""

    @abstractmethod
    def parts(self) -> list[Part]:
        """Return the parts of ``restore_round``."""

    @abstractmethod
    def files(self) -> frozenset[str]:
        """Return the files of the parts of all rounds that are kept."""

    @abstractmethod
    def fall_back(self) -> int | None:
        """Forget the newest kept round, for one of its parts cannot be read, and return the one
        before, whose parts and positions are in force now; None: it is the only one, and stays.
        """

    @abstractmethod
    def final(self) -> bool:
        """Say whether the newest round holds the end of the input, and sinks may still have to
        be told of it: there is nothing left to do but that, until ``mark_finished``."""

    @abstractmethod
    def positions(self) -> dict[int, dict[str, list[Any]]]:
        """Return the durable positions: task -> partition -> [first_unacked, [[start, end]]]."""

    @abstractmethod
    def commit_round(
        self,
        round: int,
        epoch: int,
        positions: Mapping[int, TaskPositions],
        parts: Iterable[Part],
        letters: Iterable[int] = (),
        final: bool = False,
        retained: int = 1,
    ) -> None:
        """Make a round durable, in one step: positions are added to, parts are replaced.

        Suspects whose positions became durable are forgotten. Committing the newest round
        again does nothing, so that a commit whose outcome is in doubt can be tried again.

        Args:
            round, epoch: its number, and the epoch that it was made in.
            positions, parts: what it holds.
            letters: dead letters whose other try it holds; they are dropped.
            final: it holds the end of the input.
            retained: so many rounds are kept with it, for ``fall_back``.

        Raises:
            StaleEpoch: ``epoch`` is not the newest one, or ``round`` is older than the newest.
            PositionWentBack: nothing was changed.
        """

    @abstractmethod
    def reserve(self, epoch: int, task: int, positions: TaskPositions) -> None:
        """Make positions durable before their messages are emitted (at-most-once).

        Raises:
            StaleEpoch: ``epoch`` is newer than the newest one.
            PositionWentBack: nothing was changed.
        """

    @abstractmethod
    def note_suspects(self, suspects: Iterable[Suspect]) -> None:
        """Keep the attempts of these suspects; never fewer than were kept before."""

    @abstractmethod
    def suspects(self) -> list[Suspect]:
        """Return all suspects, oldest first."""

    @abstractmethod
    def add_dead_letters(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Keep dead letters. One of a position that is kept already replaces it; without a
        position, one of the same ``request``.

        A record with ``replay_of`` is laid over the letter of that id, which is kept again.
        """

    @abstractmethod
    def drop_uncovered(self, tasks_of: Mapping[int, Collection[int]]) -> int:
        """Forget the letters of messages that will be drawn again, since no stored position covers
        them: they get through this time, or become letters anew. Return how many there were.

        Args:
            tasks_of: task -> all tasks of its component: after a rebalance another one may have
                the partition. Letters of a task that is gone are kept.
        """

    @abstractmethod
    def dead_letter_count(self) -> int:
        """Return how many dead letters there are."""

    @abstractmethod
    def dead_letters(self, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Return dead letters with ids above ``after``, in order."""

    @abstractmethod
    def dead_letter(self, id: int) -> DeadLetter | None:
        """Return one dead letter."""

    @abstractmethod
    def mark_replay(self, ids: Iterable[int] | None = None) -> int:
        """Ask for another try of these (None: all); return how many there were."""

    @abstractmethod
    def keep_letters(self, ids: Iterable[int]) -> None:
        """Take back that these are to be tried again."""

    @abstractmethod
    def replays(self, *, after: int = 0, limit: int = 1000) -> list[DeadLetter]:
        """Return letters marked for replay with ids above ``after``, in order."""

    @abstractmethod
    def drop_dead_letters(self, ids: Iterable[int] | None = None) -> int:
        """Forget these (None: all); return how many there were."""

    @abstractmethod
    def add_event(self, name: str, fields: Mapping[str, Any]) -> None:
        """Add to the history; the oldest beyond EVENTS_MAX go."""

    @abstractmethod
    def events(self, limit: int = 100) -> list[tuple[float, str, dict[str, Any]]]:
        """Return the newest events as (wall clock seconds, name, fields), oldest first."""

    @abstractmethod
    def mark_finished(self) -> None:
        """Note that in the newest epoch all input was worked through and is durable."""

    @abstractmethod
    def finished(self) -> bool:
        """Say whether the last run came to the end of its input."""

    @abstractmethod
    def replace_plan(
        self,
        fingerprint: str,
        positions: Mapping[int, TaskPositions],
        parts: Iterable[Part],
        home: Home,
    ) -> None:
        """Go over to another plan of the same topology, in one step, while nothing runs.

        Positions and parts are replaced, older rounds forgotten; epoch and rounds go on rising.

        Args:
            fingerprint: of the new plan.
            positions, parts: by tasks of the new plan.
            home: whose suspects and dead letters are; without one suspects are forgotten, and
                letters kept as of task 0.
        """

    @abstractmethod
    def clear(self) -> int:
        """Start over: forget all but epoch and round numbers; return the dead letters dropped."""

    @abstractmethod
    def close(self) -> None:
        """Release the store."""


def one_covers(
    positions: Mapping[int, TaskPositions], tasks_of: Mapping[int, Collection[int]],
    task: int, partition: str, start: int,
) -> bool:  # fmt: skip
    """Say whether positions of a task of the same component hold ``start``; yes of one gone."""
    held = (positions.get(each, {}).get(partition) for each in tasks_of.get(task, (task,)))
    return not task or any(wire is not None and covered(start, wire) for wire in held)


def moved(suspects: Iterable[Suspect], home: Home) -> list[Suspect]:
    """Return suspects as tasks of another plan have them."""
    at = [(home(each.task, each.partition), each) for each in suspects]
    return [replace(each, task=task) for task, each in at if task is not None]


def covered(start: int, position: Position) -> bool:
    """Say whether the message at ``start`` is durable at ``position``."""
    first, ahead = position
    return start < first or any(low <= start < high for low, high in ahead)
