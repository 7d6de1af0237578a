"""What the coordinator wants done: it decides, the shell drains these and does them.

Every effect is a frozen value. The shell (``run`` on one machine, the simulation in tests)
takes them from ``Coordinator.outbox`` in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Send:
    """Send ``message`` (see protocol.py) to this incarnation of a worker, and to no other."""

    worker: int
    incarnation: int
    message: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StartWorker:
    """Start a process for worker ``worker``; it registers under ``incarnation``."""

    worker: int
    incarnation: int


@dataclass(frozen=True, slots=True)
class KillWorker:
    """Kill this incarnation (SIGKILL); its exit is reported like any other."""

    worker: int
    incarnation: int
    why: str


@dataclass(frozen=True, slots=True)
class PruneSnapshots:
    """Snapshot files of rounds up to ``round`` that are not in ``keep`` may be deleted.

    ``round`` is durable. Nobody else deletes snapshot files: a part of a round that was given
    up may belong to a commit whose outcome was in doubt.
    """

    round: int
    keep: frozenset[str]


@dataclass(frozen=True, slots=True)
class TopologyDone:
    """The run is over and every worker process has ended; the last effect of a run.

    Attributes:
        ok: all input was worked through, or the run was drained on request.
        outcome: finished | drained | stopped | boot_failed | failed.
        reason: one line for people.
        details: the user's traceback when a component could not be built, else "".
    """

    ok: bool
    outcome: str
    reason: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class LinkCut:
    """Two workers cannot reach each other; the second is replaced, best not on the same hosts."""

    worker_a: int
    worker_b: int


@dataclass(frozen=True, slots=True)
class Taps:
    """Tuples that a worker sampled for the tap ``id``."""

    id: int
    rows: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth a log line: ``worker lost worker=2 reason='killed by signal 9'``."""

    name: str
    fields: dict[str, Any] = field(default_factory=dict)


Effect = Send | StartWorker | KillWorker | PruneSnapshots | TopologyDone | Event | LinkCut | Taps


class Outbox(deque[Effect]):
    """The effects that wait for the shell, in order. Drained after every call."""

    def event(self, name: str, **fields: Any) -> None:
        """Add an Event."""
        self.append(Event(name, fields))
