"""The workers as the coordinator sees them: a state table, and when a lost one starts again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

#: A run that lasted this many times its last wait clears the back-off.
STABLE_WAITS = 10
#: And no shorter run does, in seconds.
STABLE_MIN_S = 2.0
#: So many deaths in a row before a worker was built mean that it cannot boot ...
BOOT_LOSSES_MAX = 3
#: ... and so many when it could, earlier in this run.
REBOOT_LOSSES_MAX = 10


class WorkerState(StrEnum):
    """Where a worker's process stands."""

    STARTING = "starting"  #: its tasks are not built yet, or are being restored
    RUNNING = "running"  #: its tasks are built
    BACKOFF = "backoff"  #: lost, waits to be started again
    STOPPING = "stopping"  #: told to stop
    EXITED = "exited"  #: ended for good
    FATAL = "fatal"  #: cannot boot


class WorkerEvent(StrEnum):
    """What happens to a worker."""

    STARTED = "started"
    BUILT = "built"
    ASSIGNED = "assigned"
    LOST = "lost"
    CANNOT_BOOT = "cannot boot"
    STOP = "stop"


_S, _E = WorkerState, WorkerEvent
#: (state, event) -> state; a pair that is not here is a fault of ours.
TRANSITIONS: dict[tuple[WorkerState, WorkerEvent], WorkerState] = {
    (_S.BACKOFF, _E.STARTED): _S.STARTING,
    (_S.STARTING, _E.ASSIGNED): _S.STARTING,
    (_S.RUNNING, _E.ASSIGNED): _S.STARTING,
    (_S.STARTING, _E.BUILT): _S.RUNNING,
    (_S.RUNNING, _E.BUILT): _S.RUNNING,
    (_S.STARTING, _E.LOST): _S.BACKOFF,
    (_S.RUNNING, _E.LOST): _S.BACKOFF,
    (_S.STOPPING, _E.LOST): _S.EXITED,
    (_S.FATAL, _E.LOST): _S.FATAL,
    (_S.STARTING, _E.CANNOT_BOOT): _S.FATAL,
    (_S.RUNNING, _E.CANNOT_BOOT): _S.FATAL,
    (_S.BACKOFF, _E.CANNOT_BOOT): _S.FATAL,
    (_S.STOPPING, _E.CANNOT_BOOT): _S.STOPPING,
    (_S.STARTING, _E.STOP): _S.STOPPING,
    (_S.RUNNING, _E.STOP): _S.STOPPING,
    (_S.BACKOFF, _E.STOP): _S.EXITED,
    (_S.STOPPING, _E.STOP): _S.STOPPING,
    (_S.EXITED, _E.STOP): _S.EXITED,
    (_S.FATAL, _E.STOP): _S.FATAL,
}


@dataclass(slots=True)
class Backoff:
    """Doubling waits between ``min_s`` and ``max_s``; a stable run starts them anew.

    A death that a message explains waits no longer than the first: such deaths come to an end, as
    the message has ``attempts_max`` at most, and its neighbours wait meanwhile.
    """

    min_s: float
    max_s: float
    #: The last wait; 0 after a stable run.
    wait_s: float = 0.0

    def next(self, ran_s: float, *, explained: bool = False) -> float:
        """Return how long to wait after a run of ``ran_s`` seconds."""
        if ran_s >= max(STABLE_MIN_S, STABLE_WAITS * self.wait_s):
            self.wait_s = 0.0
        if explained:
            return self.min_s
        self.wait_s = min(self.max_s, max(self.min_s, 2 * self.wait_s))
        return self.wait_s


