"""One worker of a host: what is wished of it, what it is, and whether a user call in it hangs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..restarts import Backoff
from .field_checks import NAME_MAX, PATH_MAX, cut
from .host_protocol import WishWorker
from .host_states import TRANSITIONS, HostEvent, HostState
from .memory_limit import MemoryWatch

#: First and longest wait before something that failed is tried again.
BACKOFF_S = (1.0, 30.0)
#: A supervisor kills a hung worker so much later than the coordinator would: it acts only when
#: the coordinator is out of reach.
HANG_GRACE_S = 2.0

#: (topology id, worker, incarnation).
Key = tuple[str, int, int]


class ExitRecord(NamedTuple):
    """How a worker ended, and what was at work in it; the ``exit`` of a beat."""

    reason: str
    roots: tuple[int, ...] = ()
    positions: Mapping[int, Any] = {}
    drawn: Mapping[int, int] = {}

    def to_wire(self) -> dict[str, Any]:
        """Return the map that goes into a beat."""
        return {
            "reason": cut(self.reason),
            "roots": list(self.roots),
            # A name that does not pass the table would have the whole beat refused.
            "positions": {
                task: [each for each in found if len(each[0]) <= PATH_MAX]
                for task, found in self.positions.items()
            },
            "drawn": dict(self.drawn),
        }


@dataclass(slots=True)
class HostWorker:
    """What is known of one incarnation on this host. Times are monotonic seconds."""

    key: Key
    state: HostState = HostState.PREPARING
    #: None: found running, and no wish has come yet.
    wish: WishWorker | None = None
    backoff: Backoff = field(default_factory=lambda: Backoff(*BACKOFF_S))
    try_at: float = 0.0
    pid: int | None = None
    #: Wall clock seconds, as the operating system has it; tells a process from a later one.
    created: float = 0.0
    #: A process exists, as far as is known.
    alive: bool = False
    #: Its ``assign`` waits for snapshot parts: it is not to be blamed for the time they take.
    fetching: bool = False
    #: In no wish any more: forgotten when its process is gone.
    dropped: bool = False
    why: str = ""
    #: Top modules of its own code.
    local: tuple[str, ...] = ()
    exit: ExitRecord | None = None
    memory: MemoryWatch = field(default_factory=MemoryWatch)
    cpu_percent: float = 0.0
    #: Component of each task, once its plan is known.
    components: Mapping[int, str] = field(default_factory=dict)
    #: User calls that were going on at the last report: task -> seconds.
    calls: dict[int, float] = field(default_factory=dict)
    reported_at: float = 0.0

    def apply(self, event: HostEvent) -> None:
        """Change the state by the table.

        Raises:
            KeyError: the pair is not in the table.
        """
        self.state = TRANSITIONS[self.state, event]

    def take_report(self, report: Mapping[str, Any], now: float) -> None:
        """Note the user calls that are going on."""
        self.reported_at = now
        self.calls = {
            row["task"]: float(row["call_since_s"])
            for row in report.get("tasks") or ()
            if isinstance(row, dict)
            and isinstance(row.get("task"), int)
            and isinstance(row.get("call_since_s"), (int, float))
            and row["call_since_s"] > 0
        }

    def hung(self, now: float) -> str:
        """Return why it is beyond help, or an empty text; while reports stay away calls go on."""
        limits = self.wish.hang_s if self.wish is not None else {}
        for task, since_s in self.calls.items():
            component = self.components.get(task, "")
            limit_s = limits.get(component)
            in_call_s = since_s + now - self.reported_at
            if limit_s is not None and in_call_s > limit_s + HANG_GRACE_S:
                return (
                    f"component {component!r} task {task} hung: in one call since "
                    f"{in_call_s:.0f} s, hang_timeout is {limit_s:g} s"
                )
        return ""

    @property
    def _fetches(self) -> bool:
        return self.fetching and self.state in (HostState.STARTING, HostState.RUNNING)

    def to_wire(self) -> dict[str, Any]:
        """Return the row of a beat."""
        topology, worker, incarnation = self.key
        return {
            "id": topology,
            "worker": worker,
            "incarnation": incarnation,
            "state": str(HostState.PREPARING if self._fetches else self.state),
            "pid": self.pid,
            "created": self.created,
            "memory": self.memory.rss_bytes,
            "cpu": self.cpu_percent,
            "why": cut(self.why),
            "exit": None if self.exit is None else self.exit.to_wire(),
        }


def is_topology_id(id: str) -> bool:
    """Say whether this can be the id of a topology and the name of a folder."""
    return 0 < len(id) <= NAME_MAX and id.isprintable() and "/" not in id and not id.startswith(".")