@dataclass(slots=True)
class Worker:
    """One worker: its state and what is known of its current incarnation.

    Times are monotonic seconds of the coordinator.
    """

    number: int
    backoff: Backoff
    state: WorkerState = WorkerState.BACKOFF
    incarnation: int = 0
    #: A process of this worker exists, as far as is known.
    alive: bool = False
    #: When a worker in BACKOFF is started.
    start_at: float = 0.0
    started_at: float = 0.0
    #: The epoch it was last told; 0 before its ``assign``.
    epoch: int = 0
    ready_epoch: int = 0
    endpoint: str = ""
    #: Public key of its data socket; "" without CURVE.
    key: str = ""
    pid: int | None = None
    seen_at: float = 0.0
    #: Since its data thread's loop turned, by its last report.
    loop_age_s: float = 0.0
    #: Credit of its links, by its last report; see link_credit.
    links: Sequence[Any] = ()
    #: Set when it was killed on purpose; then its exit has this reason.
    killed_why: str = ""
    #: Whatever ends this incarnation is not its fault: its host is lost, or it is to move.
    excused: bool = False
    restarts: int = 0
    boot_losses: int = 0
    was_built: bool = False
    last_exit: str = ""
    memory_bytes: int = 0
    cpu_percent: float = 0.0

    @property
    def registered(self) -> bool:
        """It said where it can be reached."""
        return self.alive and bool(self.endpoint)

    def apply(self, event: WorkerEvent) -> None:
        """Change the state by the table.

        Raises:
            KeyError: the pair is not in the table.
        """
        self.state = TRANSITIONS[self.state, event]

    def started(self, incarnation: int, now: float) -> None:
        """A process was asked for: everything known of the last one is void."""
        self.apply(WorkerEvent.STARTED)
        self.incarnation, self.alive, self.started_at, self.seen_at = incarnation, True, now, now
        self.epoch = self.ready_epoch = 0
        self.excused = False
        self.endpoint, self.key, self.pid, self.killed_why = "", "", None, ""
        self.loop_age_s, self.links = 0.0, ()

    def assigned(self, now: float) -> None:
        """It is to build its tasks, anew if it has some: boot_timeout counts from here."""
        self.apply(WorkerEvent.ASSIGNED)
        self.started_at = now

    def built(self) -> None:
        """Its components are built: from now on a death is a crash."""
        self.apply(WorkerEvent.BUILT)
        self.boot_losses, self.was_built = 0, True

    def lost(self, reason: str, now: float, *, explained: bool = False) -> None:
        """Its process is gone; in BACKOFF it is started again at ``start_at``.

        Args:
            reason: for people.
            now: monotonic seconds.
            explained: a message that was at work gained an attempt by it (see Suspects).
        """
        if self.state is WorkerState.STARTING and not self.excused:
            self.boot_losses += 1
        self.last_exit = self.killed_why or reason
        self.alive, self.endpoint = False, ""
        self.apply(WorkerEvent.LOST)
        if self.state is WorkerState.BACKOFF:
            self.restarts += 1
            ran_s = now - self.started_at
            self.start_at = now + self.backoff.next(ran_s, explained=explained)

    @property
    def cannot_boot(self) -> bool:
        """It died too often before it was built; starting it again would not help."""
        return self.boot_losses >= (REBOOT_LOSSES_MAX if self.was_built else BOOT_LOSSES_MAX)


@dataclass(slots=True)
class Workers:
    """All workers of a topology, by number."""

    table: list[Worker] = field(default_factory=list)

    @classmethod
    def make(cls, number: int, min_s: float, max_s: float) -> Workers:
        """Return ``number`` workers that are to be started at once."""
        return cls([Worker(n, Backoff(min_s, max_s)) for n in range(number)])

    def __iter__(self) -> Iterator[Worker]:
        return iter(self.table)

    def __getitem__(self, number: int) -> Worker:
        return self.table[number]

    def __len__(self) -> int:
        return len(self.table)

    def known(self, number: int, incarnation: int) -> bool:
        """Say whether this is the current incarnation of a worker of ours."""
        return (
            0 <= number < len(self.table)
            and self.table[number].alive
            and self.table[number].incarnation == incarnation
        )

    def excuse(self, number: int, incarnation: int) -> None:
        """Do not count the end of this incarnation, should it come now, as a failed boot."""
        if self.known(number, incarnation):
            self.table[number].excused = True
